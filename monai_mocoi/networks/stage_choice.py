"""Stage selection: which of an encoder's four stages a classifier reads, one of them or all."""

from collections.abc import Sequence

STAGES = (1, 2, 3, 4)
"""The stages of a ResNet, from the first, with the largest maps, to the last."""
STAGES_AND_ALL: tuple[int | str, ...] = (*STAGES, "all")
"""What ``stage`` may be: "all" stands for the averaged features of the four stages, side by side."""


def stages_of(stage: int | str) -> tuple[int, ...]:
    """The stages whose averaged features a classifier reads, in their order.

    Raises:
        ValueError: it is none of :data:`STAGES_AND_ALL`.
    """
    if isinstance(stage, bool) or stage not in STAGES_AND_ALL:
        raise ValueError(f"stage is {stage!r}, but must be 1, 2, 3, 4 (the last) or 'all'.")
    return STAGES if isinstance(stage, str) else (stage,)


def width_of(stage: int | str, stage_channels: Sequence[int]) -> int:
    """How many features those are, given the channels of the four stages."""
    return sum(stage_channels[own - 1] for own in stages_of(stage))


def stage_of_width(width: int, stage_channels: Sequence[int]) -> int | str | None:
    """The stage, or "all", with so many features; None: there is none."""
    return next((stage for stage in STAGES_AND_ALL if width_of(stage, stage_channels) == width), None)


def stage_in_words(stage: int | str) -> str:
    """``stage 4``, or ``all four stages``."""
    return "all four stages" if stage == "all" else f"stage {stage}"
