"""Random transform of one image: what all of ours share."""

from typing import Any

import torch
from monai.transforms.transform import RandomizableTransform
from monai.utils.enums import TransformBackends

from monai_mocoi.transforms.images import check_probability, plain_image


class RandImage(RandomizableTransform):
    """Act on an image with a probability; a subclass draws amounts in ``randomize`` and applies them in ``apply``.

    Args:
        prob: probability that an image is changed at all, 0..1.

    Raises:
        ValueError: if ``prob`` lies outside 0..1.
    """

    backend = [TransformBackends.TORCH]  # noqa: RUF012  (MONAI's own form)

    def __init__(self, prob: float) -> None:
        check_probability(prob, type(self).__name__)
        super().__init__(prob)

    def randomize(self, data: Any = None) -> None:
        """Draw whether to act."""
        super().randomize(None)

    def __call__(self, img: torch.Tensor, randomize: bool = True) -> torch.Tensor:
        """Change one image (C, H, W), floating point, values 0..1; ``randomize`` False repeats the last draw."""
        image = plain_image(img, type(self).__name__)
        if randomize:
            self.randomize(image)
        return self.apply(image[None])[0] if self._do_transform else image

    def apply(self, images: torch.Tensor) -> torch.Tensor:
        """Change a batch (N, C, H, W) by the last draw."""
        raise NotImplementedError
