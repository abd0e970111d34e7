from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, laplace

from monai_mocoi.metrics import statistics_of_picture


def test_a_picture_counted_by_hand() -> None:
    picture = np.array([[[0, 0.01, 1, 0.5], [0, 0.5, 0.5, 0.99], [0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]]])
    found = statistics_of_picture(picture)
    assert list(found) == ["brightness", "contrast", "black", "white", "sharpness"]
    assert found["brightness"] == pytest.approx(picture.mean())
    assert found["contrast"] == pytest.approx(picture.std())
    assert (found["black"], found["white"]) == (3 / 16, 2 / 16)
    assert found["sharpness"] == pytest.approx(laplace(picture[0])[1:-1, 1:-1].std() / picture.std())


def test_sharpness_falls_with_blur_and_not_with_contrast_or_brightness() -> None:
    picture = np.random.default_rng(0).random((1, 40, 30)).astype(np.float32)
    sharp = statistics_of_picture(picture)["sharpness"]
    assert statistics_of_picture(0.3 * picture + 0.2)["sharpness"] == pytest.approx(sharp, rel=1e-5)
    assert statistics_of_picture(gaussian_filter(picture, (0, 1, 1)))["sharpness"] < 0.5 * sharp
    assert statistics_of_picture(np.full((1, 5, 5), 0.5))["sharpness"] == 0


def test_colour_is_relative_to_the_brightness() -> None:
    grey = np.random.default_rng(0).random((1, 9, 9))
    assert statistics_of_picture(np.repeat(grey, 3, axis=0)) == pytest.approx(
        {**statistics_of_picture(grey), "red": 0, "blue": 0}
    )
    red = np.repeat(grey * 0.4, 3, axis=0)
    red[0] += 0.3
    found = statistics_of_picture(red)
    assert (found["red"], found["blue"]) == pytest.approx((0.2, -0.1))
