"""What to train, from which checkpoint, and which checkpoint becomes the champion. No Prefect."""

__all__ = [  # modules: each is imported by its name
    "checking",
    "choosing",
    "chunk",
    "comparison",
    "estimates",
    "evaluation",
    "gates",
    "ingestion",
    "limits",
    "lineage",
    "machine",
    "preparation",
    "promotion",
    "referring",
    "request",
    "schedule",
    "slices",
    "start",
    "verdict",
    "work",
]
