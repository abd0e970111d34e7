"""Sentences on an export, for the console and the report: counts and questions, and nothing of what is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from data_prep.candidates import Candidate
from data_prep.inhouse.labels import Labels
from data_prep.inhouse.patients import Patients
from data_prep.inhouse.survey import Seen

REFERENCES = "The images are references to the originals: this folder identifies patients and is not handed on."
IDENTIFIES = "This folder identifies patients: nothing trained on it can be packaged or exported."
BY_PATIENT = "The table tells patients, so all images of a patient have the same label: is it so?"
TEXT_TAKEN = "Pictures that may show text were taken (--keep-burned-in): was each looked at?"
# With the number of pictures first:
DERIVED_OUT = (
    "{} pictures were left out because their header calls them derived. Many X-ray machines say so of the very picture "
    "that is read: look at some of them, and give --keep-derived if they are."
)
NOBODYS = (
    "{} pictures were left out because no patient is told: give --patient-folder, or add rows of them to the labels "
    "table with --patient-column, if they are to be used."
)
TEXT_LIKE_OUT = (
    "{} pictures were left out because something near their border looks like text. Look at them (excluded.csv in the "
    "private folder); --keep-burned-in takes them all, names in the pixels too."
)
IN_COLOUR = (
    "{} of {} images are in colour. Look at them: a coloured mark on a grey picture tells what a network should not "
    "learn. --channels 1 makes all of them grey."
)


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


def rows_matched(summary: str) -> str:
    """Ask whether a table fits as it should; ``summary`` says how many rows and pictures match, and by what."""
    return f"Of the labels table, {summary}: is that what you expect?"


def contradicting(contradictions: Mapping[str, Collection[int]]) -> Iterator[str]:
    """Count the rows that contradict one another, by what they differ in."""
    if contradictions:
        rows = len({number for numbers in contradictions.values() for number in numbers})
        counts = ", ".join(f"{what}: {len(set(numbers))}" for what, numbers in contradictions.items())
        yield (
            f"{rows} rows of the labels table contradict one another ({counts}). What they differ in counts as not "
            "known; images with two patients were left out. Should the table be mended?"
        )


def few_classes(labels: Labels, candidates: Iterable[Candidate], rare: int) -> Iterator[str]:
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
    if few:
        yield (
            f"{len(few)} classes have fewer than {rare} patients ({', '.join(few)}): they teach little, "
            "and may tell who it is. Should they be joined with others, or left empty, in the table?"
        )


def protection(coarser: Iterable[str], all_looked_for: bool) -> list[str]:
    """Say how patients are protected, and if not ``all_looked_for`` that pictures with text were taken on request."""
    return [
        "Patients and images have keyed hashes for names; the key and who is who are in the private folder alone.",
        "The images were written anew from their pixels: no header, file name, UID, date or free text is left.",
        *coarser,
        "Pictures whose header tells of burned-in text, screen captures, and pictures with something like text "
        "near their border were left out" + ("." if all_looked_for else ", but that was switched off in part."),
    ]
