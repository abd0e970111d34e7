"""Sentences on an export, for the console and the report: counts and questions, and nothing of what is in it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from data_prep.candidates import Candidate
from data_prep.inhouse.labels import Labels
from data_prep.inhouse.patients import Patients
from data_prep.inhouse.survey import Seen


@cache
def _macros() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("sentences.txt.j2").module


def say(name: str, *values: Any) -> list[str]:
    """Return the sentences of one macro of ``sentences.txt.j2``."""
    text: str = getattr(_macros(), name)(*values)
    return [line for line in text.splitlines() if line]


def files_found(seen: Sequence[Seen], no_files: Mapping[str, Sequence[Any]]) -> str:
    """Count the files by kind."""
    kinds = Counter(own.kind.upper() if own.kind == "dicom" else own.kind for own in seen)
    links = sum(map(len, no_files.values()))
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return f"{len(seen)} files: {counts}" + (f"; and {links} links, pipes or closed folders" if links else "")


def reasons(left_out: Mapping[str, Sequence[Any]]) -> str:
    """Count what was left out, by reason."""
    return "; ".join(f"{reason}: {len(places)}" for reason, places in left_out.items())


def patients_found(patients: Patients) -> Iterator[str]:
    """Count the patients, and what was brought together."""
    yield f"{len(set(patients.ids) - {''})} patients"
    if patients.spellings:
        yield f"{patients.spellings} patients are written in more than one way and were taken for one each"
    if patients.nobodies:
        yield f"{patients.nobodies} ids of headers stand for many patients of the table and were passed over"


def contradicting(contradictions: Mapping[str, Collection[int]]) -> list[str]:
    """Count the rows that contradict one another, by what they differ in."""
    rows = {number for numbers in contradictions.values() for number in numbers}
    counts = ", ".join(f"{what}: {len(set(numbers))}" for what, numbers in contradictions.items())
    return say("contradicting", len(rows), counts) if rows else []


def few_classes(labels: Labels, candidates: Iterable[Candidate], rare: int) -> list[str]:
    """Ask what becomes of classes with fewer than ``rare`` patients."""
    patients: dict[Any, set[str]] = {}
    for own in candidates:
        found = [n for n, value in enumerate(own.label) if value] if isinstance(own.label, list) else [own.label]
        for label in found:
            patients.setdefault(label, set()).add(own.patient)
    classes = {f"{name}: {word}" for name, words in labels.words.items() for word in words}
    few = [
        name
        for n, name in enumerate(labels.names)
        if 0 < len(patients.get(n, ())) < rare and (labels.kind == "single" or name in classes)
    ]
    return say("few_classes", few, rare) if few else []
