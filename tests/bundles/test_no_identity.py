"""From a hospital's export to a package: whoever was in the export is told nowhere but in the private folder."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigWorkflow

from data_prep.__main__ import main
from data_prep.byte_search import ByteSearch
from monai_mocoi.errors import PackageError, WeightsError
from monai_mocoi.networks import export_weights
from monai_mocoi.packaging import adapt_bundle, package_bundle
from tests.bundles.conftest import BUNDLES, SMALL, SMALL_BACKBONE
from tests.report.finetuned_runs import make_bundle
from tests.support.hospital_export import Export, write_export

pytestmark = pytest.mark.slow  # whole runs, seconds each

NETWORK = {"device": "cpu", "network_def#encoder#backbone": SMALL_BACKBONE}
TESTED = {"min_positives": 1, "min_negatives": 1, "resamples": 50}
RUN = "runs/finetune-pretrained-all-s4-f1-l1"


@pytest.fixture
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    return write_export(tmp_path_factory.mktemp("hospital"), patients=24)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; the cache lies in it too. The key is no secret: with a random one, the split would vary."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").write_bytes(bytes(range(32)))
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def console(place: Path, capfd: pytest.CaptureFixture[str]) -> Callable[[], None]:
    """Write down what came to the console, logs among it."""

    def write() -> None:
        said = capfd.readouterr()
        with open(place / "console.txt", "a", encoding="utf-8") as file:
            file.write(said.out + said.err)

    return write


def prepare(export: Export, *options: str) -> int:
    table = ("--labels", str(export.labels), "--label-columns", "pneumonia", "effusion", "--patient-column", "MRN")
    own = ("--images", str(export.images), "--out", "data", "--private", "private", "--size", "48")
    return main(["inhouse", *own, *table, "--max-missing", "0.5", *options])


def adapt() -> None:
    """A bundle of the data set, with a small network."""
    adapt_bundle(BUNDLES / "nih_mse", "data", "study")
    path = Path("study/configs/inference.json")
    config = json.loads(path.read_text())
    config["network_def"]["encoder"]["backbone"] = SMALL_BACKBONE
    path.write_text(json.dumps(config))


def run(file: str, **settings: Any) -> None:
    config = str((Path("study") if Path("study").exists() else BUNDLES / "nih_mse") / "configs" / file)
    workflow = ConfigWorkflow(
        config, workflow_type="train", **{"dataset_dir": "data", "output_dir": "runs", **settings}
    )
    workflow.initialize()
    workflow.run()
    workflow.finalize()


def pretrain_and_finetune() -> None:
    run("train.json", **{**SMALL, "max_epochs": 1})
    run("finetune.json", **NETWORK, image_size=32, batch_size=8, max_epochs=1)


def words(export: Export) -> set[str]:
    """What identifies somebody, dates in both forms."""
    days = {word for word in export.planted if re.fullmatch("[0-9]{8}", word)}
    return export.planted | {f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in days} | {"Thaddeus"}


def test_nobody_of_the_export_is_told_anywhere(export: Export, place: Path, console: Callable[[], None]) -> None:
    assert prepare(export) == 0
    adapt()
    pretrain_and_finetune()
    run("evaluate.json", **NETWORK, **TESTED)
    run("inference.json", **NETWORK, images="data/images", grad_cam=True)
    run("analyze.json", **TESTED, **{"device": "cpu", "network_def#backbone": SMALL_BACKBONE}, probe_fractions=[1.0])
    package_bundle("study", RUN, place / "package.zip")
    console()
    assert main(["audit", "data"]) == 0
    for refused in (("--key-column", "MRN", "--key-is", "sop"), ("--covariates", "comment"), ("--bits", "16")):
        assert prepare(export, *refused) != 0
    console()

    made = {path.name for path in place.iterdir()}
    assert {"data", "study", "runs", "cache", "console.txt", "package.zip", "private"} <= made
    said = Path("console.txt").read_text()
    assert "Classifier: runs/finetune" in said
    assert "rows without a picture look like" in said
    searched = words(export)
    assert len(searched) > 100
    search = ByteSearch(searched)
    assert search.too_short == 0
    told = {finding.word for finding in search.in_folder("private")}
    assert len(told) > 60  # the search finds what is there: in the private folder
    shutil.rmtree("private")
    assert search.in_folder(place) == []


def test_originals_in_place_are_trained_on_but_never_handed_on(export: Export, place: Path) -> None:
    assert prepare(export, "--in-place") == 0
    assert json.loads(Path("data/manifest.json").read_text())["identified"] is True
    pretrain_and_finetune()
    for weights in ("runs/pretrain/encoder.pt", f"{RUN}/classifier.pt"):
        with pytest.raises(WeightsError, match="Prepare the data set without"):
            export_weights(weights, "monai", "out.pt")
    bundle = make_bundle(place / "bundle")
    with pytest.raises(PackageError, match="Prepare the data set without"):
        package_bundle(bundle, RUN, place / "package.zip")
    # A classifier of a clean folder that begins with such an encoder is one of them.
    shutil.rmtree("data")
    assert prepare(export) == 0
    run("finetune.json", **NETWORK, image_size=32, batch_size=8, max_epochs=1, overwrite=True)
    with pytest.raises(PackageError, match="Prepare the data set without"):
        package_bundle(bundle, RUN, place / "package.zip")
