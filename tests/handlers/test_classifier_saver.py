from __future__ import annotations

import json
import logging
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ignite.engine import Events

from monai_mocoi.analysis import choose_operating_points, fit_recalibration, read_typical_features, summarise_inputs
from monai_mocoi.data import load_datalist, pretraining_overlap, read_predictions, take_down_images
from monai_mocoi.engines import RunEvents
from monai_mocoi.errors import NotFiniteError
from monai_mocoi.handlers import BestClassifier, Checkpoints, ClassifierSaver, RunFolder
from monai_mocoi.metrics import mahalanobis_distance, youden_threshold
from monai_mocoi.networks import Classifier, EncoderCard, LoadReport, Pretrained, StageEncoder
from tests.data.dataset_folders import dataset_folder
from tests.engines.classifiers import Table, dataset_of, evaluator_of, loader_of, planned_trainer, trainer_of
from tests.networks.small import small_resnet
from tests.support.processes import in_processes

LABELS = np.array([[0, 1], [0, 1], [0, 0], [1, 0], [1, 0], [0, 1]])
GOOD, BETTER, BAD = (scale * (LABELS - 0.5) + shift for scale, shift in ((0.2, -3.0), (2.0, 1.0), (-1.0, 0.0)))
GOOD[0] = [5.0, -5.0]
NEEDED = {"image_size": 32, "decode_size": 32, "resize_mode": "crop", "channels": 1, "mean": 0.5, "std": 0.25}
LABELLED: dict[str, Any] = {"training": [], "validation": []}
PRODUCTS = ["classifier.json", "classifier.pt", "validation_predictions.csv"]


def products(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name != "labelled.json" and p.is_file())


def saved(folder: Path, plan: list[Any], labels: Any = LABELS, kind: str = "multilabel", **options: Any) -> Any:
    """Follow the plan and save; what the trainer was."""
    validator = options.pop("validator", None) or evaluator_of(Table(0 * plan[0]), dataset_of(labels), kind)
    table = validator.network
    best = BestClassifier(table, validator, **options.pop("best", {}))
    saver = ClassifierSaver(folder, table, validator, best, {**LABELLED, "training": ["a.png"]}, NEEDED)
    before = [Checkpoints(folder, {}, "abc", also={"best": best})]
    trainer = planned_trainer(validator, plan, [best, saver], **{"before": before, **options})
    trainer.run()
    return trainer


def sidecar_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "classifier.json").read_text())


def test_a1_the_best_validation_epoch_is_what_is_saved_and_tested(tmp_path: Path) -> None:
    trainer = saved(tmp_path, [GOOD, BETTER, BAD])
    weights = torch.load(tmp_path / "classifier.pt", weights_only=True)
    assert torch.equal(weights["logits"], torch.tensor(BETTER, dtype=torch.float32))
    assert torch.equal(trainer.module.logits.detach(), weights["logits"])  # and the network itself holds them
    sidecar = sidecar_of(tmp_path)
    assert sidecar["selected"] == {
        **{"rule": "metric", "epoch": 2, "metric": "validation macro_auc", "value": 1.0},
        "over": "every class with a positive and a negative image",
    }
    assert (sidecar["epochs"], sidecar["iterations"]) == (3, 9)
    assert sidecar["validation"]["validation/macro_auc"] == 1
    predictions = read_predictions(tmp_path / "validation_predictions.csv")
    expected = 1 / (1 + np.exp(-BETTER.astype(np.float32).astype(float)))
    np.testing.assert_allclose(predictions.probabilities, expected, rtol=1e-12)
    np.testing.assert_array_equal(predictions.labels, LABELS)


