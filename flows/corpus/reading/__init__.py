"""The bytes of a file, from where it is: once, checked, decompressed, within bounds."""
