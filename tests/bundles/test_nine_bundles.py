"""All nine bundles: each opens, and two differ only where their data set or their method says so."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from monai.bundle import ConfigItem, ConfigParser, ConfigWorkflow
from monai.utils import optional_import
from PIL import Image

from monai_mocoi.data import load_datalist
from monai_mocoi.networks import PooledVector
from tests.bundles.conftest import BUNDLES, NAMES, SMALL_BACKBONE
from tests.transforms.fundus_pictures import fundus

DATA, METHODS = ("bch", "dr", "nih"), ("barlow", "moco", "mse")
# A config, alone or with the overlays that are laid over it.
COMBINATIONS = [
    ("train.json",),
    ("train.json", "paper.json"),
    ("finetune.json",),
    ("finetune.json", "paper_finetune.json"),
    ("evaluate.json",),
    ("inference.json",),
    ("analyze.json",),
]

Run = Callable[..., ConfigWorkflow]


def test_there_are_nine() -> None:
    assert [f"{data}_{method}" for data in DATA for method in METHODS] == NAMES


def parser_of(name: str, files: tuple[str, ...]) -> ConfigParser:
    parser = ConfigParser()
    parser.read_config([str(BUNDLES / name / "configs" / file) for file in files])
    return parser


@pytest.mark.parametrize("name", NAMES)
def test_every_config_opens(name: str) -> None:
    for files in COMBINATIONS:
        parser = parser_of(name, files)
        parser.parse()  # references made absolute, expressions and components told apart
        items = parser.ref_resolver.items
        for place, item in items.items():
            for reference in parser.ref_resolver.find_refs_in_config(item.get_config(), place):
                assert reference in items, f"{files[-1]}: {place} refers to {reference}, which is not there"
        for target in targets_in(parser.get()):
            if "." in target:  # else a name that MONAI looks up among its own
                module, attribute = target.rsplit(".", 1)
                assert optional_import(module, name=attribute)[1], f"{files[-1]}: there is no {target}"


def targets_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "_target_" in value:
            yield value["_target_"]
        for part in value.values():
            yield from targets_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from targets_in(part)


def test_a_reference_to_nothing_would_be_seen() -> None:
    """What the test above rests on."""
    parser = ConfigParser({"a": "$@b + 1"})
    parser.parse()
    found = [parser.ref_resolver.find_refs_in_config(i.get_config(), n) for n, i in parser.ref_resolver.items.items()]
    assert any("b" in references for references in found)
    assert "b" not in parser.ref_resolver.items
    assert isinstance(parser.ref_resolver.items["a"], ConfigItem)


# What a data set may say, and what a method may say, by file. ("stage_pooling": fault A14, see below.)
IMAGES = {"modality", "channels", "image_size", "decode_size", "resize_mode", "mean", "std"}
OF_DATA = {
    "train.json": IMAGES | {"crop_area", "views", "batch_size", "max_epochs", "queue_size", "own_data"},
    "paper.json": {"image_size", "decode_size", "resize_mode", "batch_size", "crop_area", "views"},
    "finetune.json": IMAGES | {"crop_area", "train_transforms", "metric"},
    "paper_finetune.json": {"image_size", "decode_size", "resize_mode", "crop_area", "train_transforms"},
    "evaluate.json": {"modality"},
    "inference.json": {"modality"},
    "analyze.json": IMAGES | {"metric"},
    "metadata.json": {"task", "data_source", "data_type", "image_classes", "network_data_format"},
}
STAGES = {"stage_weights", "stage_pooling", "stage_map_sizes", "stage_min_overlap", "stage_normalize"}
STAGES |= {"barlow_features", "barlow_off_diagonal_weight", "barlow_divisor"}
OF_METHOD = {
    "train.json": STAGES | {"network_def", "stage_loss", "views"},
    "paper.json": STAGES | {"views"},
    "metadata.json": {"description"},
}


def test_data_sets_and_methods_set_only_what_is_theirs() -> None:
    """So two bundles, which are what the templates give, differ nowhere else."""
    for folder, allowed in (("data", OF_DATA), ("methods", OF_METHOD)):
        for path in sorted((BUNDLES / "templates" / folder).glob("*.json")):
            overlay = json.loads(path.read_text())
            for method, both in overlay.pop("methods", {}).items():
                assert method in METHODS
                assert {file: set(keys) for file, keys in both.items()} in (
                    {"train.json": {"stage_pooling"}},
                    {"train.json": {"stage_pooling"}, "paper.json": {"stage_pooling"}},
                ), path
            for file, keys in overlay.items():
                assert set(keys) <= allowed[file], f"{path.name}: {file}"
            assert set(overlay.get("train.json", {}).get("network_def", {})) <= {"stage_heads"}
            if folder == "methods":
                for file in ("train.json", "paper.json"):
                    assert set(overlay.get(file, {}).get("views", {})) <= {"geometry"}


@pytest.mark.parametrize("method", METHODS)
def test_the_paper_overlays_have_the_settings_of_the_reference(method: str) -> None:
    def steps(views: dict[str, Any]) -> dict[str, dict[str, Any]]:
        chain = views["transform"]["transforms"] if "transform" in views else views["transforms"]
        kept = {}
        for step in chain:
            if "Normalize" not in step["_target_"]:
                name = step["_target_"].rsplit(".", 1)[1].removesuffix("d")
                kept[name + str(step.get("spatial_axis", ""))] = {
                    k: v for k, v in step.items() if k not in ("_target_", "keys", "spatial_axis")
                }
        return kept

    jitter = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1, "prob": 0.8}
    colours = {
        "RandColorJitter": jitter,
        "RandGrayscale": {"prob": 0.2},
        "RandGaussianBlur": {"sigma": [0.1, 2.0], "prob": 0.5},
    }
    turn = {"RandRotation": {"degrees": 30, "prob": 1.0}}
    mirror = {"RandFlip1": {"prob": 0.5}}
    crop = {"RandResizedCrop": {"size": "@image_size", "scale": "@crop_area"}}
    expected: dict[str, tuple[Any, ...]] = {  # size, batch; crop and views of pretraining; the same of fine-tuning
        "nih": (512, 16, None, colours | turn, None, colours | turn),
        "bch": (255, 32, [0.4, 1.0], crop | colours | mirror, [0.2, 1.0], crop | colours | turn | mirror),
        "dr": (
            *(299, 8, None, colours | turn | mirror, None),
            {"RandColorJitter": {"contrast": 0.4, "hue": 0.1, "prob": 1.0}} | mirror | {"RandFlip0": {"prob": 0.5}},
        ),
    }
    metrics = {"nih": "macro_auc", "bch": "macro_f1", "dr": "macro_auc"}
    for data, (size, batch, area, views, tune_area, tune_views) in expected.items():
        read = {p.stem: json.loads(p.read_text()) for p in (BUNDLES / f"{data}_{method}" / "configs").glob("*.json")}
        paper, tune = read["paper"], read["paper_finetune"]
        assert (paper["image_size"], paper["batch_size"], paper["crop_area"]) == (size, batch, area)
        assert (tune["image_size"], tune["batch_size"], tune["crop_area"]) == (size, 16, tune_area)
        # Patches: resized to 256, of which the middle 255 are kept. Others keep the fit of train.json.
        fit = "trim" if data == "bch" else None
        for overlay in (paper, tune):
            assert (overlay["decode_size"], overlay.get("resize_mode")) == ("@image_size", fit)
        assert list(steps(paper["views"]).items()) == list(views.items())  # in this order, too
        assert list(steps(tune["train_transforms"]).items()) == list(tune_views.items())
        assert read["finetune"]["metric"] == metrics[data]
        assert (tune["learning_rate"], tune["max_epochs"]) == (0.001, 100)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a14_the_paper_overlay_has_the_authors_kind_of_mse(name: str, workflow: Run) -> None:
    """The authors' code compares maps on two data sets, and vectors, averaged over the image, on the third."""
    built = workflow(name, "paper.json", image_size=48, decode_size=48, batch_size=8)
    built.initialize()
    trainer = built.parser.get_parsed_content("train#trainer")
    heads = list(trainer.moco.stage_heads)
    if name == "bch_mse":
        assert [type(head) for head in heads] == [PooledVector] * 4
    elif name.endswith("mse"):
        assert [head.size for head in heads] == [16, 16, 4, 4]
    if name.endswith("mse"):
        assert built.parser.get_parsed_content("stage_loss").normalize is False
        assert trainer.stage_weights == (0.25,) * 4
    assert len(heads) == (0 if name.endswith("moco") else 4)
    view = built.parser.get_parsed_content("train#dataset")[0]["view1"]
    assert view.shape == (1 if name.startswith("nih") else 3, 48, 48)