def test_a1_a_trained_network_is_saved_as_it_was_after_its_best_epoch(tmp_path: Path) -> None:
    network = Classifier(StageEncoder(small_resnet()), 2, seed=1)
    dataset = dataset_of(np.random.default_rng(0).integers(0, 2, (12, 2)))
    validator = evaluator_of(network, dataset)
    best = BestClassifier(network, validator)
    states, scores = [], []
    trainer = trainer_of(network, loader_of(dataset, shuffle=True), max_epochs=4)

    @trainer.on(RunEvents.VALIDATE)
    def _(engine: Any) -> None:
        if engine.state.epoch == 4:  # the last one is made no better than guessing
            torch.nn.init.zeros_(network.head.weight)
        validator.run(engine.state.epoch)
        scores.append(validator.state.metrics["validation/macro_auc"])
        states.append({name: value.clone() for name, value in network.state_dict().items()})

    labelled = {**LABELLED, "counts": {"training": {"images": 12}}}
    for handler in (best, ClassifierSaver(tmp_path, network, validator, best, labelled, NEEDED)):
        handler.attach(trainer)
    trainer.run()
    chosen = int(np.argmax(scores))
    assert scores[chosen] > scores[-1] == 0.5
    weights = torch.load(tmp_path / "classifier.pt", weights_only=True)
    assert all(torch.equal(weights[name], value) for name, value in states[chosen].items())
    assert any(not torch.equal(weights[name], value) for name, value in states[-1].items())
    assert sidecar_of(tmp_path)["selected"]["epoch"] == chosen + 1
    assert sidecar_of(tmp_path)["labelled_images"] == 12


def test_a17_choice_and_thresholds_come_from_validation_only(tmp_path: Path) -> None:
    # Images 0 to 5 are validation, 6 to 11 test; the epoch that is better on test is worse on validation.
    test = np.concatenate([LABELS, 1 - LABELS])[6:]
    table = Table(np.zeros((12, 2)))
    validator, tester = (evaluator_of(table, dataset_of(labels, first)) for labels, first in ((LABELS, 0), (test, 6)))
    first, second = np.concatenate([BETTER, -(test - 0.5)]), np.concatenate([GOOD, test - 0.5])
    aucs = []
    saved(tmp_path, [first, second], validator=validator)
    for logits in (first, second):
        with torch.no_grad():
            table.logits.copy_(torch.tensor(logits))
        tester.run()
        aucs.append(tester.state.metrics["validation/macro_auc"])
    assert aucs == [0, 1]
    sidecar = sidecar_of(tmp_path)
    assert sidecar["selected"]["epoch"] == 1
    assert sidecar["selected"]["metric"].startswith("validation ")
    predictions = read_predictions(tmp_path / "validation_predictions.csv")
    assert predictions.images == tuple(f"images/{i:03d}.png" for i in range(6))
    chosen = youden_threshold(predictions.labels, predictions.probabilities)
    assert list(sidecar["thresholds"].values()) == chosen.tolist()
    assert sidecar["thresholds_without_choice"] == []


def test_the_sidecar_says_what_a_user_must_know(tmp_path: Path) -> None:
    saved(tmp_path, [BETTER])
    sidecar = sidecar_of(tmp_path)
    known = {"format": 1, "kind": "multilabel", "labels": ["A", "B"], "stage": 4, "trainable": "all"}
    assert known.items() <= sidecar.items()
    assert (sidecar["image_size"], sidecar["mean"]) == (32, 0.5)
    assert list(sidecar["thresholds"]) == ["A", "B"]
    validation = read_predictions(tmp_path / "validation_predictions.csv")
    assert sidecar["recalibration"] == json.loads(json.dumps(fit_recalibration(validation)))
    assert sidecar["operating_points"] == json.loads(json.dumps(choose_operating_points(validation)))


def test_labelled_ids_are_there_from_the_start_and_the_rest_only_at_the_end(tmp_path: Path) -> None:
    seen = []

    class Look:
        def attach(self, engine: Any) -> None:
            engine.add_event_handler(Events.EPOCH_COMPLETED, lambda e: seen.append(products(tmp_path)))

    saved(tmp_path, [BAD, GOOD], before=[Look()])
    assert seen == [[], []]
    assert json.loads((tmp_path / "labelled.json").read_text()) == {
        "format": 1,
        "training": ["a.png"],
        "validation": [],
    }
    assert products(tmp_path) == PRODUCTS


def test_a_run_that_ends_early_leaves_no_product_but_its_checkpoints(tmp_path: Path) -> None:
    class Stop:
        def attach(self, engine: Any) -> None:
            engine.add_event_handler(Events.EPOCH_COMPLETED(once=2), lambda e: e.terminate())

    saved(tmp_path, [GOOD, BETTER, BAD], before=[Checkpoints(tmp_path, {}, "abc"), Stop()])
    assert products(tmp_path) == []
    assert len(list((tmp_path / "checkpoints").glob("*.pt"))) == 2


