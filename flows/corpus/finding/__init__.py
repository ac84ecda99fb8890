"""The files of a corpus: in folders, archives and stores, by patterns, in an order."""
