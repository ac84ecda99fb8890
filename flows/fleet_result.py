"""The result of the `fleet` flow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from flows.references import OutcomeRef
from flows.results import FlowResult

shown_models = 5
succeeded = ("promoted", "rejected", "unchanged")


class FleetResult(FlowResult):
    """The models of a table, retrained or found unchanged."""

    models: int
    promoted: int
    rejected: int
    unchanged: int
    failed: int
    cancelled: int
    warned: int  # models with a warning
    success: float  # share of the models that were retrained or unchanged
    best_gain: float | None  # bits per character
    best_model: str | None
    failures: dict[str, str]  # of the first models that failed, and why
    seconds: float
    outcomes_url: str  # a Parquet file with a row for each model

    @property
    def outcome(self) -> str:
        """In a word."""
        if self.failed or self.cancelled:
            return "partly failed"
        return next((word for word in succeeded if getattr(self, word)), "unchanged")

    @property
    def sentence(self) -> str:
        """What came of them, in words."""
        counts = ", ".join(
            f"{getattr(self, word):,} {word}"
            for word in (*succeeded, "failed", "cancelled")
            if getattr(self, word)
        )
        return f"{self.models:,} models: {counts}"

    @property
    def failed_sentence(self) -> str:
        """Who failed first, and why."""
        shown = "; ".join(f"{name}: {why}" for name, why in self.failures.items())
        more = self.failed + self.cancelled - len(self.failures)
        return f"{shown}{f'; and {more:,} more' if more > 0 else ''}"

    def table(self) -> dict[str, str]:
        speed = f" ({self.models / self.seconds:,.1f} a second)" if self.seconds else ""
        best = None
        if self.best_gain is not None:
            best = f"{self.best_gain:+.3f} bits per character, {self.best_model}"
        return {
            "models": self.sentence.partition(": ")[2],
            "time": f"{self.seconds:,.1f} s for {self.models:,} models{speed}",
            "best gain": best or "-",
            **({"warnings": f"at {self.warned:,} models"} if self.warned else {}),
            **({"failed": self.failed_sentence} if self.failures else {}),
            "outcomes": self.outcomes_url,
        }


def fleet_result(outcomes: Sequence[OutcomeRef], seconds: float, url: str) -> FleetResult:
    """The result of the `fleet` flow."""
    counts = Counter(str(each.outcome) for each in outcomes)
    best = max((each for each in outcomes if each.gain is not None), key=_gain, default=None)
    failures = [each for each in outcomes if each.outcome not in succeeded]
    return FleetResult(
        models=len(outcomes),
        **{word: counts[word] for word in (*succeeded, "failed", "cancelled")},
        warned=sum(1 for each in outcomes if each.warnings),
        success=(len(outcomes) - len(failures)) / len(outcomes),
        best_gain=best and best.gain,
        best_model=best and best.model,
        failures={each.model: each.error or "" for each in failures[:shown_models]},
        seconds=seconds,
        outcomes_url=url,
    )


def _gain(outcome: OutcomeRef) -> float:
    return outcome.gain or 0.0
