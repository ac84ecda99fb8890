"""Where the store's pages are, and how one links to the next."""

from __future__ import annotations

from posixpath import dirname, relpath
from urllib.parse import quote

from flows.storage.names import derived_folder

index_path = f"{derived_folder}/index.html"


def model_page_path(model: str) -> str:
    """Path of a model's page in the store.

    >>> model_page_path("kjv"), model_page_path("index")
    ('reports/pages/kjv.html', 'reports/pages/index/model.html')
    """
    if model == "index":  # whose place is taken by the page of all models
        return f"{derived_folder}/{model}/model.html"
    return f"{derived_folder}/{model}.html"


def report_pages_folder(model: str) -> str:
    """Folder of the pages of a model's reports."""
    return f"{derived_folder}/{model}"


def report_page_path(model: str, report_id: str) -> str:
    """Path of a report's page in the store."""
    return f"{report_pages_folder(model)}/{report_id}.html"


def relative(path: str, page: str) -> str:
    """The address of `path` on a page, both in the store: it holds wherever the store is.

    >>> relative("reports/samples/a b.parquet", "reports/pages/m/0.html")
    '../../samples/a%20b.parquet'
    """
    return quote(relpath(path, dirname(page)))
