"""Online probes: k-nearest-neighbour and linear AUC of the encoder's features while pretraining goes on."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ignite.engine import Events

from monai_mocoi.analysis.online_probe import no_gain_in_words, probe_encoder, probe_in_words
from monai_mocoi.data import ImageDataset
from monai_mocoi.data.labels import labelled_items, left_out_in_words
from monai_mocoi.data.probe_images import ProbeImages, choose_probe_images, images_a_probe
from monai_mocoi.distributed import rank, world_size
from monai_mocoi.distributed.agreement import measured_by_the_first
from monai_mocoi.engines import MoCoTrainer, RunEvents
from monai_mocoi.errors import DatasetError, FeatureError
from monai_mocoi.handlers.kept_state import KeptState
from monai_mocoi.runs.run_state import untouched
from monai_mocoi.runs.setting_ranges import check_ranges

logger = logging.getLogger(__name__)


@dataclass(eq=False, repr=False)
class OnlineProbes(KeptState):
    """Before the first epoch, every ``every`` epochs and after the last, see how well features tell the labels.

    Training images and their labels against validation images and theirs; test is never looked at. TensorBoard gets,
    at the epoch (0: before the first one), the macro AUCs of :func:`~monai_mocoi.analysis.online_probe.probed_aucs` of
    the *query* encoder in eval mode, on whole images without augmentation.

    They choose nothing, stop nothing and change nothing of the run. From its middle on, one line of the log says so if
    neither the neighbours nor the linear classifier of stage 4 do better than before the first epoch. The images cost
    3 % of the training. The first process probes, the others wait. Where there are too few labels, a line says so.

    Args:
        transform: sample to sample, deterministic: what the encoder sees of an image.
        every: epochs from one probe to the next, 0 or more; 0: none at all.
        batch_size, num_workers: images per forward pass, the trainer's; loader processes.
        seed: of the choice of images.
    """

    kept: ClassVar = {"most": "_most", "untrained": "untrained", "hinted": "_hinted"}

    training: ImageDataset
    validation: ImageDataset
    transform: Callable[[dict[str, Any]], Any]
    classes: Sequence[str]
    summary_writer: Any
    every: int = 5
    batch_size: int = 64
    num_workers: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        check_ranges({"probe_every": self.every, "batch_size": self.batch_size})
        self.images: ProbeImages | None = None
        self.untrained: dict[str, float] = {}
        self.latest: tuple[int, dict[str, float]] = (-1, {})
        self._most: int | None = None
        self._hinted = False

    def attach(self, engine: MoCoTrainer) -> None:
        """Register on a trainer."""
        if self.every:
            engine.add_event_handler(Events.STARTED, self._choose)
            engine.add_event_handler(Events.EPOCH_STARTED, self._probe_untrained)
            engine.add_event_handler(RunEvents.JUDGE_EPOCH, self._probe_if_due)

    def in_words(self, epoch: int) -> str:
        """The probe of an epoch for its line in the log; empty where there is none."""
        if self.latest[0] != epoch or self.images is None:
            return ""
        return probe_in_words(self.untrained, self.latest[1], len(self.images.validation))

    def _choose(self, engine: MoCoTrainer) -> None:
        # A last batch that is not full is left out of training.
        trained = min(len(self.training) // world_size(), engine.state.epoch_length * self.batch_size)
        most = images_a_probe(trained, engine.state.max_epochs, self.every)
        # A continued run goes on with the images that it had, even if it is to be longer now.
        self._most = most if self._most is None else min(self._most, most)
        training, validation = ([part.data[row] for row in part.rows] for part in (self.training, self.validation))
        say = logger.info if rank() == 0 else lambda *_: None
        self.images = None
        try:
            self.images = choose_probe_images(training, validation, len(self.classes), self._most, self.seed)
        except DatasetError as error:
            return say("Online probes are off: %s.", error)
        for split, items in (("training", training), ("validation", validation)):
            if sentence := left_out_in_words(split, len(items) - len(labelled_items(items))):
                say("Online probes: %s", sentence)
        parts = self.images.training, self.images.validation, self.images.columns, self.classes
        when = "Online probes before the first epoch, every %d epoch(s) and after the last: "
        what = "%d training against %d validation images, mean AUC of %d of %d classes. They choose nothing."
        say(when + what, self.every, *map(len, parts))

    def _probe_untrained(self, engine: MoCoTrainer) -> None:
        if engine.state.iteration == 0:
            self.untrained = self._probe(engine, 0)

    def _probe_if_due(self, engine: MoCoTrainer) -> None:
        epoch, last = engine.state.epoch, engine.state.max_epochs
        if epoch % self.every and epoch != last:
            return
        values = self._probe(engine, epoch)
        if values and self.images and self.untrained and not self._hinted and 2 * epoch >= last:
            hint = no_gain_in_words(self.untrained, values, len(self.images.validation))
            self._hinted = bool(hint)
            if hint and rank() == 0:
                logger.warning("After %d of %d epochs, %s", epoch, last, hint)

    def _probe(self, engine: MoCoTrainer, epoch: int) -> dict[str, float]:
        if self.images is None:
            return {}
        with engine.clock.phase("probe"):
            values = measured_by_the_first(lambda: self._measure(engine), "what the encoder knows of the labels")
            for name, value in values.items() if rank() == 0 else ():
                self.summary_writer.add_scalar(f"probe/{name}", value, epoch)
        self.latest = epoch, values
        return values

    def _measure(self, engine: MoCoTrainer) -> dict[str, float]:
        assert self.images is not None
        what = engine.moco.query_encoder, (self.training, self.validation), self.images, self.transform
        with untouched(engine.moco):
            try:
                return probe_encoder(*what, engine.autocast, batch_size=self.batch_size, num_workers=self.num_workers)
            except FeatureError as error:  # not for a probe to stop the run: the trainer looks at its losses itself
                logger.warning("Nothing was probed: %s", error)
                return {}
