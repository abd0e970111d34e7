"""Which stages a classifier reads, and by how many features it is known."""

from __future__ import annotations

import pytest

from monai_mocoi.networks import STAGES_AND_ALL, stage_in_words, stage_of_width, stages_of, width_of

CHANNELS = (256, 512, 1024, 2048)


def test_the_stages_and_their_widths() -> None:
    assert [stages_of(stage) for stage in STAGES_AND_ALL] == [(1,), (2,), (3,), (4,), (1, 2, 3, 4)]
    assert [width_of(stage, CHANNELS) for stage in STAGES_AND_ALL] == [256, 512, 1024, 2048, 3840]
    assert [stage_of_width(width, CHANNELS) for width in (256, 512, 1024, 2048, 3840)] == list(STAGES_AND_ALL)
    assert stage_of_width(768, CHANNELS) is None
    assert [stage_in_words(stage) for stage in (1, "all")] == ["stage 1", "all four stages"]


@pytest.mark.parametrize("stage", [0, 5, "4", "every", True, None])
def test_any_other_is_refused(stage: object) -> None:
    with pytest.raises(ValueError, match="must be 1, 2, 3, 4"):
        stages_of(stage)  # type: ignore[arg-type]
