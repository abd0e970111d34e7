"""Grad-CAM overlays (Selvaraju et al. 2017): where in an image the evidence for a class lies."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from ignite.engine import Events
from monai.engines import Workflow
from monai.visualize import GradCAM
from torch import nn

from monai_mocoi.engines import RunEvents
from monai_mocoi.errors import SettingsError
from monai_mocoi.figures.canvas import in_words
from monai_mocoi.figures.grad_cam_sheet import FEWEST_FIELDS, file_names, heat_sheet
from monai_mocoi.figures.sheet import save_sheet
from monai_mocoi.networks import Classifier, stages_of
from monai_mocoi.runs.product_names import OVERLAYS_NAME
from monai_mocoi.transforms.rescale_intensity import unnormalized

logger = logging.getLogger(__name__)


class GradCAMOverlays:
    """Write a sheet for each image and class wanted, ``grad_cam/row000012_Pleural_Thickening.png``.

    It shows the picture as the network sees it, except for the normalisation, which is undone; the same with the heat
    in black to red, yellow and white over it; and the probability, the decision, and how coarse the heat is. Rows are
    those of the table, from 1. The heat comes from the (last) stage that the classifier looks at, in float32; it is 0
    where nothing speaks for the class and 1 at the image's own strongest place: those of two images cannot be compared.

    Args:
        network: the classifier. It is for inference alone from then on: its weights are frozen.
        mean, std: subtracted, and divided by, in the images' last transform; one value or one per channel.
        only, positive: names of the classes to show, None: all; only on images for which the class was decided.

    Raises:
        SettingsError: a class that the classifier does not have.
        ValueError: a classifier whose encoder gives no gradient.
    """

    writes: ClassVar[dict[str, str]] = {"{folder}/grad_cam/": "sheets of where the evidence lies"}

    def __init__(
        self,
        folder: str | os.PathLike[str],
        network: Classifier,
        classes: Sequence[str],
        mean: float | Sequence[float],
        std: float | Sequence[float],
        only: Sequence[str] | None = None,
        positive: bool = True,
    ) -> None:
        if network.trainable != "all":
            raise ValueError("Grad-CAM needs a classifier with trainable 'all'; load the weights into such a one.")
        wanted = [only] if isinstance(only, str) else list(classes if only is None else only)
        if unknown := [name for name in wanted if name not in classes]:
            known = ", ".join(classes)
            raise SettingsError(f"grad_cam_classes has {unknown[0]!r}, but this classifier's classes are {known}.")
        self.folder = Path(folder) / OVERLAYS_NAME
        self.network = network
        self.columns = [column for column, name in enumerate(classes) if name in wanted]
        self.classes = tuple(classes)
        self.positive = positive
        self.mean, self.std = mean, std
        self._names = file_names(classes)
        layer = f"encoder.backbone.layer{stages_of(network.stage)[-1]}"
        network.requires_grad_(False)
        network.get_submodule(layer).register_forward_pre_hook(_begin_gradient)
        network.get_submodule(layer).register_forward_hook(self._note_fields)
        self._stage = int(layer[-1])
        self._fields = (0, 0)
        self._start()
        self._grad_cam = GradCAM(network, layer, postprocessing=lambda heat: heat)

    def attach(self, engine: Workflow) -> None:
        """Register on a :class:`~monai_mocoi.engines.ClassifierInference`."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._draw)
        engine.add_event_handler(RunEvents.FINISH_RUN, self._sum_up)

    def _start(self) -> None:
        self._sheets, self._empty, self._warned = 0, 0, False

    def _note_fields(self, stage: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        self._fields = (int(output.shape[-2]), int(output.shape[-1]))

    def _draw(self, engine: Workflow) -> None:
        output: dict[str, Any] = engine.state.output
        wanted = output["decisions"] if self.positive else np.ones_like(output["decisions"])
        for column in self.columns:
            chosen = np.flatnonzero(wanted[:, column])
            if not len(chosen):
                continue
            images = engine.state.batch["image"][torch.from_numpy(chosen)]
            heats = self.heat(images.to(engine.state.device), column).cpu()
            self._warn_of_few_fields(images)
            for place, image, heat in zip(chosen, images.cpu(), heats, strict=True):
                row = int(output["index"][place]) + 1
                said = self._in_words(output, int(place), column)
                picture = unnormalized(image, self.mean, self.std)
                sheet = heat_sheet(f"Row {row}, {said}", picture, heat, self._fields)
                save_sheet(self.folder / f"row{row:06d}_{self._names[column]}.png", sheet)
                self._sheets += 1
                self._empty += not heat.any()

    def _in_words(self, output: dict[str, Any], place: int, column: int) -> str:
        called, limits = bool(output["decisions"][place, column]), output["thresholds"]
        by = f"{'' if called else 'not '}the highest of {len(self.classes)}"
        by = by if limits is None else f"threshold {in_words(float(limits[column]))}"
        probability = in_words(float(output["probabilities"][place, column]))
        return f"{self.classes[column]}: probability {probability}, {by}: {'called' if called else 'not called'}"

    def _warn_of_few_fields(self, images: torch.Tensor) -> None:
        if self._warned or min(self._fields) >= FEWEST_FIELDS:
            return
        self._warned = True
        logger.warning(
            "Grad-CAM: at %d x %d pixels the map of stage %d has %d x %d fields, too few to show a place. Take a "
            "classifier that was trained at a larger image_size, %d or more.",
            *(*images.shape[-2:], self._stage, *self._fields, FEWEST_FIELDS * 2 ** (self._stage + 1)),
        )

    def _sum_up(self, engine: Workflow) -> None:
        if not self._sheets:
            why = " None of the classes was called; grad_cam_positive false shows them all the same." * self.positive
            return logger.info("Grad-CAM: no sheet.%s", why)
        empty = f"; {self._empty} of them without heat: nothing speaks for the class" if self._empty else ""
        logger.info("Grad-CAM: %d sheet%s in %s%s", self._sheets, "s" * (self._sheets > 1), self.folder, empty)

    def heat(self, images: torch.Tensor, column: int) -> torch.Tensor:
        """Grad-CAM ``(N, H, W)`` in 0..1 of a class, a number from 0; all 0 where nothing speaks for it.

        The images ``(N, C, H, W)`` are normalised, and on the network's device.
        """
        with torch.enable_grad():
            heat = self._grad_cam(images, class_idx=column)[:, 0].detach()
        most = heat.amax(dim=(1, 2), keepdim=True)
        return torch.where(most > 0, heat / most, torch.zeros_like(heat))


def _begin_gradient(stage: nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    """Let the gradient go back to the stage's input and no further, so that no activation before it is kept."""
    return (inputs[0].detach().requires_grad_(torch.is_grad_enabled()),)
