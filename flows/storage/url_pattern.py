"""The grammar of addresses without secrets, as one pattern: for the form, the API and our own check.

A server refuses by it what it must not store. So it is written in what JSON schemas allow (no flags,
no named groups), and it is linear: in each of three passes over a link of a chain, a character can
match in one way. The percent-escape of a delimiter counts as the delimiter.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import lru_cache

harmless_names = (  # of a query: their values are no secrets
    *("alt", "charset", "dl", "download", "encoding", "export", "file", "filename", "format"),
    *("inline", "lang", "language", "length", "limit", "name", "offset", "page", "plain", "raw"),
    *("rev", "revision", "start", "end", "type", "v", "version", "versionId", "year"),
    # Of signed addresses, all but signatures and keys
    *("X-Amz-Algorithm", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders"),
    *("se", "sp", "spr", "sr", "st", "sv"),
)
names_variable = "RNN_URL_QUERY_NAMES"  # of the environment: more harmless names
object_stores = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az")  # no host, so no port
networks = ("http", "https", "ftp", "sftp", "ssh", "github", *object_stores)
variable = r"\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})"
protocol = r"[A-Za-z][A-Za-z0-9+.-]*://"
link_end = r"(?=::|(?![\s\S]))"


def escaped(characters: str) -> str:
    """The percent-escapes of `characters`, themselves escaped any number of times."""
    codes = (f"{ord(character):02x}" for character in characters)
    return rf"%(?:25)*(?:{any_case(codes)})"


def one_of(characters: str) -> str:
    """One of `characters`, or its percent-escape."""
    return f"(?:[{characters}]|{escaped(characters)})"


def none_of(characters: str, *, plain: str = "") -> str:
    """Any number of characters of one link but `characters`, and `plain` where not escaped."""
    colon = "" if ":" in characters else "|:(?!:)"
    return f"(?:[^{characters}{plain}:%]|%(?!{escaped(characters)[1:]}){colon})*"


def any_case(words: Iterable[str]) -> str:
    """One of `words`, in upper or lower case: the patterns of JSON schemas have no flags."""
    return "|".join(
        "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in word) for word in words
    )


_colon = f"(?::(?!:)|{escaped(':')})"
_at_signs = "\uff20\ufe6b"  # what Unicode takes for an @
_host = none_of("/?#@:", plain=_at_signs)
_without_host = "|".join((*object_stores, "github"))
# After :// no @ stands in the host, nor after a colon that is not a port's; two forms have both.
without_credentials = (
    rf"(?:github://[A-Za-z0-9_.-]+:[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]*(?=/|{link_end})"
    rf"|(?:abfss?|az)://[A-Za-z0-9_-]+@[A-Za-z0-9_.-]+(?=/|{link_end})"
    rf"|(?:{_without_host})://{_host}"
    rf"|(?!(?:{_without_host}):){protocol}"
    rf"(?:\[(?:[0-9A-Fa-f.]|:(?!:))*\]|{_host})(?::[0-9]{{1,5}}(?=[/?#]|{link_end}))?)"
    rf"(?:{one_of('/?#')}{none_of(':')})?(?:{_colon}{none_of('@', plain=_at_signs)})?{link_end}"
)


def without_values(names: tuple[str, ...]) -> str:
    """A link whose query has no values but variables and those of `names`, and no other `$`."""
    piece_end = f"(?={one_of('?#;&')}|{link_end})"
    name = f"(?:{'|'.join(names)})".replace(".", r"\.")
    value = f"{one_of('=')}{none_of('?#;&', plain='$')}"
    word = none_of("?#;&=", plain="$")
    of_variable = rf"[A-Za-z0-9_.~-]+{one_of('=')}{variable}"
    return (
        rf"{protocol}{none_of('?#;', plain='$')}(?={one_of('?#;')}|{link_end})"
        rf"(?:{one_of(';#')}(?:{name}{value}|{word}){piece_end}"
        rf"|{one_of('?&')}(?:{name}(?:{value})?|{of_variable})?{piece_end})*{link_end}"
    )


def query_names() -> tuple[str, ...]:
    """The harmless names of a query, and those that the environment adds."""
    more = os.environ.get(names_variable, "").split()
    return (*harmless_names, *(name for name in more if re.fullmatch(r"[A-Za-z0-9_.~-]+", name)))


@lru_cache
def address_pattern(names: tuple[str, ...]) -> str:
    """What an address must match, paths and chains included."""
    local = "(?:file|local):///(?:[^:]|:(?!:))*"
    path = (
        rf"(?![A-Za-z][A-Za-z0-9+.-]*:[/\\])(?!(?:{any_case(networks)}):)"
        "(?:[^:]|:(?!:|//))*"
    )
    remote = (
        rf"(?!(?:file|local):)(?={without_credentials})(?={without_values(names)})"
        rf"{protocol}(?:[^:%\x00-\x1f\x7f]|%(?!(?:25)*(?:[01][0-9A-Fa-f]|7[fF]))|:(?!:))*"
    )
    # Only archives, caches and the like read from another link.
    outer = f"(?!(?:{any_case((*networks, 'file', 'local'))}):)(?:[a-z0-9]+|{remote})::"
    return rf"^(?:{outer})*(?:{local}|{remote}|{path})(?![\s\S])"
