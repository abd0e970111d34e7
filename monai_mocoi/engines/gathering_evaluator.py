"""Evaluation over all processes: each embeds its share, all of them end with the rows of every image, each once."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import Evaluator

from monai_mocoi.distributed.processes import gather_ragged_rows, world_size


class GatheringEvaluator(Evaluator):
    """Base of the evaluators. A subclass keeps rows of its iterations, and measures when the epoch is over.

    All processes must run it. Their shares may be unequal; a process may have none.
    """

    @abstractmethod
    def forget(self) -> None:
        """Begin anew, with no rows of the right shape and type: a process without images has nothing else to gather."""

    @abstractmethod
    def measure(self) -> None:
        """Gather the rows, and put what they say into ``state.metrics``."""

    def measure_before(self, handlers: Any) -> None:
        """Register the measuring, and then the caller's handlers, so that those see the metrics of this epoch."""
        self.add_event_handler(Events.EPOCH_STARTED, lambda: self.forget())
        self.add_event_handler(Events.EPOCH_COMPLETED, lambda: self.measure())
        self._register_handlers(handlers or [])

    def run(self, global_epoch: int = 1) -> None:  # type: ignore[override]
        """Evaluate.

        Args:
            global_epoch: the trainer's epoch, from 1.
        """
        if self.state.epoch_length == 0 and world_size() > 1:
            # MONAI would leave the run out, and the other processes would wait for this one's rows for ever.
            self.state.max_epochs = self.state.epoch = global_epoch
            self.fire_event(Events.EPOCH_STARTED)
            self.fire_event(Events.EPOCH_COMPLETED)
            self.fire_event(Events.COMPLETED)
            return
        super().run(global_epoch)


def gathered_once(images: torch.Tensor, *rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The rows of all processes in the order of their images, each image once.

    Args:
        images: ``(N,)`` index of each row's image; fewer than the rows means unknown: the rows are then taken to be
            all different, in the order of the processes.
        rows: ``(N, ...)`` each.

    Returns:
        the images, then the rows.
    """
    images, *values = (gather_ragged_rows(tensor) for tensor in (images, *rows))
    if values and len(images) < len(values[0]):
        return images, *values
    images, order = images.sort(stable=True)
    first = torch.ones_like(images, dtype=torch.bool)
    first[1:] = images[1:] != images[:-1]
    return images[first], *(value[order[first]] for value in values)
