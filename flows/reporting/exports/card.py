"""The card of an exported model, in Markdown: what it is, how to load it, what it was made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flows.reporting.exports.facts import Facts, Sampled
from flows.reporting.exports.loading import loading
from flows.reporting.story import bits, minute
from flows.text.markdown import cell, code_block, code_span

shown_addresses = 20  # of a corpus
texts_of_comparison = {
    "new": "held-out text of this model",
    "champion": "held-out text of version {}",
    "oldest": "held-out text of version {}",
}
meanings_of_orders = {
    0: "each character is drawn by its frequency alone",
    1: "the character before it is known",
    2: "the two characters before it are known",
    3: "the three characters before it are known",
}
intended_use = """\
Writing short texts in the manner of its training text, scoring how surprising a text of that kind is to it (bits per
character), and teaching how a recurrent network works."""
limits = """\
- It has learned from the text above, and from that of the checkpoint that it started from, with all errors and
  opinions. It knows no facts and follows no instructions.
- What came more than some dozens of characters before is mostly forgotten: whole paragraphs do not hang together.
- It reads only the characters of its vocabulary.
- Samples may repeat passages of the training text: do not publish them where that must not be repeated."""


def card_of(facts: Facts, samples: Sequence[Sampled]) -> str:
    """The whole card."""
    number, model = facts.entry.number, facts.model
    parts = {
        "How to load it": loading(facts.payload),
        "Training data": _data(facts),
        "Training": _training(facts),
        "Evaluation": _evaluation(facts),
        "Samples": _samples(samples),
        "Intended use": intended_use,
        "Limits": limits,
        "Origin": _origin(facts),
        "Licence": "Not stated. It depends on the training text: write it here before you pass the"
        " model on. An export into this folder does not change this file.",
    }
    sections = "\n\n".join(f"## {title}\n\n{text}" for title, text in parts.items())
    return f"# Model {model}, version {number}\n\n{_summary(facts)}\n\n{sections}\n"


def _summary(facts: Facts) -> str:
    vocabulary, network = facts.payload.vocabulary, facts.payload.state.hyperparameters
    reads = "the 256 values of a byte (its text is in UTF-8)"
    if vocabulary.unit == "character":
        reads = f"{len(vocabulary)} different characters"
    return (
        f"A vanilla RNN (tanh) with {network.hidden_size} hidden units that predicts the next"
        f" {vocabulary.unit} of a text, of {reads}. {bits(facts.entry.version.bits_per_character)}"
        " bits per character on held-out text."
    )


def _data(facts: Facts) -> str:
    version, manifest = facts.entry.version, facts.manifest
    addresses = version.corpus or facts.record.corpus
    more = f" and {len(addresses) - shown_addresses:,} more"
    shown = ", ".join(map(cell, addresses[:shown_addresses])) or "unknown"
    rows = {
        "addresses": shown + (more if len(addresses) > shown_addresses else ""),
        "dataset": cell(facts.run.dataset_id),
        "characters": "unknown" if manifest is None else f"{manifest.characters:,}",
        "files": "unknown" if manifest is None else f"{len(manifest.files):,}",
        "vocabulary": "unknown" if manifest is None else f"{manifest.vocabulary_size:,}",
        "held out for evaluation": f"{facts.run.held_out:.1%} of it, by {facts.run.split}",
    }
    return _table(("", ""), rows.items())


def _training(facts: Facts) -> str:
    network, iteration = facts.payload.state.hyperparameters, facts.record.iteration
    shards = facts.run.shards or 1
    read = iteration * network.seq_length * network.batch_size * shards
    parent = facts.run.parent
    rows = {
        "iterations": f"{iteration:,}, each of {network.batch_size} × {network.seq_length}"
        f" characters{f' in each of {shards} shards' if shards > 1 else ''}: {read:,} characters",
        "optimiser": f"Adagrad, learning rate {network.learning_rate:g},"
        f" gradients clipped to ±{network.gradient_clip:g}",
        "numbers": network.dtype,
        "started from": "scratch" if parent is None else f"checkpoint {code_span(parent)}",
        "seed": str(facts.run.seed),
    }
    return _table(("", ""), rows.items())


def _evaluation(facts: Facts) -> str:
    version = facts.entry.version
    rows = {"held-out text": bits(version.bits_per_character)}
    if facts.evaluation:
        rows["training text"] = bits(facts.evaluation.train_bits_per_character)
    for order, entropy in sorted(facts.entropies.items()):
        rows[f"entropy of the text where {meanings_of_orders[order]}"] = bits(entropy)
    parts = [_table(("", "bits per character"), rows.items()), _comparisons(facts), _copied(facts)]
    return "\n\n".join(filter(None, parts))


def _comparisons(facts: Facts) -> str:
    """The models that it was compared with when it was decided about."""
    rows = [
        (
            f"version {found.version}",
            texts_of_comparison[found.text].format(found.version),
            f"{found.characters:,}",
            bits(found.bits_per_character),
            bits(found.other_bits_per_character),
            f"{found.gain:+.4f}",
            "-" if found.standard_error is None else f"{found.standard_error:.4f}",
        )
        for found in facts.entry.version.comparisons
    ]
    if not rows:
        return ""
    head = "compared with", "on", "characters", "bits", "its bits", "gain", "standard error"
    return _table(head, rows)


def _copied(facts: Facts) -> str:
    """How much of samples stands in the training text."""
    found = facts.entry.version.copied
    rows = [
        (f"{cell(length)} characters", _share(each.samples), _share(each.held_out_text))
        for length, each in found.items()
    ]
    if not rows:
        return ""
    head = "share of substrings that stand in the training text", "samples", "held-out text"
    return _table(head, rows)


def _samples(samples: Sequence[Sampled]) -> str:
    return "\n\n".join(
        f"Temperature {temperature:g}:\n\n{code_block(text)}" for temperature, text in samples
    )


def _origin(facts: Facts) -> str:
    number, time, version = facts.entry
    libraries = ", ".join(
        f"{name} {found}" for name, found in sorted(facts.record.versions.items())
    )
    rows = {
        "decision": f"{version.decision} on {minute(time)}: {cell(version.reason)}",
        "run": code_span(version.run_id),
        "checkpoint": code_span(version.digest),
        "parent": code_span(facts.run.parent) if facts.run.parent else "none",
        "code": cell(facts.record.commit or "unknown"),
        "computed with": cell(", ".join(filter(None, [facts.record.cpu, libraries]))),
    }
    command = f"python -m flows.registry show --model {facts.model} --version {number}"
    return f"{_table(('', ''), rows.items())}\n\nThe whole chain, in its store: `{command}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _share(found: float | None) -> str:
    return "-" if found is None else f"{found:.2%}"
