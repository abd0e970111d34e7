"""View pairs as pictures in TensorBoard: the first thing to look at when a run does not learn."""

from collections.abc import Sequence
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import Workflow

from monai_mocoi.distributed import rank
from monai_mocoi.figures.sheet import Captioned, Part, as_rgb, picture_sheet
from monai_mocoi.transforms.rescale_intensity import unnormalized

_VIEWS = ("view1", "view2")
_SIDE = 256  # pixels of the longer side of a pair, one view above the other


class ViewPairs:
    """Show the first view pairs of an epoch, as the network sees them, except for the normalisation, which is undone.

    Each has its caption: the row of its image in the training list, from 0.

    Args:
        summary_writer: where to.
        mean: subtracted by the views' last transform, one value or one a channel.
        std: divided by there.
        pairs: how many pairs; in each the first view is above the second.
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
        self.mean, self.std = mean, std
        self.pairs = pairs
        self.every = every

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        if rank() == 0:
            engine.add_event_handler(Events.ITERATION_COMPLETED, self._show)

    def _show(self, engine: Workflow) -> None:
        state = engine.state
        first_of_epoch = (state.iteration - 1) % state.epoch_length == 0
        if not first_of_epoch or (state.epoch - 1) % self.every:
            return
        views = [unnormalized(state.batch[key][: self.pairs], self.mean, self.std) for key in _VIEWS]
        rows = state.batch.get("index")
        captions = [""] * self.pairs if rows is None else [f"row {row}" for row in rows[: self.pairs].tolist()]
        cells = [
            Captioned(as_rgb(torch.cat(pair, dim=-2).numpy()), caption)
            for *pair, caption in zip(*views, captions, strict=False)
        ]
        title = (
            f"View pairs, epoch {state.epoch}, step {state.iteration}: two random views of one image, one above the "
            "other, as the network sees them. Row: of 'training', then 'pretraining', in datalist.json, from 0"
        )
        sheet = picture_sheet(title, [Part("", cells)], columns=4, side=_SIDE)
        self.writer.add_image("views/pairs", sheet, state.epoch, dataformats="HWC")
