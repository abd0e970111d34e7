"""Mixed precision by device."""

from __future__ import annotations

import torch

PRECISIONS = ("auto", "float32", "bf16", "fp16")


def autocast_dtype(precision: str, device: torch.device | str) -> torch.dtype | None:
    """Choose the dtype that the networks' matrix products and convolutions run in.

    Args:
        precision: "auto": bfloat16 where the device computes with it (CUDA from compute capability 8.0, x86 CPUs with
            AVX-512 bf16 or AMX), else float16 on CUDA and float32 on a CPU; "float32" (or float64 networks): no
            autocast; "bf16" and "fp16": that one.
        device: where the run computes.

    Returns:
        the dtype for ``torch.autocast``, or None for no autocast.

    Raises:
        ValueError: unknown precision, or fp16 on a CPU.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; choose one of {', '.join(PRECISIONS)}.")
    kind = torch.device(device).type
    if precision == "float32":
        return None
    if precision == "bf16":
        return torch.bfloat16
    if precision == "fp16":
        if kind == "cpu":
            raise ValueError("precision 'fp16' needs a GPU: on a CPU choose 'auto', 'bf16' or 'float32'.")
        return torch.float16
    if kind == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if kind == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return torch.bfloat16
    return None
