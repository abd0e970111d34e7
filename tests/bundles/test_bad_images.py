"""An unreadable training image in a bundle's run: "stop" ends it before the first step, "skip" goes on without it."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Events
from monai.bundle import ConfigWorkflow
from PIL import Image

from monai_mocoi import exit_codes
from monai_mocoi.data import Datalist, audit_datalist
from monai_mocoi.errors import DatasetError
from tests.bundles.conftest import BUNDLES

Run = Callable[..., ConfigWorkflow]
NAME = "nih_moco"
BAD = 3


def _wired(on_bad_image: str, max_bad_share: float = 0.1) -> dict[str, Any]:
    """Hand the two settings to both data sets, and let the checks before training look at what is left."""
    datasets = "training=@train#dataset, validation=@validate#dataset"
    wired: dict[str, Any] = {"readable_images": f"$monai_mocoi.data.without_skipped(@datalist, {datasets})"}
    for part in ("train", "validate"):
        wired |= {f"{part}#dataset#on_bad_image": on_bad_image, f"{part}#dataset#max_bad_share": max_bad_share}
    steps = json.loads((BUNDLES / NAME / "configs/train.json").read_text())["initialize"]
    audit = next(i for i, step in enumerate(steps) if "audit_datalist" in step)
    return wired | {f"initialize#{audit}": "$monai_mocoi.data.audit_datalist(@readable_images)"}


@pytest.fixture
def damaged(dataset: Path, tmp_path: Path) -> tuple[Path, str]:
    """A copy of the dataset folder with one truncated training image, and that image's name."""
    folder = Path(shutil.copytree(dataset, tmp_path / "damaged"))
    name = json.loads((folder / "datalist.json").read_text())["training"][BAD]["image"]
    file = folder / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return folder, name


def _first_of_ours(error: BaseException) -> DatasetError:
    """What MONAI's config reader has wrapped."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, DatasetError):
        seen = seen.__cause__ or seen.__context__
    assert seen is not None, f"no DatasetError in the chain of {error!r}"
    return seen


def test_stop_names_the_image_before_the_first_step(pretrained: Run, damaged: tuple[Path, str]) -> None:
    folder, name = damaged
    with pytest.raises(Exception) as caught:
        pretrained(NAME, dataset_dir=str(folder), **_wired("stop"))
    error = _first_of_ours(caught.value)
    assert f"image {BAD} ({name}): " in str(error)
    assert "on_bad_image skip" in str(error)
    assert error.exit_code == exit_codes.DATA
    assert str(folder) not in str(error)
    assert not Path("runs").exists()


def test_without_a_word_about_it_the_run_stops(pretrained: Run, damaged: tuple[Path, str]) -> None:
    folder, name = damaged
    with pytest.raises(Exception) as caught:
        pretrained(NAME, dataset_dir=str(folder))
    assert name in str(_first_of_ours(caught.value))
    assert not Path("runs").exists()


def test_skip_trains_on_the_rest_and_repeats_bit_for_bit(
    workflow: Run, damaged: tuple[Path, str], caplog: pytest.LogCaptureFixture
) -> None:
    folder, name = damaged
    total = len(json.loads((folder / "datalist.json").read_text())["training"])
    encoders = []
    for number in (0, 1):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            built = workflow(NAME, dataset_dir=str(folder), output_dir=f"run{number}", **_wired("skip"))
            built.initialize()
        assert [r for r in caplog.records if f"skipped image {BAD} ({name}): " in r.getMessage()]
        images = built.parser.get_parsed_content("train#dataset")
        assert (len(images), images.skipped[0]["index"]) == (total - 1, BAD)
        trainer = built.parser.get_parsed_content("train#trainer")
        assert trainer.data_loader.dataset.dataset is images  # made once, for the checks and the training
        seen: set[int] = set()
        queued: set[int] = set()

        @trainer.on(Events.ITERATION_COMPLETED)
        def note(engine: Any, moco: Any = trainer.moco, seen: set[int] = seen, queued: set[int] = queued) -> None:
            seen.update(engine.state.batch["index"].tolist())
            queued.update(moco.queue.images.tolist())

        built.run()
        built.finalize()
        assert BAD not in seen | queued
        assert max(seen) <= total - 1
        assert len(seen) >= trainer.state.epoch_length * 8
        assert queued - {-1} <= seen
        encoders.append(torch.load(f"run{number}/pretrain/encoder.pt", weights_only=True))
    assert encoders[0].keys() == encoders[1].keys()
    assert all(torch.equal(value, encoders[1][key]) for key, value in encoders[0].items())


@pytest.mark.parametrize("config", ["train", "finetune"])
def test_a_constant_test_image_does_not_stop_a_training_that_skips(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, config: str
) -> None:
    folder = Path(shutil.copytree(dataset, tmp_path / "damaged"))
    document = json.loads((folder / "datalist.json").read_text())
    items = document["test"]
    items[0]["image"] = "images/constant.png"
    Image.new("L", (40, 40), 7).save(folder / items[0]["image"])
    (folder / "datalist.json").write_text(json.dumps(document))
    monkeypatch.chdir(tmp_path)

    def readable_of(**settings: Any) -> Datalist:
        of_both = {"dataset_dir": str(folder), "device": "cpu", "num_workers": 0, "pretrained": "none"}
        file = str(BUNDLES / NAME / "configs" / f"{config}.json")
        workflow = ConfigWorkflow(
            config_file=file, workflow_type="train", logging_file=False, **of_both, label_fraction=1.0, **settings
        )
        workflow.parser.parse(reset=True)
        return workflow.parser.get_parsed_content("readable_images")

    readable = readable_of(on_bad_image="skip")
    assert len(audit_datalist(readable).images) == 3
    assert len(readable.test) == len(items) - 1
    assert f"1 of {len(items)} images of the test split cannot be read" in caplog.text
    with pytest.raises(DatasetError, match="1 image"):
        audit_datalist(readable_of())


def test_more_bad_images_than_the_share_are_refused(pretrained: Run, damaged: tuple[Path, str]) -> None:
    folder, name = damaged
    with pytest.raises(Exception) as caught:
        pretrained(NAME, dataset_dir=str(folder), **_wired("skip", 0.0))
    text = str(_first_of_ours(caught.value))
    assert "max_bad_share is 0 (0 %)" in text
    assert name in text
    assert not Path("runs").exists()
