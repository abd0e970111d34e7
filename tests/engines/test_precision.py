from __future__ import annotations

import pytest
import torch

from monai_mocoi.engines import autocast_dtype


def test_auto_takes_bfloat16_only_where_the_processor_computes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert autocast_dtype("auto", "cpu") is None
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert autocast_dtype("auto", torch.device("cpu")) == torch.bfloat16


def test_named_precisions() -> None:
    assert autocast_dtype("float32", "cuda") is None
    assert autocast_dtype("bf16", "cpu") == torch.bfloat16
    assert autocast_dtype("fp16", "cuda") == torch.float16
    with pytest.raises(ValueError, match="needs a GPU"):
        autocast_dtype("fp16", "cpu")
    with pytest.raises(ValueError, match="'half'"):
        autocast_dtype("half", "cpu")
