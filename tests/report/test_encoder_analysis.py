"""The whole analysis with a small network on a few pictures; that of a bundle is in tests/bundles/test_analyze.py."""

from __future__ import annotations

import csv
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from monai_mocoi.data import Predictions, load_datalist, write_predictions
from monai_mocoi.data.prepared_dataset import evaluation_dataset
from monai_mocoi.errors import DatasetError, PredictionsError, RunFolderError, SettingsError, WeightsError
from monai_mocoi.networks import Classifier, StageEncoder, encoder_state_dict, save_encoder, weights_sha256
from monai_mocoi.report import EncoderAnalysis
from tests.data.dataset_folders import picture, read_list, save, write_list
from tests.networks.small import small_resnet

PREPARATION = {
    "channels": 1,
    "intensity": "declared",
    "decode_size": 32,
    "decode_fit": "crop",
    "cache_bits": 8,
    "image_size": 32,
    "mean": 0.5,
    "std": 0.25,
}
MRN = 765432100  # of the first patient
SMALL = {"resamples": 40, "min_positives": 2, "min_negatives": 2, "seed": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder of 36 patients with two images each; columns name a patient, but for the view and the age."""
    root = tmp_path_factory.mktemp("secret-place")
    splits: dict[str, list[dict[str, Any]]] = {"training": [], "validation": [], "test": []}
    for number in range(72):
        name = f"images/secret{number:03d}.png"
        save(root / name, picture(number))
        item = {"image": name, "label": [number % 2, int(number % 3 == 0)], "patient": f"patient{number // 2:03d}"}
        item |= {"accession": f"secretA{number}", "patient_name": f"secret^{number // 2}", "mrn": MRN + number // 2}
        item |= {"view": ["PA", "AP"][number % 4 // 2], "age": f"{20 + number // 2:03d}Y"}
        splits["training" if number < 24 else "validation" if number < 36 else "test"].append(item)
    write_list(root, **splits)
    return root


@pytest.fixture
def network() -> StageEncoder:
    torch.manual_seed(0)
    return StageEncoder(small_resnet())


def finetuned(folder: Path, start: StageEncoder, fraction: float = 1.0, seed: int = 3, **sidecar: Any) -> Path:
    """A run whose encoder lies near where it started."""
    classifier = Classifier(StageEncoder(small_resnet()), 2)
    classifier.encoder.load_state_dict(start.state_dict())
    with torch.no_grad():
        for parameter in classifier.encoder.parameters():
            parameter += 0.01 * torch.randn_like(parameter)
    folder.mkdir(parents=True)
    torch.save(classifier.state_dict(), folder / "classifier.pt")
    content = {
        **PREPARATION,
        "kind": "multilabel",
        "labels": ["A", "B"],
        "stage": 4,
        "thresholds": {"A": 0.5, "B": 0.5},
        "label_fraction": fraction,
        "seed": seed,
        "pretrained_sha256": weights_sha256(encoder_state_dict(start)),
        **sidecar,
    }
    (folder / "classifier.json").write_text(json.dumps(content))
    return folder


def evaluated(folder: Path, dataset: Path, seed: int) -> Path:
    """Made-up predictions of the test split, as evaluate.json leaves them in a run folder."""
    items = load_datalist(dataset).test
    labels = np.array([item["label"] for item in items])
    said = np.random.default_rng(seed).random(labels.shape) ** (1 + seed)
    names = [tuple(item[key] for item in items) for key in ("name", "patient")]
    (folder / "evaluation-test").mkdir(parents=True)
    predictions = Predictions(names[0], names[1], ("A", "B"), "multilabel", labels, said)
    write_predictions(folder / "evaluation-test" / "predictions.csv", predictions)
    (folder / "evaluation-test" / "metrics.json").write_text(
        json.dumps({"tested": {"label_fraction": 0.1 if seed else 1.0}})
    )
    return folder


def analysis(out: Path, folder: Path, network: StageEncoder, **changes: Any) -> EncoderAnalysis:
    settings = {"preparation": PREPARATION, "intervals": SMALL, "precision": "float32", "probe_fractions": [1.0]}
    return EncoderAnalysis(out, load_datalist(folder), network, **{"pretrained": "none", **settings, **changes})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Any:
    """One with all parts."""
    root = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    start = StageEncoder(small_resnet())
    save_encoder(root / "encoder.pt", start, {**PREPARATION, "method": "mse"})
    whole = analysis(
        root / "analysis",
        folder,
        start,
        pretrained=root / "encoder.pt",
        finetuned=[finetuned(root / "f1", start), finetuned(root / "f0.1", start, 0.1)],
        few_labels=evaluated(root / "few", folder, 2),
        all_labels=evaluated(root / "all", folder, 0),
        all_labels_again=evaluated(root / "again", folder, 1),
    )
    whole.check()
    return root, whole.run()


def test_every_part_is_told_of(made: Any) -> None:
    root, result = made
    assert json.loads((root / "analysis" / "analysis.json").read_text()) == json.loads(json.dumps(result))
    assert result["parts"] == ["reuse", "probing", "ks", "embedding"]
    assert result["left_out"] == []
    assert [note.partition(" is not shown")[0] for note in result["notes"]] == [
        f"column {name!r} of the datalist" for name in ("accession", "patient_name", "mrn")
    ]
    assert (result["images"], result["patients"]) == (36, 18)
    assert list(result["networks"]) == ["before", "f1", "f0.1"]
    assert [result["networks"][name]["started_from_before"] for name in ("f1", "f0.1")] == [True, True]
    reuse = result["feature_reuse"]["f1"]["same_stage"]
    assert all(0.5 < number["value"] <= 1 for number in reuse.values())
    assert {row["stage"] for row in result["probing"]["summary"]} == {1, 2, 3, 4, "all"}
    assert result["output_distance"]["distance"]["overall"]["value"] > 0
    assert result["output_distance"]["few_labels"] == {"name": "few", "label_fraction": 0.1}
    assert result["output_distance"]["reference"] is not None
    assert set(result["embedding"]["before"]["4"]["told"]) == {"label", "view", "age", "mean brightness"}


def test_tables_hold_the_numbers(made: Any) -> None:
    root, result = made
    with open(root / "analysis" / "feature_reuse.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 16
    wanted = result["feature_reuse"]["f0.1"]["matrix"][1][2]
    row = next(r for r in rows if (r["finetuned"], r["stage_before"], r["stage_after"]) == ("f0.1", "2", "3"))
    assert [float(row[name]) for name in ("cka", "low", "high")] == [wanted["value"], *wanted["interval"]]
    with open(root / "analysis" / "output_distance.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(r["classifier"], r["class"]) for r in rows] == [
        (name, label) for name in ("few_labels", "all_labels_again") for label in ("(mean)", "A", "B")
    ]
    own = result["output_distance"]["distance"]["classes"]["A"]
    assert [float(rows[1][name]) for name in ("distance", "at")] == [own["value"], own["at"]]


def test_no_file_but_the_predictions_names_an_image_or_a_patient(made: Any, folder: Path) -> None:
    root, _ = made
    files = [path for path in (root / "analysis").rglob("*") if path.is_file()]
    assert any(path.name == "metadata.tsv" for path in files)
    assert any(path.name.startswith("events") for path in files)
    for path in files:
        if path.name != "predictions.csv":
            content = path.read_bytes()
            for secret in ("secret", "patient0", "7654321", "7.65432e+08", "7.654e+08", str(root), str(folder)):
                assert secret.encode() not in content, path.name


def test_the_projector_has_a_row_an_image(made: Any) -> None:
    root, _ = made
    place = root / "analysis" / "tensorboard" / "00000" / "before_stage4"
    rows = (place / "metadata.tsv").read_text().splitlines()
    assert rows[0].split("\t") == ["row", "label", "view", "age", "mean brightness"]
    assert [row.split("\t")[0] for row in rows[1:]] == [str(number) for number in range(36)]  # as in worst_errors.png
    assert len((place / "tensors.tsv").read_text().splitlines()) == 36
    assert (place / "sprite.png").is_file()


def test_the_same_analysis_gives_the_same_numbers(
    made: Any, folder: Path, network: StageEncoder, tmp_path: Path
) -> None:
    root, result = made
    again = analysis(
        tmp_path / "analysis", folder, network, pretrained=root / "encoder.pt", finetuned=root / "f1", parts=["reuse"]
    )
    again.check()
    assert again.run()["feature_reuse"]["f1"] == result["feature_reuse"]["f1"]
    assert not (tmp_path / "analysis" / "probing").exists()


def test_features_are_paired_by_image_whatever_can_be_read_a20(
    folder: Path, network: StageEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that one network's preparation cannot read is left out of both sides."""
    run = finetuned(tmp_path / "run", network, **{"image_size": 16, "decode_size": 16})
    save_encoder(tmp_path / "encoder.pt", network, PREPARATION)
    mixed = analysis(
        tmp_path / "out", folder, network, pretrained=tmp_path / "encoder.pt", finetuned=run, parts=["reuse"]
    )
    mixed.check()
    assert any("decode_size, image_size" in note for note in mixed.notes)

    def some_unreadable(items: Any, preparation: Any, **_: Any) -> Any:
        dataset = evaluation_dataset(items, preparation, progress=False)
        dataset.rows = dataset.rows[1:] if preparation is mixed.networks[0].preparation else dataset.rows[:-1]
        return dataset

    monkeypatch.setattr("monai_mocoi.report.feature_parts.evaluation_dataset", some_unreadable)
    result = mixed.run()
    assert (result["images"], result["skipped_images"]) == (34, 2)
    assert result["feature_reuse"]["run"]["same_stage"]["1"]["value"] > 0.5


def test_maps_are_of_fewer_images(made: Any, folder: Path, network: StageEncoder, tmp_path: Path) -> None:
    root, result = made
    given = {"pretrained": root / "encoder.pt", "finetuned": root / "f1", "parts": "reuse", "max_images": 20}
    maps = analysis(tmp_path / "out", folder, network, pooling="map", **given)
    maps.check()
    found = maps.run()["feature_reuse"]["f1"]
    assert (found["pooling"], found["images"], found["patients"]) == ("map", 18, 18)  # one of each patient
    assert found["same_stage"]["1"]["value"] != result["feature_reuse"]["f1"]["same_stage"]["1"]["value"]


def test_random_weights_are_those_that_a_run_from_scratch_starts_from(
    folder: Path, network: StageEncoder, tmp_path: Path
) -> None:
    start = Classifier(StageEncoder(small_resnet()), 2, seed=7).encoder
    run = finetuned(tmp_path / "run", start, seed=7)
    scratch = analysis(tmp_path / "first", folder, network, finetuned=run, parts="reuse")
    scratch.check()
    assert scratch.networks[1][0].about["started_from_before"] is True
    scratch.run()
    assert weights_sha256(encoder_state_dict(scratch.networks[0].encoder)) == scratch.networks[0].about["sha256"]
    other = analysis(tmp_path / "out", folder, network, finetuned=finetuned(tmp_path / "other", network, seed=7))
    other.check()
    assert any("did not start from this encoder" in note for note in other.notes)


def test_parts_without_what_they_need_are_left_out_or_refused(
    folder: Path, network: StageEncoder, tmp_path: Path
) -> None:
    alone = analysis(tmp_path / "out", folder, network)
    alone.check()
    assert alone.made == ["probing", "embedding"]
    assert [own["part"] for own in alone.left_out] == ["reuse", "ks"]
    with pytest.raises(SettingsError, match="'reuse', which needs a fine-tuned run"):
        analysis(tmp_path / "out", folder, network, parts=["reuse"]).check()
    with pytest.raises(SettingsError, match="'cka'; choose of reuse, probing, ks, embedding"):
        analysis(tmp_path / "out", folder, network, parts=["cka"]).check()
    with pytest.raises(SettingsError, match="parts is empty"):
        analysis(tmp_path / "out", folder, network, parts=[]).check()


def test_without_labels_the_rest_is_done(folder: Path, network: StageEncoder, tmp_path: Path) -> None:
    document = read_list(folder)
    for split in ("training", "validation", "test"):
        for item in document[split]:
            del item["label"]
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "images").symlink_to(folder / "images")
    (bare / "images").unlink()
    for item in (item for split in ("training", "validation", "test") for item in document[split]):
        (bare / item["image"]).parent.mkdir(exist_ok=True)
        (bare / item["image"]).write_bytes((folder / item["image"]).read_bytes())
    write_list(bare, **{split: document[split] for split in ("training", "validation", "test")})
    made = analysis(tmp_path / "out", bare, network)
    made.check()
    assert made.made == ["embedding"]
    assert list(made.run()["embedding"]["before"]["4"]["told"]) == ["view", "age", "mean brightness"]


