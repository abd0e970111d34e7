"""What precision auto is: measured once a machine, and kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from monai_mocoi.engines import autocast_dtype, measured_precision
from tests.networks.small import small_moco
from tests.support.moco_training import batches, trainer_of


@pytest.fixture
def bf16_processor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))
    return monkeypatch


def timed(patch: pytest.MonkeyPatch, single: float, half: float) -> list[str]:
    calls: list[str] = []

    def seconds(device: torch.device, dtype: torch.dtype) -> tuple[float, float]:
        calls.append(str(dtype))
        return single, half

    patch.setattr(measured_precision, "_seconds", seconds)
    return calls


def test_auto_is_float32_where_the_processor_has_no_bfloat16(bf16_processor: pytest.MonkeyPatch) -> None:
    bf16_processor.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    calls = timed(bf16_processor, 1.0, 0.1)
    assert autocast_dtype("auto", "cpu") is None
    assert calls == []


@pytest.mark.parametrize(("half", "expected"), [(0.5, torch.bfloat16), (0.95, None)])
def test_auto_is_what_was_faster_measured_once_and_kept(
    bf16_processor: pytest.MonkeyPatch, half: float, expected: torch.dtype | None, caplog: pytest.LogCaptureFixture
) -> None:
    calls = timed(bf16_processor, 1.0, half)
    with caplog.at_level("INFO"):
        assert autocast_dtype("auto", "cpu") == expected
    assert f"float32, so it is {expected or torch.float32} from now on" in caplog.text
    timed(bf16_processor, 1.0, 1.5 - half)  # another day would say something else
    assert autocast_dtype("auto", torch.device("cpu")) == expected
    assert calls == ["torch.bfloat16"]


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00"])
def test_a_damaged_file_is_measured_and_written_anew(
    bf16_processor: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "precision.json").write_text(content)
    calls = timed(bf16_processor, 1.0, 0.95)
    assert [autocast_dtype("auto", "cpu") for _ in range(2)] == [None, None]
    assert calls == ["torch.bfloat16"]


def test_where_it_cannot_be_kept_nothing_is_measured(bf16_processor: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = timed(bf16_processor, 1.0, 2.0)
    (tmp_path / "file").touch()
    bf16_processor.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "file" / "cache"))
    assert autocast_dtype("auto", "cpu") == torch.bfloat16
    assert calls == []


def test_the_measurement_itself_leaves_the_random_state_alone() -> None:
    before = torch.get_rng_state()
    single, half = measured_precision._seconds(torch.device("cpu"), torch.bfloat16)
    assert min(single, half) > 0
    assert torch.equal(torch.get_rng_state(), before)


def test_a_continued_run_keeps_its_precision_unless_it_is_set(bf16_processor: pytest.MonkeyPatch) -> None:
    timed(bf16_processor, 1.0, 2.0)
    trainer = trainer_of(small_moco(), batches(1), precision="auto")
    assert trainer.autocast is None
    trainer.keep_precision("bf16")
    assert trainer.autocast == torch.bfloat16
    given = trainer_of(small_moco(), batches(1), precision="float32")
    given.keep_precision("bf16")
    assert given.autocast is None
