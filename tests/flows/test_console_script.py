"""One command beside the modules: a sub-command for each flow, and its reference in docs/cli.md."""

from __future__ import annotations

import re
import runpy
import signal
from collections.abc import Iterator
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

from flows.__main__ import flow_names, main
from flows.command_line import load_flow

root = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Those of the test's process, which a command replaces."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def ended(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    """Exit status, standard output and standard error of the command."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return stop.value.code, *capsys.readouterr()


def test_it_is_installed() -> None:
    """Under the name of the package."""
    (script,) = entry_points(group="console_scripts", name="rnn-retraining")
    assert main is script.load()


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, for scripts and for reports of faults."""
    expected = f"rnn-retraining {version('rnn-retraining')}\n"
    assert (0, expected, "") == ended(capsys, "--version")


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ()])
def test_its_help_names_every_flow(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    """Each with the first sentence of its description."""
    status, shown, _ = ended(capsys, *arguments)

    assert 0 == status
    for name in flow_names:
        summary = re.escape(load_flow(name).description.partition("\n")[0])
        assert re.search(rf"^  {name} +{summary}", shown, re.MULTILINE)


def test_every_flow_of_the_project_has_a_sub_command() -> None:
    """What prefect.yaml deploys can be typed."""
    deployed = re.findall(r"entrypoint: flows/(\w+)\.py:(\w+)", (root / "prefect.yaml").read_text())

    assert set(flow_names) == {name for pair in deployed for name in pair}


def test_a_sub_command_is_the_module(
    capsys: pytest.CaptureFixture[str], corpus: Path, store: Path
) -> None:
    """It takes the same options, and names itself in its help."""
    place = (f"--corpus={corpus}", f"--store={store}")

    status, shown, _ = ended(capsys, "watch", *place, "--dry_run")
    assert 0 == status
    assert "1 files, seen for the first time" in shown
    assert (2, "") == ended(capsys, "ingest", "--corpus=", f"--store={store}")[:2]
    assert ended(capsys, "report", "--help")[1].startswith("usage: rnn-retraining report ")


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, status 2."""
    status, shown, errors = ended(capsys, "retrian")

    assert (2, "") == (status, shown)
    assert "error: unknown command 'retrian': see rnn-retraining --help\n" == errors


def test_the_reference_is_current() -> None:
    """`make docs` writes it from the flows' definitions."""
    written = runpy.run_path(str(root / "docs/write_cli.py"))["text"]()

    assert written == (root / "docs/cli.md").read_text(encoding="utf-8")
