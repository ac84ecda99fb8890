"""What binds the flows to Prefect: decorators, retries, signals, exclusive runs, deployment.

Import it before Prefect: it sets what Prefect's client reads when it is imported. Whatever in this
project imports Prefect therefore imports this package first.
"""

import os

# Prefect's client reports its use unless told not to; prefect.toml says the same of the server,
# but is read only in the project's folder.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
# An embedded server would print tracebacks of what it retries by itself, such as a busy SQLite.
os.environ.setdefault("PREFECT_LOGGING_SERVER_LEVEL", "CRITICAL")

__all__ = [  # modules: each is imported by its name
    "automations",
    "background",
    "client",
    "cluster",
    "decorators",
    "deployment",
    "embedded",
    "engines",
    "exclusive",
    "interruption",
    "logs",
    "retries",
    "run_names",
    "server",
    "sqlite",
    "subflow",
    "worker",
]
