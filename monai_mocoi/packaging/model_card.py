"""Model card of a package: what the classifier is, what it was made from, how good it is, what it is not for."""

from collections.abc import Iterator, Mapping
from typing import Any

from monai_mocoi.analysis.report_text import describe_tested
from monai_mocoi.analysis.wording import (
    calibration_in_words,
    few_patients_in_words,
    number_in_words,
    operating_points_in_words,
    unknown_in_report,
)
from monai_mocoi.data.pretraining_overlap import overlap_in_words, overlap_warnings
from monai_mocoi.networks import final_relative_loss, guessing_warning, start_in_words
from monai_mocoi.packaging.finetuned_run import FinetunedRun
from monai_mocoi.packaging.owner import Owner
from monai_mocoi.packaging.run_words import describe_classifier, describe_data, describe_owner, render

_OF_CLASSES = ("auc", "average_precision", "f1", "sensitivity", "specificity", "calibration_error")


def card_text(name: str, run: FinetunedRun, metadata: Mapping[str, Any], owner: Owner | None = None) -> str:
    """Write the card of a package in Markdown (``model_card.md.j2``): counts, but no name of an image or patient.

    ``metadata`` are the *bundle's*: its ``data_source`` and ``references``. ``owner`` None: nothing is stated.
    """
    owner, counts, card = owner or Owner(), run.drawn["counts"], run.card
    splits = {split: count for split, count in counts.items() if split in ("training", "validation")}
    text = render(
        "model_card.md.j2",
        name=name,
        run=run,
        card=card,
        counts=counts,
        owner=owner,
        who=describe_owner(owner, run),
        description=describe_classifier(run),
        data=describe_data(run, metadata),
        splits=[(split, f"{count['images']} of {count['of']}", count["patients"]) for split, count in splits.items()],
        labels=_labels(run),
        never_positive=[label for label, count in counts["training"]["positives"].items() if count == 0],
        guessing=guessing_warning(card.get("start")),
        made=_how_made(run),
        settings=[(name, f"`{value}`") for name, value in card["settings"].items()],
        references=metadata.get("references"),
        metrics=run.metrics,
        **({} if run.metrics is None else _evaluation(run, run.metrics)),
    )
    return text.rstrip() + "\n"


def _labels(run: FinetunedRun) -> Iterator[tuple[object, ...]]:
    """Each label with its counts and threshold."""
    counts, metrics = run.drawn["counts"], run.metrics
    tested = {} if metrics is None else {name: found["positives"] for name, found in metrics["classes"].items()}
    if metrics is not None:
        tested |= {left["class"]: left["positives"] for left in metrics["left_out_classes"]}
    thresholds = run.card["thresholds"] or {}
    for label in run.card["labels"]:
        positives = (counts[split]["positives"].get(label, "") for split in ("training", "validation"))
        threshold = f"{thresholds[label]:.4f}" if label in thresholds else "highest probability"
        yield (label, *positives, tested.get(label, "not evaluated"), threshold)


def _evaluation(run: FinetunedRun, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """What the template says of ``metrics.json``."""
    classes = metrics["classes"]
    named = [metric for metric in _OF_CLASSES if any(metric in found for found in classes.values())]
    numbers = [
        *metrics["overall"].values(),
        *(found[one] for found in classes.values() for one in named if one in found),
    ]
    overlap = metrics.get("pretraining_overlap")
    warnings = (*few_patients_in_words(metrics), *overlap_warnings(overlap))
    return {
        "overall": [(_title(name), number_in_words(number)) for name, number in metrics["overall"].items()],
        "class_header": ["Label", *map(_title, named)],
        "class_rows": [
            (label, *(number_in_words(found[metric]) if metric in found else "" for metric in named))
            for label, found in classes.items()
        ],
        "figures_in_words": [*calibration_in_words(metrics), *operating_points_in_words(metrics)],
        "no_width": " ".join(dict.fromkeys(number["note"] for number in numbers if "note" in number)),
        "notes": [
            *unknown_in_report(metrics),
            *(f"**{line}**" for line in warnings),
            *filter(None, [overlap_in_words(overlap)]),
        ],
        "tested": describe_tested(run.card),
    }


def _title(metric: str) -> str:
    words = metric.replace("_", " ").replace("auc", "AUC").replace("f1", "F1")
    return words.replace("calibration", "expected calibration")


def _how_made(run: FinetunedRun) -> Iterator[tuple[str, str]]:
    card = run.card
    start = "random weights" if card["pretrained"] == "none" else f"method {card.get('method', 'unknown')}"
    if (card.get("start") or {}).get("kind") == "classifier":
        start += ", then trained as a classifier with labels"
    if card["pretrained"] != "none" and card.get("pretrained_sha256"):
        start += f", SHA-256 of its weights {card['pretrained_sha256']}"
    versions = ", ".join(f"{name} {version.partition('+')[0]}" for name, version in run.versions.items())
    yield "Encoder at the start", start
    if final_relative_loss(card.get("start")) is not None:
        yield "Pretraining", start_in_words(card["start"], card.get("method"))
    yield "Trained", "encoder and linear layer" if card["trainable"] == "all" else "linear layer; encoder frozen"
    yield "Epochs, steps", f"{card.get('epochs', '?')}, {card.get('iterations', '?')}"
    yield "Selection rule", run.drawn.get("selection_reason", "unknown")
    yield "Date", run.date or "unknown"
    yield "Versions", versions or "unknown"
    if run.commit:
        yield "Commit of monai_mocoi", run.commit
