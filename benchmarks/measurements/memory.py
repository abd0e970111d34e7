"""The highest memory of the whole loop, and how much of it is not the network's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from benchmarks.bundle_run import settings, small_network
from benchmarks.figures import Figure, Row
from benchmarks.options import Options
from benchmarks.pictures import png_dataset
from benchmarks.worker import ordered

CASES = (
    ("nih_mse, 64 px, batch 64", "nih_mse", (), 64, 64),
    ("nih_mse, 224 px, batch 32", "nih_mse", (), 224, 32),
    ("nih_mse with paper.json, 512 px, batch 16", "nih_mse", ("paper.json",), 512, 16),
)
ON_GPU = (("nih_mse with paper.json, 512 px, batch 64", "nih_mse", ("paper.json",), 512, 64),)
QUICK = (("nih_mse, 32 px, batch 8", "nih_mse", (), 32, 8),)
BATCHES, ROUNDS = 2, 3
LIMIT = 1.0
"""GiB beyond the network's."""


def measure(options: Options) -> Iterator[Row]:
    cases = CASES + (ON_GPU if torch.cuda.is_available() else ())
    for number, (case, bundle, overlays, size, batch) in enumerate(options.choose(cases, QUICK)):
        folder = options.folder / str(number)
        dataset = png_dataset(folder / "dataset", BATCHES * batch, size * 8 // 7, 1, options.seed)
        order = {"bundle": bundle, "dataset": str(dataset), "overlays": overlays}
        order |= {"overrides": settings(size, batch, max_epochs=2) | options.choose({}, small_network(bundle))}
        found: dict[str, list[dict[str, Any]]] = {"loop": [], "network": []}
        for turn in range(min(ROUNDS, options.rounds)):
            run = {"folder": str(folder / f"run{turn}")}
            found["loop"].append(ordered(order | run))
            found["network"].append(ordered(order | run | {"network": BATCHES}))
        figures: dict[str, Figure] = {}
        for kind in found["loop"][0].keys() - {"seconds"}:
            gib = {side: [answer[kind] / 2**10 for answer in answers] for side, answers in found.items()}
            figures |= {f"{side}, {kind}, GiB": Figure(tuple(values)) for side, values in gib.items()}
            more = tuple(a - b for a, b in zip(gib["loop"], gib["network"], strict=True))
            figures[f"loop - network, {kind}, GiB"] = Figure(more, at_most=LIMIT)
        yield Row(case, figures)