def test_a_run_that_patience_ends_is_whole_and_leaves_its_product_without_checkpoints(tmp_path: Path) -> None:
    trainer = saved(tmp_path, [BETTER, BAD, BAD, GOOD], best={"patience": 1})
    assert trainer.state.epoch == 2
    assert products(tmp_path) == PRODUCTS
    assert list((tmp_path / "checkpoints").glob("*.pt*")) == []
    assert sidecar_of(tmp_path)["selected"]["epoch"] == 1


def test_checkpoints_stay_until_the_manifest_says_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at: dict[str, int] = {}
    checkpoints = Checkpoints(tmp_path / "run", {}, "abc")
    monkeypatch.setattr(
        RunFolder, "_update", lambda self, e, status: at.update({status: len(list(checkpoints.path.iterdir()))})
    )
    saved(tmp_path / "run", [GOOD], before=[RunFolder(tmp_path / "run", {}, "abc"), checkpoints])
    assert at == {"finished": 2}
    assert list(checkpoints.path.iterdir()) == []


def test_the_chosen_classifiers_predictions_are_no_second_validation_of_the_last_epoch(tmp_path: Path) -> None:
    heard: list[tuple[int, float]] = []

    class Listen:
        def attach(self, engine: Any) -> None:
            engine.add_event_handler(
                Events.EPOCH_COMPLETED,
                lambda e: heard.append((e.state.epoch, e.state.metrics["validation/macro_auc"])),
            )

    validator = evaluator_of(Table(BAD), dataset_of(LABELS), val_handlers=[Listen()])
    saved(tmp_path, [BETTER, BAD], validator=validator)
    assert heard == [(1, 1.0), (2, 0.0)]


def test_multiclass_labels_have_no_thresholds(tmp_path: Path) -> None:
    truth = np.array([0, 0, 1, 1, 2, 2])
    saved(tmp_path, [np.eye(3)[truth]], truth, "multiclass")
    sidecar = sidecar_of(tmp_path)
    assert (sidecar["kind"], sidecar["labels"], sidecar["thresholds"]) == ("multiclass", ["A", "B", "C"], None)


def test_where_no_threshold_can_be_chosen_a_half_is_taken_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    labels = LABELS.copy()
    labels[:, 1] = 1
    with caplog.at_level(logging.WARNING):
        saved(tmp_path, [BETTER], labels)
    sidecar = sidecar_of(tmp_path)
    assert sidecar["thresholds"]["B"] == 0.5
    assert sidecar["thresholds"]["A"] != 0.5
    assert sidecar["thresholds_without_choice"] == ["B"]
    assert "No threshold can be chosen for B: validation has no positive or no negative image of it." in caplog.text


def test_an_epoch_that_was_not_chosen_is_said_to_be_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        saved(tmp_path, [BETTER, BAD], best={"selection": "last"})
    assert sidecar_of(tmp_path)["selected"] == {"rule": "last", "epoch": 2}
    assert "(epoch 2, not chosen on validation)" in caplog.text


def test_weights_that_are_no_numbers_are_no_product(tmp_path: Path) -> None:
    table = Table(BETTER)
    table.register_buffer("unused", torch.tensor([math.nan]))
    validator = evaluator_of(table, dataset_of(LABELS))
    best = BestClassifier(table, validator)
    with pytest.raises(NotFiniteError, match=r"iteration 3: unused of the network is not finite"):
        planned_trainer(
            validator, [BETTER], [best, ClassifierSaver(tmp_path, table, validator, best, LABELLED, NEEDED)]
        ).run()
    assert products(tmp_path) == []


def save_together(rank: int, folder: str) -> list[float]:
    table = Table(np.zeros((6, 2)))
    validator = evaluator_of(table, dataset_of(LABELS), batch_size=1)
    best = BestClassifier(table, validator)
    saver = ClassifierSaver(folder, table, validator, best, LABELLED, NEEDED)
    planned_trainer(validator, [BETTER, BAD], [best, saver]).run()
    return table.logits.flatten().tolist()


@pytest.mark.slow
def test_two_processes_end_with_the_same_choice_and_one_writes(tmp_path: Path) -> None:
    first, second = in_processes(save_together, 2, str(tmp_path))
    assert first == second == torch.tensor(BETTER, dtype=torch.float32).flatten().tolist()
    assert products(tmp_path) == PRODUCTS
    assert len(read_predictions(tmp_path / "validation_predictions.csv").images) == 6


