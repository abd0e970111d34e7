from __future__ import annotations

from itertools import count

import pytest

from benchmarks.timing import processor, repeated, take_turns


def test_sides_take_turns_and_the_first_of_a_round_changes() -> None:
    order: list[str] = []
    time = count()
    sides = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    seconds = take_turns(sides, 3, clock=lambda: float(next(time)))
    assert "".join(order) == "ba" + "ab" + "ba" + "ab"  # the first two warm up
    assert seconds == {"a": [1.0] * 3, "b": [1.0] * 3}


def test_rounds_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="rounds is 0, but must be 1 or more"):
        take_turns({"a": lambda: None}, 0)


def test_work_is_repeated() -> None:
    done: list[int] = []
    repeated(lambda: done.append(1), 4)()
    assert len(done) == 4


def test_processor_time_goes_on() -> None:
    before = processor()
    sum(range(10_000))
    assert processor() > before
