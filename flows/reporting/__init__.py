"""What people read of a model: samples, scores, pages, tables, exports, the loss curve. No Prefect."""

__all__ = [  # modules and packages: each is imported by its name
    "addresses",
    "curve",
    "exports",
    "pages",
    "reading",
    "samples",
    "scores",
    "selection",
    "snapshots",
    "story",
    "strings",
    "training_tables",
]
