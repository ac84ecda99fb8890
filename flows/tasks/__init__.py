"""The tasks, one a file: each loads, calls a lower layer, saves, and returns a reference."""

from flows import runtime  # noqa: F401 - before Prefect is imported

__all__ = [  # modules: each is imported by its name
    "answer_request",
    "check_corpus",
    "check_text",
    "choose_cell",
    "draw_parts",
    "evaluate_checkpoint",
    "find_checkpoint",
    "find_model",
    "find_work",
    "ingest_corpus",
    "plan_report",
    "plan_sweep",
    "prepare_run",
    "profile_dataset",
    "promote_checkpoint",
    "publish_model_page",
    "publish_page",
    "publish_sweep",
    "retain_model",
    "retain_store",
    "score_text",
    "train_cell",
    "train_chunk",
    "write_report",
]
