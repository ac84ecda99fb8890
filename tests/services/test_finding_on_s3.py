"""Folders, patterns and archives on a real S3 server, with keys of the environment or of a secret."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping

import fsspec
import pytest

from flows.corpus import find_files
from flows.exceptions import CorpusError
from flows.parameters.reading import ReadingOptions
from tests.support.s3 import variables

names = ("b.txt", "a10.txt", "a9.txt", "sub/c.md", ".h.txt", "sub/.h/d.txt", "ä b[1]#%20.txt")


@pytest.fixture
def folder(bucket: str) -> str:
    """A prefix with files of `names`, with their names as content, and a marker of a folder."""
    filesystem = fsspec.filesystem("s3")
    for name in names:
        filesystem.pipe_file(f"{bucket}/t/{name}", name.encode())
    filesystem.pipe_file(f"{bucket}/t/sub/", b"")
    filesystem.pipe_file(f"{bucket}/t2/other.txt", b"other")
    return f"s3://{bucket}/t"


def found(corpus: str, secret: Mapping[str, object] | None = None, **options: object) -> list[str]:
    """The contents of the files of a corpus."""
    files = find_files(corpus, ReadingOptions.model_validate(options), secret)
    return [file.filesystem.cat_file(file.path).decode() for file in files]


def test_a_prefix_is_a_folder(folder: str) -> None:
    """With all that is below it; a name that only begins like it is another."""
    every = ["a10.txt", "a9.txt", "b.txt", "sub/c.md", "ä b[1]#%20.txt"]

    assert every == found(folder) == found(f"{folder}/") == found(f"{folder}/**")
    assert [*every[:3], every[4]] == found(f"{folder}/*.txt") == found(f"{folder}/*")
    assert ["sub/c.md"] == found(f"{folder}/*/*") == found(folder, corpus_pattern="sub/*")
    assert "a9.txt" == found(folder, corpus_order="natural")[0]
    assert "b.txt" == found(folder, corpus_order="time", corpus_pattern="?*.txt")[0]
    assert [*every, "other"] == found(folder.removesuffix("t"))
    assert ["ä b[1]#%20.txt"] == found(f"{folder}/ä b[1]#%20.txt")


def test_new_files_are_seen_by_the_same_process(folder: str) -> None:
    """Listings are not kept."""
    assert 5 == len(found(folder))
    fsspec.filesystem("s3", skip_instance_cache=True).pipe_file(f"{folder}/new.txt", b"new")
    assert "new" in found(folder)


def test_archives_are_their_files(folder: str) -> None:
    """In a folder and by a chain."""
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("x.txt", "x")
        archive.writestr("y.txt", "y")
    with tarfile.open(fileobj=tarred, mode="w") as packed:
        packed.addfile(tarfile.TarInfo("empty.txt"))
    filesystem = fsspec.filesystem("s3")
    filesystem.pipe_file(f"{folder}/sub/z.zip", zipped.getvalue())
    filesystem.pipe_file(f"{folder}/sub/z.tgz", gzip.compress(tarred.getvalue()))

    assert ["sub/c.md", "", "x", "y"] == found(f"{folder}/sub")
    assert ["y"] == found(f"zip://y.txt::{folder}/sub/z.zip")
    assert "does not exist" in refusal(f"zip://y.txt::{folder}/none.zip")


def refusal(corpus: str, secret: Mapping[str, object] | None = None) -> str:
    """The error message for a corpus."""
    with pytest.raises(CorpusError) as caught:
        found(corpus, secret)
    return str(caught.value)


def test_what_is_not_there_is_named(folder: str) -> None:
    """A key, a prefix, a bucket."""
    assert "does not exist" in refusal(f"{folder}/none")
    assert "no file in" in refusal(f"{folder}/none/")
    assert "no file matches" in refusal(f"{folder}/none/*")
    assert "does not exist" in refusal("s3://no-such-bucket-here/a.txt")


def test_keys_of_a_secret_are_used_and_never_shown(folder: str, s3: dict[str, str]) -> None:
    """With the endpoint, where the environment has none of them."""
    keys = {
        "key": s3["AWS_ACCESS_KEY_ID"],
        "secret": s3["AWS_SECRET_ACCESS_KEY"],
        "endpoint_url": s3["AWS_ENDPOINT_URL"],
    }
    with variables({"AWS_DEFAULT_REGION": "us-east-1"}):
        assert 5 == len(found(folder, keys))
        wrong = refusal(folder, keys | {"secret": "planted-secret"})
    assert "check the keys" in wrong
    assert not any(value in wrong for value in (*keys.values(), "planted-secret"))
