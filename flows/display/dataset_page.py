"""What people see of a dataset in the Prefect UI: its profile."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from flows.display.artifacts import artifact_key, publish
from flows.storage.profiles import CharacterCount, Profile
from flows.text.markdown import cell

shown_files = 100
shown_rare = 10
explanation = (
    "How many bits a character takes on average if so much is known: what a table of frequencies of"
    " this very text would reach. A network below a line has learned more than that. High orders are"
    " too low for a short text, most of whose sequences occur once.\n"
)
meanings = (
    "each character is drawn by its frequency alone",
    "the character before it is known",
    "the two characters before it are known",
    "the three characters before it are known",
)


def show_dataset_page(store: str, profile: Profile, picture: str) -> None:
    """The numbers of a dataset, its characters (an SVG), and the problems of its files."""
    publish(
        artifact_key("dataset", store, profile.dataset_id),
        f"Dataset {profile.dataset_id}: size, characters, entropies, problems of files",
        page_lines(profile, picture),
    )


def page_lines(profile: Profile, picture: str) -> list[str]:
    """The page as lines of Markdown."""
    encoded = base64.b64encode(picture.encode()).decode()
    return [
        f"# Dataset {profile.dataset_id}",
        "| text | |\n|---|---|",
        *(f"| {name} | {cell(value)} |" for name, value in _numbers(profile).items()),
        f"\n![How often characters occur](data:image/svg+xml;base64,{encoded})",
        "\n## Entropies",
        explanation,
        "| order | bits per character | what is known | measured on |\n|---|---|---|---|",
        *_entropies(profile),
        "\n## Files",
        *_files(profile),
    ]


def _numbers(profile: Profile) -> dict[str, str]:
    """What is counted, by label."""
    rarest = ", ".join(map(_counted, profile.rare[-shown_rare:] or profile.frequent[-shown_rare:]))
    return {
        "characters": f"{profile.characters:,}",
        "bytes in UTF-8": f"{profile.utf8_bytes:,}",
        "lines": f"{profile.lines:,}",
        "distinct characters": f"{profile.distinct_characters:,}",
        "rarest characters": rarest,
        "characters outside ASCII": f"{profile.outside_ascii:,}",
        "control characters, NUL too": f"{profile.control_characters:,}",
        "NUL": f"{profile.nul_characters:,}",
    }


def _counted(found: CharacterCount) -> str:
    return f"{found.character!r} {found.count:,} times"


def _entropies(profile: Profile) -> Iterator[str]:
    for entry in profile.entropies:
        read = (
            "the whole text" if entry.is_exact else f"a sample of {entry.characters:,} characters"
        )
        yield f"| {entry.order} | {entry.bits_per_character:.3f} | {meanings[entry.order]} | {read} |"


def _files(profile: Profile) -> Iterator[str]:
    """Those with problems, each in a row; how many the others are."""
    odd = [file for file in profile.files if file.problems]
    total = len(profile.files) + profile.more_files
    yield f"{total - len(odd):,} of {total:,} files without problems.\n"
    if odd:
        yield "| file | characters | problems |\n|---|---|---|"
    for file in odd[:shown_files]:
        problems = "; ".join(file.problems)
        yield f"| {cell(file.name)} | {file.characters:,} | {cell(problems)} |"
    if (more := len(odd) - shown_files) > 0:
        yield f"\nAnd {more:,} more with problems: they are in the dataset's profile.json."