def test_what_its_pretraining_has_seen_is_told_at_the_start_and_handed_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The pretraining saw 6 + 2 images; 2 of them are test images of another list of that folder."""
    datalist = load_datalist(dataset_folder(tmp_path / "data"))
    encoder = tmp_path / "pretrain" / "encoder.pt"
    sidecar = {"method": "mse", "seen_images": take_down_images(datalist).write_beside(encoder)}
    other = replace(datalist, training=datalist.training[2:], test=[*datalist.test, *datalist.training[:2]])
    folder = tmp_path / "run"
    validator = evaluator_of(Table(0 * GOOD), dataset_of(LABELS))
    best = BestClassifier(validator.network, validator)
    saver = ClassifierSaver(
        folder, validator.network, validator, best, LABELLED, NEEDED, started(encoder, sidecar), other
    )
    planned_trainer(validator, [BETTER], [best, saver]).run()
    assert "2 of 5 test images were seen in pretraining" in caplog.text
    found = sidecar_of(folder)
    assert found["pretraining_overlap"]["splits"] == {
        "validation": {"images": 2, "seen_images": 2, "patients": 2, "seen_patients": 2},
        "test": {"images": 5, "seen_images": 2, "patients": 5, "seen_patients": 2},
    }
    again = pretraining_overlap(folder / "classifier.pt", found, datalist.folder, {"test": datalist.test})
    assert again["splits"]["test"]["seen_images"] == 0


def started(path: Path | None = None, sidecar: Any = None) -> Pretrained:
    """What an encoder started from: a file with this JSON beside it, or random weights."""
    kind = "none" if path is None else "pretraining"
    source = "none" if path is None else path.name
    return Pretrained(source, LoadReport((), (), ()), EncoderCard.of(sidecar or {}), "0", {"kind": kind}, path)


def trained_on(datalist: Any, folder: Path, *start: Any) -> tuple[Path, Any]:
    """A classifier of a few epochs, from random weights or others; its file and sidecar."""
    validator = evaluator_of(Table(0 * GOOD), dataset_of(LABELS))
    best = BestClassifier(validator.network, validator)
    saver = ClassifierSaver(folder, validator.network, validator, best, LABELLED, NEEDED, started(*start), datalist)
    planned_trainer(validator, [BETTER], [best, saver]).run()
    return folder / "classifier.pt", sidecar_of(folder)


def seen_of(classifier: tuple[Path, Any], datalist: Any) -> dict[str, list[int]]:
    splits = pretraining_overlap(*classifier, datalist.folder, datalist.splits())["splits"]
    return {split: [n["seen_images"], n["seen_patients"]] for split, n in splits.items()}


@pytest.mark.parametrize("begins_with", ["identified data", "identified encoder", "clean encoder", "nothing"])
def test_a_classifier_says_whether_it_or_its_encoder_saw_identified_data(tmp_path: Path, begins_with: str) -> None:
    datalist = load_datalist(dataset_folder(tmp_path / "data"))
    start: tuple[Any, ...] = ()
    if "encoder" in begins_with:
        (tmp_path / "encoder.pt").touch()
        (tmp_path / "encoder.json").write_text(json.dumps({"identified": begins_with == "identified encoder"}))
        start = (tmp_path / "encoder.pt", {})
    _, sidecar = trained_on(replace(datalist, identified=begins_with == "identified data"), tmp_path / "run", *start)
    assert sidecar.get("identified", False) is begins_with.startswith("identified")


def test_from_random_weights_its_own_images_were_seen_and_nothing_before(tmp_path: Path) -> None:
    datalist = load_datalist(dataset_folder(tmp_path / "data"))
    classifier = trained_on(datalist, tmp_path / "run")
    assert "pretraining_overlap" not in classifier[1]
    assert classifier[1]["seen_images"]["seen_in"] == ["training"]
    assert seen_of(classifier, datalist) == {"training": [6, 6], "validation": [2, 2], "test": [0, 0]}


def test_starting_from_a_classifier_tells_of_the_images_that_it_was_trained_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The encoder saw images 0 and 1, the first classifier 0 to 4, of which the second tests 3 and 4."""
    whole = load_datalist(dataset_folder(tmp_path / "data"))
    empty = {"validation": [], "test": []}
    encoder = tmp_path / "pretrain" / "encoder.pt"
    record = take_down_images(replace(whole, training=whole.training[:2], **empty)).write_beside(encoder)
    first = replace(whole, training=whole.training[1:4], validation=whole.training[4:5], test=[])
    classifier = trained_on(first, tmp_path / "first", encoder, {"seen_images": record})
    assert seen_of(classifier, whole) == {"training": [5, 5], "validation": [0, 0], "test": [0, 0]}
    second = replace(whole, training=whole.training[5:], test=[*whole.training[3:5], *whole.test])
    again = trained_on(second, tmp_path / "second", *classifier)
    assert "2 of 5 test images were seen in pretraining or training" in caplog.text
    assert again[1]["pretraining_overlap"]["splits"]["test"]["seen_patients"] == 2
    assert seen_of(again, whole) == {"training": [6, 6], "validation": [2, 2], "test": [0, 0]}


