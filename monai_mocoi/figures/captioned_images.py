"""Pictures of predicted images with captions: the row in the list, what was predicted, and what is true."""

from collections.abc import Sequence

from monai_mocoi.data import ImageDataset, Predictions
from monai_mocoi.figures.canvas import in_words, short
from monai_mocoi.figures.classifier_tables import THRESHOLD
from monai_mocoi.figures.sheet import Captioned, as_rgb
from monai_mocoi.metrics import UNKNOWN
from monai_mocoi.transforms.rescale_intensity import unnormalized


def told(predictions: Predictions, image: int, column: int, thresholds: Sequence[float] | None) -> str:
    """What is said of an image (a place in the predictions) and what is true, in lines.

    ``column``: number of the finding in question, or of the class that was called. ``thresholds``: of the findings, one
    per class; None: 0.5.
    """
    probability, name = predictions.probabilities[image, column], short(predictions.classes[column])
    if predictions.kind == "multilabel":
        limit = THRESHOLD if thresholds is None else thresholds[column]
        truth = {1: "present", 0: "absent", UNKNOWN: "not known"}[int(predictions.labels[image, column])]
        return f"{name}: {in_words(probability)} (called from {in_words(limit)})\ntruth: {truth}"
    true_class = int(predictions.labels[image])
    text = f"called: {name} {in_words(probability)}\ntruth: {short(predictions.classes[true_class])}"
    return text if true_class == column else f"{text} {in_words(predictions.probabilities[image, true_class])}"


class CaptionedImages:
    """Pictures of predicted images, each with its row in the split's list, what is said of it and what is true.

    ``thresholds``: of the findings, one per class. ``mean``, ``std``: of the images' last transform, which is undone.
    ``rows``: of each item of the data set, its row in the list; None: the items are the list.
    """

    def __init__(
        self,
        dataset: ImageDataset,
        predictions: Predictions,
        thresholds: Sequence[float] | None,
        mean: float | Sequence[float],
        std: float | Sequence[float],
        rows: Sequence[int] | None = None,
    ) -> None:
        self.dataset, self.predictions, self.thresholds, self.rows = dataset, predictions, thresholds, rows
        self.mean, self.std = mean, std
        self._items = {item["name"]: number for number, item in enumerate(dataset.data)}
        self._positions = {number: position for position, number in enumerate(dataset.rows)}

    def of(self, images: Sequence[int], columns: Sequence[int]) -> list[Captioned]:
        """Those of some places in the predictions; ``columns`` as for :func:`told`."""
        cells = []
        for image, column in zip(images, columns, strict=True):
            item = self._items[self.predictions.images[image]]
            picture = unnormalized(self.dataset[self._positions[item]]["image"], self.mean, self.std)
            row = item if self.rows is None else self.rows[item]
            caption = f"row {row}\n{told(self.predictions, image, column, self.thresholds)}"
            cells.append(Captioned(as_rgb(picture.numpy()), caption))
        return cells
