"""Checksums that servers offer of a file, compared with those of the bytes that came."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flows.exceptions import CorpusError


class _Crc32:
    """CRC-32 with the interface of hashlib."""

    _value = 0

    def update(self, data: bytes) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4)


digests: dict[str, Callable[[], Any]] = {
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "sha": lambda: hashlib.sha1(usedforsecurity=False),
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha-256": hashlib.sha256,
    "sha256": hashlib.sha256,
    "sha-512": hashlib.sha512,
    "crc32": _Crc32,
}
# Of objects whose ETag looks like an MD5 and is not one.
not_md5 = {
    "x-amz-server-side-encryption": re.compile("aws:kms"),
    "x-amz-server-side-encryption-customer-algorithm": re.compile(""),
    "x-amz-storage-class": re.compile("EXPRESS_ONEZONE"),
    "x-rgw-object-type": re.compile("Appendable"),
}


@dataclass(frozen=True)
class _Offer:
    """A checksum that a server offers."""

    header: str
    expected: bytes
    found: Any  # with the methods of hashlib's digests

    def shown(self, value: bytes) -> str:
        """A value as the server writes it: ETags in hexadecimal, others in base64."""
        return value.hex() if self.header == "ETag" else base64.b64encode(value).decode()


class Checksums:
    """The checksums of one file that the headers of its reply offer; names are in lower case."""

    def __init__(self, headers: Mapping[str, str], *, partial: bool = False) -> None:
        self._offers = list(_offers(headers, partial=partial))

    def update(self, data: bytes) -> None:
        """Take the next bytes, as they were sent."""
        for offer in self._offers:
            offer.found.update(data)

    def compare(self, name: str) -> None:
        """Raise `CorpusError` if the bytes of the file `name` are not what was offered."""
        for offer in self._offers:
            found = offer.found.digest()
            if found != offer.expected:
                raise CorpusError(
                    f"the corpus {name} is not what its server says: {offer.header} is"
                    f" {offer.shown(offer.expected)}, that of the bytes received"
                    f" {offer.shown(found)}: try again, or ask who serves it"
                )


def _offers(headers: Mapping[str, str], *, partial: bool) -> Iterator[_Offer]:
    for header, algorithm, text in _named(headers, partial=partial):
        if algorithm.lower() not in digests:
            continue
        found = digests[algorithm.lower()]()
        try:
            expected = base64.b64decode(text, validate=True)
        except binascii.Error:
            continue
        if len(expected) == len(found.digest()):  # else it is of another kind, such as of parts
            yield _Offer(header, expected, found)
    if md5 := _md5_in_tag(headers):
        yield _Offer("ETag", bytes.fromhex(md5), digests["md5"]())


def _named(headers: Mapping[str, str], *, partial: bool) -> Iterator[tuple[str, str, str]]:
    """Header, algorithm and value in base64 of what is offered of a whole file."""
    whole = ["Repr-Digest", "Digest"]
    if not partial:  # these are of the bytes of one reply
        whole.append("Content-Digest")
        yield "Content-MD5", "md5", headers.get("content-md5", "").strip()
    for header in whole:
        for part in headers.get(header.lower(), "").split(","):
            algorithm, _, text = part.strip().partition("=")
            yield f"{header} {algorithm}", algorithm, text.partition(";")[0].strip().strip(":")
    stored = headers.get("x-goog-stored-content-encoding", "identity")
    if stored == headers.get("content-encoding", "identity"):  # else decoded by the server
        for part in headers.get("x-goog-hash", "").split(","):
            algorithm, _, text = part.strip().partition("=")
            yield f"x-goog-hash {algorithm}", algorithm, text
    if headers.get("x-amz-checksum-type", "") != "COMPOSITE":  # of the checksums of parts
        for algorithm in ("sha256", "sha1", "crc32"):
            header = f"x-amz-checksum-{algorithm}"
            yield header, algorithm, headers.get(header, "")


def _md5_in_tag(headers: Mapping[str, str]) -> str | None:
    """The MD5 that is an object's ETag; None for other servers, and for objects where it is not."""
    tag = re.fullmatch('"([0-9a-f]{32})"', headers.get("etag", ""))
    if not tag or "x-amz-request-id" not in headers:
        return None
    if any(name in headers and other.match(headers[name]) for name, other in not_md5.items()):
        return None
    return tag[1]
