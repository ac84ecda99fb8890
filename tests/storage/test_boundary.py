"""The operator's lists hold for every address, however it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.exceptions import CorpusError, StoreError
from flows.storage import boundary
from flows.storage.boundary import check_host, expanded, is_below, is_local
from flows.storage.stores import open_store

exact = ("s3://bucket", "gs://bucket", "abfs://c@account", "github://org:repo@ref", "sftp://h")
unlike_data = ("data#b", "data#/b", "data?b", "%64ata/b", "b/../data/b", "/data/b")


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("https://h/data", "https://h/data"),
        ("https://h/data/a", "https://h/data"),
        ("https://h/data/a?raw=1", "https://h/data/"),
        ("https://h/data/%61/../b", "https://h/data"),
        ("https://H:443/a", "https://h"),
        ("http://h.:80/a", "http://h/"),
        ("zip://a::https://h/data/b.zip", "https://h/data"),
        ("s3://bucket/data/a", "s3://bucket/data"),
        ("s3://bucket/data/part#1;b", "s3://bucket/data"),
        ("s3://bucket/a b/c", "s3://bucket/a%20b"),
        ("s3://bucket", "s3://bucket"),
        ("sftp://h:22/data/a", "sftp://h/data"),
        ("gcs://bucket/a", "gs://bucket"),
        ("github://org:repo@ref/a", "github://org:repo@ref"),
        ("/data/a", "/data"),
        ("/data/a", "/"),
        ("file:///data/a", "/data"),
        ("/a b/c", "file:///a%20b"),
    ],
)
def test_what_is_below_an_entry_is_allowed(url: str, prefix: str) -> None:
    """Protocol, host and port are equal, and the path is equal or below."""
    assert is_below(url, prefix)


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("https://h/database", "https://h/data"),
        ("http://h/data", "https://h/data"),
        ("https://h:8443/data", "https://h/data"),
        ("https://h.evil/data", "https://h/"),
        ("https://h/data/../b", "https://h/data"),
        ("https://h/data/%2e%2E/b", "https://h/data"),
        ("https://h/data/%252e%252e/b", "https://h/data"),
        ("https://h/data/..%2fb", "https://h/data"),
        ("https://h/data/..\\b", "https://h/data"),
        ("https://h\\@other/data", "https://other/data"),
        ("https://h?/data/", "https://h/data"),
        ("zip://data/a::https://h/b.zip", "https://h/data"),
        ("s3://bucket2/a", "s3://bucket"),
        *((f"{start}/{path}", f"{start}/data") for start in exact for path in unlike_data),
        ("s3://bucket#/data", "s3://bucket"),
        ("/database", "/data"),
        ("/data/../b", "/data"),
        ("a", "/data"),
        ("/data/a", "https://h/data"),
    ],
)
def test_what_only_looks_like_an_entry_is_not(url: str, prefix: str) -> None:
    """Dots and percent-escapes are resolved first, and names are compared whole."""
    assert not is_below(url, prefix)


def test_local_paths_are_compared_by_real_path(tmp_path: Path) -> None:
    """A symbolic link leads out of a folder, or into it."""
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in/out").symlink_to(tmp_path / "out")
    (tmp_path / "other").symlink_to(tmp_path / "in")

    assert not is_below(f"{tmp_path}/in/out/a", f"{tmp_path}/in")
    assert is_below(f"{tmp_path}/other/a", f"{tmp_path}/in")
    assert is_below(f"{tmp_path}/in/a", f"{tmp_path}/other")


def test_a_store_elsewhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is written; by its real folder."""
    monkeypatch.setenv("RNN_STORE_ALLOW", f"s3://bucket/rnn\n{tmp_path}/stores inmemory://rnn")
    (tmp_path / "stores").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "stores/link").symlink_to(tmp_path / "elsewhere")

    open_store(f"{tmp_path}/stores/mine")
    open_store("inmemory://rnn/mine")
    for url in (f"{tmp_path}/store", f"{tmp_path}/stores/link/x", "inmemory://rnn2", "relative"):
        with pytest.raises(StoreError, match="is not below an address of RNN_STORE_ALLOW"):
            open_store(url)
    assert {"elsewhere", "stores"} == {path.name for path in tmp_path.iterdir()}
    assert [] == list((tmp_path / "elsewhere").iterdir())


def test_a_store_that_cannot_be_written_is_refused() -> None:
    """A POST to any address is what fsspec would make of a write over HTTP."""
    with pytest.raises(StoreError, match="cannot be written to: use a folder"):
        open_store("http://127.0.0.1:1/store")


def test_a_variable_is_sent_only_where_it_is_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listed name, below its own prefix; what would end the value is escaped."""
    monkeypatch.setenv("SIGNATURE", "a%3D+b&c#d e")
    monkeypatch.setenv("OTHER", "secret")
    monkeypatch.setenv("RNN_URL_VARIABLES", "SIGNATURE=https://h/data/ UNSET=https://h")

    sent = expanded("https://h/data/a?sig=$SIGNATURE&raw=1", "corpus", CorpusError)

    assert "https://h/data/a?sig=a%3D+b%26c%23d%20e&raw=1" == sent
    for url, problem in (
        ("https://h/a?sig=$SIGNATURE", "SIGNATURE, which RNN_URL_VARIABLES does not bind"),
        ("http://h/data/a?sig=$SIGNATURE", "SIGNATURE, which RNN_URL_VARIABLES does not bind"),
        ("https://h/data/../a?sig=${SIGNATURE}", "SIGNATURE, which RNN_URL_VARIABLES does not"),
        ("https://h/data/a?x=$OTHER", "OTHER, which RNN_URL_VARIABLES does not bind"),
        ("https://h/data/a?x=$UNSET", "UNSET, which is not set"),
        ("s3://h/data?x=$SIGNATURE", "only http and https have them"),
    ):
        with pytest.raises(CorpusError, match=problem):
            expanded(url, "corpus", CorpusError)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("0.0.0.0", True),
        ("169.254.169.254", True),
        ("::1", True),
        ("::", True),
        ("fe80::1%eth0", True),
        ("::ffff:127.0.0.1", True),
        ("192.0.2.1", False),
        ("10.0.0.1", False),
        ("2001:db8::1", False),
    ],
)
def test_local_addresses_are_known(address: str, expected: bool) -> None:
    """Loopback, link-local and unspecified."""
    assert expected == is_local(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1:22", "[0:0:0:0:0:0:0:1]:22", "0x7f000001"])
def test_a_backend_that_looks_hosts_up_itself_reads_none_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """In the run of a deployment, unless the operator names it; S3's endpoint is the operator's."""
    url = f"sftp://{host}/a.txt"
    check_host(url, "corpus", CorpusError)

    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "run")
    check_host("s3://localhost/a.txt", "corpus", CorpusError)
    with pytest.raises(CorpusError, match="is at a loopback or link-local address"):
        check_host(url, "corpus", CorpusError)

    monkeypatch.setenv("RNN_CORPUS_ALLOW", url)
    check_host(url, "corpus", CorpusError)


def test_an_operator_without_lists_is_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which `make worker` prints at its start."""
    assert ["RNN_CORPUS_ALLOW is not set", "RNN_STORE_ALLOW is not set"] == [
        warning.partition(":")[0] for warning in boundary.warnings()
    ]

    monkeypatch.setenv("RNN_CORPUS_ALLOW", "/data")
    monkeypatch.setenv("RNN_STORE_ALLOW", "/store")
    assert [] == boundary.warnings()
