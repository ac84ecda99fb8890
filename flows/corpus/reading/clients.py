"""How long the clients of each protocol wait, and how often they try."""

from __future__ import annotations

import logging
from typing import Any

import fsspec

from flows.corpus.reading import http
from flows.storage.urls import protocol_of


def client_options(url: str) -> dict[str, Any]:
    """What fsspec passes to the filesystem of `url`, the last link of a chain."""
    protocol = protocol_of(url)
    if protocol in {"http", "https"}:
        return http.client_options(url)
    if protocol in {"s3", "s3a"}:
        return {"config_kwargs": _s3_config()}
    if protocol == "sftp":
        # It logs whole tracebacks of failures that are told of in one sentence.
        logging.getLogger("paramiko").setLevel(logging.CRITICAL)
        names = ("timeout", "banner_timeout", "auth_timeout", "channel_timeout")
        return dict.fromkeys(names, http.connect_timeout)
    return {}


def _s3_config() -> dict[str, Any]:
    """Of botocore; what the configuration of fsspec says of it counts more."""
    config: dict[str, Any] = {
        "connect_timeout": http.connect_timeout,
        "read_timeout": http.idle_timeout,
        "retries": {"total_max_attempts": 1, "mode": "standard"},
    }
    for protocol in ("s3", "s3a"):
        config |= fsspec.config.conf.get(protocol, {}).get("config_kwargs", {})
    return config


def with_limits(filesystem: Any) -> Any:
    """`filesystem`, and what an archive is read from, with the bounds that no option sets."""
    archive: Any = getattr(filesystem, "fo", None)
    if hasattr(archive, "fs"):
        with_limits(archive.fs)
    if hasattr(filesystem, "retries"):  # s3fs: tries in all, on top of botocore's
        filesystem.retries = 2
    if hasattr(filesystem, "ftp"):
        filesystem.ftp.get_channel().settimeout(http.idle_timeout)
    return filesystem
