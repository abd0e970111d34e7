"""The card tells what a reader must know, and says loudly what is not known."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from monai_mocoi.packaging import card_text, read_finetuned_run
from tests.bundles.conftest import BUNDLES
from tests.report.finetuned_runs import SECRETS, change, make_run

METADATA = json.loads((BUNDLES / "nih_mse" / "configs" / "metadata.json").read_text())


def card(tmp_path: Path, kind: str = "multilabel", evaluated: bool = True, **card: Any) -> str:
    return card_text("nih_mse", read_finetuned_run(make_run(tmp_path / "run", kind, evaluated, **card)), METADATA)


def test_counts_thresholds_figures_and_limits(tmp_path: Path) -> None:
    text = card(tmp_path)
    metrics = json.loads((tmp_path / "run" / "evaluation-test" / "metrics.json").read_text())
    macro, (low, high) = (metrics["overall"]["macro_auc"][name] for name in ("value", "interval"))
    assert f"| macro AUC | {macro:.3f} ({low:.3f} to {high:.3f}) |" in text
    assert "60 test images of 30 patients, each scored once. In brackets: 95% interval over patients (bca" in text
    assert "Images: the data set Chest films 2024, whose datalist.json has the SHA-256 dddd" in text
    assert "| training | 12 of 200 | 6 |" in text
    positives = metrics["classes"]["Effusion"]["positives"]
    assert f"| Effusion | 5 | 5 | {positives} | 0.2500 |" in text
    assert "| Mass | 4 | 4 | 1 | 0.5000 |" in text
    assert "- Mass: 1 positive, 59 negative (fewer than 5 positives)" in text
    assert "set to 0.5, because validation had too little to choose by: Mass." in text
    assert "A fraction of 0.06 of the training images" in text
    assert "- It has never seen a positive image of: Pleural Thickening." in text
    assert "chosen by validation macro_auc 0.812" in text
    assert "1 test images could not be read" in text
    assert "No decision about a patient may rest on it" in text
    assert "| learning_rate | `0.0003` |" in text
    assert "NOT EVALUATED" not in text
    assert "PHANTOMS" not in text
    assert not [secret for secret in SECRETS if secret in text]


def test_without_an_evaluation_it_says_so_before_anything_else(tmp_path: Path) -> None:
    text = card(tmp_path, evaluated=False)
    assert "NOT EVALUATED" in text.splitlines()[2]
    assert "**Not evaluated.**" in text
    assert "AUC" not in text.replace("macro_auc", "")
    assert "not evaluated" in next(line for line in text.splitlines() if line.startswith("| Effusion |"))


def test_multiclass_labels_and_the_demo(tmp_path: Path) -> None:
    demo = {"bundle": "nih_mse", "demo": True, "class_weighting": True}
    text = card(tmp_path, "multiclass", settings=demo, label_fraction=1.0, pretrained="none")
    assert "TRAINED ON GENERATED PHANTOMS" in text.splitlines()[2]
    assert "An image gets the class of the highest probability." in text
    assert "Youden" not in text
    assert "nothing was drawn" in text
    assert "| Encoder at the start | random weights |" in text
    assert "probabilities are too high on purpose" in text


def test_an_interval_without_width_is_explained(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    path = folder / "evaluation-test" / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["overall"]["macro_auc"] = {"value": 1.0, "interval": [1.0, 1.0], "note": "It does not say how certain."}
    path.write_text(json.dumps(metrics))
    text = card_text("nih_mse", read_finetuned_run(folder), METADATA)
    assert "| macro AUC | 1.000 (1.000 to 1.000)" in text
    assert "Uncertain: It does not say how certain." in text


def test_tables_are_whole(tmp_path: Path) -> None:
    """Every row has as many cells as its header."""
    lines = card(tmp_path).splitlines()
    for before, line in pairwise(lines):
        if before.startswith("|") and line.startswith("|"):
            assert before.count("|") == line.count("|"), line


@pytest.mark.parametrize(
    ("start", "text"),
    [
        ({"kind": "pretraining"}, "an encoder that was pretrained without labels (method: mse)"),
        ({"kind": "classifier", "labelled_images": 613}, "trained WITH THE LABELS of up to 613 images"),
        ({"kind": "classifier", "labelled_images": "drsmith"}, "WITH THE LABELS of an unknown number of images"),
        ({"kind": "drsmith"}, "not recorded whether labels were used"),
        (None, "not recorded whether labels were used"),
    ],
)
def test_what_the_encoder_started_from(tmp_path: Path, start: Any, text: str) -> None:
    made = card(tmp_path, start=start)
    assert text in made
    assert "drsmith" not in made
    assert ("pretrained without labels" in made) is (start == {"kind": "pretraining"})


def test_a_pretraining_that_never_beat_guessing_and_test_images_that_it_has_seen(tmp_path: Path) -> None:
    start = {"kind": "pretraining", "epochs": 1, "iterations": 12, "relative_loss": {"training": 1.022}}
    run = make_run(tmp_path / "run", start={**start, "host": "drsmith"})
    counts = {"images": 60, "seen_images": 52, "patients": 30, "seen_patients": 0}
    change(
        run / "evaluation-test" / "metrics.json",
        pretraining_overlap={"checked": True, "splits": {"test": counts}},
    )
    text = card_text("nih_mse", read_finetuned_run(run), METADATA)
    assert "**52 of 60 test images were seen in pretraining" in text
    assert "- **The encoder's pretraining never beat guessing: loss / guessing was 1.022" in text
    assert "| Pretraining | pretrained by mse, 1 epoch (12 steps), loss / guessing 1.022 at its end |" in text
    assert "drsmith" not in text


def test_a_healthy_pretraining_is_not_warned_of(tmp_path: Path) -> None:
    text = card(tmp_path, start={"kind": "pretraining", "relative_loss": {"training": 0.7}})
    assert "never beat guessing" not in text
    assert "loss / guessing 0.700 at its end" in text
    assert "seen in pretraining" not in text


def test_what_is_not_labelled_and_not_known_is_told(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", label_fraction=1.0)
    counts = json.loads((run / "labelled.json").read_text())["counts"]
    counts["training"] |= {"unlabelled": 88, "unknown": {"Mass": 3}}
    change(run / "labelled.json", counts=counts)
    metrics = run / "evaluation-test" / "metrics.json"
    classes = json.loads(metrics.read_text())["classes"]
    classes["Effusion"]["unknown"] = 9
    change(metrics, classes=classes, unlabelled_images=7)
    found = read_finetuned_run(run)
    assert found.card["training_counts"]["unknown"] == {"Mass": 3}
    text = card_text("nih_mse", found, METADATA)
    assert "All training images that have a label, 88 others having none; nothing was drawn." in text
    assert "Not known of some training images, and learnt from the others: Mass 3." in text
    assert "7 test images have no label and are left out." in text
    assert "Not known of some images, and measured over the others: Effusion 9." in text
