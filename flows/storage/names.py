"""Prefixes of the names that only this program gives to files of a store."""

temporary_prefix = ".tmp-"  # of files that are being written
probe_prefix = "probe-"  # of objects that try whether a store can be written
