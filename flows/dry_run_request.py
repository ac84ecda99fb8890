"""The parameters of a flow, for a dry run, and what is found out for more than one of its steps."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import Any

from flows.corpus import CorpusRequest
from flows.lifecycle.ingestion import OpenCorpus, open_corpus
from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.work import Work, find_work
from flows.parameters import EvaluationOptions
from flows.reporting.selection import Selected, select_checkpoint
from flows.runtime.secrets import filesystem_options
from flows.storage.datasets import ScannedText
from flows.storage.stores import Store, open_store


class Request:
    """The parameters of a flow, and what was found out for more than one step."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self.parameters = parameters
        self._closing = ExitStack()

    def close(self) -> None:
        """Remove temporary files."""
        self._closing.close()

    def __getitem__(self, name: str) -> Any:
        return self.parameters[name]

    @cached_property
    def store(self) -> Store:
        """The store, opened."""
        return open_store(self["store"])

    @cached_property
    def asked(self) -> CorpusRequest:
        """The corpus, as it is asked for."""
        secret = filesystem_options(self["reading"].corpus_secret)
        return CorpusRequest(self["corpus"], self["encoding"], self["reading"], secret)

    @cached_property
    def corpus(self) -> OpenCorpus:
        """The files of the corpus, found."""
        return self._closing.enter_context(open_corpus(self.store, self.asked, lambda _: None))

    @cached_property
    def text(self) -> ScannedText:
        """The corpus, read."""
        evaluation = self.parameters.get("evaluation", EvaluationOptions())
        return self.corpus.text(evaluation.split)

    @cached_property
    def training(self) -> TrainingRequest:
        """The training that is asked for."""
        names = ("model", "seed", "training", "evaluation", "sampling", "force")
        given = {name: self[name] for name in names if name in self.parameters}
        return TrainingRequest(**given)

    @cached_property
    def work(self) -> Work:
        """What that comes to."""
        return find_work(self.store, self.text, self.training)

    @cached_property
    def selected(self) -> Selected:
        """The checkpoint to report on."""
        version = self.parameters.get("version")
        return select_checkpoint(self.store, self["model"], self["run_id"], version)
