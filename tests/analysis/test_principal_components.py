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


@pytest.mark.parametrize(("patients", "images", "share"), [(60, 1, 0.25), (20, 4, 0.3)])
def test_of_nothing_the_mean_is_one_half(patients: int, images: int, share: float) -> None:
    """Pooled decisions of five models had a mean of .38 to .45 here."""
    generator = np.random.default_rng(0)
    of_image = np.repeat(np.arange(patients), images)
    found = []
    for _ in range(60):
        scores = generator.standard_normal((patients * images, 2))
        column = generator.permutation(["a"] * round(share * patients) + ["b"] * round((1 - share) * patients))
        told = how_well_told(scores, column[of_image].tolist(), [f"p{i}" for i in of_image])
        found.append(told["levels"]["a"])
    assert np.mean(found) == pytest.approx(0.5, abs=0.03)


def test_few_numbers_are_codes_and_ages_are_not() -> None:
    """Sites 1 to 4 along a component, not in the order of their numbers."""
    scores = principal_components(made(400)).scores
    patients = [f"p{i}" for i in range(400)]
    site = np.array([2.0, 4.0, 1.0, 3.0])[np.digitize(scores[:, 0], np.quantile(scores[:, 0], [0.25, 0.5, 0.75]))]
    found = how_well_told(scores, site.tolist(), patients)
    assert (found["measure"], set(found["levels"])) == ("auc", {"1", "2", "3", "4"})
    assert found["levels"]["2"] > 0.95  # an end of the component
    assert how_well_told(scores, site.tolist(), patients, "age")["measure"] == "r2"


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
