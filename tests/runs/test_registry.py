from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from monai_mocoi.runs.key_metric import KeyMetric
from monai_mocoi.runs.registry import registered_runs
from monai_mocoi.runs.run_status import HEARTBEAT_NAME
from tests.support.run_folders import ago, put

PRETRAINING = {"bundle": "nih_mse", "modality": "chest", "demo": False, "seed": 3, "method": "mse"}
TUNING = {
    **{"bundle": "nih_mse", "modality": "chest", "demo": True, "seed": 1, "pretraining": "mse", "metric": "macro_f1"},
    **{"trainable": "all", "label_fraction": 0.1, "label_seed": 2},
}


def metrics(value: float | None, split: str = "test", **more: Any) -> dict[str, Any]:
    number = {"value": value, "interval": None if value is None else [value - 0.1, value + 0.1]}
    return {"split": split, "overall": {"macro_auc": number}, **more}


def test_every_kind_of_run_with_what_it_says_of_itself(tmp_path):
    ended = {"status": "finished", "started": ago(9000), "ended": ago(3600), "iterations": 6}
    card = {"method": "mse", "architecture": "resnet18", "dataset": "Chests", "relative_loss": {"validation": 0.8}}
    put(tmp_path / "b/pretrain", config=PRETRAINING, manifest=ended, encoder=card)
    tuned = put(
        tmp_path / "b/finetune-pretrained-all-s4-f0.1-l2",
        config=TUNING,
        manifest=ended,
        classifier={**card, "label_fraction": 0.1, "label_seed": 2, "validation": {"validation/macro_f1": 0.4}},
    )
    head = {**TUNING, "trainable": "head"}
    put(tmp_path / "b/finetune-scratch-head-s4-f0.1-l2", config=head, manifest={"status": "failed", "error": "XError"})
    cell = put(tmp_path / "c/f1-l0", metrics=metrics(0.7, tested={"method": "moco", "label_fraction": 1.0}))
    (cell / "predictions.csv").touch()

    tuning, scratch, encoder, evaluation = registered_runs(tmp_path)
    assert [run.folder.split("/")[-1] for run in (tuning, scratch, encoder, evaluation)] == [
        *("finetune-pretrained-all-s4-f0.1-l2", "finetune-scratch-head-s4-f0.1-l2", "pretrain", "f1-l0")
    ]
    assert (encoder.kind, encoder.method, encoder.architecture, encoder.data) == (
        *("pretraining", "mse", "resnet18", "Chests"),
    )
    assert encoder.metric == KeyMetric("loss / guessing", "validation", 0.8)
    assert (encoder.fraction, encoder.seed, encoder.status.status) == (None, 3, "finished")
    assert encoder.age_seconds == pytest.approx(3600, abs=60)
    assert (tuning.kind, tuning.fraction, tuning.label_seed) == ("fine-tuning", 0.1, 2)
    assert tuning.metric == KeyMetric("macro_f1", "validation", 0.4)
    assert (scratch.kind, scratch.method, scratch.data) == (*("linear evaluation", "supervised", "chest, phantoms"),)
    assert (scratch.status.status, scratch.status.reason) == ("failed", "XError")
    assert (evaluation.kind, evaluation.method, evaluation.fraction) == ("evaluation", "moco", 1.0)
    assert evaluation.metric == KeyMetric("macro_auc", "test", 0.7, pytest.approx(0.6), pytest.approx(0.8))

    put(tuned / "evaluation-test", metrics=metrics(0.9))
    (tuned / "evaluation-test" / "predictions.csv").touch()
    again = registered_runs(tmp_path)
    assert len(again) == 4  # a test in a run's folder is the run's
    assert again[0].metric.value == 0.9
    put(tuned / "evaluation-test", metrics=metrics(None))
    assert registered_runs(tmp_path)[0].metric.of == "validation"


def test_a_living_run_and_a_dead_one(tmp_path):
    running = {"status": "running", "started": ago(600), "dataset_sha256": "f" * 64}
    for name in ("dead", "living"):
        put(tmp_path / name, config=PRETRAINING, manifest=running)
        (tmp_path / name / HEARTBEAT_NAME).write_text(json.dumps({"iteration": 1, "iterations": 4}))
    os.utime(tmp_path / "dead" / HEARTBEAT_NAME, (time.time() - 5000,) * 2)
    dead, living = registered_runs(tmp_path)
    assert (dead.status.status, living.status.status) == ("killed", "running")
    assert living.data == "chest, data set ffffffff"
    assert living.age_seconds == pytest.approx(600, abs=60)


def test_what_is_no_run_is_left_out_and_what_is_broken_is_named(tmp_path):
    put(tmp_path / "dataset", config={}, manifest={"status": "finished"}, datalist={})
    put(tmp_path / "run" / "tensorboard", config=PRETRAINING, manifest={"status": "finished"})
    put(tmp_path / ".run.old.tmp", config=PRETRAINING, manifest={"status": "finished"})
    put(tmp_path / "bundle", config={})
    put(tmp_path / "half", config="{", manifest="{half")
    put(tmp_path / "later", config=PRETRAINING, manifest={"format": 99})
    half, later = registered_runs(tmp_path)
    assert (half.folder, half.status.status) == ("half", "unreadable")
    assert (later.status.status, "format 99" in later.status.reason.replace("the format", "format")) == (
        *("unreadable", True),
    )
    assert half.age_seconds is None
    assert json.dumps(half.as_json())
    assert registered_runs(tmp_path / "bundle") == []
    assert [run.folder for run in registered_runs(tmp_path / "half")] == ["."]
