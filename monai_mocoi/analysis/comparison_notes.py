"""Notes of a comparison: how the two classifiers were made, and what the p-value does not include."""

from collections.abc import Iterator, Mapping
from typing import Any

from monai_mocoi.data.pretraining_overlap import overlap_in_words, overlap_warnings
from monai_mocoi.networks.encoder_card import guessing_warning, start_in_words

_SIDES = ("A", "B")


def notes_for_the_reader(
    result: Mapping[str, Any], first: Mapping[str, Any] | None, second: Mapping[str, Any] | None
) -> list[str]:
    """Say what is known of two classifiers that were compared: a line for each, what the p-value does not include, and
    validation where it points the other way.

    ``result``: of :func:`~monai_mocoi.analysis.compare_predictions`. ``first``, ``second``: the ``metrics.json`` that
    belongs to each file of predictions; None: there is none.
    """
    known = [None if metrics is None else dict(metrics.get("tested") or {}) or None for metrics in (first, second)]
    lines = [_of_one(side, tested, result["metric"]) for side, tested in zip(_SIDES, known, strict=True)]
    lines.append(
        f"One training run of each is compared, on {result['patients']} test patients: interval and p-value hold the "
        "chance in drawing patients, not that of another seed. Train both with several seeds before you publish it."
    )
    lines += _other_way(result, known)
    for side, tested, metrics in zip(_SIDES, known, (first, second), strict=True):
        split, overlap = (metrics or {}).get("split", "test"), (metrics or {}).get("pretraining_overlap")
        if (line := overlap_in_words(overlap, split)) is not None:
            lines.append(f"{side}: {line}")
        warnings = [guessing_warning((tested or {}).get("start")), *overlap_warnings(overlap, split)]
        lines += [f"WARNING: {side}: {warning}" for warning in warnings if warning is not None]
    return lines


def _of_one(side: str, tested: Mapping[str, Any] | None, metric: str) -> str:
    if tested is None:
        return (
            f"{side}: nothing is known of the classifier (no metrics.json of evaluate.json beside the predictions): "
            "neither its pretraining, nor its seed, nor what validation said."
        )
    if tested.get("baseline") is not None:
        parts = [f"the baseline {tested['baseline']}: it sees {tested['sees']}"]
    else:
        parts = [start_in_words(tested.get("start"), tested.get("method"))]
        if tested.get("architecture") is not None:
            parts.append(str(tested["architecture"]))
    parts.append(f"seed {tested['seed']}" if tested.get("seed") is not None else "seed not recorded")
    if tested.get("labelled_images") is not None:
        parts.append(f"{tested['labelled_images']} images with labels")
    if (value := _validation(tested, metric)) is not None:
        parts.append(f"validation {metric} {value:.3f}")
    return f"{side}: " + "; ".join(parts)


def _validation(tested: Mapping[str, Any] | None, metric: str) -> float | None:
    value = ((tested or {}).get("validation") or {}).get(f"validation/{metric}")
    return float(value) if isinstance(value, int | float) else None


def _other_way(result: Mapping[str, Any], known: list[dict[str, Any] | None]) -> Iterator[str]:
    """What validation says, where it prefers the other classifier."""
    first, second = (_validation(tested, result["metric"]) for tested in known)
    if first is None or second is None or (second - first) * result["overall"]["value"] >= 0:
        return
    values = f"{result['metric']} {first:.3f} (A) and {second:.3f} (B)"
    if any(selected and selected.get("value") is None for selected in ((t or {}).get("selected") for t in known)):
        yield f"Validation points the other way ({values}), but on too few images to choose by: that means nothing."
    else:
        yield f"WARNING: validation points the other way: {values}. Do not report the difference on test without this."
