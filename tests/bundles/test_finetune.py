"""finetune.json and evaluate.json: one after the other, with small networks, on phantoms."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Events
from monai.bundle import ConfigWorkflow
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typer.testing import CliRunner

from monai_mocoi.cli.app import app
from monai_mocoi.data import EpochIndex, load_datalist, read_predictions
from monai_mocoi.errors import RunFolderError, SettingsError
from monai_mocoi.metrics import selection_metric
from monai_mocoi.packaging import card_text, read_finetuned_run
from tests.bundles.conftest import BUNDLES

pytestmark = pytest.mark.slow  # whole runs, seconds each

Run = Callable[..., ConfigWorkflow]


def folder(name: str = "scratch-all-s4-f1-l1") -> Path:
    return Path("runs/nih_mse") / f"finetune-{name}"


def state(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path / "classifier.pt", weights_only=True)


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_from_an_encoder_to_metrics_with_intervals(pretrained: Any, run: Run, dataset: Path, tmp_path: Path) -> None:
    pretrained("nih_mse")
    run("finetune.json", pretrained="runs/nih_mse/pretrain/encoder.pt", label_fraction=0.5)
    made = folder("pretrained-all-s4-f0.5-l1")
    assert {p.name for p in made.iterdir()} == {
        "checkpoints", "classifier.json", "classifier.pt", "config.json", "labelled.json", "manifest.json",
        "seen_images.json", "tensorboard", "typical_features.safetensors", "validation_predictions.csv",
    }  # fmt: skip
    assert not list((made / "checkpoints").iterdir())
    assert json.loads((made / "manifest.json").read_text())["status"] == "finished"
    sidecar = json.loads((made / "classifier.json").read_text())
    assert sidecar["method"] == "mse"
    assert sidecar["pretrained"] == "encoder.pt"
    encoder = json.loads(Path("runs/nih_mse/pretrain/encoder.json").read_text())
    assert set(encoder["relative_loss"]) == {"training", "validation"}
    recorded = {name: encoder[name] for name in ("epochs", "iterations", "relative_loss")}
    assert sidecar["start"] == {"kind": "pretraining", **recorded}
    assert sidecar["pretraining_overlap"]["splits"]["test"]["seen_images"] == 0
    assert sidecar["pretraining_overlap"]["splits"]["validation"]["seen_images"] > 0
    assert (
        sidecar["labelled_images"] == json.loads((made / "labelled.json").read_text())["counts"]["training"]["images"]
    )
    assert str(dataset) not in "".join(p.read_text() for p in made.glob("*.json"))
    drawn = EventAccumulator(str(made / "tensorboard"), size_guidance={"images": 0}).Reload()
    assert [e.step for e in drawn.Images("validation_chosen/confusion")] == [sidecar["selected"]["epoch"]]

    run("evaluate.json", run_dir=str(made), min_positives=2, min_negatives=2, resamples=50)
    test = load_datalist(dataset).test
    with open(made / "evaluation-test" / "predictions.csv", newline="") as file:
        assert [row["image"] for row in csv.DictReader(file)] == [item["name"] for item in test]
    metrics = json.loads((made / "evaluation-test" / "metrics.json").read_text())
    assert (made / "evaluation-test" / "worst_errors.png").is_file()
    assert metrics["tested"]["label_fraction"] == 0.5
    overlap = metrics["pretraining_overlap"]
    assert overlap["seen_in"] == ["pretraining", "training"]
    assert (overlap["splits"]["test"]["seen_images"], overlap["splits"]["test"]["seen_patients"]) == (0, 0)
    low, high = metrics["overall"]["macro_auc"]["interval"]
    assert 0 <= low <= metrics["overall"]["macro_auc"]["value"] <= high <= 1
    assert "external" not in metrics

    # Another hospital, whose labels stand in another order, with one more and one less.
    other, _ = other_folder(dataset, tmp_path / "other")
    document = json.loads((other / "datalist.json").read_text())
    document["name"] = "Other hospital"
    names = [document["labels"][str(number)] for number in range(len(document["labels"]))]
    document["labels"] = dict(enumerate(["Fracture", *names[:0:-1]]))
    for split in ("training", "validation", "test"):
        for item in document[split]:
            item["label"] = [0, *item["label"][:0:-1]]
    (other / "datalist.json").write_text(json.dumps(document))
    run("evaluate.json", run_dir=str(made), dataset_dir=str(other), min_positives=2, min_negatives=2, resamples=50)
    external = json.loads((made / "evaluation-Other-hospital-test" / "metrics.json").read_text())["external"]
    assert (external["missing_classes"], external["ignored_labels"]) == (names[:1], ["Fracture"])
    assert external["own_test"]["images"] == len(test)
    assert set(external["prevalence"]) == set(names[1:])
    assert external["inputs"]["brightness"]["shift"] is not None


def other_folder(dataset: Path, folder: Path) -> tuple[Path, int]:
    """Another data set, whose test images the first one has too, other names and patients, but for its own test images.

    Returns:
        it, and how many of its test images the first one has in training and validation.
    """
    document = json.loads((dataset / "datalist.json").read_text())
    shared = [*document["training"][:20], *document["validation"][:4]]
    document["test"], document["training"] = [*shared, *document["test"][:3]], document["training"][20:]
    document["validation"] = document["validation"][4:]
    for split in ("training", "validation", "test"):
        items = []
        for number, item in enumerate(document[split]):
            name = f"{split}/{number}.png"
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(dataset / item["image"], folder / name)
            items.append({**item, "image": name, "patient": f"other-{split}-{number}"})
        document[split] = items
    (folder / "datalist.json").write_text(json.dumps(document))
    return folder, len(shared)


def test_test_images_that_pretraining_has_seen_are_told_of(
    pretrained: Any, run: Run, dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other, seen = other_folder(dataset, tmp_path / "other")
    total = seen + 3
    pretrained("nih_mse")
    sidecar = json.loads(Path("runs/nih_mse/pretrain/encoder.json").read_text())
    sidecar["relative_loss"]["training"] = 1.022
    Path("runs/nih_mse/pretrain/encoder.json").write_text(json.dumps(sidecar))
    caplog.set_level("INFO")
    made = folder("pretrained-all-s4-f1-l1")
    run("finetune.json", pretrained="runs/nih_mse/pretrain/encoder.pt", dataset_dir=str(other), max_epochs=1)
    words = f"{seen} of {total} test images were seen in pretraining"  # of the classifier: "pretraining or training"
    said = [caplog.text]
    caplog.clear()
    few = {"min_positives": 2, "min_negatives": 2, "resamples": 50}
    run("evaluate.json", run_dir=str(made), dataset_dir=str(other), **few)
    said.append(caplog.text)
    for text in said:
        assert words in text
        assert "never beat guessing: loss / guessing was 1.022" in text
    overlap = json.loads((made / "evaluation-test" / "metrics.json").read_text())["pretraining_overlap"]
    assert overlap["splits"]["test"]["seen_images"] == seen
    metadata = json.loads((BUNDLES / "nih_mse" / "configs" / "metadata.json").read_text())
    card = card_text("x", read_finetuned_run(made), metadata)
    assert words in card
    assert "never beat guessing" in card
    predictions = str(made / "evaluation-test" / "predictions.csv")
    options = [word for name, value in few.items() for word in (f"--{name}", str(value))]
    result = CliRunner().invoke(app, ["compare", predictions, predictions, *options])
    assert result.exit_code == 0, result.output
    assert f"WARNING: A: {words}" in result.output
    assert "WARNING: B: the encoder's pretraining never beat guessing" in result.output


def test_the_same_seed_gives_the_same_classifier_bit_for_bit(run: Run) -> None:
    run("finetune.json", output_dir="one")
    run("finetune.json", output_dir="two")
    run("finetune.json", output_dir="three", seed=2)
    one, two, three = (state(Path(name) / folder().name) for name in ("one", "two", "three"))
    assert same(one, two)
    assert not same(one, three)


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(build: Run, run: Run) -> None:
    run("finetune.json", output_dir="whole", patience=1, max_epochs=3)
    cut = build("finetune.json", output_dir="cut", patience=1, max_epochs=3, checkpoint_every=2)

    def stop() -> None:
        raise KeyboardInterrupt

    cut.parser.get_parsed_content("train#trainer").add_event_handler(Events.ITERATION_COMPLETED(once=5), stop)
    with pytest.raises(KeyboardInterrupt):
        cut.run()
    assert not (Path("cut") / folder().name / "classifier.pt").exists()
    run("finetune.json", output_dir="cut", patience=1, max_epochs=3, resume=True)
    whole, resumed = (Path(name) / folder().name for name in ("whole", "cut"))
    assert same(state(whole), state(resumed))
    assert (whole / "validation_predictions.csv").read_bytes() == (resumed / "validation_predictions.csv").read_bytes()


def test_a24_an_earlier_run_is_neither_overwritten_nor_mixed_with(run: Run) -> None:
    run("finetune.json", max_epochs=1)
    before = state(folder())
    with pytest.raises(RuntimeError) as refused:
        run("finetune.json", max_epochs=1, seed=2)
    assert "already holds a run" in str(refused.value.__cause__)
    run("finetune.json", max_epochs=1, label_seed=2)  # a folder of its own (fault A24)
    assert same(before, state(folder()))
    assert folder("scratch-all-s4-f1-l2").is_dir()


def test_linear_evaluation_leaves_the_encoder_as_it_is(pretrained: Any, run: Run) -> None:
    pretrained("nih_mse")
    run("finetune.json", pretrained="runs/nih_mse/pretrain/encoder.pt", trainable="head", stage=3)
    made = folder("pretrained-head-s3-f1-l1")
    encoder = torch.load("runs/nih_mse/pretrain/encoder.pt", weights_only=True)
    found = state(made)
    assert all(torch.equal(value, found[f"encoder.backbone.{name}"]) for name, value in encoder.items())
    selected = json.loads((made / "classifier.json").read_text())["selected"]
    assert {point["penalty"] for point in selected["grid"]} >= {selected["penalty"]}
    # The layer in the file is the fitted one: its predictions are those that the penalty was chosen by.
    shown = read_predictions(made / "validation_predictions.csv")
    if selected["rule"] == "metric":
        score = selection_metric("macro_auc", "multilabel", shown.labels, shown.probabilities)
        assert score == pytest.approx(selected["value"], abs=0.02)


def test_a_head_trained_by_gradient_as_the_paper_does(run: Run) -> None:
    built = run("finetune.json", "paper_finetune.json", trainable="head", max_epochs=1, weight_decay=0.5)
    optimizer = built.parser.get_parsed_content("optimizer")
    assert type(optimizer) is torch.optim.Adam
    assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["weight_decay"]) == (0.001, 0.5)
    assert sum(p.numel() for group in optimizer.param_groups for p in group["params"]) == 128 * 5 + 5
    assert "epoch" in json.loads((folder("scratch-head-s4-f1-l1-gradient") / "classifier.json").read_text())["selected"]


def test_a15_the_views_are_the_same_at_every_label_fraction(build: Run) -> None:
    whole, few = (
        build("finetune.json", output_dir=f"f{fraction}", label_fraction=fraction).parser.get_parsed_content(
            "train#dataset"
        )
        for fraction in (1.0, 0.3)
    )
    assert type(whole.transform) is type(few.transform)
    assert [type(t) for t in whole.transform.transforms] == [type(t) for t in few.transform.transforms]
    names = [item["name"] for item in whole.data]
    assert 0 < len(few) < len(whole)
    decoded = {item["name"]: whole[names.index(item["name"])]["image"].shape for item in few.data}
    pictures = [few[i]["image"] for i in range(len(few))]
    assert all(p.shape == decoded[item["name"]] for p, item in zip(pictures, few.data, strict=True))
    # Augmented, not only resized: another epoch draws another view of the same image.
    assert not torch.equal(few[EpochIndex(0, 0)]["image"], few[EpochIndex(1, 0)]["image"])


def test_drawn_ids_can_be_given_back(run: Run) -> None:
    run("finetune.json", label_fraction=0.4, max_epochs=1)
    first = folder("scratch-all-s4-f0.4-l1")
    run("finetune.json", output_dir="again", label_fraction=0.4, max_epochs=1, label_ids=str(first / "labelled.json"))
    again = Path("again") / first.name
    assert same(state(first), state(again))
    assert json.loads((again / "labelled.json").read_text())["ids"] == "given"


def test_class_weights_and_balanced_sampling_change_what_is_learnt(run: Run) -> None:
    run("finetune.json", max_epochs=1)
    plain = state(folder())
    run("finetune.json", max_epochs=1, class_weighting=True, output_dir="weighted")
    run("finetune.json", max_epochs=1, balanced_sampling=True, output_dir="balanced")
    assert not same(plain, state(Path("weighted") / folder().name))
    assert not same(plain, state(Path("balanced") / folder().name))


def test_what_is_missing_is_named_before_any_work(run: Run) -> None:
    with pytest.raises(RuntimeError) as refused:
        run("finetune.json", pretrained="nowhere/encoder.pt")
    assert "train.json" in _all_texts(refused.value)
    with pytest.raises(RuntimeError) as refused:
        run("evaluate.json")
    assert "finetune.json" in _all_texts(refused.value)
    assert not Path("runs").exists()


def _all_texts(error: BaseException | None) -> str:
    texts = []
    while error is not None:
        texts.append(str(error))
        error = error.__cause__
    return " ".join(texts)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"resamples": 10}, "resample"),
        ({"interval": "normal"}, "must be one of bca"),
        ({"channels_last": "no"}, "true or"),
    ],
)
def test_settings_of_an_evaluation_are_refused_before_any_image_is_read(
    build: Run, given: dict[str, Any], text: str
) -> None:
    with pytest.raises(Exception) as refused:
        build("evaluate.json", run_dir="nowhere", dataset_dir="nowhere", **given)
    assert text in _all_texts(refused.value)


def test_evaluation_is_refused_for_other_labels(run: Run, tmp_path: Path, dataset: Path) -> None:
    run("finetune.json", max_epochs=1)
    path = folder() / "classifier.json"
    sidecar = json.loads(path.read_text())
    path.write_text(json.dumps({**sidecar, "labels": [f"{name} (old)" for name in sidecar["labels"]]}))
    with pytest.raises(RuntimeError) as refused:
        run("evaluate.json", run_dir=str(folder()))
    assert "labels are matched by name, and at least one of them must be there" in _all_texts(refused.value)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"label_fraction": 0}, "label_fraction is 0, but must be a number above 0"),
        ({"batch_size": 1}, "no batch statistics"),
    ],
)
def test_settings_are_refused_before_data_weights_or_network(
    build: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], text: str
) -> None:
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))
    with pytest.raises(RuntimeError) as refused:
        build("finetune.json", dataset_dir="demo", pretrained="nowhere/encoder.pt", **change)
    error: BaseException | None = refused.value
    while error is not None and not isinstance(error, SettingsError):
        error = error.__cause__
    assert text in str(error)
    assert list(tmp_path.iterdir()) == []


def test_other_weights_or_labels_are_not_continued(build: Run, run: Run) -> None:
    cut = build("finetune.json", label_fraction=0.5, checkpoint_every=1, max_epochs=3)
    cut.trainer.add_event_handler(Events.EPOCH_COMPLETED(once=1), lambda: cut.trainer.terminate())
    cut.run()
    cut.finalize()
    made = folder("scratch-all-s4-f0.5-l1")
    record = json.loads((made / "manifest.json").read_text())
    assert (record["status"], set(record["results"])) == ("stopped", {"pretrained_sha256", "labelled_sha256"})
    assert not {"pretrained_sha256", "labelled_sha256"} & json.loads((made / "config.json").read_text()).keys()
    others = json.loads((made / "labelled.json").read_text())
    others["training"] = others["training"][1:]
    Path("others.json").write_text(json.dumps(others))
    for change, name in (({"label_ids": "others.json"}, "labelled_sha256"), ({"network_def#seed": 2}, "pretrained")):
        with pytest.raises(RuntimeError) as refused:
            build("finetune.json", label_fraction=0.5, checkpoint_every=1, max_epochs=3, resume=True, **change)
        assert name in str(refused.value.__cause__)
    for change, text in (
        ({"best_epoch#metric": "macro_f1"}, "validation.BestClassifier.metric 'macro_auc' -> 'macro_f1'"),
        ({"best_epoch#selection": "metric"}, "validation.BestClassifier.selection 'last' -> 'metric'"),
        ({"validate#evaluator#metrics": ["macro_auc"]}, "validation.ClassifierEvaluator.metrics"),
    ):
        other = build("finetune.json", label_fraction=0.5, checkpoint_every=1, max_epochs=3, resume=True, **change)
        with pytest.raises(RunFolderError) as told:
            other.trainer.run()
        other.finalize()
        assert text in str(told.value)
    run("finetune.json", label_fraction=0.5, checkpoint_every=1, max_epochs=3, resume=True)
    assert json.loads((made / "manifest.json").read_text())["status"] == "finished"
