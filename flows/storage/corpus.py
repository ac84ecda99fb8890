"""Reading a corpus: any fsspec URL, or a list of them, to decoded texts."""

from __future__ import annotations

import codecs
import io
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import fsspec

from flows.storage.exceptions import CorpusError
from flows.storage.reasons import explanation
from flows.storage.urls import (
    check_url,
    local_protocols,
    protocol_of,
    public_text,
    public_url,
    urls_of,
)

byte_order_marks = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a corpus, found but not read."""

    url: str  # without secrets: for people and records
    filesystem: Any  # fsspec ships no types
    path: str


def read_corpus(corpus: str | Sequence[str], encoding: str) -> list[str]:
    """The texts of all files that `corpus` names; `CorpusError` for one that cannot be used."""
    files = find_files(corpus)
    texts = [read_text(file, encoding) for file in files]
    check_texts(texts, [file.url for file in files])
    return texts


def find_files(corpus: str | Sequence[str]) -> list[SourceFile]:
    """The files that `corpus` names, in its order; a pattern's matches are sorted by name.

    Raises `CorpusError` naming what is not there.
    """
    urls = urls_of(corpus)
    if not urls:
        raise CorpusError("the corpus is an empty list: give at least one path or URL")
    return [file for url in urls for file in _expand(url)]


def read_text(file: SourceFile, encoding: str) -> str:
    """The whole of `file`, decompressed by its ending and decoded; line ends stay as they are."""
    try:
        # In one request: servers without ranges can be read too, and errors keep their status.
        data = file.filesystem.cat_file(file.path)
        if compression := fsspec.utils.infer_compression(public_url(file.path)):
            with fsspec.compression.compr[compression](io.BytesIO(data), mode="rb") as stream:
                data = stream.read()
    except Exception as error:  # backends and decompressors raise of all kinds
        raise unreadable(file.url, error) from None
    return decode(data, encoding, file.url)


def decode(data: bytes, encoding: str, name: str) -> str:
    """`data` as text; the first byte that does not fit is named with its offset."""
    try:
        codec = codecs.lookup(encoding).name
        # A byte order mark is how the file was saved, not a character of the text.
        codec = "utf-8-sig" if codec == "utf-8" else codec
        text = data.decode(codec)
        text.encode()  # half a surrogate pair, as UTF-7 can have it, is no character
    except UnicodeDecodeError as error:
        # utf-8-sig counts from behind the mark that it took away
        skipped = len(codecs.BOM_UTF8) * (codec == "utf-8-sig" and data.startswith(codecs.BOM_UTF8))
        at = error.start + skipped
        marked = next((name for mark, name in byte_order_marks if data.startswith(mark)), None)
        advice = (
            f"it looks like {marked}: give encoding={marked}"
            if marked and marked != codec
            else "convert it, or give the encoding that it has"
        )
        found = f"0x{data[at]:02x}" if at < len(data) else "the end"
        raise CorpusError(
            f"{name} is not {encoding}: {error.reason} at byte offset {at} ({found}): {advice}"
        ) from error
    except (LookupError, ValueError) as error:
        raise CorpusError(
            f"{name} cannot be read with encoding {encoding!r} ({error}):"
            " give one of text that Python knows, such as utf-8, utf-16 or latin-1"
        ) from error
    return text


def check_texts(texts: Iterable[str], names: Sequence[str]) -> None:
    """Refuse a corpus that no vocabulary can be made of."""
    distinct = set().union(*texts)
    shown = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    if not distinct:
        raise CorpusError(f"the corpus {shown} is empty: give a text of some thousand characters")
    if len(distinct) == 1:
        raise CorpusError(
            f"the corpus {shown} has a single distinct character, {distinct.pop()!r}:"
            " there is nothing to predict, give a real text"
        )


def _expand(url: str) -> list[SourceFile]:
    check_url(url, "corpus", CorpusError)
    shown = public_url(url)
    try:
        local = protocol_of(url) in local_protocols
        # Secrets of a query may stand in the environment instead of in a flow's parameters.
        if not local:
            _check_variables(url, shown)
        filesystem, path = fsspec.core.url_to_fs(url if local else os.path.expandvars(url))
        if fsspec.utils.get_protocol(url) in local_protocols or "*" in url:
            return _expand_pattern(shown, filesystem, path)
    except CorpusError:
        raise
    except Exception as error:  # backends raise of all kinds
        raise unreadable(shown, error) from None
    return [SourceFile(shown, filesystem, path)]


def _check_variables(url: str, shown: str) -> None:
    """Refuse a query that names a variable which is not set."""
    for name in re.findall(r"[?&][^=&]*=\$\{?(\w+)", url):
        if name not in os.environ:
            raise CorpusError(
                f"the corpus {shown} names the environment variable {name}, which is not set: set"
                " it where the run works"
            )


def _expand_pattern(url: str, filesystem: Any, path: str) -> list[SourceFile]:
    if filesystem.isdir(path):
        raise CorpusError(f"{url} is a folder: name files, or a pattern such as {url}/*.txt")
    if filesystem.isfile(path):
        return [SourceFile(url, filesystem, path)]
    # Behind a protocol ? begins a query, and [ may belong to a name.
    if not set("*?[" if protocol_of(url) in local_protocols else "*") & set(path):
        problem = "is neither file nor folder" if filesystem.exists(path) else "does not exist"
        raise CorpusError(f"the corpus {url} {problem}: give the path or URL of a text")
    matches = sorted(match for match in filesystem.glob(path) if filesystem.isfile(match))
    if not matches:
        raise CorpusError(f"no file matches {url}: check the pattern, or name the files")
    return [
        SourceFile(public_url(filesystem.unstrip_protocol(match)), filesystem, match)
        if protocol_of(url) != "file"
        else SourceFile(match, filesystem, match)
        for match in matches
    ]


def unreadable(url: str, error: Exception) -> CorpusError:
    """One sentence for whatever a backend raised.

    To be raised from None: the backend's own message may hold a secret, and Prefect writes down
    the message of every error that another is raised from.
    """
    status = getattr(error, "status", None)  # aiohttp's replies
    if explained := explanation(error):
        return CorpusError(f"the corpus {url} cannot be read: {explained}")
    if isinstance(error, FileNotFoundError) or status == 404:  # noqa: PLR2004 - HTTP's not found
        problem, advice = "does not exist", "give the path or URL of a text"
    elif isinstance(error, PermissionError) or status in {401, 403}:
        problem = "may not be read: permission denied"
        advice = "give this user access, or set the credentials in the environment"
    elif isinstance(error, ImportError):
        problem, advice = f"needs another package ({public_text(str(error))})", "install it"
    else:
        reason = public_text(str(error)) or type(error).__name__
        problem, advice = f"cannot be read ({reason})", "check the address and the file"
    return CorpusError(f"the corpus {url} {problem}: {advice}")
