"""A report: samples of a checkpoint, as Parquet files whose summary is written last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import pyarrow as pa

from flows.parameters import SamplingOptions
from flows.reporting.samples.drawing import Sampler
from flows.reporting.samples.grid import Grid, widest
from flows.reporting.samples.identity import report_identity
from flows.reporting.samples.priming import encode_stop, starts_of
from flows.reporting.samples.statistics import Reference, likelihood, variety
from flows.reporting.samples.summary import columns_read, held_out_statistics, summary_table
from flows.reporting.samples.tables import (
    Shared,
    place_columns,
    place_names,
    sample_table,
    snapshot_table,
)
from flows.storage import manifests, reports
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord
from flows.storage.open_run import OpenRun
from flows.storage.payload import Payload
from flows.storage.registry import Registry
from flows.storage.report_files import ReportPlace, sample_paths

OnDrawn = Callable[[int], None]  # called with the number of samples that were drawn or found


@dataclass(frozen=True)
class Report:
    """A report that is asked for: what of it is in the store, and how the rest is written."""

    opened: OpenRun
    digest: str
    sampling: SamplingOptions
    week: str | None = None

    @cached_property
    def place(self) -> ReportPlace:
        """Where it is."""
        run_id = self.opened.run_id
        report_id = report_identity(run_id, self.digest, self.sampling, self.week)
        return ReportPlace(self.opened.model, report_id, self.opened.log.month(self.digest))

    @cached_property
    def grid(self) -> Grid:
        """Its samples."""
        return Grid.of(self.sampling)

    def is_complete(self) -> bool:
        """Whether it is in the store, all of it; another one of its name is refused."""
        about = self.opened.run_id, self.digest
        return reports.check_complete(self.opened.store, self.place, about)

    @cached_property
    def parts(self) -> list[range]:
        """The samples of each file."""
        return self.grid.parts(widest(self.payload.vocabulary))

    def missing(self) -> list[int]:
        """Numbers of the parts that are not there; none of a report that is complete."""
        if reports.exists(self.opened.store, self.place):
            return []
        written = set(sample_paths(self.opened.store, self.place.model, self.place.report_id))
        return [number for number in range(len(self.parts)) if self._path(number) not in written]

    def write(self, on_drawn: OnDrawn = lambda _: None) -> None:
        """Write its parts but those that are there, then its summary."""
        for number in range(len(self.parts)):
            self.write_part(number, on_drawn)
        reports.save(self.opened.store, self.place, self.place.summary, self._summary())

    def write_part(self, number: int, on_drawn: OnDrawn) -> None:
        """Write a part, unless it is there."""
        samples, path = self.parts[number], self._path(number)
        places = pa.table(place_columns(self.grid, samples), names=list(place_names))
        about = self.opened.run_id, self.digest
        if not reports.check_saved(self.opened.store, self.place, path, about, places):
            table = self._part(samples, on_drawn)
            reports.save(self.opened.store, self.place, path, table, places)
        on_drawn(samples.stop)

    def _path(self, number: int) -> str:
        return self.place.samples(None if len(self.parts) == 1 else number)

    def _part(self, samples: range, on_drawn: OnDrawn) -> pa.Table:
        """The rows of consecutive samples; before the first of all, the run's snapshots."""
        vocabulary, tables = self.payload.vocabulary, list[pa.Table]()
        if samples.start == 0:
            tables.append(snapshot_table(self._shared, self.opened.log.records()))
        for batch in self._sampler.batches(samples):
            texts = self._sampler.draw(batch)
            measures = likelihood(texts)
            measures |= variety(texts.tokens, texts.ends, vocabulary, self._reference)
            row = sample_table(self._shared, self._sampler, batch, vocabulary, texts, measures)
            tables.append(row)
            on_drawn(batch.stop)
        return pa.concat_tables(tables)

    def _summary(self) -> pa.Table:
        store, place = self.opened.store, self.place
        parts = reports.parts(store, place.model, place.report_id, columns_read)
        most = self.grid.samples * self.grid.length
        held_out = held_out_statistics(
            self.payload.vocabulary, self._reference, most, self.grid.length
        )
        return summary_table(self._shared, self.grid, parts, held_out)

    @cached_property
    def _sampler(self) -> Sampler:
        state, vocabulary = self.payload
        training = self.opened.split_for(vocabulary).training if self._has_text else None
        return Sampler(
            parameters=state.parameters,
            starts=starts_of(state, vocabulary, training, self.sampling),
            grid=self.grid,
            options=self.sampling,
            stop=encode_stop(vocabulary, self.sampling),
            dtype=vocabulary.dtype,
        )

    @cached_property
    def _record(self) -> CheckpointRecord:
        return self.opened.log.record(self.digest)

    @cached_property
    def _has_text(self) -> bool:
        """Whether the dataset of the run is there: retention may have removed it."""
        return manifests.exists(self.opened.store, self.opened.run.dataset_id)

    @cached_property
    def payload(self) -> Payload:
        """The checkpoint, verified."""
        opened = self.opened
        if self._has_text:
            return opened.log.read(self._record)
        return CheckpointLog(opened.store, opened.model, opened.run_id).read(self._record)

    @property
    def training_characters(self) -> int:
        """Length of the text that samples are compared with; 0 where it was removed."""
        return self.opened.division.training.characters if self._has_text else 0

    @cached_property
    def _reference(self) -> Reference | None:
        """The run's texts in the order of the corpus, in tokens of the checkpoint."""
        if not self._has_text:
            return None
        division, vocabulary = self.opened.division, self.payload.vocabulary
        places = vocabulary.places_of(self.opened.dataset.vocabulary)
        return Reference(division.training.ranges(places), division.held_out.ranges(places))

    @cached_property
    def _shared(self) -> Shared:
        opened = self.opened
        measured = [e for e in opened.log.evaluations() if e.digest == self.digest]
        bits = measured[0].held_out_bits_per_character if measured else None
        if bits is None:
            bits = self._record.held_out_bits_per_character
        entries = Registry(opened.store, opened.model).history().entries
        versions = [entry.number for entry in entries if entry.version.digest == self.digest]
        return Shared(
            report_id=self.place.report_id,
            model=opened.model,
            run_id=opened.run_id,
            dataset_id=opened.run.dataset_id,
            iteration=self._record.iteration,
            checkpoint_digest=self.digest,
            created_at=datetime.now(UTC),
            version=versions[0] if versions else None,
            corpus=", ".join(self._record.corpus),
            held_out_bits_per_character=bits,
            week=self.week,
        )
