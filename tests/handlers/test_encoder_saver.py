from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from monai_mocoi.data import load_datalist, pretraining_overlap
from monai_mocoi.engines import PhaseClock
from monai_mocoi.errors import NotFiniteError
from monai_mocoi.handlers import EncoderSaver, EpochLog
from monai_mocoi.networks import Pretrained, StageEncoder, load_encoder
from monai_mocoi.networks.weights import LoadReport
from tests.data.dataset_folders import dataset_folder
from tests.handlers.engine import counting
from tests.networks.small import small_moco, small_resnet


def test_query_encoder_of_the_last_epoch_with_its_sidecar_and_heads(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    moco = small_moco("barlow", zero_init_residual=True)

    def drift(engine: Any, batch: Any) -> dict[str, float]:
        with torch.no_grad():
            moco.query_encoder.backbone.conv1.weight.add_(1)
        return {}

    with caplog.at_level("INFO"):
        counting(step=drift, handlers=[EncoderSaver(tmp_path, moco, {"method": "barlow", "mean": 0.5})]).run()
    assert str(tmp_path / "encoder.pt") in caplog.text
    other = StageEncoder(small_resnet())
    load_encoder(other, tmp_path / "encoder.pt")
    assert torch.equal(other.backbone.conv1.weight, moco.query_encoder.backbone.conv1.weight)
    assert not torch.equal(other.backbone.conv1.weight, moco.key_encoder.backbone.conv1.weight)
    sidecar = json.loads((tmp_path / "encoder.json").read_text())
    assert (sidecar["method"], sidecar["mean"], sidecar["epochs"], sidecar["iterations"]) == ("barlow", 0.5, 2, 6)
    assert sidecar["zero_init_residual"] is True
    heads = torch.load(tmp_path / "heads.pt", weights_only=True)
    moco.query_head.load_state_dict(heads["head"])
    moco.stage_heads.load_state_dict(heads["stage_heads"])


def test_a_run_that_ends_early_leaves_no_product(tmp_path: Path) -> None:
    def stop(engine: Any, batch: Any) -> dict[str, float]:
        engine.terminate()
        return {}

    counting(step=stop, handlers=[EncoderSaver(tmp_path, small_moco(), {})]).run()
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_no_numbers_are_no_product(tmp_path: Path) -> None:
    moco = small_moco("barlow")

    def overflow(engine: Any, batch: Any) -> dict[str, float]:
        with torch.no_grad():
            moco.stage_heads[2].projector[3].weight[0, 0] = float("nan")
        return {}

    with pytest.raises(NotFiniteError, match=r"iteration 6: stage_heads.2.projector.3.weight of the network is not"):
        counting(step=overflow, handlers=[EncoderSaver(tmp_path, moco, {})]).run()
    assert list(tmp_path.iterdir()) == []


def test_how_the_last_epoch_went_and_what_was_seen(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Relative losses 1.0 to 1.2 in epoch 1 and 2.0 to 2.2 in epoch 2: the mean of the last is written."""
    datalist = load_datalist(dataset_folder(tmp_path / "data"))
    validator = counting()
    validator.state.epoch, validator.state.metrics = 2, {"validation/relative_loss": 0.75}
    log = EpochLog(validator)

    def step(engine: Any, batch: Any) -> dict[str, float]:
        return {"contrastive/relative_loss": engine.state.epoch + batch / 10}

    folder = tmp_path / "run"
    engine: Any = counting(step=step, handlers=[log, EncoderSaver(folder, small_moco(), {}, log, datalist)])
    engine.clock = PhaseClock()
    engine.clock.attach(engine)
    engine.run()
    sidecar = json.loads((folder / "encoder.json").read_text())
    assert sidecar["relative_loss"] == {"training": pytest.approx(2.1), "validation": 0.75}
    assert "never beat guessing: loss / guessing was 2.100 at its end" in caplog.text
    found = pretraining_overlap(folder / "encoder.pt", sidecar, datalist.folder, datalist.splits())
    assert [(split, n["seen_images"], n["images"]) for split, n in found["splits"].items()] == [
        ("training", 6, 6),
        ("validation", 2, 2),
        ("test", 0, 3),
    ]


def test_an_encoder_of_identified_data_says_so(tmp_path: Path) -> None:
    datalist = load_datalist(dataset_folder(tmp_path / "data"))
    for name, identified in (("clean", False), ("identified", True)):
        saver = EncoderSaver(tmp_path / name, small_moco(), {}, datalist=replace(datalist, identified=identified))
        counting(handlers=[saver]).run()
        sidecar = json.loads((tmp_path / name / "encoder.json").read_text())
        assert sidecar.get("identified", False) is identified
    # Pretraining that goes on from such weights, with other images.
    weights = Pretrained("encoder.pt", LoadReport((), (), ()), None, "0", {}, tmp_path / "identified" / "encoder.pt")
    saver = EncoderSaver(tmp_path / "later", small_moco(), {}, datalist=datalist, weights=weights)
    counting(handlers=[saver]).run()
    assert json.loads((tmp_path / "later" / "encoder.json").read_text())["identified"] is True


def test_a_key_that_cannot_be_read_stops_no_pretraining(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder in its place cannot be read by root either."""
    monkeypatch.setenv("MONAI_MOCOI_KEY", str(tmp_path))
    datalist = load_datalist(dataset_folder(tmp_path / "data"))
    folder = tmp_path / "run"
    counting(handlers=[EncoderSaver(folder, small_moco(), {}, datalist=datalist)]).run()
    assert (folder / "encoder.pt").is_file()
    assert not (folder / "seen_images.json").exists()
    assert "seen_images" not in json.loads((folder / "encoder.json").read_text())
    assert "the key of the fingerprints cannot be read" in caplog.text
