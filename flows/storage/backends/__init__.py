"""Where objects are kept: a local folder, or an object store behind fsspec."""
