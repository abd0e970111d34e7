"""Is it learning, before days are spent? What the encoder knows of the labels, looked at while the run goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ignite.engine import Events

from monai_mocoi.analysis import pooled_features
from monai_mocoi.analysis.online_probe import probed_aucs
from monai_mocoi.data import ImageDataset
from monai_mocoi.data.labels import labelled_items, left_out_in_words
from monai_mocoi.data.probe_images import ProbeImages, choose_probe_images
from monai_mocoi.distributed import rank, world_size
from monai_mocoi.distributed.first_process import measured_by_the_first
from monai_mocoi.engines import MoCoTrainer, RunEvents
from monai_mocoi.errors import DatasetError, FeatureError
from monai_mocoi.handlers.untouched import untouched

logger = logging.getLogger(__name__)

SHARE = 0.03
"""Of the time of training that all probes of a run may take together."""
TRAINING_COST = 4
"""Forward passes of an image that training on it costs at least: the query's one, its backward pass, which is two more,
and the key's one."""
GUESSING = 0.5
FEW_IMAGES = 100
"""Of fewer validation images an AUC moves by a tenth by chance alone: the log says so, and draws no conclusion."""


class OnlineProbes:
    """Before the first epoch, every ``every`` epochs and after the last, see how well features tell the labels.

    Training images and their labels against validation images and theirs; test is never looked at. Written to
    TensorBoard, at the epoch (0: the encoder before it has learnt anything), are macro AUCs, 0.5 is guessing:
    ``probe/knn_auc`` of a weighted vote of the 20 nearest training images by the features of stage 4, and
    ``probe/ridge_auc_stage1`` to ``4`` of a linear classifier on each stage
    (:func:`~monai_mocoi.analysis.online_probe.probed_aucs`). Features are the averaged maps of the *query* encoder in
    eval mode, of whole images without augmentation.

    They choose nothing and stop nothing. Nothing of the run is touched either: neither weights, buffers, queue and
    train mode, nor any random generator. From the middle of the run on, one line of the log says so if neither the
    neighbours nor the linear classifier of stage 4 do better than before the first epoch; of fewer than 100 validation
    images that would be chance.

    **Cost.** The number of images decides, not a clock, so that the same run probes the same images: as many as cost
    3 % of the run's training, spread over its probes. An image costs one forward pass there, and at least four in
    training. At most 4,000 training and 2,000 validation images are taken. The first process probes, the others wait.

    Where there are no labels, or too few images or positives for a number that means something, a line says so and
    nothing is probed.

    Args:
        training: images of the training split.
        validation: images of the validation split.
        transform: sample to sample, deterministic: what the encoder shall see of an image.
        classes: names of classes or findings.
        summary_writer: where to write.
        every: epochs from one probe to the next; 0: none at all.
        batch_size: images a forward pass; the trainer's.
        num_workers: loader processes; 0 loads in this one.
        seed: of the choice of images.

    Raises:
        ValueError: ``every`` below 0, or ``batch_size`` below 1.
    """

    def __init__(
        self,
        training: ImageDataset,
        validation: ImageDataset,
        transform: Callable[[dict[str, Any]], Any],
        classes: Sequence[str],
        summary_writer: Any,
        every: int = 5,
        batch_size: int = 64,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        if every < 0:
            raise ValueError(f"probe_every is {every}, but must be 1 (each epoch) or more, or 0 for no probes.")
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, but must be 1 or more.")
        self.training = training
        self.validation = validation
        self.transform = transform
        self.classes = tuple(classes)
        self.writer = summary_writer
        self.every = every
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.images: ProbeImages | None = None
        """What is probed; None: nothing."""
        self.untrained: dict[str, float] = {}
        """The values before the first epoch; empty where they are not known."""
        self.latest: tuple[int, dict[str, float]] = (-1, {})
        """The last probed epoch and its values."""
        self._most: int | None = None
        self._hinted = False

    def attach(self, engine: MoCoTrainer) -> None:
        """Register on a trainer."""
        if self.every == 0:
            return
        engine.add_event_handler(Events.STARTED, self._choose)
        engine.add_event_handler(Events.EPOCH_STARTED, self._probe_untrained)
        engine.add_event_handler(RunEvents.JUDGE_EPOCH, self._probe_if_due)

    def state_dict(self) -> dict[str, Any]:
        """The state of a run to go on from."""
        return {"most": self._most, "untrained": dict(self.untrained), "hinted": self._hinted}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        self._most, self._hinted = state["most"], state["hinted"]
        self.untrained = dict(state["untrained"])

    def in_words(self, epoch: int) -> str:
        """The probe of an epoch for its line in the log; empty where there is none."""
        probed, values = self.latest
        if probed != epoch or "knn_auc" not in values:
            return ""
        notes = [f"untrained {self.untrained['knn_auc']:.3f}"] if "knn_auc" in self.untrained else []
        if self.images is not None and (images := len(self.images.validation)) < FEW_IMAGES:
            notes.append(f"{images} validation images: means little")
        return f"k-NN AUC {values['knn_auc']:.3f}" + (f" ({'; '.join(notes)})" if notes else "")

    def _choose(self, engine: MoCoTrainer) -> None:
        # A last batch that is not full is left out of training.
        trained = min(len(self.training) // world_size(), engine.state.epoch_length * self.batch_size)
        most = images_a_probe(trained, engine.state.max_epochs, self.every)
        # A continued run goes on with the images that it had, even if it is to be longer now.
        self._most = most if self._most is None else min(self._most, most)
        training, validation = ([part.data[row] for row in part.rows] for part in (self.training, self.validation))
        try:
            self.images = choose_probe_images(training, validation, len(self.classes), self._most, self.seed)
        except DatasetError as error:
            self.images = None
            if rank() == 0:
                logger.info("Online probes are off: %s.", error)
            return
        if rank() == 0:
            for split, items in (("training", training), ("validation", validation)):
                if sentence := left_out_in_words(split, len(items) - len(labelled_items(items))):
                    logger.info("Online probes: %s", sentence)
            logger.info(
                "Online probes before the first epoch, every %d epoch(s) and after the last: %d training against %d "
                "validation images, mean AUC of %d of %d classes. They choose nothing.",
                self.every,
                len(self.images.training),
                len(self.images.validation),
                len(self.images.columns),
                len(self.classes),
            )

    def _probe_untrained(self, engine: MoCoTrainer) -> None:
        if engine.state.iteration == 0:
            self.untrained = self._probe(engine, 0)

    def _probe_if_due(self, engine: MoCoTrainer) -> None:
        epoch, last = engine.state.epoch, engine.state.max_epochs
        if epoch % self.every and epoch != last:
            return
        values = self._probe(engine, epoch)
        if values and self.untrained and not self._hinted and 2 * epoch >= last:
            self._hinted = self._hint(epoch, last, values)

    def _probe(self, engine: MoCoTrainer, epoch: int) -> dict[str, float]:
        if self.images is None:
            return {}
        with engine.clock.phase("probe"):
            values = measured_by_the_first(lambda: self._measure(engine), "what the encoder knows of the labels")
            if rank() == 0:
                for name, value in values.items():
                    self.writer.add_scalar(f"probe/{name}", value, epoch)
        self.latest = epoch, values
        return values

    def _measure(self, engine: MoCoTrainer) -> dict[str, float]:
        assert self.images is not None
        encoder = engine.moco.query_encoder
        parts = (self.training, self.images.training), (self.validation, self.images.validation)
        with untouched(engine.moco):
            try:
                training, validation = (
                    pooled_features(
                        encoder,
                        dataset.part(positions, self.transform),
                        batch_size=self.batch_size,
                        device=engine.state.device,
                        autocast=engine.autocast,
                        num_workers=self.num_workers,
                        cache=False,
                        progress=False,
                    )
                    for dataset, positions in parts
                )
            except FeatureError as error:  # not for a probe to stop the run: the trainer looks at its losses itself
                logger.warning("Nothing was probed: %s", error)
                return {}
            return probed_aucs(
                training,
                self.images.training_labels,
                validation,
                self.images.validation_labels,
                self.images.columns,
            )

    def _hint(self, epoch: int, max_epochs: int, values: Mapping[str, float]) -> bool:
        names = {"knn_auc": "nearest neighbours", "ridge_auc_stage4": "linear classifier"}
        assert self.images is not None
        if len(self.images.validation) < FEW_IMAGES or any(
            values[name] > max(self.untrained[name], GUESSING) for name in names
        ):
            return False
        if rank() == 0:
            logger.warning(
                "After %d of %d epochs, stage 4 of the encoder does not tell the labels better than before the first "
                "(AUC now and then: %s; 0.5 is guessing; %d validation images). The run goes on. Look at loss / "
                "guessing and at the view pairs; docs/pretraining.md, 'Is it learning?', says what it may mean.",
                epoch,
                max_epochs,
                ", ".join(f"{text} {values[name]:.3f} and {self.untrained[name]:.3f}" for name, text in names.items()),
                len(self.images.validation),
            )
        return True


def images_a_probe(images: int, epochs: int, every: int) -> int:
    """How many images a probe may look at, so that all probes of a run take at most 3 % of its training.

    Args:
        images: that a process trains on in an epoch.
        epochs: of the run, 1 or more.
        every: epochs from one probe to the next, 1 or more. There is one before the first epoch and one after the last.
    """
    probes = 1 + -(-epochs // every)
    return int(SHARE * TRAINING_COST * images * epochs / probes)
