"""View pairs as pictures in TensorBoard: the first thing to look at when a run does not learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import Workflow


class ViewPairs:
    """Show the first view pairs of an epoch, as the network sees them, but for the normalisation that is undone.

    Args:
        summary_writer: where to.
        mean: subtracted by the views' last transform, one value or one a channel.
        std: divided by there.
        pairs: how many pairs; upper row first views, lower row second views.
        every: epochs between pictures, 1 or more; the first epoch is always shown.
    """

    def __init__(
        self,
        summary_writer: Any,
        mean: float | Sequence[float],
        std: float | Sequence[float],
        pairs: int = 8,
        every: int = 1,
    ) -> None:
        self.writer = summary_writer
        self.mean = torch.as_tensor(mean, dtype=torch.float32).reshape(-1, 1, 1)
        self.std = torch.as_tensor(std, dtype=torch.float32).reshape(-1, 1, 1)
        self.pairs = pairs
        self.every = every

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._show)

    def _show(self, engine: Workflow) -> None:
        state = engine.state
        first_of_epoch = (state.iteration - 1) % state.epoch_length == 0
        if not first_of_epoch or (state.epoch - 1) % self.every:
            return
        rows = []
        for key in ("view1", "view2"):
            views = state.batch[key][: self.pairs].detach().cpu().float() * self.std + self.mean
            rows.append(torch.cat(list(views), dim=-1))
        picture = torch.cat(rows, dim=-2).clamp(0, 1)
        self.writer.add_image("views/pairs", picture, state.epoch, dataformats="CHW")
