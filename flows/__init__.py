"""Prefect flows that retrain the network, and what they keep."""

import os

# Prefect's client reports its use unless told not to, before it is imported; prefect.toml says the
# same of the server, but is read only in the project's folder.
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
# An embedded server would print tracebacks of what it tries again by itself, such as a busy SQLite.
os.environ.setdefault("PREFECT_LOGGING_SERVER_LEVEL", "CRITICAL")

from flows.log_filter import install

install()
