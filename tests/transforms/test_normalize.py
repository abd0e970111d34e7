from __future__ import annotations

import pytest
import torch

from monai_mocoi.transforms import Normalize
from monai_mocoi.transforms.rescale_intensity import unnormalized


@pytest.mark.parametrize(("mean", "std"), [(0.4, 0.2), ([0.4, 0.5, 0.6], [0.1, 0.2, 0.3])])
def test_normalisation_is_undone_of_one_image_and_of_several(mean, std):
    images = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(1))
    made = torch.stack([torch.as_tensor(Normalize(mean, std)(image)) for image in images.clone()])
    torch.testing.assert_close(unnormalized(made, mean, std), images)
    torch.testing.assert_close(unnormalized(made[0], mean, std), images[0])
