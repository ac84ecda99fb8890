"""Where objects are kept: a local folder, or an object store behind fsspec."""

__all__ = [  # modules: each is imported by its name
    "local",
    "locks",
    "remote",
]
