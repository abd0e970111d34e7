"""What reaches TensorBoard: read back from the event files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.handlers import TensorBoardStatsHandler
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from monai_mocoi.handlers import LazySummaryWriter, SettingsText, ViewPairs, check_settings
from tests.handlers.engine import counting


def events(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0}).Reload()


def test_nothing_is_written_until_something_is(tmp_path: Path) -> None:
    writer = LazySummaryWriter(tmp_path / "tb")
    TensorBoardStatsHandler(summary_writer=writer)
    writer.close()
    assert not (tmp_path / "tb").exists()
    writer.add_scalar("a", 1.0, 0)
    writer.close()
    assert events(tmp_path / "tb").Scalars("a")[0].value == 1


def test_scalars_and_settings_arrive(tmp_path: Path) -> None:
    writer = LazySummaryWriter(tmp_path)
    stats = TensorBoardStatsHandler(summary_writer=writer, output_transform=lambda output: output)
    counting(handlers=[SettingsText(writer, {"seed": 3}), stats]).run()
    writer.close()
    found = events(tmp_path)
    assert [(e.step, e.value) for e in found.Scalars("loss/total")] == [(i + 1, i % 3) for i in range(6)]
    text = found.Tensors("settings/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "| seed | `3` |" in text


@pytest.mark.parametrize("channels", [1, 3])
def test_view_pairs_are_shown_without_the_normalisation(tmp_path: Path, channels: int) -> None:
    first, second = torch.rand(5, channels, 4, 6), torch.rand(5, channels, 4, 6)
    batch = {"view1": (first - 0.5) / 0.25, "view2": (second - 0.5) / 0.25}
    writer = LazySummaryWriter(tmp_path)
    engine = counting(
        max_epochs=3,
        step=lambda engine, batch: {},
        handlers=[ViewPairs(writer, [0.5] * channels, 0.25, pairs=2, every=2)],
    )
    engine.data_loader = [batch] * 3
    engine.run()
    writer.close()
    shown = events(tmp_path).Images("views/pairs")
    assert [e.step for e in shown] == [1, 3]
    path = tmp_path / "picture.png"
    path.write_bytes(shown[0].encoded_image_string)
    picture = np.asarray(Image.open(path).convert("RGB"), dtype=np.float32) / 255
    expected = torch.cat([torch.cat(list(first[:2]), -1), torch.cat(list(second[:2]), -1)], -2)
    expected = expected.expand(3, -1, -1).permute(1, 2, 0).numpy()
    assert np.abs(picture - expected).max() < 1.01 / 255


@pytest.mark.parametrize(
    ("text", "meant"), [("false", "False"), ("True", "True"), ("none", "'$None'"), ("NULL", "'$None'")]
)
def test_a_text_that_means_true_false_or_nothing_is_refused(text: str, meant: str) -> None:
    settings: dict[str, Any] = {"seed": 1, "head": "mlp_bn", "max_grad_norm": None, "cosine": True}
    check_settings(settings)
    with pytest.raises(ValueError, match=re.escape(f"--cosine {meant}")):
        check_settings({**settings, "cosine": text})


def test_torchrun_without_its_overlay_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    check_settings({"world_size": 2})
    with pytest.raises(ValueError, match=r"started 2 processes, but world_size is 1.*multi_gpu_train\.json"):
        check_settings({"world_size": 1})
