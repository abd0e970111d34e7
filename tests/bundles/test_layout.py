"""What MONAI's bundle tools, and the checks of its model zoo, ask of a bundle; all of it offline."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ConfigWorkflow, verify_metadata

from monai_mocoi.cli.config_ids import find, referred
from monai_mocoi.files.json_layout import config_text, group_starts
from monai_mocoi.networks import StageEncoder, resnet
from tests.bundles.conftest import BUNDLES, NAMES, some_fast
from tests.support.configs import strings
from tests.support.metadata_schema import SCHEMA

FILES = {
    "LICENSE",
    "configs/analyze.json",
    "configs/evaluate.json",
    "configs/finetune.json",
    "configs/inference.json",
    "configs/logging.conf",
    "configs/metadata.json",
    "configs/paper.json",
    "configs/paper_finetune.json",
    *(f"configs/schema/{name}.json" for name in ("analyze", "evaluate", "finetune", "inference", "train")),
    "configs/train.json",
    "docs/README.md",
    "docs/data_license.txt",
}


def config(name: str, file: str) -> dict[str, Any]:
    return json.loads((BUNDLES / name / "configs" / file).read_text())


def test_the_committed_bundles_are_what_the_templates_give(tmp_path: Path) -> None:
    script = BUNDLES / "templates" / "write.py"
    result = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


# At most so many lines: a config is to be read by who changes its constants.
MOST_LINES = {"train.json": 306, "finetune.json": 340, "evaluate.json": 150, "inference.json": 150, "analyze.json": 159}


@pytest.mark.parametrize("name", NAMES)
def test_configs_are_short_and_laid_out_for_readers(name: str) -> None:
    for path in sorted((BUNDLES / name / "configs").glob("*.json")):
        text = path.read_text()
        assert config_text(json.loads(text), group_starts(text)) == text, path.name
        assert len(text.splitlines()) <= MOST_LINES.get(path.name, 60), path.name
    for file in MOST_LINES:
        names = list(config(name, file))
        assert names.index("settings") < min(
            names.index(key) for key, value in config(name, file).items() if "_target_" in json.dumps(value)
        ), "constants come first"


@pytest.mark.parametrize("name", NAMES)
def test_files(name: str) -> None:
    folder = BUNDLES / name
    assert {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()} == FILES


@pytest.mark.parametrize("name", NAMES)
def test_metadata_fits_the_schema_offline(name: str, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps(SCHEMA))
    # An existing --filepath is used as it is: nothing is downloaded.
    verify_metadata(meta_file=str(BUNDLES / name / "configs" / "metadata.json"), filepath=str(schema))
    metadata = config(name, "metadata.json")
    assert metadata["version"] in metadata["changelog"]
    assert metadata["name"] == name
    del metadata["task"]
    broken = tmp_path / "metadata.json"
    broken.write_text(json.dumps(metadata))
    with pytest.raises(ValueError, match="'task' is a required property"):
        verify_metadata(meta_file=str(broken), filepath=str(schema))


@pytest.mark.parametrize("name", NAMES)
def test_metadata_versions_are_the_pinned_ones(name: str, repository: Path) -> None:
    pins = dict(
        line.lower().split("==")
        for line in (repository / "constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    metadata = config(name, "metadata.json")
    named = {
        "monai": metadata["monai_version"],
        "torch": metadata["pytorch_version"],
        "numpy": metadata["numpy_version"],
        **metadata["required_packages_version"],
    }
    import monai_mocoi

    assert named.pop("monai-mocoi") == monai_mocoi.__version__
    assert {package: pins[package] for package in named} == named


@pytest.mark.parametrize("name", NAMES)
def test_metadata_has_the_features_of_the_network(name: str) -> None:
    with torch.device("meta"):
        encoder = StageEncoder(resnet(config(name, "train.json")["architecture"]))
        features = encoder(torch.rand(1, 1, 64, 64)).embedding.shape[1]
    metadata = config(name, "metadata.json")
    pred = metadata["network_data_format"]["outputs"]["pred"]
    assert pred["num_channels"] == features
    assert pred["channel_def"] == {"0": f"first of {features} non-negative features"}
    assert f"vector of {features} features" in metadata["pred_classes"]
    assert "ResNet-50" in metadata["task"]


@pytest.mark.parametrize("name", some_fast(NAMES))
def test_properties(name: str, workflow: Callable[..., ConfigWorkflow]) -> None:
    built = workflow(name)
    built.initialize()
    assert built.check_properties() == []
    assert built.max_epochs == 2
    assert not Path("runs").exists()  # a check leaves nothing behind


@pytest.mark.parametrize("name", NAMES)
def test_config_habits(name: str) -> None:
    train = config(name, "train.json")
    assert "*@train#handlers" in train["train"]["trainer"]["train_handlers"]
    assert all("_target_" in handler for handler in train["train"]["handlers"])  # as MONAI's check of properties asks
    settings = set(train["settings"]) - {"method"}
    assert train["settings"]["method"] == name.split("_")[1]
    constants = list(train)[: list(train).index("settings")]
    of_the_machine = {"$schema", "imports", "bundle_root", "overwrite", "resume", "dataset_dir", "output_dir"}
    of_the_machine |= {"pretrained"}  # a place, whose hash the run records
    assert settings == set(constants) - of_the_machine
    for file in ("train.json", "paper.json"):
        content = config(name, file)
        for text in strings(content):
            assert "scripts." not in text
            assert not text.startswith(("/", "~")), text
            assert ".." not in text, text
        if file == "paper.json":
            assert set(content) <= set(train), "an overlay sets what train.json has"


CHECKED = ("train.json", "finetune.json", "evaluate.json", "inference.json", "analyze.json")


@pytest.mark.parametrize("name", NAMES)
def test_every_config_checks_its_settings_before_all_else(name: str) -> None:
    for file in CHECKED:
        assert config(name, file)["initialize"][0] == "$monai_mocoi.runs.check_settings(@settings)", file


# What a setting may be made of: of a call of anything else nobody knows what it reads, draws or writes.
PURE = re.compile(
    r"(os\.path\.(join|basename|dirname|isfile)|str|int|float|round|min|max|len|format|isinstance"
    r"|torch\.device|torch\.cuda\.is_available"
    r"|monai_mocoi\.distributed\.(world_size|device)"
    r"|monai_mocoi\.data\.loader_workers"
    r"|monai_mocoi\.runs\.(newest_finetuned|classifier_to_use)"  # look at the manifests of runs
    r"|monai_mocoi\.networks\.of_encoder"  # reads the small JSON beside an encoder, if there is one, and nothing else
    r"|monai_mocoi\.networks\.architecture_of)"  # that too, or else the names and shapes in the file
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "files",
    [
        *((file,) for file in CHECKED),
        ("train.json", "paper.json"),
        ("finetune.json", "paper_finetune.json"),
    ],
    ids="+".join,
)
def test_settings_are_constants_so_that_they_can_be_checked_before_any_work(name: str, files: tuple[str, ...]) -> None:
    """MONAI resolves all of ``settings`` before it can be checked: no entry may need data, weights or a network."""
    whole: dict[str, Any] = {}
    for file in files:
        whole |= config(name, file)
    waiting = [f"settings#{setting}" for setting in whole["settings"]]
    seen = set()
    while waiting:
        if (setting := waiting.pop()) in seen:
            continue
        seen.add(setting)
        value = find(whole, setting)
        assert "_target_" not in json.dumps(value), f"{setting} is made by a class"
        for text in strings(value):
            waiting += referred(text)
            if text.startswith("$"):
                calls = [
                    part
                    for part in ast.walk(ast.parse(text[1:].replace("@", "_").replace("#", "_")))
                    if isinstance(part, ast.Call)
                ]
                for call in calls:
                    assert PURE.fullmatch(ast.unparse(call.func)), f"{setting} calls {ast.unparse(call.func)}"
    assert len(seen) > len(whole["settings"])


@pytest.mark.parametrize("name", NAMES)
def test_readme_and_overlay_agree(name: str) -> None:
    """The README's table of departures names every setting that paper.json changes."""
    train, paper = config(name, "train.json"), config(name, "paper.json")
    readme = (BUNDLES / name / "docs" / "README.md").read_text()
    rows = {
        "views": "| Views |",
        "head": "| Head |",
        "temperature": "| Temperature |",
        "learning_rate": "| Learning rate |",
        "ema_momentum": "| Moving average |",
        "queue_size": "| Queue |",
        "bn_splits": "| BatchNorm |",
        "image_size": "| Image |",
        "stage_weights": "| Intermediate loss |",
    }
    for setting, row in rows.items():
        if paper.get(setting) != train.get(setting):
            assert row in readme
    assert f"{name}/configs/train.json" in readme
