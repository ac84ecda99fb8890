"""The layers hold: imports go down only, and importing a lower one changes nothing in a process."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.__main__ import flow_names

root = Path(__file__).parents[1]

# Prints what an import changed: environment variables, filters and handlers of loggers.
probe = """
import logging, os
before = dict(os.environ)
import {module}
loggers = [logging.root, *map(logging.getLogger, list(logging.root.manager.loggerDict))]
ours = [part for logger in loggers for part in [*logger.filters, *logger.handlers]
        if type(part).__module__.startswith(("flows", "rnncore"))
        or getattr(part, "__module__", "").startswith(("flows", "rnncore"))]
import sys
print({{name for name in os.environ if os.environ[name] != before.get(name)}} or "", ours or "",
      "prefect" in sys.modules or "")
"""
# Fails if Prefect is imported before its client's telemetry is switched off.
watched_import = """
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        assert name != "prefect" or os.environ.get("DO_NOT_TRACK") == "1", "too early"
sys.meta_path.insert(0, Watch())
import {module}
"""
without_extras = """
import importlib, pkgutil, sys
extras = ["botocore", "dask", "distributed", "onnx", "paramiko", "prefect_dask", "s3fs"]
sys.modules.update(dict.fromkeys(extras))
import flows, rnncore
for package in flows, rnncore:
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if found.name != "flows.runtime.engines.dask":  # imported where one is chosen
            importlib.import_module(found.name)
"""


def run(program: str) -> str:
    """What a Python process of its own prints."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert 0 == done.returncode, done.stderr
    return done.stdout.strip()


def test_imports_go_down_only() -> None:
    """The contracts of pyproject.toml."""
    # In a process of its own: it sets the loggers of its process up anew.
    run("import sys, importlinter.cli as cli; sys.exit(cli.lint_imports(no_cache=True))")


def test_every_flow_is_in_the_contracts() -> None:
    """Also in the one that says what flows may import."""
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    (references,) = (
        contract["source_modules"]
        for contract in contracts["contracts"]
        if "pass references" in contract["name"]
    )

    assert {f"flows.{name}" for name in flow_names} <= set(references)


def test_a_notebook_may_import_the_lower_layers() -> None:
    """No variable is set, no filter installed, no Prefect loaded."""
    lower = "rnncore, flows.storage, flows.corpus, flows.text, flows.reporting.samples.writing"
    assert "" == run(probe.format(module=lower))


@pytest.mark.parametrize("module", ["flows.retrain", "flows.chain"])
def test_telemetry_is_off_before_prefect_is_imported(module: str) -> None:
    """Prefect's client reads the variable when it is imported."""
    run(watched_import.format(module=module))


def test_every_module_can_be_imported_without_the_extras() -> None:
    """A newcomer has none of them, and pytest imports all modules for their doctests."""
    run(without_extras)


def imports_of(folder: str) -> Iterator[tuple[str, str]]:
    """File and module of each import in the Python files of a folder."""
    for file in sorted((root / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                yield from ((file.name, f"{node.module}.{name.name}") for name in node.names)
            elif isinstance(node, ast.Import):
                yield from ((file.name, name.name) for name in node.names)


def test_tests_share_code_through_their_support_alone() -> None:
    """No test imports another or a conftest, and benchmarks import nothing from tests."""
    from_tests = [
        (file, module)
        for file, module in imports_of("tests")
        if module.startswith("tests.") and not module.startswith("tests.support.")
    ]

    assert [] == from_tests
    assert [] == [(f, module) for f, module in imports_of("benchmarks") if module[:5] == "tests"]
