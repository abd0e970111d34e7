"""Tables of an analysis: feature reuse and output distances, as rows of CSV files."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def _cells(number: Mapping[str, Any]) -> list[str]:
    return [_cell(value) for value in (number["value"], *(number["interval"] or [None, None]))]


def _cell(value: float | None) -> str:
    return "" if value is None else repr(float(value))


def reuse_rows(found: Mapping[str, Mapping[str, Any]]) -> Iterator[Sequence[Any]]:
    """A row for each run and pair of stages."""
    nulls = ("sd", "permuted", "exchanged")
    yield ["finetuned", "stage_before", "stage_after", "cka", "low", "high", *(f"null_{name}" for name in nulls)]
    for name, own in found.items():
        for before, row in zip(own["stages"], own["matrix"], strict=True):
            for after, number in zip(own["stages"], row, strict=True):
                yield [name, before, after, *_cells(number), *(_cell(number["null"][key]) for key in nulls)]


def distance_rows(found: Mapping[str, Mapping[str, Any]]) -> Iterator[Sequence[Any]]:
    """A row for each class, and one for their mean, of each pair."""
    null = ("null_mean", "null_limit")
    yield ["classifier", "from", "class", "distance", "low", "high", *null, "p_value", "at"]
    for name, own in found.items():
        for label, number in {"(mean)": own["overall"], **own["classes"]}.items():
            null_cells = [repr(number["null"][key]) for key in ("mean", "limit")]
            at = repr(number["at"]) if "at" in number else ""
            yield [name, "all_labels", label, *_cells(number), *null_cells, repr(number["p_value"]), at]
