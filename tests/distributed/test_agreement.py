from __future__ import annotations

from typing import Any

import pytest
import torch

from monai_mocoi.distributed import Question, any_rank, from_first_rank, gather_objects, mean_over_ranks
from tests.support.processes import in_processes


def together(rank: int) -> dict[str, Any]:
    return {
        "first": from_first_rank({"rank": rank}),
        "all": gather_objects({"rank": rank}),
        "one says so": any_rank(rank == 1),
        "none says so": any_rank(False),
        "mean": mean_over_ranks(torch.tensor([rank, 1.0, float("nan") if rank else 0.0])),
    }


SAID = [(False, False), (False, True), (False, False), (True, True), (True, False), (False, False)]  # by two processes


def answers(rank: int) -> list[bool]:
    """What is known of each question when the next is asked; then of two, of which only the second is answered."""
    question, found = Question(), []
    for said in SAID:
        found.append(question.answer())
        question.ask(said[rank])
    found.append(question.answer())
    question.ask(True)
    question.ask(False)
    return [*found, question.answer(), question.answer()]


@pytest.mark.slow
def test_two_processes_agree() -> None:
    for found in in_processes(together, 2):
        assert found["first"] == {"rank": 0}
        assert found["all"] == [{"rank": 0}, {"rank": 1}]
        assert (found["one says so"], found["none says so"]) == (True, False)
        assert found["mean"][:2].tolist() == [0.5, 1.0]
        assert found["mean"][2].isnan(), "what is not a number in one process must be seen in all"


def test_one_process_keeps_what_it_gave() -> None:
    found = together(0)
    assert found["first"] == {"rank": 0}
    assert found["all"] == [{"rank": 0}]
    assert (found["one says so"], found["none says so"]) == (False, False)
    assert found["mean"].tolist() == [0.0, 1.0, 0.0]


@pytest.mark.slow
def test_two_processes_have_the_answer_of_the_question_before() -> None:
    expected = [False, *map(any, SAID), False, False]
    assert in_processes(answers, 2) == [expected, expected]


def test_one_process_answers_itself() -> None:
    assert answers(0) == [False, *(first for first, _ in SAID), False, False]
