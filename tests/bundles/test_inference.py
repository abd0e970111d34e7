"""``inference.json`` with a small classifier that was never trained, and images of every kind."""

from __future__ import annotations

import csv
import json
import logging
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.bundle import ConfigWorkflow, verify_net_in_out
from PIL import Image

from monai_mocoi import exit_codes
from monai_mocoi.analysis import TypicalFeatures
from monai_mocoi.cli.messages import explain
from monai_mocoi.data import load_datalist
from monai_mocoi.figures.canvas import in_words
from monai_mocoi.handlers import grad_cam_overlays
from monai_mocoi.metrics import fit_shrunk_gaussian, mahalanobis_distance
from monai_mocoi.networks import Classifier
from monai_mocoi.transforms import FitSquare, read_image
from tests.bundles.conftest import BUNDLES, SMALL_BACKBONE
from tests.support.saved_classifier import FINDINGS, THRESHOLDS, save, sidecar
from tests.transforms.dicom_files import write

pytestmark = pytest.mark.slow  # whole runs, seconds each

Infer = Callable[..., ConfigWorkflow]


@pytest.fixture
def infer(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Infer:
    """Initialise, run and finalise an inference, in an empty current folder."""
    monkeypatch.chdir(tmp_path)

    def run(**overrides: Any) -> ConfigWorkflow:
        settings = {
            "dataset_dir": str(dataset),
            "device": "cpu",
            "precision": "float32",
            "batch_size": 8,
            "network_def#encoder#backbone": SMALL_BACKBONE,
            **overrides,
        }
        config = str(BUNDLES / "nih_mse" / "configs" / "inference.json")
        built = ConfigWorkflow(config_file=config, workflow_type="infer", logging_file=False, **settings)
        built.initialize()
        built.run()
        built.finalize()
        return built

    return run


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    save(tmp_path / "run", sidecar())
    return tmp_path / "run"


@pytest.fixture
def mixed(dataset: Path, tmp_path: Path) -> Path:
    """Seven files: DICOM with and without suffix, 8- and 16-bit PNG, JPEG, TIFF; and what is no image."""
    folder = tmp_path / "new"
    (folder / "a b" / "deep").mkdir(parents=True)
    films = sorted((dataset / "images").iterdir())
    shutil.copy(films[0], folder / "film.DCM")
    shutil.copy(films[1], folder / "a b" / "IM0001")
    pixels = (read_image(films[2])[0] * 255).round().astype(np.uint8)
    Image.fromarray(pixels).save(folder / "grey.png")
    Image.fromarray(pixels.astype(np.uint16) * 257).save(folder / "grey16.png")
    Image.fromarray(pixels).convert("RGB").save(folder / "a b" / "deep" / "colour.jpeg")
    Image.fromarray(pixels[:, :30]).save(folder / "narrow.tif")
    (folder / "notes.txt").write_text("nothing")
    (folder / ".hidden.png").write_bytes(b"")
    return folder


def table(folder: Path) -> list[dict[str, str]]:
    with open(folder / "classified.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def expected(classifier: Classifier, path: Path) -> torch.Tensor:
    """Logits, step by step and one image at a time."""
    picture = FitSquare(36, "crop")(torch.from_numpy(read_image(path, 1)))
    picture = FitSquare(32)((picture * 255).round() / 255)
    with torch.no_grad():
        return classifier((picture[None] - 0.5) / 0.25)[0]


def test_a_mixed_folder(infer: Infer, mixed: Path, tmp_path: Path) -> None:
    classifier = save(tmp_path / "run", sidecar())
    infer(images=str(mixed), run_dir="run", batch_size=4)
    rows = table(tmp_path / "run" / "inference")
    names = ["film.DCM", "grey.png", "grey16.png", "narrow.tif", "a b/IM0001", "a b/deep/colour.jpeg"]
    assert [row["image"] for row in rows] == names
    assert [row["row"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert list(rows[0]) == [
        "row", "image", "status", "reason", "probability_Atelectasis", "probability_Pleural Thickening",
        "decision_Atelectasis", "decision_Pleural Thickening", "unusual_percentile", "note",
    ]  # fmt: skip
    for row in rows:
        assert (row["status"], row["reason"]) == ("ok", "")
        wanted = expected(classifier, mixed / row["image"]).sigmoid()
        for name, probability in zip(FINDINGS, wanted.tolist(), strict=True):
            assert float(row[f"probability_{name}"]) == pytest.approx(probability, abs=1e-5)
            assert row[f"decision_{name}"] == str(int(float(row[f"probability_{name}"]) >= THRESHOLDS[name]))
    assert len({row["probability_Atelectasis"] for row in rows}) >= 5
    assert not (tmp_path / "run" / "inference" / "grad_cam").exists()


def test_a_picture_of_another_kind_is_noted_with_the_same_probabilities(
    infer: Infer, mixed: Path, tmp_path: Path
) -> None:
    classifier = save(tmp_path / "run", sidecar())
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    write(mixed / "hip.dcm", pixels, Modality="CR", BodyPartExamined="HIP")
    infer(images=str(mixed), run_dir="run")
    before = table(tmp_path / "run" / "inference")
    assert [bool(row["note"]) for row in before] == [row["image"] == "hip.dcm" for row in before]

    def features(path: Path) -> np.ndarray:
        kept: list[torch.Tensor] = []
        hook = classifier.head.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
        expected(classifier, path)
        hook.remove()
        return kept[0].numpy()

    own = np.concatenate([features(mixed / row["image"]) for row in before if row["image"] != "hip.dcm"])
    gaussian = fit_shrunk_gaussian(own)
    typical = TypicalFeatures(gaussian, np.sort(mahalanobis_distance(own, gaussian)), len(own))
    record = typical.write_beside(tmp_path / "run" / "classifier.pt")
    (tmp_path / "run" / "classifier.json").write_text(json.dumps({**sidecar(), "typical_features": record}))
    infer(images=str(mixed), run_dir="run", overwrite=True, unusual_limit=85)
    after = table(tmp_path / "run" / "inference")
    for row, earlier in zip(after, before, strict=True):
        is_hip = row["image"] == "hip.dcm"
        assert {**row, "unusual_percentile": "", "note": ""} == {**earlier, "unusual_percentile": "", "note": ""}
        assert not is_hip or row["unusual_percentile"] == f"{600 / 7:.2f}"
        assert ("Body Part Examined HIP" in row["note"]) is is_hip
        if is_hip:
            assert row["note"].startswith("unlike the images that the classifier was made with; ")


def test_multiclass_labels_are_decided_by_the_highest(infer: Infer, mixed: Path, tmp_path: Path) -> None:
    classifier = save(tmp_path / "run", sidecar("multiclass"))
    infer(images=str(mixed), run_dir="run")
    rows = table(tmp_path / "run" / "inference")
    assert list(rows[0])[-3:] == ["decision", "unusual_percentile", "note"]
    assert {row["unusual_percentile"] for row in rows} == {""}  # an older classifier: nothing to compare with
    for row in rows:
        logits = expected(classifier, mixed / row["image"])
        assert float(row["probability_Atelectasis"]) == pytest.approx(float(logits.softmax(0)[0]), abs=1e-5)
        assert row["decision"] == FINDINGS[int(logits.argmax())]


def test_an_unreadable_image_keeps_its_row_and_ends_the_command_with_its_code(
    infer: Infer, mixed: Path, run_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    infer(images=str(mixed), run_dir=str(run_dir))
    whole = table(run_dir / "inference")
    content = (mixed / "grey.png").read_bytes()
    (mixed / "grey.png").write_bytes(content[: len(content) // 2])
    (mixed / "narrow.tif").write_bytes(b"")
    caplog.clear()
    with caplog.at_level(logging.INFO), pytest.raises(SystemExit) as ended:
        infer(images=str(mixed), run_dir=str(run_dir), overwrite=True, batch_size=2)
    assert ended.value.code == exit_codes.DATA
    rows = table(run_dir / "inference")
    assert [row["status"] for row in rows] == ["ok", "unreadable", "ok", "unreadable", "ok", "ok"]
    assert "empty (0 bytes)" in rows[3]["reason"]
    assert rows[1]["reason"]
    for row, before in zip(rows, whole, strict=True):
        if row["status"] == "ok":
            assert float(row["probability_Atelectasis"]) == pytest.approx(float(before["probability_Atelectasis"]))
        else:
            assert (row["image"], row["probability_Atelectasis"]) == (before["image"], "")
            assert row["decision_Atelectasis"] == ""
    assert f"row 2 cannot be read: {rows[1]['reason']}" in caplog.messages
    assert any(text.startswith("Done: 4 of 6. 2 unreadable (rows 2, 4): 1 ") for text in caplog.messages)
    for name in ("grey", "narrow", "IM0001", "film", mixed.name + os.sep):
        assert name not in caplog.text  # the log names rows, never files


def test_images_none_of_which_can_be_read(infer: Infer, run_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    for name in ("one.png", "two.dcm"):
        (tmp_path / "bad" / name).write_bytes(b"no picture")
    with pytest.raises(SystemExit):
        infer(images="bad", run_dir=str(run_dir), grad_cam=True)
    assert [row["status"] for row in table(run_dir / "inference")] == ["unreadable"] * 2


def test_no_image_at_all_names_what_is_taken(infer: Infer, run_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "Smith^John").mkdir()
    (tmp_path / "Smith^John" / "report.pdf").write_bytes(b"%PDF")
    with pytest.raises(Exception) as caught:
        infer(images="Smith^John", run_dir=str(run_dir))
    text, code = explain(caught.value)
    assert code == exit_codes.DATA
    assert "1 other file" in text
    for suffix in (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm"):
        assert suffix in text
    assert "Smith" not in text
    assert not (run_dir / "inference").exists()


def test_a_list_and_several_places(infer: Infer, mixed: Path, run_dir: Path) -> None:
    (mixed / "list.csv").write_text("patient;image\n1;grey.png\n2;a b/IM0001\n3;not there.png\n", encoding="utf-8-sig")
    with pytest.raises(SystemExit):
        infer(images=str(mixed / "list.csv"), run_dir=str(run_dir))
    rows = table(run_dir / "inference")
    assert [(row["image"], row["status"]) for row in rows] == [
        ("grey.png", "ok"), ("a b/IM0001", "ok"), ("not there.png", "unreadable"),
    ]  # fmt: skip
    assert rows[2]["reason"] == "the image file does not exist"
    infer(images=["new/film.DCM", "new/a b"], run_dir=str(run_dir), overwrite="true")
    again = table(run_dir / "inference")
    assert [row["image"] for row in again] == ["new/film.DCM", "new/a b/IM0001", "new/a b/deep/colour.jpeg"]
    assert float(again[1]["probability_Atelectasis"]) == pytest.approx(float(rows[1]["probability_Atelectasis"]))


def test_without_images_it_takes_the_test_split_and_the_newest_run(infer: Infer, dataset: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "nih_mse" / "finetune-pretrained-all-s4-f1-l1"
    save(folder, sidecar())
    infer()
    test = load_datalist(dataset).test
    assert [row["image"] for row in table(folder / "inference")] == [item["name"] for item in test]
    before = (folder / "inference" / "classified.csv").read_bytes()
    with pytest.raises(Exception) as caught:
        infer()
    text, code = explain(caught.value)
    assert code == exit_codes.USAGE
    assert "overwrite" in text
    infer(overwrite=True)
    assert (folder / "inference" / "classified.csv").read_bytes() == before


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_probabilities_are_those_of_evaluation(infer: Infer, dataset: Path, tmp_path: Path, precision: str) -> None:
    labels = list(load_datalist(dataset).labels)
    save(tmp_path / "run", sidecar(labels=labels, thresholds=dict.fromkeys(labels, 0.5)))
    settings = {"run_dir": "run", "precision": precision, "batch_size": 3}
    infer(**settings)
    evaluation = ConfigWorkflow(
        config_file=str(BUNDLES / "nih_mse" / "configs" / "evaluate.json"), workflow_type="infer", logging_file=False,
        dataset_dir=str(dataset), device="cpu", handlers=[], **settings,
        **{"network_def#encoder#backbone": SMALL_BACKBONE},
    )  # fmt: skip
    evaluation.initialize()
    evaluation.run()
    predictions = evaluation.parser.get_parsed_content("evaluator").predictions
    rows = table(tmp_path / "run" / "inference")
    assert [row["image"] for row in rows] == list(predictions.images)
    found = [[float(row[f"probability_{name}"]) for name in labels] for row in rows]
    # The logits are equal bit for bit; torch's sigmoid of float64 is not, by where in the array a value stands.
    np.testing.assert_allclose(found, predictions.probabilities, rtol=4e-16)


def test_the_model_of_a_bundle(infer: Infer, mixed: Path, run_dir: Path, tmp_path: Path) -> None:
    infer(images=str(mixed), run_dir=str(run_dir))
    save(tmp_path / "models", sidecar(), "model")
    infer(images=str(mixed), output_dir="out")
    assert table(tmp_path / "out" / "inference") == table(run_dir / "inference")
    # A run that is named comes first, also where there is a model.
    with pytest.raises(Exception) as caught:
        infer(images=str(mixed), run_dir="nowhere")
    assert "no classifier in nowhere" in explain(caught.value)[0]


def test_a_classifier_of_the_demo_is_no_classifier_of_patients(
    infer: Infer, mixed: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path / "run", sidecar(settings={"demo": True}))
    infer(images=str(mixed), run_dir="run")
    assert "TRAINED ON GENERATED PHANTOMS" in caplog.text
    caplog.clear()
    infer(run_dir="run", overwrite=True)
    assert "TRAINED ON GENERATED PHANTOMS" not in caplog.text


def test_grad_cam_of_positive_decisions(infer: Infer, mixed: Path, run_dir: Path) -> None:
    infer(images=str(mixed), run_dir=str(run_dir))
    plain = table(run_dir / "inference")
    infer(images=str(mixed), run_dir=str(run_dir), overwrite=True, grad_cam=True)
    rows = table(run_dir / "inference")
    wanted = {
        f"row{int(row['row']):06d}_{name.replace(' ', '_')}.png"
        for row in rows for name in FINDINGS if row[f"decision_{name}"] == "1"
    }  # fmt: skip
    assert {p.name for p in (run_dir / "inference" / "grad_cam").iterdir()} == wanted
    assert 6 <= len(wanted) < 12, "some are left out, or the test could not fail"
    # Other classes, and nothing of before is left.
    infer(
        images=str(mixed), run_dir=str(run_dir), overwrite=True, grad_cam=True, grad_cam_classes=["Atelectasis"],
        grad_cam_positive=False,
    )  # fmt: skip
    shown = sorted(p.name for p in (run_dir / "inference" / "grad_cam").iterdir())
    assert shown == [f"row{row:06d}_Atelectasis.png" for row in range(1, 7)]
    assert table(run_dir / "inference") == rows == plain


def test_grad_cam_differs_by_class(infer: Infer, mixed: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    save(run_dir, sidecar(stage=2))  # whose map has more than one position
    infer(images=str(mixed / "grey.png"), run_dir=str(run_dir), grad_cam=True, grad_cam_positive=False)
    one, two = (
        np.asarray(Image.open(run_dir / "inference" / "grad_cam" / f"row000001_{name}.png"))
        for name in ("Atelectasis", "Pleural_Thickening")
    )
    assert one.shape == two.shape
    below = slice(40, None)  # of the title, which differs at any rate
    assert (one[below] != two[below]).any()


def test_grad_cam_of_recalibrated_probabilities_names_thresholds_that_fit_them(
    infer: Infer, mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = {"intercept": -2.0, "slope": 0.5}
    record = {"method": "platt", "images": 40, "patients": 40, "classes": {"Atelectasis": line}}
    save(tmp_path / "run", {**sidecar(), "recalibration": record})
    titles = []
    real = grad_cam_overlays.heat_sheet
    monkeypatch.setattr(
        grad_cam_overlays, "heat_sheet", lambda title, *rest: [titles.append(title), real(title, *rest)][1]
    )
    infer(
        images=str(mixed), run_dir="run", recalibrate=True, grad_cam=True, grad_cam_classes=["Atelectasis"],
        grad_cam_positive=False,
    )  # fmt: skip
    raw = THRESHOLDS["Atelectasis"]
    cut = 1 / (1 + math.exp(2 - 0.5 * math.log(raw / (1 - raw))))
    for row, title in zip(table(tmp_path / "run" / "inference"), titles, strict=True):
        called = row["decision_Atelectasis"] == "1"
        assert (float(row["probability_Atelectasis"]) >= cut) is called
        assert title.endswith(f"threshold {in_words(cut)}: {'called' if called else 'not called'}")


def test_a_class_that_is_not_there_is_refused(infer: Infer, mixed: Path, run_dir: Path) -> None:
    with pytest.raises(Exception) as caught:
        infer(images=str(mixed), run_dir=str(run_dir), grad_cam=True, grad_cam_classes=["Pneumonia"])
    text, code = explain(caught.value)
    assert (code, "Pleural Thickening" in text) == (exit_codes.USAGE, True)
    assert not (run_dir / "inference").exists()


def test_monais_tools_find_what_they_need(infer: Infer, mixed: Path, run_dir: Path, tmp_path: Path) -> None:
    built = infer(images=str(mixed), run_dir=str(run_dir))
    assert built.check_properties() == []
    # A package holds plain constants: the network is built without any run.
    configs = BUNDLES / "nih_mse" / "configs"
    metadata = json.loads((configs / "metadata.json").read_text())
    metadata["network_data_format"]["outputs"]["pred"]["num_channels"] = 3
    (tmp_path / "metadata.json").write_text(json.dumps(metadata))
    constants: dict[str, Any] = {"labels": ["a", "b", "c"], "stage": 2, "run_dir": "nowhere"}
    verify_net_in_out(
        net_id="network_def", meta_file=str(tmp_path / "metadata.json"), config_file=str(configs / "inference.json"),
        device="cpu", **constants, **{"network_def#encoder#backbone": SMALL_BACKBONE},
    )  # fmt: skip


@pytest.mark.slow
def test_the_command_ends_with_the_code_of_bad_data(tmp_path: Path, mixed: Path, run_dir: Path) -> None:
    (mixed / "grey.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    small = tmp_path / "small.json"
    small.write_text(json.dumps({"network_def#encoder#backbone": SMALL_BACKBONE}))
    config = BUNDLES / "nih_mse" / "configs" / "inference.json"
    words = ["--images", "new", "--run_dir", "run", "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, "-m", "monai_mocoi", "run", str(config), str(small), *words],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == exit_codes.DATA, done.stderr
    assert "Done: 5 of 6. 1 unreadable (row 2)" in done.stdout.splitlines()[-1]
    assert "Classifier: run/classifier.pt" in done.stdout
    assert "Traceback" not in done.stderr
    assert [row["status"] for row in table(run_dir / "inference")].count("ok") == 5
