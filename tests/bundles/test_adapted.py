"""A bundle that ``mocoi adapt`` makes of each of the nine: it passes what they pass, and runs from end to end."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigWorkflow
from typer.testing import CliRunner

from monai_mocoi.cli.app import app
from monai_mocoi.packaging import Adaptation, adapt_bundle
from tests.bundles import test_layout, test_nine_bundles
from tests.bundles.conftest import BUNDLES, NAMES, SMALL_BACKBONE
from tests.report.study_folders import CLASSES, FINDINGS, study

# By data set of the source: images, labels (of another kind than the source's), side; and what must come of them.
STUDIES = {
    "nih": ("grey", "single", 70, {"channels": 1, "image_size": "$64 if @demo else 96", "resize_mode": "crop"}),
    "bch": ("colour", "multi", 100, {"channels": 3, "image_size": "$64 if @demo else 128", "resize_mode": "crop"}),
    "dr": ("fundus", "multi", 60, {"channels": 3, "image_size": "$64 if @demo else 128", "resize_mode": "fundus"}),
}
# What an adapted config may have otherwise than its source, by file.
OF_IMAGES = {"channels", "image_size", "resize_mode", "intensity", "cache_bits", "mean", "std"}
OF_ALL = {"bundle", "modality", "dataset_dir"}
CHANGED = {
    "train.json": OF_ALL | OF_IMAGES | {"batch_size", "queue_size", "own_data", "views"},
    "finetune.json": OF_ALL | OF_IMAGES | {"labels", "label_kind", "metric", "train_transforms"},
    "analyze.json": OF_ALL | OF_IMAGES | {"metric"},
    "evaluate.json": OF_ALL,
    "inference.json": OF_ALL,
}


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Adaptation]:
    """The bundle ``own_<method>``, made of one of the nine once."""
    studies: dict[str, Path] = {}
    made: dict[str, Adaptation] = {}

    def of(name: str) -> Adaptation:
        data, method = name.split("_")
        if data not in studies:
            kind, labels, size, _ = STUDIES[data]
            studies[data] = study(tmp_path_factory.mktemp(data) / "films", kind, labels, size)
        if name not in made:
            out = tmp_path_factory.mktemp(name)
            made[name] = adapt_bundle(BUNDLES / name, studies[data], f"own_{method}", out)
        return made[name]

    return of


@pytest.fixture(params=NAMES)
def one(request: pytest.FixtureRequest, adapted: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Adaptation]:
    """Each in turn, and the other tests of bundles look at it."""
    made = adapted(request.param)
    for module in (test_layout, test_nine_bundles):
        monkeypatch.setattr(module, "BUNDLES", made.folder.parent)
    return request.param, made


def test_the_settings_are_those_of_the_data_set(one: tuple[str, Adaptation]) -> None:
    source, made = one
    data = source.split("_")[0]
    _, labels, _, expected = STUDIES[data]
    train, finetune, analyze = (
        test_layout.config(made.name, file) for file in ("train.json", "finetune.json", "analyze.json")
    )
    assert {name: train[name] for name in expected} == expected
    assert finetune["labels"] == list(FINDINGS if labels == "multi" else CLASSES)
    assert finetune["label_kind"] == ("multilabel" if labels == "multi" else "multiclass")
    assert finetune["metric"] == analyze["metric"] == "macro_auc"
    assert train["settings"]["method"] == source.split("_")[1]


def test_it_passes_what_the_nine_pass(one: tuple[str, Adaptation], tmp_path: Path, repository: Path) -> None:
    name = one[1].name
    test_layout.test_files(name)
    test_layout.test_metadata_fits_the_schema_offline(name, tmp_path)
    test_layout.test_metadata_versions_are_the_pinned_ones(name, repository)
    test_layout.test_config_habits(name)
    test_layout.test_every_config_checks_its_settings_before_all_else(name)
    test_layout.test_readme_and_overlay_agree(name)
    test_layout.test_configs_are_short_and_laid_out_for_readers(name)
    for files in test_nine_bundles.COMBINATIONS:
        if files[0] in test_layout.CHECKED:
            test_layout.test_settings_are_constants_so_that_they_can_be_checked_before_any_work(name, files)


def test_every_config_opens(one: tuple[str, Adaptation]) -> None:
    test_nine_bundles.test_every_config_opens(one[1].name)


def test_all_else_is_the_sources(one: tuple[str, Adaptation]) -> None:
    source, made = one
    for path in sorted((BUNDLES / source / "configs").glob("*.*")):
        if path.name == "metadata.json":
            continue
        if path.name not in CHANGED:
            assert (made.folder / "configs" / path.name).read_bytes() == path.read_bytes()
            continue
        new = json.loads((made.folder / "configs" / path.name).read_text())
        old = json.loads(path.read_text())
        assert list(new) == list(old)
        assert {name for name in new if new[name] != old[name]} <= CHANGED[path.name]


def test_every_config_can_be_planned(one: tuple[str, Adaptation], monkeypatch: pytest.MonkeyPatch) -> None:
    """From the folder in which the data set lies, without a word on it; with every overlay."""
    made = one[1]
    monkeypatch.chdir(made.datalist.folder.parent)
    for files in test_nine_bundles.COMBINATIONS:
        if files[0] not in ("train.json", "finetune.json"):
            continue
        words = [str(made.folder / "configs" / file) for file in files]
        words += ["--pretrained", "none"] if files[0] == "finetune.json" else ["--batch_size", "8"]
        result = CliRunner().invoke(app, ["plan", *words], prog_name="mocoi")
        assert result.exit_code == 0, result.stderr
        assert "16 images of 16 patients" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "labels", "labelled"),
    [("nih_barlow", "single", 16), ("bch_mse", "partly", 12), ("dr_moco", "multi", 16)],
)
def test_from_pretraining_to_a_package(
    source: str, labels: str, labelled: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the commands as they are given, the first one by MONAI's; with a small network written into the configs."""
    monkeypatch.chdir(tmp_path)
    kind, _, size, expected = STUDIES[source.split("_")[0]]
    images = study(Path("films"), kind, labels, size)
    adapt_bundle(BUNDLES / source, images, "own")
    _make_small(Path("own"))
    few = {"device": "cpu", "image_size": 32, "max_epochs": 1}
    built = ConfigWorkflow(config_file="own/configs/train.json", workflow_type="train", logging_file=False, **few)
    built.initialize()
    built.run()
    built.finalize()
    pretrained = len(built.parser.get_parsed_content("datalist").training)
    assert pretrained == (22 if labels == "partly" else 16)

    def mocoi(*words: str) -> str:
        result = CliRunner().invoke(app, list(words), prog_name="mocoi", catch_exceptions=False)
        assert result.exit_code == 0, result.stderr
        return result.stdout

    mocoi("run", "own/finetune", "--device", "cpu", "--max_epochs", "1")
    mocoi(
        "run", "own/evaluate", "--device", "cpu", "--resamples", "40", "--min_positives", "1",
        "--min_negatives", "1",
    )  # fmt: skip
    run = Path("runs/own") / "finetune-pretrained-all-s4-f1-l1"
    mocoi("run", "own/inference", "--device", "cpu", "--images", "films/images", "--run_dir", str(run))
    sidecar = json.loads((run / "classifier.json").read_text())
    assert sidecar["labels"] == list(CLASSES if labels == "single" else FINDINGS)
    assert (sidecar["channels"], sidecar["labelled_images"]) == (expected["channels"], labelled)
    assert (run / "evaluation-test" / "metrics.json").is_file()
    mocoi("package", "own", "--run", str(run), "--out", "own.zip")
    with zipfile.ZipFile("own.zip") as archive:
        texts = {file: archive.read(file) for file in archive.namelist() if not file.endswith((".pt", ".safetensors"))}
    whole = b"".join(texts.values())
    assert str(tmp_path).encode() not in whole
    assert not any(word in whole for word in (b"ChestX-ray14", b"EyePACS", b"IDC"))
    (metadata,) = (json.loads(text) for file, text in texts.items() if file.endswith("metadata.json"))
    pred = metadata["network_data_format"]["outputs"]["pred"]
    assert list(pred["channel_def"].values()) == sidecar["labels"]


def _make_small(bundle: Path) -> None:
    for file in ("train", "finetune", "evaluate", "inference"):
        path = bundle / "configs" / f"{file}.json"
        config = json.loads(path.read_text())
        config["network_def"]["encoder"]["backbone"] = SMALL_BACKBONE
        if file == "train":
            config["head_hidden"] = 16
            if "barlow_features" in config:
                config["barlow_features"] = 16
        path.write_text(json.dumps(config))
