"""The model card of a package: what the classifier is, what it was made from, how good it is, what it is not for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from monai_mocoi.analysis.interval_settings import NO_WIDTH
from monai_mocoi.analysis.report_text import describe_tested
from monai_mocoi.analysis.wording import (
    calibration_in_words,
    few_patients_in_words,
    number_in_words,
    operating_points_in_words,
    unknown_in_report,
)
from monai_mocoi.data.overlap_words import overlap_in_words, overlap_warnings
from monai_mocoi.networks.pretraining_record import final_relative_loss, guessing_warning, start_in_words
from monai_mocoi.packaging.finetuned_run import FinetunedRun
from monai_mocoi.packaging.owner import Owner, describe_owner
from monai_mocoi.packaging.package_configs import describe_classifier, describe_data

_OF_CLASSES = ("auc", "average_precision", "f1", "sensitivity", "specificity", "calibration_error")


def card_text(name: str, run: FinetunedRun, metadata: Mapping[str, Any], owner: Owner | None = None) -> str:
    """Write the card.

    Args:
        name: of the package.
        run: what is told of the run.
        metadata: of the *bundle*: its ``data_source`` and ``references``.
        owner: what the package's maker states; None: nothing.

    Returns:
        Markdown. It holds counts, but no name of an image or patient.
    """
    return "\n".join(_lines(name, run, metadata, owner or Owner())).rstrip() + "\n"


def _lines(name: str, run: FinetunedRun, metadata: Mapping[str, Any], owner: Owner) -> Iterator[str]:
    sidecar = run.sidecar
    yield from (f"# {owner.title or name}: classifier of {sidecar['modality']} images", "")
    if run.is_demo:
        yield from ("**TRAINED ON GENERATED PHANTOMS: what it says about medical images means nothing.**", "")
    if run.metrics is None:
        yield from (
            "**NOT EVALUATED: no figure of this classifier on test images is known. Do not rely on it for anything.**",
            "",
        )
    yield from ("**Research software; no medical device. No decision about a patient may rest on it.**", "")
    yield from (describe_classifier(run), "")
    yield from ("## Who made it", "")
    yield from _table(("", ""), describe_owner(owner, run))
    yield ""
    yield from _use(name)
    yield from _data(run, metadata)
    yield from _labels(run)
    yield from _evaluation(run)
    yield from _limits(run)
    yield from _how_made(run)
    if references := metadata.get("references"):
        yield from ("## References", "", *(f"- {reference}" for reference in references), "")


def _use(name: str) -> Iterator[str]:
    yield from (
        "## Use",
        "",
        f"Unpack it, then, within the folder `{name}`, for a folder (or list) of PNG, JPEG, TIFF and DICOM files:",
        "",
        "    python -m monai.bundle run --config_file configs/inference.json --images FOLDER",
        "",
        f"writes a CSV with the probability of each label and a decision to `../runs/{name}/inference`: outside this",
        "folder, because it names the files. From elsewhere add `--bundle_root` with the path of this folder, or use",
        "`mocoi run`. It needs the Python package monai-mocoi; `configs/metadata.json` names the versions that it was",
        "made with.",
        "",
    )


def _data(run: FinetunedRun, metadata: Mapping[str, Any]) -> Iterator[str]:
    sidecar, counts = run.sidecar, run.drawn["counts"]
    rows = [
        (split, f"{count['images']} of {count['of']}", count["patients"])
        for split, count in counts.items()
        if split in ("training", "validation")
    ]
    yield from ("## Data", "", f"Images: {describe_data(run, metadata)}.", "")
    yield from _table(("Split", "Images with labels, of all", "Patients with labels"), rows)
    yield ""
    if run.drawn.get("ids") == "given":
        yield "Which training and validation images have labels was given by a list."
    elif sidecar["label_fraction"] == 1:
        without = counts["training"].get("unlabelled", 0)
        yield (
            f"All training images that have a label, {without} others having none; nothing was drawn."
            if without
            else "All training images have labels; nothing was drawn."
        )
    else:
        yield (
            f"A fraction of {sidecar['label_fraction']:g} of the training images, drawn as whole patients in a "
            f"stratified order (seed {sidecar['label_seed']}); validation: "
            + ("the same fraction." if sidecar["validation_labels"] == "same" else "all of its labels.")
        )
    yield ""
    if warnings := run.drawn.get("warnings"):
        yield from (*(f"- {warning}" for warning in warnings), "")
    yield (
        f"Images enter as {sidecar['channels']} channel(s) of {sidecar['image_size']} x {sidecar['image_size']}, "
        f"values 0..1, then (value - {sidecar['mean']}) / {sidecar['std']}. `configs/inference.json` does this."
    )
    yield ""


def _labels(run: FinetunedRun) -> Iterator[str]:
    """Each label with its counts and threshold."""
    sidecar, counts, metrics = run.sidecar, run.drawn["counts"], run.metrics
    tested = {} if metrics is None else {name: found["positives"] for name, found in metrics["classes"].items()}
    if metrics is not None:
        tested |= {left["class"]: left["positives"] for left in metrics["left_out_classes"]}
    thresholds = sidecar["thresholds"] or {}
    rows = [
        (
            label,
            *(counts[split]["positives"].get(label, "") for split in ("training", "validation")),
            tested.get(label, "not evaluated"),
            f"{thresholds[label]:.4f}" if label in thresholds else "highest probability",
        )
        for label in sidecar["labels"]
    ]
    yield from ("## Labels and decisions", "")
    header = ("Label", "Positive in training", "in validation", "in test", "Decided from")
    yield from _table(header, rows)
    yield ""
    for split in ("training", "validation"):
        if unknown := counts[split].get("unknown"):
            told = ", ".join(f"{label} {count}" for label, count in unknown.items())
            yield from (f"Not known of some {split} images, and learnt from the others: {told}.", "")
    if sidecar["kind"] == "softmax":
        yield "An image gets the class of the highest probability."
    else:
        yield (
            "A finding is decided to be there where its probability is at least its threshold. Thresholds were chosen "
            "on the validation images (largest sensitivity + specificity, Youden's index), not on test images."
        )
        if without := sidecar.get("thresholds_without_choice"):
            yield f"Not chosen, but set to 0.5, because validation had too little to choose by: {', '.join(without)}."
    yield ""


def _evaluation(run: FinetunedRun) -> Iterator[str]:
    metrics = run.metrics
    yield from ("## Evaluation", "")
    if metrics is None:
        yield from (
            "**Not evaluated.** `evaluate.json` of the bundle tests a classifier; this one was packaged without it.",
            "",
        )
        return
    made = metrics["intervals"]
    redrawn = f", {made['redrawn']} redrawn" if made.get("redrawn") else ""
    yield (
        f"{metrics['images']} test images of {metrics['patients']} patients, each scored once. In brackets: "
        f"{made['level']:.0%} interval over patients ({made['method']} bootstrap, {made['resamples']} "
        f"resamples{redrawn})."
    )
    if metrics["dataset_sha256"] != run.sidecar["dataset_sha256"]:
        yield f"The test images are of another data set than the training images (SHA-256 {metrics['dataset_sha256']})."
    if metrics["skipped_images"]:
        yield f"{metrics['skipped_images']} test images could not be read and are not scored."
    yield ""
    overall = ((_title(name), number_in_words(number)) for name, number in metrics["overall"].items())
    yield from _table(("All classes together", ""), overall)
    yield ""
    if classes := metrics["classes"]:
        named = [metric for metric in _OF_CLASSES if any(metric in found for found in classes.values())]
        rows = (
            (label, *(number_in_words(found[metric]) if metric in found else "" for metric in named))
            for label, found in classes.items()
        )
        yield from _table(("Label", *map(_title, named)), rows)
        yield ""
    if lines := (*calibration_in_words(metrics), *operating_points_in_words(metrics)):
        yield from (*(f"- {line[0].upper()}{line[1:]}" for line in lines), "")
    if any("note" in number for number in _numbers(metrics)):
        yield from (f"Uncertain: {NO_WIDTH}", "")
    overlap = metrics.get("pretraining_overlap")
    if metrics.get("unlabelled_images"):
        yield from (f"{metrics['unlabelled_images']} test images have no label and are left out.", "")
    for line in unknown_in_report(metrics):
        yield from (line, "")
    for line in (*few_patients_in_words(metrics), *overlap_warnings(overlap)):
        yield from (f"**{line}**", "")
    if (told := overlap_in_words(overlap)) is not None:
        yield from (told, "")
    if left_out := metrics["left_out_classes"]:
        yield from ("Too few test images to tell anything of:", "")
        yield from (
            f"- {left['class']}: {left['positives']} positive, {left['negatives']} negative ({left['reason']})"
            for left in left_out
        )
        yield ""
    yield from (describe_tested(run.sidecar), "")


def _title(metric: str) -> str:
    words = metric.replace("_", " ").replace("auc", "AUC").replace("f1", "F1")
    return words.replace("calibration", "expected calibration")


def _numbers(metrics: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from metrics["overall"].values()
    for found in metrics["classes"].values():
        yield from (found[metric] for metric in _OF_CLASSES if metric in found)


def _limits(run: FinetunedRun) -> Iterator[str]:
    sidecar, counts = run.sidecar, run.drawn["counts"]
    settings = sidecar["settings"]
    yield from ("## Limits of use", "")
    yield "- No diagnosis, triage or treatment: it was tested by no clinical study and is approved by no authority."
    where = (
        "Nothing is known of it on any images" if run.metrics is None else "Its figures hold for the test images above"
    )
    yield f"- {where}; in other hospitals, devices, patients or years it can be much worse."
    yield "- It learnt the labels of the data set and is scored by them: where they are wrong, both are."
    if run.metrics is not None:
        yield (
            "- The intervals tell the chance in drawing test patients. The chance in which images had labels, in the "
            "seed and in choosing thresholds comes on top."
        )
    if never := [label for label, count in counts["training"]["positives"].items() if count == 0]:
        yield f"- It has never seen a positive image of: {', '.join(never)}."
    if settings.get("class_weighting") or settings.get("balanced_sampling"):
        yield "- It was trained with rare classes weighed up: their probabilities are too high on purpose."
    else:
        yield (
            "- A probability is no patient's risk: where a finding is rarer or more common than in training, it is off."
        )
    if (warning := guessing_warning(sidecar.get("start"))) is not None:
        yield f"- **{warning[0].upper()}{warning[1:]}**"
    yield "- It knows no other finding than its labels, and answers for any picture, also for one of another kind."
    if typical := sidecar.get("typical_features"):
        held = typical["validation_images"]
        yield (
            f"- `unusual_percentile` in its table tells how unlike its own images a picture is ({held} validation "
            f"images to compare with, so at most {100 * held / (held + 1):.1f}). Where it reaches "
            "`unusual_limit` of inference.json the table has a note: so it has for a few pictures of its own kind, 100 "
            "less the limit in 100. What is below may be of another kind all the same."
        )
    yield ""


def _how_made(run: FinetunedRun) -> Iterator[str]:
    sidecar = run.sidecar
    yield from ("## How it was made", "")
    start = "random weights" if sidecar["pretrained"] == "none" else f"method {sidecar.get('method', 'unknown')}"
    if (sidecar.get("start") or {}).get("kind") == "classifier":
        start += ", then trained as a classifier with labels"
    if sidecar["pretrained"] != "none" and sidecar.get("pretrained_sha256"):
        start += f", SHA-256 of its weights {sidecar['pretrained_sha256']}"
    versions = ", ".join(f"{name} {version.partition('+')[0]}" for name, version in run.versions.items())
    facts = [
        ("Encoder at the start", start),
        ("Trained", "encoder and linear layer" if sidecar["trainable"] == "all" else "linear layer; encoder frozen"),
        ("Epochs, steps", f"{sidecar.get('epochs', '?')}, {sidecar.get('iterations', '?')}"),
        ("Selection rule", run.drawn.get("selection_reason", "unknown")),
        ("Date", run.date or "unknown"),
        ("Versions", versions or "unknown"),
    ]
    if final_relative_loss(sidecar.get("start")) is not None:
        facts.insert(1, ("Pretraining", start_in_words(sidecar["start"], sidecar.get("method"))))
    if run.commit:
        facts.append(("Commit of monai_mocoi", run.commit))
    yield from _table(("", ""), facts)
    yield ""
    yield from _table(("Setting", "Value"), ((name, f"`{value}`") for name, value in sidecar["settings"].items()))
    yield ""


def _table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"
