"""Stain jitter: more or less of haematoxylin, eosin and DAB (HED) in a histology image.

The stains' colours are those of Ruifrok and Johnston, Anal Quant Cytol Histol 23, 2001; the random scale and shift are
those of Tellez et al., IEEE Trans Med Imaging 37, 2018. A density here is -ln(value), as Beer's law has it, and
negative amounts are kept, without which an image would not come back as it was. Other forms are in use, in which one
sigma means another strength; docs/views.md compares them.
"""

from typing import Any

import numpy as np
import torch

from monai_mocoi.transforms.dict_forms import SharedDrawd
from monai_mocoi.transforms.images import RandImage, check_batch
from monai_mocoi.transforms.on_device import on_device

# Optical density in red, green and blue of a unit of haematoxylin, eosin and DAB.
_DENSITY = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
_AMOUNT = np.linalg.inv(_DENSITY)
_DARKEST = 1e-6  # added before the logarithm and taken away after it: black has a density, and comes back as black


def adjust_stain(
    images: torch.Tensor, alpha: torch.Tensor | np.ndarray | float, beta: torch.Tensor | np.ndarray | float
) -> torch.Tensor:
    """Scale and shift the amount of each stain: ``amount * alpha + beta``; other shapes are a ValueError.

    Args:
        images: batch of red, green and blue, shape (N, 3, H, W), floating point, values 0..1, white where there is no
            tissue.
        alpha: factors of haematoxylin, eosin and DAB, shape (N, 3), (3,) or one number: 0 removes a stain, 1 keeps it.
        beta: what is added to them, in units of optical density (natural logarithm), of the same shapes: 0 keeps a
            stain; 0.1 takes away about a tenth of the light of that colour everywhere, the background included.

    Returns:
        new batch of the same shape, cut off at 0 and 1.
    """
    check_batch(images, "adjust_stain")
    if images.shape[1] != 3:
        raise ValueError(
            f"adjust_stain: expected 3 channels (red, green, blue), got {images.shape[1]}; stains are told apart by "
            "their colour, so leave this transform out for such images"
        )
    scale, shift = _per_stain(alpha, images, "alpha"), _per_stain(beta, images, "beta")
    # With rows for pixels, density' = (density @ AMOUNT * scale + shift) @ DENSITY: one 3 x 3 matrix and one colour for
    # an image, worked out in double precision on the host. The pixels here are columns, hence the transposes.
    mix = np.einsum("ij,nj,jk->nki", _AMOUNT, scale, _DENSITY)
    add = shift @ _DENSITY
    light = torch.log(images + _DARKEST).flatten(2)  # minus the density
    minus_add, matrix = (on_device(part, images.device, images.dtype) for part in (-add[..., None], mix))
    changed = torch.baddbmm(minus_add, matrix, light)
    return changed.exp_().sub_(_DARKEST).clamp_(0, 1).view_as(images)


def _per_stain(value: torch.Tensor | np.ndarray | float, images: torch.Tensor, name: str) -> np.ndarray:
    """The parameter of each sample and stain, float64 of shape (N, 3)."""
    array = value.detach().cpu().double().numpy() if isinstance(value, torch.Tensor) else np.asarray(value, np.float64)
    shape = (images.shape[0], 3)
    if array.shape not in ((), (3,), shape):
        raise ValueError(
            f"adjust_stain: {name} must be one number or have shape (3,) or {shape}, one value a stain, "
            f"got shape {array.shape}"
        )
    return np.broadcast_to(array, shape)


class RandStainJitter(RandImage):
    """Change how much haematoxylin, eosin and DAB an image has by random amounts, each stain by its own.

    Every stain's amount is multiplied by a number drawn evenly from 1 - sigma to 1 + sigma, and one drawn from -sigma
    to sigma is added; see :func:`adjust_stain`. 0.05 is slight here, and about 0.2 as strong as that of Tellez et al.

    Args:
        sigma: strength from 0 (nothing changes) to 1.
        prob: see :class:`~monai_mocoi.transforms.images.RandImage`.

    Raises:
        ValueError: if ``sigma`` lies outside 0..1; when called, not 3 channels, also where the draw is not to act.
    """

    def __init__(self, sigma: float = 0.05, prob: float = 0.1) -> None:
        if not 0 <= sigma <= 1:
            raise ValueError(f"RandStainJitter: sigma must lie between 0 (off) and 1, got {sigma}")
        super().__init__(prob)
        self.sigma = sigma
        self._alpha, self._beta = np.ones(3), np.zeros(3)

    def randomize(self, data: Any = None) -> None:
        """Draw whether to act, and the factor and the shift of each stain; ``data``: of shape (3, H, W)."""
        if data is not None and (channels := data.shape[0]) != 3:
            raise ValueError(
                f"RandStainJitter: expected an image of 3 channels (red, green, blue), got {channels}; stains are told "
                "apart by their colour, so leave this transform out for such images"
            )
        super().randomize(None)
        if self._do_transform:
            self._alpha = 1 + self.sigma * self.R.uniform(-1, 1, 3)
            self._beta = self.sigma * self.R.uniform(-1, 1, 3)

    def drawn(self) -> tuple[float, ...]:
        """Factors and shifts of the three stains."""
        return (*self._alpha, *self._beta)

    def change(self, images: torch.Tensor, drawn: np.ndarray) -> torch.Tensor:
        """Change the stains of each image by its factors and shifts."""
        return adjust_stain(images, drawn[:, :3], drawn[:, 3:]) if self.sigma else images


class RandStainJitterd(SharedDrawd):
    """Dict form of :class:`RandStainJitter`: one draw for all keys."""

    ARRAY = RandStainJitter
