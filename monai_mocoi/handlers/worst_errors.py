"""Worst errors: one sheet with the pictures of which a classifier was most surely wrong."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

from monai_mocoi.analysis import IntervalSettings
from monai_mocoi.analysis.interval_settings import choose_classes
from monai_mocoi.data import ImageDataset, Predictions
from monai_mocoi.distributed import rank
from monai_mocoi.engines import ClassifierEvaluator, RunEvents
from monai_mocoi.errors import DatasetError
from monai_mocoi.figures.captioned_images import CaptionedImages
from monai_mocoi.figures.sheet import Part, picture_sheet, save_sheet
from monai_mocoi.figures.surest_images import worst_errors
from monai_mocoi.runs.product_names import WORST_ERRORS_NAME

logger = logging.getLogger(__name__)

_COLUMNS = 8


class WorstErrors:
    """Write ``worst_errors.png`` when a :class:`~monai_mocoi.engines.ClassifierEvaluator` ends.

    Of each evaluable class the errors of which the classifier is surest, with row, truth, probability and threshold. An
    image is named by its row in the split's list in ``datalist.json``, from 0. The sheet shows patients' images: no
    package takes it along. A sheet that cannot be drawn is a warning. Only the first process draws.

    Args:
        folder: of the evaluation; an earlier sheet in it is removed.
        thresholds: by finding; None: multiclass.
        mean, std: of the images' last transform, one value or one a channel.
        count: of each class and kind, how many at most; 0: no sheet.
        min_positives, min_negatives: of an evaluable class, see :class:`~monai_mocoi.analysis.IntervalSettings`.
        rows: of each tested image, its row in the split's list, where some of the list are left out; None: none are.

    Raises:
        ValueError: ``count`` below 0.
    """

    writes: ClassVar[dict[str, str]] = {"{folder}/worst_errors.png": "pictures of the worst errors"}

    def __init__(
        self,
        folder: str | os.PathLike[str],
        thresholds: Mapping[str, float] | None,
        mean: float | Sequence[float],
        std: float | Sequence[float],
        count: int = 8,
        min_positives: int = 25,
        min_negatives: int = 25,
        rows: Sequence[int] | None = None,
    ) -> None:
        self.rows = rows
        if count < 0:
            raise ValueError(f"worst_errors is {count}, but must be 0 (no sheet) or more.")
        self.path = Path(folder) / WORST_ERRORS_NAME
        self.thresholds = thresholds
        self.mean, self.std = mean, std
        self.count = count
        self.settings = IntervalSettings(min_positives=min_positives, min_negatives=min_negatives)

    def attach(self, engine: ClassifierEvaluator) -> None:
        """Register on an evaluator."""
        engine.add_event_handler(RunEvents.WRITE_PRODUCTS, self._draw)

    def _draw(self, engine: ClassifierEvaluator) -> None:
        predictions = engine.predictions
        if rank() > 0 or predictions is None:
            return
        try:
            self.path.unlink(missing_ok=True)  # it would be of other predictions
            self._write(engine, predictions)
        except (OSError, DatasetError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            logger.warning("%s is not drawn: %s", WORST_ERRORS_NAME, reason)

    def _write(self, engine: ClassifierEvaluator, predictions: Predictions) -> None:
        if not self.count:
            return
        limits = None if self.thresholds is None else [self.thresholds[name] for name in predictions.classes]
        scored = choose_classes(predictions, self.settings).evaluable.tolist()
        errors = worst_errors(predictions, limits, scored, self.count)
        shown = sum(len(part.images) for part in errors)
        if not shown:
            logger.info("No sheet of the worst errors: %s", "no error" if scored else "no class is scored")
            return
        dataset: ImageDataset = cast(Any, engine.data_loader).dataset
        pictures = CaptionedImages(dataset, predictions, limits, self.mean, self.std, self.rows)
        parts = [Part(part.heading, pictures.of(part.images, part.columns)) for part in errors]
        title = (
            f"Worst errors on {engine.name}, {len(predictions.images)} images of {len(set(predictions.patients))} "
            f"patients. Row: of '{engine.name}' in datalist.json, from 0"
        )
        save_sheet(self.path, picture_sheet(title, parts, _COLUMNS))
        logger.info("Worst errors: %s (%d pictures of patients)", self.path, shown)