@pytest.mark.parametrize("known", [False, True])
def test_what_cannot_be_told_of_the_time_before_is_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """Weights without a record, and such of another key."""
    datalist = load_datalist(dataset_folder(tmp_path / "data"))
    encoder = tmp_path / "pretrain" / "encoder.pt"
    record = {"seen_images": take_down_images(datalist).write_beside(encoder)} if known else {}
    monkeypatch.setenv("MONAI_MOCOI_KEY", str(tmp_path / "other.key"))
    first = trained_on(datalist, tmp_path / "first", encoder, record)
    second = trained_on(datalist, tmp_path / "second", *first)
    for classifier in (first, second):
        found = pretraining_overlap(*classifier, datalist.folder, {"test": datalist.test})
        assert (found["checked"], found["seen_in"]) == (True, ["training"])
        assert ("another key" if known else "nothing beside its weights") in found["unknown"]


def test_a_key_that_cannot_be_read_stops_no_training_and_what_the_encoder_saw_is_still_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder in its place cannot be read by root either."""
    datalist = load_datalist(dataset_folder(tmp_path / "data"))
    encoder = tmp_path / "pretrain" / "encoder.pt"
    record = {"seen_images": take_down_images(datalist).write_beside(encoder)}
    with monkeypatch.context() as patch:
        patch.setenv("MONAI_MOCOI_KEY", str(tmp_path))
        classifier = trained_on(datalist, tmp_path / "run", encoder, record)
        scratch = trained_on(datalist, tmp_path / "scratch")
    assert "the key of the fingerprints cannot be read" in caplog.text
    assert classifier[1]["pretraining_overlap"]["checked"] is False
    assert classifier[1]["seen_images"] == record["seen_images"]
    assert seen_of(classifier, datalist)["training"] == [6, 6]
    assert "seen_images" not in scratch[1]


def test_what_the_runs_own_images_look_like_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def tuned(folder: Path, training: Any) -> dict[str, Any]:
        network = Classifier(StageEncoder(small_resnet()), 2, seed=1)
        validator = evaluator_of(network, dataset_of(LABELS, first=20))
        trainer = trainer_of(network, loader_of(dataset_of(LABELS)))
        best = BestClassifier(network, validator)
        trainer.add_event_handler(RunEvents.VALIDATE, lambda engine: validator.run(engine.state.epoch))
        for handler in (best, ClassifierSaver(folder, network, validator, best, LABELLED, NEEDED, training=training)):
            handler.attach(trainer)
        trainer.run()
        return sidecar_of(folder)

    training = dataset_of(np.concatenate([LABELS, LABELS]))
    sidecar = tuned(tmp_path, training)
    record = sidecar["typical_features"]
    assert (record["training_images"], record["validation_images"]) == (12, 6)
    assert sidecar["input_statistics"] == summarise_inputs(training)
    found = read_typical_features(tmp_path)
    assert found is not None
    network = Classifier(StageEncoder(small_resnet()), 2).eval()
    network.load_state_dict(torch.load(tmp_path / "classifier.pt", weights_only=True))
    images = torch.stack([dataset_of(LABELS, first=20)[place]["image"] for place in range(6)])
    with torch.no_grad():
        features = network.encoder(images).stages[3].mean(dim=(2, 3)).numpy()
    np.testing.assert_allclose(found.reference, np.sort(mahalanobis_distance(features, found.gaussian)), rtol=1e-4)
    assert "typical_features" not in tuned(tmp_path / "without", None)
    few = tuned(tmp_path / "few", dataset_of(LABELS[:1]))  # a classifier is not lost for it
    assert "typical_features" not in few
    assert (tmp_path / "few" / "classifier.pt").is_file()
    assert "2 or more rows, but there are 1" in caplog.text
