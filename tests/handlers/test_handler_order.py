"""The handlers of a run may be listed in any order: the same weights, checkpoints, files and lines of the log."""

from __future__ import annotations

import itertools
import json
import logging
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from monai_mocoi.engines import ClassifierInference, MoCoEvaluator, RunEvents
from monai_mocoi.handlers import (
    AverageBatchStatistics,
    BestClassifier,
    Checkpoints,
    ClassifierPlots,
    ClassifierSaver,
    CollapseMonitor,
    EncoderSaver,
    EpochLog,
    EvaluationSaver,
    GradCAMOverlays,
    InferenceTable,
    LazySummaryWriter,
    OnlineProbes,
    OverlaidCurves,
    Preemption,
    Progress,
    RunFolder,
    SettingsText,
    TensorBoardStats,
    TimedValidation,
    ViewPairs,
    WarmupCosine,
    WorstErrors,
    shown_in_pretraining,
)
from monai_mocoi.networks import Classifier, StageEncoder
from tests.engines.classifiers import Table, dataset_of, evaluator_of, loader_of
from tests.engines.classifiers import trainer_of as classifier_trainer_of
from tests.networks.small import small_moco, small_resnet
from tests.support.evaluated_classifier import CLASSIFIER, FEW
from tests.support.moco_training import batches, trainer_of
from tests.support.watched_images import Images, halved, pairs
from tests.support.whole_runs import differences, events

CARD = {"image_size": 32, "decode_size": 32, "resize_mode": "crop", "channels": 1, "mean": 0.5, "std": 0.25}
SETTINGS = {"seed": 1, "bundle": "nih_mse", "demo": True}
_OF_TIME = re.compile(r"\d+(\.\d+)? images/s.*|Time taken.*")
_TIMES = ("started", "ended", "seconds", "commit")


def pretraining(folder: Path, shuffled: random.Random | None, resume: bool, epochs: int) -> None:
    network = small_moco(bn_splits=2)
    writer: Any = LazySummaryWriter(folder / "tensorboard")
    validation = [{"view1": b["view1"], "view2": b["view2"], "index": b["index"]} for b in batches(2, size=6)]
    probes = OnlineProbes(Images(200, 1), Images(60, 2), halved, ("dark", "light"), writer, every=1, batch_size=40)  # type: ignore[arg-type]
    monitor = CollapseMonitor(pairs(), writer, check_every=1, grace_steps=0, on_collapse="warn", batch_size=10)
    evaluator = MoCoEvaluator(
        "cpu",
        validation,
        network,
        0.2,
        precision="float32",
        val_handlers=[TensorBoardStats(writer, iteration_log=False)],
    )
    log = EpochLog(evaluator, summary_writer=writer, probes=probes)
    also = {"epoch_log": log, "collapse_monitor": monitor, "online_probes": probes}
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.05, momentum=0.9)
    checkpoints = Checkpoints(folder, SETTINGS, "abc", every=2, keep=9, resume=resume, summary_writer=writer, also=also)
    run_folder = RunFolder(folder, SETTINGS, "abc", resume=resume, own_data=["prepare"], next_config="finetune")
    run(
        lambda handlers: trainer_of(
            network, batches(3), train_handlers=handlers, optimizer=optimizer, max_epochs=epochs
        ),
        [
            *(Preemption(checkpoints), run_folder, checkpoints, monitor, probes, log),
            *(SettingsText(writer, SETTINGS), OverlaidCurves(writer), AverageBatchStatistics(network)),
            WarmupCosine(optimizer, 2, cosine=False),
            TimedValidation(evaluator),
            TensorBoardStats(writer, output_transform=shown_in_pretraining),
            ViewPairs(writer, 0.5, 0.25, pairs=2),
            Progress(desc="pretraining", disable=True),
            EncoderSaver(folder, network, {"method": "moco"}, log),
        ],
        shuffled,
    )
    writer.close()


def finetuning(folder: Path, shuffled: random.Random | None, resume: bool, epochs: int) -> None:
    network = Classifier(StageEncoder(small_resnet()), 2, seed=1)
    writer: Any = LazySummaryWriter(folder / "tensorboard")
    dataset = dataset_of(np.random.default_rng(0).integers(0, 2, (12, 2)))
    plots = ClassifierPlots(writer, 0.5, 0.25, images=1)
    validator = evaluator_of(network, dataset, val_handlers=[plots, TensorBoardStats(writer, iteration_log=False)])
    best = BestClassifier(network, validator, patience=1)
    log = EpochLog(validator, {"loss/total": "loss"}, {"validation/macro_auc": "macro AUC"}, writer)
    also = {"best": best, "plots": plots, "epoch_log": log}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    checkpoints = Checkpoints(folder, SETTINGS, "abc", every=2, resume=resume, summary_writer=writer, also=also)
    labelled = {"training": ["a.png"], "validation": ["b.png"], "counts": {"training": {"images": 12}}}
    run(
        lambda handlers: classifier_trainer_of(
            network, loader_of(dataset, shuffle=True), max_epochs=epochs, optimizer=optimizer, train_handlers=handlers
        ),
        [
            *(Preemption(checkpoints), RunFolder(folder, SETTINGS, "abc", resume=resume, next_config="evaluate")),
            *(checkpoints, best, log, SettingsText(writer, SETTINGS), AverageBatchStatistics(network)),
            WarmupCosine(optimizer, 2, cosine=False),
            TimedValidation(validator),
            TensorBoardStats(writer, output_transform=lambda output: output),
            Progress(desc="fine-tuning", disable=True),
            ClassifierSaver(folder, network, validator, best, labelled, CARD, plots=plots),
        ],
        shuffled,
    )
    writer.close()


