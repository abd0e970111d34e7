"""Momentum of a fused SGD whose first step is left out."""

from __future__ import annotations

import math

import pytest
import torch

from monai_mocoi.engines.momentum import begin_momentum
from tests.support.regression import Regression, batches, linear


def test_a_first_step_that_is_left_out_leaves_no_momentum(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's fused SGD would go on with memory that it never wrote: here it holds no numbers."""
    monkeypatch.setattr(torch, "empty_like", lambda tensor, **options: torch.full_like(tensor, math.nan, **options))
    fused, plain = linear(), linear()
    fused.load_state_dict(plain.state_dict())
    steps = torch.optim.SGD(fused.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01, fused=True)
    others = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    begin_momentum(steps)
    for left_out in (1.0, 0.0, 0.0):
        for network, optimizer in ((fused, steps), (plain, others)):
            optimizer.zero_grad()
            network(torch.ones(1, network.in_features, dtype=network.weight.dtype)).square().sum().backward()
        steps.found_inf = torch.tensor(left_out)
        steps.step()
        if not left_out:
            others.step()
        torch.testing.assert_close(fused.state_dict(), plain.state_dict())


def test_what_is_there_and_other_optimisers_stay() -> None:
    network = linear()
    network(torch.ones(1, network.in_features, dtype=network.weight.dtype)).sum().backward()
    sgd = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    sgd.step()
    before = [state["momentum_buffer"].clone() for state in sgd.state.values()]
    begin_momentum(sgd)
    assert all(
        torch.equal(state["momentum_buffer"], own) for state, own in zip(sgd.state.values(), before, strict=True)
    )
    for other in (torch.optim.AdamW(network.parameters()), torch.optim.SGD(network.parameters(), lr=0.1)):
        begin_momentum(other)
        assert not other.state


def test_a_trainer_in_fp16_begins_it_and_no_other() -> None:
    trainer = Regression(linear(), batches(1))
    assert not trainer.optimizer.state
    trainer.autocast = torch.float16
    assert trainer._scaler().is_enabled()
    assert [float(state["momentum_buffer"].abs().sum()) for state in trainer.optimizer.state.values()] == [0, 0]
