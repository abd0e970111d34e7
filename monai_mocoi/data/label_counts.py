"""Counts of a labelled part: images, patients and positives by split, and classes without any."""

from collections.abc import Mapping, Sequence
from typing import Any

from monai_mocoi.data.labels import class_indicators, label_array, unknown_counts


def label_counts(
    items: Sequence[Mapping[str, Any]], labelled: Sequence[Any], whole: Sequence[Any], names: Sequence[str]
) -> dict[str, Any]:
    """What the record says of one split: ``images``, ``of``, ``patients``, ``positives``, and what is not known."""
    positives = class_indicators(label_array(items), len(names)).sum(0).tolist() if items else [0] * len(names)
    without, unknown = len(whole) - len(labelled), unknown_counts(items, names)
    return {
        "images": len(items),
        "of": len(labelled),
        "patients": len({item["patient"] for item in items}),
        "positives": dict(zip(names, positives, strict=True)),
        **({"unlabelled": without} if without else {}),
        **({"unknown": unknown} if unknown else {}),
    }


def uncovered_in_words(counts: Mapping[str, Mapping[str, Any]], kind: str) -> list[str]:
    """Name the classes of which a split has no positive, or of findings no negative."""
    warnings = []
    for split, count in counts.items():
        images, unknown = count["images"], count.get("unknown", {})
        for sign in ("positive", "negative"):
            names = [
                name
                for name, positives in count["positives"].items()
                if (positives if sign == "positive" else images - positives - unknown.get(name, 0)) == 0
            ]
            if images and names and (sign == "positive" or kind == "multilabel"):
                warnings.append(
                    f"{split}: no {sign} one among the {images} labelled image(s) of {len(names)} of "
                    f"{len(count['positives'])} classes: {', '.join(names)}."
                )
    return warnings