class Stop:
    """Ends a run in the middle of its second epoch, as a signal does, by the run's own preemption."""

    def __init__(self, preemption: Preemption) -> None:
        self.preemption = preemption

    def attach(self, engine: Any) -> None:
        engine.add_event_handler(RunEvents.SETTLE_NETWORK, self._stop)

    def _stop(self, engine: Any) -> None:
        if engine.state.iteration == 4:
            self.preemption._signal = 15


def run(make: Any, handlers: list[Any], shuffled: random.Random | None) -> None:
    if stops := [h for h in handlers if isinstance(h, Preemption) and not h.checkpoints.resume]:
        handlers = [*handlers, Stop(stops[0])]
    if shuffled is not None:
        shuffled.shuffle(handlers)
    torch.manual_seed(3)
    make(handlers).run()


def outcome(folder: Path, caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """All that a run left: files, checkpoints' contents, curves and log, without what tells the time."""
    found: dict[str, Any] = {"events": events(folder)} if (folder / "tensorboard").exists() else {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and "tfevents" not in p.name):
        name = str(path.relative_to(folder))
        if path.suffix == ".pt":
            found[name] = torch.load(path, weights_only=True)
            if isinstance(found[name], dict):
                found[name].pop("logs", None)  # names of TensorBoard's files hold the time
        elif path.suffix == ".json":
            found[name] = without_times(json.loads(path.read_text()))
        else:
            found[name] = path.name if path.suffix == ".sha256" else path.read_bytes()
    own = (record for record in caplog.records if record.name.startswith("monai_mocoi"))
    found["log"] = [_OF_TIME.sub("", record.getMessage().replace(str(folder), "RUN")) for record in own]
    return found


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_times(part) for name, part in value.items() if name not in _TIMES}
    return [without_times(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("train", [pretraining, finetuning])
def test_any_order_of_the_handlers_gives_the_same_run(
    train: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Stopped in the middle of an epoch, continued, and come to its end."""
    caplog.set_level(logging.INFO)
    expected: list[dict[str, Any]] = []
    for seed in (None, 1, 2, 3):
        shuffled = None if seed is None else random.Random(seed)
        folder = tmp_path / str(seed)
        found = []
        for resume in (False, True):
            caplog.clear()
            train(folder, shuffled, resume, epochs=2)
            found.append(outcome(folder, caplog))
        assert json.loads((folder / "manifest.json").read_text())["status"] == "finished"
        expected = expected or found
        assert list(differences(expected, found)) == []
    assert any("Stopped by" in line for line in expected[0]["log"])
    assert any(line.startswith("Next: ") for line in expected[1]["log"])


def evaluation(folder: Path) -> tuple[Any, list[Any]]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (60, 2))
    table = Table(labels + rng.standard_normal((60, 2)))
    sheet = WorstErrors(folder, CLASSIFIER["thresholds"], 0.5, 0.25, 2, min_positives=5, min_negatives=5)
    saver = EvaluationSaver(folder, CLASSIFIER, overwrite=True, **FEW)
    make = lambda handlers: evaluator_of(table, dataset_of(labels), name="test", val_handlers=handlers)  # noqa: E731
    return make, [sheet, saver, Progress(disable=True)]


def inference(folder: Path) -> tuple[Any, list[Any]]:
    network, names = Classifier(StageEncoder(small_resnet()), 2, stage=2, seed=1), ["A", "B"]
    images = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    batch = {"image": images, "index": torch.arange(3), "unreadable": {3: "it is empty"}}
    table = InferenceTable(folder, [{"name": f"{n}.png"} for n in range(4)], names, "multilabel", overwrite=True)
    sheets = GradCAMOverlays(folder, network, names, 0.5, 0.25, positive=False)
    limits = dict.fromkeys(names, 0.5)
    make = lambda handlers: ClassifierInference(  # noqa: E731
        "cpu", [batch], network, names, "multilabel", limits, precision="float32", val_handlers=handlers
    )
    return make, [table, sheets, Progress(disable=True)]


@pytest.mark.parametrize("use", [evaluation, inference])
def test_any_order_of_the_handlers_gives_the_same_results(
    use: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Twice, because the second run replaces what the first has written."""
    caplog.set_level(logging.INFO)
    expected: dict[str, Any] = {}
    for number, order in enumerate(itertools.permutations(range(3))):
        folder = tmp_path / str(number)
        for _ in range(2):
            caplog.clear()
            make, handlers = use(folder)
            make([handlers[place] for place in order]).run()
            found = outcome(folder, caplog)
            expected = expected or found
            assert list(differences(expected, found)) == []
    pictures = {"evaluation": "worst_errors.png", "inference": "grad_cam/row000003_B.png"}
    assert {"log", pictures[use.__name__]} < expected.keys()
    assert len(expected["log"]) > 2
