"""One dataset folder with few labels: pretraining, fine-tuning and evaluation take their parts of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from monai.bundle import ConfigWorkflow
from sklearn.metrics import roc_auc_score

from monai_mocoi.data import load_datalist, read_predictions
from monai_mocoi.losses import KnownValuesLoss
from monai_mocoi.metrics import UNKNOWN

pytestmark = pytest.mark.slow  # whole runs, seconds each

ENOUGH = {"min_positives": 2, "min_negatives": 2, "resamples": 50}
Run = Callable[..., ConfigWorkflow]


@pytest.fixture
def partly(dataset: Path, tmp_path: Path) -> Path:
    """The phantoms: every third image has no label, of the others every fourth value of the most frequent finding is
    not known, and the images of one patient are for pretraining alone, with labels that must not be learnt."""
    folder = tmp_path / "partly"
    shutil.copytree(dataset, folder)
    document = json.loads((folder / "datalist.json").read_text())
    column = int(np.sum([item["label"] for item in document["test"]], axis=0).argmax())
    for split in ("training", "validation", "test"):
        for number, item in enumerate(document[split]):
            if number % 3 == 0:
                del item["label"]
            elif number % 4 == 2:
                item["label"][column] = None
    last = document["training"][-1]["patient"]
    document["pretraining"] = [item for item in document["training"] if item["patient"] == last]
    document["training"] = [item for item in document["training"] if item["patient"] != last]
    (folder / "datalist.json").write_text(json.dumps(document))
    return folder


def test_from_many_unlabelled_images_to_metrics(
    pretrained: Callable[..., ConfigWorkflow],
    run: Run,
    partly: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    datalist = load_datalist(partly)
    made = pretrained("nih_mse", dataset_dir=str(partly), max_epochs=1)
    trainer = made.parser.get_parsed_content("train#trainer")
    assert len(trainer.data_loader.dataset) == len(datalist.training) + len(datalist.pretraining)
    seen = json.loads(Path("runs/nih_mse/pretrain/seen_images.json").read_text())
    trained_on = [*datalist.training, *datalist.validation, *datalist.pretraining]
    assert len(seen["patients"]) == len({item["patient"] for item in trained_on})

    caplog.clear()
    encoder: dict[str, Any] = {"pretrained": "runs/nih_mse/pretrain/encoder.pt", "dataset_dir": str(partly)}
    workflow = run("finetune.json", **encoder, class_weighting=True)
    assert isinstance(workflow.parser.get_parsed_content("loss"), KnownValuesLoss)
    folder = Path("runs/nih_mse/finetune-pretrained-all-s4-f1-l1")
    counts = json.loads((folder / "labelled.json").read_text())["counts"]["training"]
    labelled = [item for item in datalist.training if "label" in item]
    assert (counts["images"], counts["of"]) == (len(labelled), len(labelled))
    assert counts["unlabelled"] == len(datalist.training) - len(labelled)
    ((first, unknown),) = counts["unknown"].items()
    column = datalist.labels.index(first)
    assert unknown == sum(item["label"][column] is None for item in labelled) > 0
    assert f"training: {counts['unlabelled']} image(s) without a label are left out." in caplog.messages
    assert any(message.endswith(f"left out of loss and metrics: {first} {unknown}.") for message in caplog.messages)

    run("evaluate.json", run_dir=str(folder), dataset_dir=str(partly), **ENOUGH)
    predictions = read_predictions(folder / "evaluation-test" / "predictions.csv")
    tested = [item for item in datalist.test if "label" in item]
    assert predictions.images == tuple(item["name"] for item in tested)
    expected = [[UNKNOWN if value is None else value for value in item["label"]] for item in tested]
    assert predictions.labels.tolist() == expected
    metrics = json.loads((folder / "evaluation-test" / "metrics.json").read_text())
    assert metrics["unlabelled_images"] == len(datalist.test) - len(tested)
    for place, name in enumerate(predictions.classes):
        if name in metrics["scored_classes"]:
            known = np.array(expected)[:, place] != UNKNOWN
            truth, said = np.array(expected)[known, place], predictions.probabilities[known, place]
            assert metrics["classes"][name]["auc"]["value"] == pytest.approx(roc_auc_score(truth, said), abs=1e-9)
    assert metrics["classes"][first]["unknown"] == sum(item["label"][column] is None for item in tested) > 0

    run("finetune.json", **encoder, trainable="head")
    sidecar = json.loads(Path("runs/nih_mse/finetune-pretrained-head-s4-f1-l1/classifier.json").read_text())
    assert sidecar["labelled_images"] == len(labelled)
