"""What people read of a model: samples, reports, the loss curve. No Prefect."""

__all__ = [  # modules: each is imported by its name
    "curve",
    "page",
    "reading",
    "samples",
    "selection",
    "story",
    "writing",
]
