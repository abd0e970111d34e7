from __future__ import annotations

import numpy as np
import pytest

from monai_mocoi.analysis import how_well_told
from monai_mocoi.analysis.principal_components import principal_components


def made(images: int = 120, width: int = 30, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.standard_normal((images, width)) * np.linspace(6, 0.2, width) + 5


@pytest.mark.parametrize(("images", "width"), [(120, 30), (12, 40), (90, 90)])
def test_components_are_those_of_a_singular_value_decomposition(images: int, width: int) -> None:
    values = made(images, width)
    found = principal_components(values, 5)
    centred = values - values.mean(0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found.explained, (s**2 / (s**2).sum())[:5], rtol=1e-9)
    np.testing.assert_allclose(np.abs(found.scores), np.abs(u[:, :5] * s[:5]), atol=1e-6)
    np.testing.assert_array_equal(found.scores, principal_components(values, 5).scores)


def test_few_images_have_few_components_and_a_collapsed_encoder_none_of_any_length() -> None:
    assert principal_components(made(4), 10).scores.shape == (4, 3)
    found = principal_components(np.ones((20, 30)))
    assert (found.scores == 0).all()
    assert (found.explained == 0).all()
    with pytest.raises(ValueError, match="two images"):
        principal_components(made(1))


def test_a_source_along_a_component_is_told_and_one_that_is_nowhere_is_not() -> None:
    scores = principal_components(made(400)).scores
    patients = [f"p{i // 4}" for i in range(400)]
    site = ["a" if value > 0 else "b" for value in scores[:, 1]]
    found = how_well_told(scores, site, patients)
    assert (found["measure"], found["chance"]) == ("auc", 0.5)
    assert found["value"] > 0.97
    nothing = how_well_told(scores, list(np.random.default_rng(1).permutation(site)), patients)
    assert 0.35 < nothing["value"] < 0.65
    brightness = how_well_told(scores, (2 * scores[:, 0] + 1).tolist(), patients)
    assert (brightness["measure"], brightness["value"]) == ("r2", pytest.approx(1, abs=0.01))
    assert how_well_told(scores, np.random.default_rng(1).random(400).tolist(), patients)["value"] < 0.05


def test_it_is_told_on_patients_not_seen() -> None:
    """Components that know the patient tell nothing of a column that is drawn for each patient."""
    generator = np.random.default_rng(0)
    patients = np.repeat(np.arange(40), 10)
    scores = generator.standard_normal((40, 10))[patients] + 0.01 * generator.standard_normal((400, 10))
    column = generator.permutation(["a", "b"] * 20)[patients]
    assert how_well_told(scores, column.tolist(), [str(p) for p in patients])["value"] < 0.75


def test_where_it_cannot_be_told_a_reason_stands() -> None:
    scores = principal_components(made(60)).scores
    patients = [f"p{i}" for i in range(60)]
    assert "fewer than" in how_well_told(scores, ["a", "b"] * 30, ["one"] * 60)["reason"]
    assert "no level" in how_well_told(scores, ["a"] * 60, patients)["reason"]
    assert "one value" in how_well_told(scores, [1.0] * 60, patients)["reason"]
    half = how_well_told(scores, [None] * 30 + ["a", "b"] * 15, patients)
    assert (half["images"], set(half["levels"])) == (30, {"a", "b"})
