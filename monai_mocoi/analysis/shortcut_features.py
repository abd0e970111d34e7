"""Features of shortcuts: columns of a datalist, colours, small pixels, and labels shuffled by patient."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from monai_mocoi.data import Datalist, as_numbers
from monai_mocoi.data.ages import Value
from monai_mocoi.data.datalist_form import SPLITS
from monai_mocoi.data.levels import MOST_WORDS, few_numbers
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.errors import ImageDecodeError
from monai_mocoi.transforms import FitSquare, read_image

SMALL = 32  # rows and columns of the small pictures
COMPONENTS = 64  # principal components of their pixels

Features = dict[str, NDArray[np.float64]]  # of each split ``(images, features)``


def column_features(name: str, values: Mapping[str, Sequence[Value]]) -> Features | str:
    """The features of a column, or why it has none."""
    numbers = {split: as_numbers(name, own) for split, own in values.items()}
    if any(own is None for own in numbers.values()):
        words = sorted({str(value) for value in values["training"] if value is not None})
        if len(words) > MOST_WORDS:
            return f"it has {len(words)} different texts in training, more than {MOST_WORDS}"
        is_word = {split: [[str(value) == word for word in words] for value in own] for split, own in values.items()}
        made = {split: np.array(own, np.float64).reshape(len(own), len(words)) for split, own in is_word.items()}
        lacks = {split: np.array([value is None for value in own]) for split, own in values.items()}
    else:
        plain = {split: own for split, own in numbers.items() if own is not None}
        lacks = {split: np.isnan(own) for split, own in plain.items()}
        if (codes := few_numbers(name, plain["training"])) is not None:
            made = {split: (own[:, None] == codes).astype(np.float64) for split, own in plain.items()}
        else:
            known = plain["training"][~lacks["training"]]
            middle, spread = (known.mean(), known.std() or 1.0) if len(known) else (0.0, 1.0)
            scaled = {split: np.where(lacks[split], 0, (own - middle) / spread) for split, own in plain.items()}
            made = {split: np.stack([own, own**2], axis=1) for split, own in scaled.items()}
    features = {split: np.column_stack([own, lacks[split]]).astype(np.float64) for split, own in made.items()}
    differ = np.ptp(features["training"], axis=0) > 0
    if not differ.any():
        return "it is the same for all training images"
    return {split: own[:, differ] for split, own in features.items()}


def picture_features(datalist: Datalist, workers: int | None) -> tuple[Features, dict[str, NDArray[np.float32]]]:
    """Of each split the colours ``(n, 6)``, and the small pictures ``(n, 3, 32, 32)``; ``(n, 2)`` and one channel where
    all images are grey.
    """
    places = [(split, row) for split, items in datalist.splits().items() for row in range(len(items))]
    small = np.empty((len(places), 3, SMALL, SMALL), dtype=np.float32)
    colours = np.empty((len(places), 6))
    fit = FitSquare(SMALL, "stretch")

    def read(place: tuple[str, int]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        split, row = place
        try:
            picture = read_image(datalist.splits()[split][row]["image"], channels=3)
        except (ValueError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ImageDecodeError(
                f"image {row} of the {split} split cannot be read: {reason}. Check it, or take it out.", str(reason)
            ) from None
        wide = picture.astype(np.float64)
        numbers = np.concatenate([wide.mean((1, 2)), wide.std((1, 2))])
        return numbers, fit(torch.from_numpy(np.ascontiguousarray(picture, dtype=np.float32))).numpy()

    for place, (numbers, picture) in map_in_threads(read, places, len(places), workers, "images"):
        colours[place], small[place] = numbers, picture
    if (small[:, :1] == small[:, 1:]).all():
        colours, small = colours[:, [0, 3]], small[:, :1]
    of_split = np.array([split for split, _ in places])
    rows = {split: of_split == split for split in SPLITS}
    return {split: colours[own] for split, own in rows.items()}, {split: small[own] for split, own in rows.items()}


def pixel_components(pixels: Mapping[str, NDArray[np.float32]]) -> Features:
    """Principal components of the small pictures, fitted on training."""
    flat = {split: own.reshape(len(own), int(np.prod(own.shape[1:]))) for split, own in pixels.items()}
    most = min(COMPONENTS, len(flat["training"]) - 1, flat["training"].shape[1])
    # A seed of its own that never changes: the components are no chance of the run.
    pca = PCA(most, svd_solver="randomized", random_state=0).fit(flat["training"])
    return {
        split: (pca.transform(own) if len(own) else np.empty((0, most))).astype(np.float64)
        for split, own in flat.items()
    }


def shuffled_labels(labels: NDArray[np.int64], items: Sequence[Mapping[str, Any]], seed: int) -> NDArray[np.int64]:
    """Deal the labels out anew: the patients in one random order get those of the patients in another, image by image,
    so that the labels of a patient mostly stay together and none is lost.
    """
    patients = np.unique([item["patient"] for item in items], return_inverse=True)[1] if items else np.zeros(0, int)
    generator = np.random.default_rng(seed)
    count = int(patients.max()) + 1 if len(patients) else 0
    orders = [np.argsort(generator.permutation(count)[patients], kind="stable") for _ in range(2)]
    dealt = np.empty_like(labels)
    dealt[orders[0]] = labels[orders[1]]
    return dealt