def build(name: str, *files: str, **overrides: Any) -> ConfigWorkflow:
    """An initialised workflow of a bundle's downstream config, with a small network."""
    built = ConfigWorkflow(
        config_file=[str(BUNDLES / name / "configs" / file) for file in files], workflow_type="train",
        logging_file=False, device="cpu", precision="float32", batch_size=8,
        **{"network_def#encoder#backbone": SMALL_BACKBONE}, **overrides,
    )  # fmt: skip
    built.initialize()
    return built


@pytest.mark.slow
@pytest.mark.parametrize("data", DATA)
def test_the_papers_fine_tuning_is_built(
    data: str, dataset_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = f"{data}_mse"
    built = build(
        name, "finetune.json", "paper_finetune.json", dataset_dir=str(dataset_of(name)), image_size=48,
        decode_size=48, pretrained="none", label_fraction=1.0,
    )  # fmt: skip
    sample = built.parser.get_parsed_content("train#dataset")[0]
    assert sample["image"].shape == (1 if data == "nih" else 3, 48, 48)
    optimizer = built.parser.get_parsed_content("optimizer")
    assert (type(optimizer).__name__, optimizer.param_groups[0]["lr"]) == ("Adam", 0.001)
    assert optimizer.param_groups[0]["weight_decay"] == 0
    assert built.parser.get_parsed_content("kind") == ("multilabel" if data == "nih" else "multiclass")


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bch_mse", "dr_barlow"])
def test_from_pretraining_to_new_images(name: str, pretrained: Run, dataset_of: Callable[[str], Path]) -> None:
    folder = dataset_of(name)
    data = name.split("_")[0]
    pretrained(name, max_epochs=1)
    encoder = json.loads((Path("runs") / name / "pretrain" / "encoder.json").read_text())
    assert (encoder["channels"], len(encoder["mean"]), encoder["modality"]) == (
        3, 3, {"bch": "histology", "dr": "fundus"}[data],
    )  # fmt: skip

    def run(file: str, **overrides: Any) -> None:
        built = build(name, file, dataset_dir=str(folder), **overrides)
        built.run()
        built.finalize()

    run("finetune.json", max_epochs=2, image_size=32)
    tuned = Path("runs") / name / "finetune-pretrained-all-s4-f1-l1"
    sidecar = json.loads((tuned / "classifier.json").read_text())
    assert (sidecar["kind"], sidecar["method"]) == ("multiclass", name.split("_")[1])
    assert sidecar["resize_mode"] == {"bch": "crop", "dr": "fundus"}[data]
    assert sidecar["settings"]["metric"] == {"bch": "macro_f1", "dr": "macro_auc"}[data]

    run("evaluate.json", resamples=40, min_positives=2, min_negatives=2)
    metrics = json.loads((tuned / "evaluation-test" / "metrics.json").read_text())
    assert 0 <= metrics["overall"]["macro_f1"]["value"] <= 1
    # The same files as new images: prepared in the same way, so the same probabilities.
    run("inference.json")
    evaluated = table(tuned / "evaluation-test" / "predictions.csv")
    inferred = table(tuned / "inference" / "classified.csv")
    columns = [column for column in inferred[0] if column.startswith("probability_")]
    assert len(evaluated) == len(inferred) == len(load_datalist(folder).test) > 0
    for one, other in zip(evaluated, inferred, strict=True):
        assert one["image"] == other["image"]
        assert [float(one[column]) for column in columns] == pytest.approx([float(other[column]) for column in columns])
    if data == "dr":
        _photographs(run, tuned)


def _photographs(run: Callable[..., None], tuned: Path) -> None:
    """The place of the disc in a photograph makes no difference, and one without a disc is said to be so."""
    new = Path("new")
    new.mkdir()
    pictures = {
        "a": fundus(160, 240, 80, 120, 70, seed=3, noise=0),
        "b": fundus(200, 300, 110, 170, 70, seed=3, noise=0),
        "black": np.pad(np.full((3, 1, 1), 0.02, np.float32), ((0, 0), (0, 59), (0, 59))),
    }
    for name, picture in pictures.items():
        Image.fromarray(np.rint(picture.transpose(1, 2, 0) * 255).astype(np.uint8)).save(new / f"{name}.png")
    with pytest.raises(SystemExit):
        run("inference.json", images="new", overwrite=True)
    a, b, black = table(tuned / "inference" / "classified.csv")
    (column,) = [column for column in a if re.fullmatch("probability_referable", column)]
    assert float(a[column]) == pytest.approx(float(b[column]), abs=0.02)
    assert (black["status"], black["reason"]) == (
        "unreadable", "nothing in the picture is lit: it is black, or nearly",
    )  # fmt: skip
