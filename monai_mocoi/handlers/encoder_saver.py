"""The product of pretraining: the query encoder after the last epoch, with its card, and the heads apart."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from monai.engines import Workflow
from torch import nn

from monai_mocoi.data import Datalist, SeenImages
from monai_mocoi.data.seen_images import read_seen_images, try_to_take_down
from monai_mocoi.distributed import rank
from monai_mocoi.engines import RunEvents, is_whole
from monai_mocoi.files.atomic_write import write_torch
from monai_mocoi.handlers.epoch_log import EpochLog
from monai_mocoi.networks import (
    EncoderCard,
    Pretrained,
    guessing_warning,
    is_identified,
    save_encoder,
    shape_of_resnet,
    unwrap_moco,
)
from monai_mocoi.networks.encoder_card import CHANNEL_RULE, ENCODER_NAME
from monai_mocoi.runs.run_state import first_not_finite, weights_not_finite

logger = logging.getLogger(__name__)


class EncoderSaver:
    """Write ``encoder.pt``, ``encoder.json``, ``heads.pt`` and ``seen_images.json`` when the last epoch is over.

    A run that ends before its last epoch writes none: there is no "best" by a contrastive loss (fault A6).

    Args:
        folder: of the run.
        network: the MoCo network, bare or in DistributedDataParallel.
        settings: of the run; the method and how images are prepared are repeated in the card.
        epoch_log: knows the card's ``relative_loss``, of training and validation; None: it is not written.
        datalist: the images of the pretraining, without those that cannot be read: which they were is written to
            ``seen_images.json``, for the owner of the key alone (:func:`~monai_mocoi.data.take_down_images`). None: it
            is not written; nor is it where the key or an image cannot be read, which a warning tells.
        weights: that the pretraining began with; None: random ones.

    A weight that is NaN or infinite is a NotFiniteError; nothing is written then.
    """

    writes: ClassVar[dict[str, str]] = {
        "{folder}/encoder.pt": "the encoder, after the last epoch",
        "{folder}/encoder.json": "what must be known to use it",
        "{folder}/heads.pt": "projection and stage heads",
        "{folder}/seen_images.json": "which images it has seen, for the owner of the key",
    }

    def __init__(
        self,
        folder: str | os.PathLike[str],
        network: nn.Module,
        settings: Mapping[str, Any],
        epoch_log: EpochLog | None = None,
        datalist: Datalist | None = None,
        weights: Pretrained | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.moco = unwrap_moco(network)
        self.settings = dict(settings)
        self.epoch_log = epoch_log
        self.datalist = datalist
        self.weights = None if weights is None or weights.path is None else weights
        self._seen: SeenImages | None = None

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        if rank() == 0:
            engine.add_event_handler(RunEvents.BEGIN_PRODUCTS, self._look)
            engine.add_event_handler(RunEvents.WRITE_PRODUCTS, self._save)

    def _look(self) -> None:
        # Now, and not at the end: the images are at hand.
        self._seen = None if self.datalist is None else try_to_take_down(self.datalist)
        if self._seen is not None and self.weights is not None and self.weights.path is not None:
            self._seen = self._seen.after(*read_seen_images(self.weights.path, self.weights.card))

    def _save(self, engine: Workflow) -> None:
        if not is_whole(engine):
            return
        if (name := first_not_finite(self.moco)) is not None:
            raise weights_not_finite(engine.state.iteration, name)
        parts = {"head": self.moco.query_head, "stage_heads": self.moco.stage_heads}
        write_torch(self.folder / "heads.pt", {name: _on_cpu(part.state_dict()) for name, part in parts.items()})
        card = self._card(engine)
        save_encoder(self.folder / ENCODER_NAME, self.moco.query_encoder, card)
        if (warning := guessing_warning(card)) is not None:
            logger.warning("%s", warning)
        logger.info("Encoder: %s (how to use it: encoder.json beside it)", self.folder / ENCODER_NAME)

    def _card(self, engine: Workflow) -> EncoderCard:
        encoder = self.moco.query_encoder
        known: dict[str, Any] = {}
        if self.datalist is not None:
            known = {"dataset": self.datalist.name, "dataset_sha256": self.datalist.sha256}
        if self.epoch_log is not None:
            latest = self.epoch_log.latest
            names = {"training": "contrastive/relative_loss", "validation": "validation/relative_loss"}
            known["relative_loss"] = {split: latest.get(name) for split, name in names.items()}
        if self.weights is not None:
            began = {"pretrained": self.weights.source, "pretrained_sha256": self.weights.sha256}
            known |= {**began, "start": self.weights.start}
        if (self.weights and is_identified(self.weights.path)) or (self.datalist and self.datalist.identified):
            known["identified"] = True
        if self._seen is not None:
            known["seen_images"] = self._seen.write_beside(self.folder / ENCODER_NAME)
        return EncoderCard(
            names="torchvision ResNet state dict, without classification layer",
            zero_init_residual=encoder.zero_init_residual,
            stage_channels=list(encoder.stage_channels),
            epochs=engine.state.epoch,
            iterations=engine.state.iteration,
            architecture=shape_of_resnet(encoder.backbone.state_dict()).in_words,
            channel_rule=CHANNEL_RULE,
            value_range=[0, 1],
            settings=self.settings,
            **EncoderCard.from_settings(self.settings),
            **known,
        )


def _on_cpu(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state dict that can be read without a GPU."""
    return {name: value.detach().cpu() for name, value in state.items()}
