"""From a raw fundus photograph to the fundus alone, at one size: the first step after reading, in inference too."""

from __future__ import annotations

import torch
from monai.config.type_definitions import KeysCollection
from monai.transforms.transform import Transform
from monai.utils.enums import TransformBackends

from monai_mocoi.transforms.dict_forms import EachKeyd
from monai_mocoi.transforms.fundus_disc import crop_to_disc, find_disc
from monai_mocoi.transforms.images import plain_image


class FundusCrop(Transform):
    """Find the fundus disc in a photograph, cut it out and bring it to (C, size, size), as ``data_prep eyepacs`` does.

    A picture that was cropped already is known by its outline and stays as it is, except a few that move by 2 or 3 % of
    the radius, and those that show too little of a round edge (docs/data.md); so raw and prepared pictures may come
    mixed.

    Args:
        size: rows and columns of the result, at least 1. 299 is the paper's.
        check_exposure: refuse a fundus that is too dark or too bright, too; False takes it as it is.

    Raises:
        ValueError: a size below 1 or, when called, a picture that is not floating point (1 or 3, rows, columns).
        FundusError: when called, no usable disc, or badly exposed; the text is the reason.
    """

    backend = [TransformBackends.NUMPY]  # noqa: RUF012  (MONAI's own form)

    def __init__(self, size: int = 299, check_exposure: bool = True) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"size is {size!r}; it must be a whole number of pixels, at least 1")
        self.size = size
        self.check_exposure = check_exposure

    def __call__(self, img: torch.Tensor) -> torch.Tensor:
        """Crop one picture (1 or 3, rows, columns), floating point, values 0..1; a ``MetaTensor`` loses its metadata.

        Returns:
            the fundus (C, size, size), float32, values 0..1, contiguous.
        """
        picture = plain_image(img, "FundusCrop").float().cpu().numpy()
        disc = find_disc(picture, self.check_exposure)
        return torch.from_numpy(crop_to_disc(picture, disc, self.size))


class FundusCropd(EachKeyd):
    """Dict form of :class:`FundusCrop`."""

    backend = FundusCrop.backend

    def __init__(
        self, keys: KeysCollection, size: int = 299, check_exposure: bool = True, allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, FundusCrop(size, check_exposure), allow_missing_keys)


FundusCropD = FundusCropDict = FundusCropd
