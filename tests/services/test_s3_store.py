"""The store on a real S3 server: one winner per key, one history, one sentence for each error."""

from __future__ import annotations

import datetime as dt
import re

import fsspec
import pytest

from flows.exceptions import (
    CorpusError,
    DamagedObject,
    ObjectExists,
    ObjectMissing,
    RunConflict,
    StoreError,
    UnsafeStore,
)
from flows.storage import datasets
from flows.storage.checkpoints import CheckpointLog
from flows.storage.log import Log, RecordConflict
from flows.storage.stores import Store, check_store, open_store
from tests.support.corpora import read_corpus
from tests.support.s3 import Gateway, free_port, variables
from tests.support.states import assert_same_state, facts, make_state, stored, text, vocabulary
from tests.support.stores import in_parallel, reopened


@pytest.fixture
def store(bucket: str) -> Store:
    """An empty store in a bucket of its own."""
    return open_store(f"s3://{bucket}/store")


def test_the_probe_accepts_the_server_and_leaves_nothing(store: Store) -> None:
    """A server with conditional writes supports any number of writers."""
    check_store(store)

    assert [] == store.names("")


def test_objects_are_read_back_unchanged(store: Store) -> None:
    """Created or put, listed immediately, removed once or twice; a removed object is missing."""
    store.create("folder/created", b"one")
    store.put("folder/put", b"two")

    assert [b"one", b"two"] == [store.read(f"folder/{name}") for name in store.names("folder")]
    store.remove("folder/put")
    store.remove("folder/put")
    assert ["created"] == store.names("folder")
    with pytest.raises(ObjectMissing, match=r"object not found: s3://.*/folder/put$"):
        store.read("folder/put")


def test_a_size_is_bounded_before_the_bytes_are_sent(store: Store) -> None:
    """Empty objects are read too: a server refuses any range of them."""
    store.put("empty", b"")
    store.put("object", b"12345")

    assert b"" == store.read("empty", 4)
    assert b"12345" == store.read("object", 5)
    with pytest.raises(DamagedObject, match=r"object: is too large, expected at most 4"):
        store.read("object", 4)


def test_exactly_one_of_eight_racers_creates_a_key(store: Store) -> None:
    """Each of 25 keys has one winner, and holds the winner's bytes."""
    racers = [open_store(store.url) for _ in range(8)]
    for key in range(25):
        winners: list[int] = []

        def race(number: int, key: int = key, winners: list[int] = winners) -> None:
            try:
                racers[number].create(f"race/{key}", b"%d" % number)
            except ObjectExists:
                return
            winners.append(number)

        in_parallel(8, race)

        assert [store.read(f"race/{key}")] == [b"%d" % number for number in winners]


def test_the_log_keeps_one_history(store: Store, bucket: str) -> None:
    """A second writer sees the first one's record immediately, and cannot take its number."""
    ours, theirs = (Log(open_store(f"s3://{bucket}/store"), "log") for _ in range(2))
    assert -1 == theirs.list_records().head
    winner = ours.append("note", {"by": "first"}, after=-1)

    assert 0 == theirs.list_records().head
    with pytest.raises(RecordConflict) as caught:
        theirs.append("note", {"by": "second"}, after=-1)
    assert winner == caught.value.winner
    assert ["000000000000.json"] == store.names("log")


def test_a_checkpoint_is_read_back_bit_for_bit(store: Store) -> None:
    """Every array and number of the state; a second writer with other bytes is stopped."""
    log = CheckpointLog(store, "default", "0" * 16)
    state = make_state()
    log.commit(state, vocabulary, facts, after=-1)

    newest = log.newest()
    assert newest is not None
    assert_same_state(state, newest.payload.state)
    with pytest.raises(RunConflict, match="was advanced by another run"):
        log.commit(make_state(iterations=7), vocabulary, facts, after=-1)


