"""What people read of a model: samples, reports, the loss curve. No Prefect."""

__all__ = [  # modules: each is imported by its name
    "curve",
    "drawing",
    "grid",
    "identity",
    "page",
    "priming",
    "reading",
    "samples",
    "selection",
    "statistics",
    "story",
    "summary",
    "tables",
    "writing",
]
