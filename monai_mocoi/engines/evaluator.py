"""Base classes of the evaluators: mixed precision, and one measurement over all processes."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import Evaluator
from monai.inferers import Inferer, SimpleInferer
from torch import nn

from monai_mocoi.distributed.processes import gather_ragged_rows, world_size
from monai_mocoi.engines.events import RunEvents, attach_handlers
from monai_mocoi.engines.options import at_least_float32, autocast_dtype, prepare_images


class AutocastEvaluator(Evaluator):
    """Base of the evaluators: a bare network in eval mode, in mixed precision, with :class:`RunEvents`."""

    keys: tuple[str, ...] = ("image", "label")  # what is taken of a batch
    described: tuple[str, ...] = ()  # attributes that decide what is measured; a run is only continued with the same

    def __init__(
        self,
        device: torch.device | str,
        val_data_loader: Iterable,
        network: nn.Module,
        inferer: Inferer | None = None,
        precision: str = "auto",
        channels_last: bool = True,
        epoch_length: int | None = None,
        val_handlers: Sequence[Any] | None = None,
    ) -> None:
        self.network: Any = network
        self.inferer = SimpleInferer() if inferer is None else inferer
        self.precision, self.autocast = precision, autocast_dtype(precision, device)
        batch = partial(prepare_images, keys=self.keys, channels_last=channels_last)
        super().__init__(device, val_data_loader, epoch_length, non_blocking=True, prepare_batch=batch, decollate=False)
        attach_handlers(self, val_handlers)

    @contextmanager
    def predicting(self) -> Iterator[None]:
        """Eval mode, no gradients, mixed precision."""
        kind = self.state.device.type
        with torch.no_grad(), self.mode(self.network), torch.autocast(kind, self.autocast, self.autocast is not None):
            yield

    def logits(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Logits ``(N, classes)`` float64 of a batch of images."""
        images, _ = self.prepare_batch(batch, self.state.device, self.non_blocking)
        with self.predicting():
            logits = self.inferer(images, self.network)
        return at_least_float32(logits).double()


class GatheringEvaluator(AutocastEvaluator):
    """Base of the evaluators of a split. A subclass keeps rows of its iterations, and measures when the epoch is over.

    All processes must run it, and all end with the rows of every image, however unequal their shares are. Handlers of
    ``Events.EPOCH_COMPLETED`` see the metrics of this epoch.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.add_event_handler(Events.EPOCH_STARTED, lambda: self.forget())
        self.add_event_handler(RunEvents.VALIDATE, lambda: self.measure())

    @abstractmethod
    def forget(self) -> None:
        """Begin anew, with no rows of the right shape and type, for a process that has no images."""

    @abstractmethod
    def measure(self) -> None:
        """Gather the rows, and put what they say into ``state.metrics``."""

    def run(self, global_epoch: int = 1) -> None:  # type: ignore[override]
        """Evaluate; ``global_epoch`` is the trainer's, from 1."""
        if self.state.epoch_length == 0 and world_size() > 1:
            # MONAI would leave the run out, and the other processes would wait for this one's rows for ever.
            self.state.max_epochs = self.state.epoch = global_epoch
            for event in (Events.STARTED, Events.EPOCH_STARTED, Events.EPOCH_COMPLETED, Events.COMPLETED):
                self.fire_event(event)
            return
        super().run(global_epoch)


def gathered_once(images: torch.Tensor, *rows: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The images and rows of all processes in the order of the images' indices ``(N,)``, each image once.

    Fewer images than rows ``(N, ...)`` means that they are not known: the rows are then taken to be all different, in
    the order of the processes.
    """
    images, *values = (gather_ragged_rows(tensor) for tensor in (images, *rows))
    if values and len(images) < len(values[0]):
        return images, *values
    images, order = images.sort(stable=True)
    first = torch.ones_like(images, dtype=torch.bool)
    first[1:] = images[1:] != images[:-1]
    return images[first], *(value[order[first]] for value in values)
