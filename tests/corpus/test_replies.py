"""What a web server says of a file is true, or the file is refused; encodings are undone once."""

from __future__ import annotations

import base64
import gzip
import hashlib
import zlib
from collections.abc import Iterator

import pyarrow as pa
import pytest

from tests.support.downloads import cut_first, read, refusal, short_waits, text  # noqa: F401
from tests.support.fault_server import FaultServer, Request, always, head

pytestmark = pytest.mark.usefixtures("short_waits")


@pytest.mark.parametrize("encode", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_an_encoded_reply_is_decoded_once(encode: type[bytes]) -> None:
    """A file that is compressed itself is decompressed after that."""
    coding = "gzip" if encode is gzip.compress else "deflate"
    for data in (text, gzip.compress(text, mtime=0)):
        body = encode(data)
        start = head(length=len(body), Content_Encoding=coding)
        with FaultServer(always(start + body)) as server:
            assert text == read(f"{server.url}/a.txt.gz")


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("x-gzip", gzip.compress(text, mtime=0)),
        ("GZIP, identity", gzip.compress(text, mtime=0)),
        ("gzip, deflate", zlib.compress(gzip.compress(text, mtime=0))),
        ("deflate", zlib.compress(text)[2:-4]),
        ("zstd", pa.compress(text, codec="zstd", asbytes=True)),
        ("br", pa.compress(text, codec="brotli", asbytes=True)),
        ("aws-chunked", text),
    ],
)
def test_every_usual_encoding_is_decoded(coding: str, body: bytes) -> None:
    """Also several, deflate without its header, and one that is of an upload."""
    start = head(length=len(body), Content_Encoding=coding)
    with FaultServer(always(start + body)) as server:
        assert text == read(f"{server.url}/a.txt")


def test_an_unknown_encoding_is_refused() -> None:
    """Its bytes are no text."""
    with FaultServer(always(head(length=1, Content_Encoding="sdch") + b"x")) as server:
        assert "is sent with Content-Encoding 'sdch'" in refusal(f"{server.url}/a.txt")


def test_a_body_that_is_not_encoded_as_said_is_refused() -> None:
    """Nor is one whose encoding ends too early."""
    for body, problem in (
        (text, "is damaged"),
        (gzip.compress(text, mtime=0)[:-9], "is truncated"),
    ):
        start = head(length=len(body), Content_Encoding="gzip")
        with FaultServer(always(start + body)) as server:
            assert problem in refusal(f"{server.url}/a.txt")


def test_an_encoded_download_that_is_cut_begins_again() -> None:
    """Its offsets are not those of the text, and it may be encoded in another way then."""

    def script(request: Request) -> Iterator[bytes | None]:
        body = gzip.compress(text, compresslevel=request.number)
        yield head(length=len(body), Content_Encoding="gzip", ETag='"1"')
        yield body[:200_000] if request.number == 1 else body

    with FaultServer(script) as server:
        assert text == read(f"{server.url}/a.txt")
        assert "range" not in server.requests[1].headers


def in_base64(digest: bytes) -> str:
    """A checksum as headers have it."""
    return base64.b64encode(digest).decode()


md5, sha = hashlib.md5(text), hashlib.sha256(text)
crc = zlib.crc32(text).to_bytes(4)
offers = [
    {"Content_MD5": in_base64(md5.digest())},
    {"Repr_Digest": f"sha-256=:{in_base64(sha.digest())}:"},
    {"Repr_Digest": f"unknown=:eA==:, md5=:{in_base64(md5.digest())}:"},
    {"Digest": f"SHA-256={in_base64(sha.digest())}"},
    {"x_goog_hash": f"crc32c=AAAAAA==,md5={in_base64(md5.digest())}"},
    {"x_amz_checksum_sha256": in_base64(sha.digest())},
    {"x_amz_checksum_crc32": in_base64(crc)},
    {"x_amz_request_id": "1", "ETag": f'"{md5.hexdigest()}"'},
]


@pytest.mark.parametrize("headers", offers, ids=lambda headers: list(headers)[-1])
def test_a_checksum_that_is_offered_is_compared(headers: dict[str, str]) -> None:
    """The error has both values; a download that is cut is compared as a whole."""
    with FaultServer(cut_first(headers)) as server:
        assert text == read(f"{server.url}/a.txt")
    wrong = bytes([text[0] ^ 1]) + text[1:]
    with FaultServer(always(head(length=len(text), **headers) + wrong)) as server:
        message = refusal(f"{server.url}/a.txt")
    assert "is not what its server says" in message
    assert any(
        value in message
        for value in (
            in_base64(md5.digest()),
            md5.hexdigest(),
            in_base64(sha.digest()),
            in_base64(crc),
        )
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": f'"{"0" * 32}"'},
        {"x_amz_request_id": "1", "ETag": f'"{"0" * 32}-2"'},
        {
            "x_amz_request_id": "1",
            "ETag": f'"{"0" * 32}"',
            "x_amz_server_side_encryption": "aws:kms",
        },
        {"x_amz_checksum_sha256": "AAAA-2"},
        {"x_amz_checksum_crc32": "AAAAAA==", "x_amz_checksum_type": "COMPOSITE"},
        {"x_goog_hash": f"md5={'A' * 22}==", "x_goog_stored_content_encoding": "gzip"},
        {"Digest": "sha-256=no base64"},
        {"Content_MD5": ""},
    ],
)
def test_what_is_no_checksum_of_the_bytes_is_not_compared(headers: dict[str, str]) -> None:
    """Tags of other servers, of parts, of encrypted objects, and of what the server decoded."""
    with FaultServer(always(head(length=len(text), **headers) + text)) as server:
        assert text == read(f"{server.url}/a.txt")


@pytest.mark.parametrize("path", ["/", "", "/folder/", "/folder/?raw=1"])
def test_a_page_at_an_address_of_a_folder_is_refused(path: str) -> None:
    """A listing is no text; a page with a name of its own may be one."""
    start = head(length=6, Content_Type="text/html; charset=utf-8")
    with FaultServer(always(start + b"<html>")) as server:
        assert "is a page or a listing (text/html), not a text" in refusal(f"{server.url}{path}")
        assert b"<html>" == read(f"{server.url}/a.html")


def test_a_page_that_a_redirect_leads_to_is_refused() -> None:
    """Servers redirect the name of a folder to its listing."""

    def script(request: Request) -> Iterator[bytes | None]:
        if request.path.endswith("/"):
            yield head(length=6, Content_Type="text/html") + b"<html>"
        else:
            yield head("301 Moved", 0, Location=f"{request.path}/")

    with FaultServer(script) as server:
        assert "is a page or a listing" in refusal(f"{server.url}/folder")
