"""What MONAI's model zoo asks of a bundle, of the package of each of the nine; offline."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigParser, verify_metadata, verify_net_in_out

from monai_mocoi.packaging import package_bundle
from tests.bundles.conftest import NAMES, one_of_each
from tests.report.finetuned_runs import make_bundle, make_run
from tests.support.configs import strings
from tests.support.metadata_schema import SCHEMA

# Their table: what a config of each kind is asked to have. (dataset_dir and the others of train are those of MONAI.)
INFERENCE_KEYS = ["bundle_root", "device", "network_def", "inferer", "output_dir", "preprocessing", "postprocessing"]
TRAIN_KEYS = ["bundle_root", "device", "dataset_dir", "train#trainer", "train#dataset#data", "train#handlers"]
MODALITIES = {"nih": "chest", "bch": "histology", "dr": "fundus"}
TITLES = {"nih": "chest_xray", "bch": "histopathology", "dr": "fundus"}


def packed(place: Path, bundle: str) -> Path:
    colour: dict[str, Any] = {} if bundle.startswith("nih") else {"channels": 3, "mean": [0.5] * 3, "std": [0.2] * 3}
    modality = MODALITIES[bundle.split("_")[0]]
    run = make_run(place / "run", settings={"bundle": bundle, "cache_bits": 8}, modality=modality, **colour)
    made = package_bundle(make_bundle(place / "from", bundle), run, place / "p.zip")
    with zipfile.ZipFile(made.path) as archive:
        archive.extractall(place / "un")
    return place / "un" / made.name


@pytest.mark.parametrize("bundle", one_of_each(NAMES))
def test_the_zoos_rules(bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = packed(tmp_path, bundle)
    assert package.name == f"{TITLES[bundle.split('_')[0]]}_classification_mocoi"
    for file in ("LICENSE", "configs/metadata.json", "configs/inference.json", "models/model.pt", "docs/README.md"):
        assert (package / file).stat().st_size > 0
    assert (package / "docs" / "data_license.txt").is_file()
    assert max(p.stat().st_size for p in package.rglob("*") if p.is_file() and p.name != "model.pt") < 25e6
    metadata = json.loads((package / "configs" / "metadata.json").read_text())
    assert metadata["version"] in metadata["changelog"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", metadata["version"])
    assert (metadata["task"], metadata["name"]) == ("classification", package.name)
    output = metadata["network_data_format"]["outputs"]["pred"]
    assert (output["type"], output["value_range"]) == ("probabilities", [0, 1])
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps(SCHEMA))
    monkeypatch.chdir(package)
    verify_metadata(meta_file="configs/metadata.json", filepath=str(schema))
    for file, keys in (("inference.json", INFERENCE_KEYS), ("train.json", TRAIN_KEYS), ("finetune.json", TRAIN_KEYS)):
        parser = ConfigParser()
        parser.read_config(f"configs/{file}")
        assert [key for key in keys if parser.get(key) is None] == [], file
        for text in strings(parser.get()):
            assert not text.startswith(("/", "~")), text
    loads = [step["_target_"].rpartition(".")[2] for step in _steps("preprocessing")]
    assert [name.startswith("LoadImage") for name in loads] == [True] + [False] * (len(loads) - 1)
    after = _steps("postprocessing")
    assert [(step["keys"], step.get("_disabled_")) for step in after] == [("pred", None), ("pred", "$not @recalibrate")]
    verify_net_in_out(
        net_id="network_def", meta_file="configs/metadata.json", config_file="configs/inference.json", device="cpu"
    )


def _steps(chain: str) -> list[dict[str, Any]]:
    return json.loads(Path("configs/inference.json").read_text())[chain]["transforms"]