def test_a_dataset_is_read_back_token_for_token(
    store: Store, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens are read from a local copy that is verified."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    dataset = stored(store, text)

    found = datasets.load(reopened(store.url), dataset.manifest.dataset_id)
    assert dataset.manifest == found.manifest
    assert text == found.vocabulary.decode(found.tokens)


def test_a_corpus_may_be_a_pattern_in_a_bucket(bucket: str) -> None:
    """Files that match are read in the order of their names."""
    files = fsspec.filesystem("s3")
    for name in ("b", "a", "c"):
        files.pipe_file(f"{bucket}/texts/{name}.txt", f"this is {name}".encode())

    assert ["this is a", "this is b", "this is c"] == read_corpus(
        f"s3://{bucket}/texts/*.txt", "utf-8"
    )
    with pytest.raises(CorpusError, match=f"the corpus s3://{bucket}/none.txt does not exist"):
        read_corpus(f"s3://{bucket}/none.txt", "utf-8")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "the secret key is not the access key's: check AWS_S"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "the server does not know the access key: check AWS_AC"),
    ],
    ids=["wrong secret", "unknown key"],
)
def test_wrong_keys_are_reported_but_not_shown(
    owner: dict[str, str], bucket: str, change: dict[str, str], expected: str
) -> None:
    """The message says which of the two is wrong and where it is set, but shows neither."""
    with variables(owner | change):
        assert_refused(f"s3://{bucket}/store", expected, secrets=owner | change)


def test_missing_keys_are_reported(owner: dict[str, str], bucket: str) -> None:
    """The message names the variables to set."""
    rest = {name: value for name, value in owner.items() if "KEY" not in name}
    with variables(rest | {"AWS_EC2_METADATA_DISABLED": "true"}):
        assert_refused(f"s3://{bucket}/store", "no keys found: set AWS_ACCESS_KEY_ID and", owner)


@pytest.mark.usefixtures("s3")
def test_a_missing_bucket_is_reported(owner: dict[str, str]) -> None:
    """No bucket is created."""
    assert_refused("s3://no-such-bucket/store", "the bucket does not exist: make it, or", owner)
    with pytest.raises(StoreError, match="the bucket does not exist"):
        open_store("s3://no-such-bucket/store").read("object")


def test_read_only_keys_are_refused(gateway: Gateway, owner: dict[str, str], bucket: str) -> None:
    """The probe detects it before any work is done."""
    fsspec.filesystem("s3").chmod(bucket, acl="authenticated-read")
    reader = gateway.add_user(f"reader-of-{bucket}")
    with variables(reader):
        assert_refused(f"s3://{bucket}/store", "permission denied: give the owner", owner)


def test_a_wrong_clock_is_reported(
    owner: dict[str, str], bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed requests are valid for minutes: a clock two hours ahead is reported."""
    ahead = dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(hours=2)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: ahead)
    assert_refused(f"s3://{bucket}/store", "clock and the server's differ too much", owner)


def test_a_server_that_does_not_answer_is_reported(owner: dict[str, str]) -> None:
    """After some retries; the message says what to check."""
    unreachable = owner | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"}
    with variables(unreachable):
        assert_refused("s3://bucket/store", "does not answer: check AWS_ENDPOINT_URL", owner)


def test_a_server_that_ignores_create_if_absent_is_refused(
    unsafe_server: dict[str, str],
) -> None:
    """The message names the remedy; with `single_writer` the server is accepted."""
    with variables(unsafe_server):
        store = open_store("s3://bucket/store")
        with pytest.raises(UnsafeStore, match=r"ignores create-if-absent.*set single_writer"):
            check_store(store)
        check_store(store, single_writer=True)
        assert [] == store.names("")


def assert_refused(url: str, expected: str, secrets: dict[str, str]) -> None:
    """The probe fails with one sentence that names the URL and the remedy, and no secret."""
    with pytest.raises(StoreError, match=re.escape(expected)) as caught:
        check_store(open_store(url))
    message = str(caught.value)
    assert url in message
    assert "\n" not in message
    assert secrets["AWS_SECRET_ACCESS_KEY"] not in message