def test_refused_before_any_work(folder: Path, network: StageEncoder, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="finetuned: there is no classifier"):
        analysis(tmp_path / "out", folder, network, finetuned=str(tmp_path / "nowhere")).check()
    with pytest.raises(PredictionsError, match=r"few_labels is .*no such folder"):
        analysis(tmp_path / "out", folder, network, few_labels=tmp_path / "a", all_labels=tmp_path / "b").check()
    run = finetuned(tmp_path / "one" / "run", network)
    twice = finetuned(tmp_path / "two" / "one" / "run", network)
    with pytest.raises(WeightsError, match="have one name"):
        analysis(tmp_path / "out", folder, network, finetuned=[run, twice]).check()
    with pytest.raises(DatasetError, match="label_fraction"):
        analysis(tmp_path / "out", folder, network, probe_fractions=[2.0]).check()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").touch()
    with pytest.raises(RunFolderError, match="something else"):
        analysis(tmp_path / "out", folder, network, overwrite=True).check()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes.txt"]


def test_nothing_is_left_of_an_analysis_that_fails(
    folder: Path, network: StageEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = analysis(tmp_path / "out" / "analysis", folder, network, parts="embedding")
    made.check()
    monkeypatch.setattr("monai_mocoi.report.encoder_analysis.write_json", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        made.run()
    assert list((tmp_path / "out").iterdir()) == []


def test_fractions_too_small_to_learn_from_are_left_out(
    folder: Path, network: StageEncoder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    whole = load_datalist(folder)
    # Both images of a patient have the same labels: of one patient nothing can be learnt.
    training = [{**item, "label": [int(item["patient"][-1]) % 2] * 2} for item in whole.training]

    def checked(**changes: Any) -> EncoderAnalysis:
        own = analysis(tmp_path / "out", folder, network, **changes)
        own.datalist = replace(whole, training=training)
        own.check()
        return own

    made = checked(probe_fractions=[0.01, 1.0])
    assert {draw.record["label_fraction"] for draw in made.draws} == {1.0}
    assert made.made == ["probing", "embedding"]
    (own,) = (left for left in made.left_out if left["part"] == "probing")
    assert own["probe_fraction"] == 0.01
    assert "2 of 24 labelled images" in own["needs"]
    line = "probing: fraction 0.01 would be 2 of 24 labelled images: left out (probe_fractions)"
    assert [record.getMessage() for record in caplog.records].count(line) == 1
    none = checked(probe_fractions=[0.01])
    assert none.made == ["embedding"]
    assert "raise probe_fractions, or take other probe_seeds" in none.left_out[-1]["needs"]
    with pytest.raises(SettingsError, match=r"'probing', which needs labels .* raise probe_fractions"):
        checked(probe_fractions=[0.01], parts=["probing"])
    with pytest.raises(SettingsError, match="probe_fractions is empty"):
        checked(probe_fractions=[])
