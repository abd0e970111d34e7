"""Single random steps of an image, always applied: ours against MONAI's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import torch
from monai.data import set_track_meta
from monai.transforms import RandGaussianSmooth, RandRotate

from benchmarks.figures import Figure, Row, ratio
from benchmarks.one_thread import one_thread
from benchmarks.options import Options
from benchmarks.timing import processor, repeated, take_turns
from monai_mocoi.transforms import RandGaussianBlur, RandRotation

SIZES = (64, 224, 512)
CALLS = 50


def measure(options: Options) -> Iterator[Row]:
    degrees, sigma = 30, (0.1, 2.0)
    pairs = {
        "blur": (RandGaussianBlur(sigma, prob=1.0), RandGaussianSmooth(sigma, sigma, prob=1.0)),
        "rotation": (
            RandRotation(degrees, prob=1.0),
            RandRotate(math.radians(degrees), prob=1.0, padding_mode="zeros"),
        ),
    }
    calls = options.choose(CALLS, 2)
    for name, (ours, theirs) in pairs.items():
        for channels in (1, 3):
            for size in options.choose(SIZES, SIZES[:1]):
                image = torch.rand(channels, size, size)
                for part in (ours, theirs):
                    part.set_random_state(seed=options.seed)
                both = {"ours": ours, "MONAI": theirs}
                sides = {side: repeated(partial(part, image), calls) for side, part in both.items()}
                set_track_meta(False)
                with one_thread():
                    seconds = take_turns(sides, options.rounds, processor)
                set_track_meta(True)
                figures = {
                    f"{side}, ms": Figure(tuple(1000 * value / calls for value in values))
                    for side, values in seconds.items()
                }
                figures["MONAI / ours"] = ratio(seconds["MONAI"], seconds["ours"])
                yield Row(f"{name}, {channels} channel{'s' * (channels > 1)}, {size} px", figures)
