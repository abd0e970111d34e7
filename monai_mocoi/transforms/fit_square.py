"""Fitting pictures of any size to one square size, without randomness; of a fundus photograph, its disc."""

import torch
from monai.transforms.transform import Transform
from monai.utils.enums import TransformBackends
from monai.utils.type_conversion import convert_to_tensor
from torch.nn import functional

from monai_mocoi.transforms.dict_forms import EachKeyd
from monai_mocoi.transforms.fundus_disc import crop_to_disc, find_disc
from monai_mocoi.transforms.images import plain_image

_FUNDUS_MODES = ("fundus", "fundus_any")
FIT_MODES = ("crop", "pad", "stretch", "trim", *_FUNDUS_MODES)
_STRIP = 64  # times as long as wide, and longer


class FitSquare(Transform):
    """Bring a picture (C, rows, columns) to (C, size, size) by antialiased bilinear scaling, as Pillow's BILINEAR does.

    A side scaled along keeps its proportion to the nearest whole pixel (at least 1). A picture that has the size
    already is returned bit for bit, except with trim and the fundus modes. Not MONAI's ``Resize(anti_aliasing=True)``:
    its Gaussian gives another picture than Pillow, with which public weights were trained.

    Args:
        size: rows and columns of the result, at least 1.
        mode: ``"crop"``: the shorter side becomes ``size``, and the middle of the longer one is kept. ``"pad"``: the
            longer side becomes ``size``, and zeros (black) fill both ends of the shorter one. ``"stretch"``: both sides
            become ``size``; the proportions change. ``"trim"``: as crop, but the shorter side becomes ``size`` + 1,
            which the paper does to histopathology patches (256, then 255). Of an odd number of pixels cut or filled,
            the end takes one more. ``"fundus"``: the disc of a fundus photograph is cut out, and one that is badly
            exposed is refused; ``"fundus_any"``: it is taken. See :class:`~monai_mocoi.transforms.FundusCrop`.

    Raises:
        ValueError: other arguments or, when called, another shape or type.
        FundusError: when called with a fundus mode, no usable disc; the text is the reason.

    Examples:
        >>> import torch
        >>> from monai_mocoi.transforms import FitSquare
        >>> FitSquare(32, mode="pad")(torch.ones(1, 40, 80)).mean().item()  # half of it is black now
        0.5
    """

    backend = [TransformBackends.TORCH]  # noqa: RUF012  (MONAI's own form)

    def __init__(self, size: int, mode: str = "crop") -> None:
        if mode not in FIT_MODES:
            raise ValueError(f"mode is {mode!r}; choose one of {', '.join(FIT_MODES)}")
        self.size = _checked(size)
        self.mode = mode

    def __call__(self, img: torch.Tensor) -> torch.Tensor:
        """Fit one picture, floating point, values 0..1, to the same dtype (float32 of a fundus), without metadata."""
        img = convert_to_tensor(img, track_meta=False)
        if img.ndim != 3 or 0 in img.shape:
            raise ValueError(
                f"the picture has the shape {tuple(img.shape)}; (channels, rows, columns) is needed, none of them 0"
            )
        if not img.is_floating_point():
            raise ValueError(
                f"the picture holds {img.dtype}; floating-point values in 0..1 are needed, as ReadImage gives them"
            )
        if self.mode in _FUNDUS_MODES:
            return FundusCrop(self.size, check_exposure=self.mode == "fundus")(img)
        if self.mode in ("crop", "trim"):
            img = _middle(img)
        rows, columns = self._scaled(*img.shape[1:])
        if (rows, columns) != tuple(img.shape[1:]):
            img = functional.interpolate(img[None], (rows, columns), mode="bilinear", antialias=True)[0]
            # The weights add up to 1 only within rounding.
            img = img.clamp_(0, 1)
        if self.mode in ("crop", "trim"):
            top, left = (rows - self.size) // 2, (columns - self.size) // 2
            img = img[:, top : top + self.size, left : left + self.size]
        elif self.mode == "pad":
            above, before = (self.size - rows) // 2, (self.size - columns) // 2
            img = functional.pad(img, (before, self.size - columns - before, above, self.size - rows - above))
        return img.contiguous()

    def _scaled(self, rows: int, columns: int) -> tuple[int, int]:
        if self.mode == "stretch":
            return self.size, self.size
        reference = max(rows, columns) if self.mode == "pad" else min(rows, columns)
        size = self.size + 1 if self.mode == "trim" else self.size
        # Whole-number arithmetic: floats would round one half up at one size and down at the next.
        scaled = [max(1, (2 * side * size + reference) // (2 * reference)) for side in (rows, columns)]
        return scaled[0], scaled[1]


def _middle(img: torch.Tensor) -> torch.Tensor:
    """Of a strip, whose far ends are cut off anyway, the middle: scaled as a whole it could fill the memory."""
    rows, columns = img.shape[1:]
    longest = _STRIP * min(rows, columns)
    top, left = max(0, rows - longest) // 2, max(0, columns - longest) // 2
    return img[:, top : top + longest, left : left + longest]


def _checked(size: int) -> int:
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(f"size is {size!r}; it must be a whole number of pixels, at least 1")
    return size


class FitSquared(EachKeyd):
    """Dict form of :class:`FitSquare`."""

    ARRAY = FitSquare


class FundusCrop(Transform):
    """Find the fundus disc in a photograph, cut it out and bring it to (C, size, size), as ``data_prep eyepacs`` does.

    A picture that was cropped already is known by its outline and stays as it is, except a few that move by 2 or 3 % of
    the radius, and those that show too little of a round edge (docs/data.md); so raw and prepared pictures may come
    mixed.

    Args:
        size: rows and columns of the result, at least 1. 299 is the paper's.
        check_exposure: refuse a fundus that is too dark or too bright, too; False takes it as it is.

    Raises:
        ValueError: another size or, when called, another shape or type.
        FundusError: when called, no usable disc, or badly exposed; the text is the reason.
    """

    backend = [TransformBackends.NUMPY]  # noqa: RUF012  (MONAI's own form)

    def __init__(self, size: int = 299, check_exposure: bool = True) -> None:
        self.size = _checked(size)
        self.check_exposure = check_exposure

    def __call__(self, img: torch.Tensor) -> torch.Tensor:
        """Crop one picture (1 or 3, rows, columns), floating point, values 0..1, to float32, without metadata."""
        picture = plain_image(img, "FundusCrop").float().cpu().numpy()
        disc = find_disc(picture, self.check_exposure)
        return torch.from_numpy(crop_to_disc(picture, disc, self.size))


class FundusCropd(EachKeyd):
    """Dict form of :class:`FundusCrop`."""

    ARRAY = FundusCrop
