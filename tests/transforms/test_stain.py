import math

import numpy as np
import pytest
import torch

from monai_mocoi.transforms import RandStainJitter, RandStainJitterd, adjust_stain

# Ruifrok and Johnston (2001): haematoxylin, eosin, DAB by red, green, blue.
STAINS = [[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]]
ALPHA, BETA = [0.9, 1.2, 1.1], [0.05, -0.1, 0.2]


def picture(rows=7, columns=9, seed=0, dtype=torch.float64):
    return torch.from_numpy(np.random.default_rng(seed).random((3, rows, columns))).to(dtype)


def stained(amounts):
    """The colour of given amounts of the three stains, by Beer's law."""
    return [math.exp(-sum(a * stain[c] for a, stain in zip(amounts, STAINS, strict=True))) for c in range(3)]


def one_by_one(image, alpha, beta):
    """Pixel by pixel: solve for the amounts, change them, mix the stains again."""
    result = torch.empty_like(image)
    for row in range(image.shape[1]):
        for column in range(image.shape[2]):
            density = [-math.log(value + 1e-6) for value in image[:, row, column].tolist()]
            amounts = np.linalg.solve(np.transpose(STAINS), density)
            colour = stained([a * n + b for a, n, b in zip(alpha, amounts, beta, strict=True)])
            result[:, row, column] = torch.tensor([min(max(value - 1e-6, 0), 1) for value in colour], dtype=image.dtype)
    return result


def test_equals_the_change_of_each_pixel():
    image = picture()
    image[:, 0, 0], image[:, 0, 1], image[:, 0, 2] = 0, 1, torch.tensor([1.0, 0, 0])
    expected = one_by_one(image, ALPHA, BETA)
    ours = adjust_stain(image[None], torch.tensor(ALPHA, dtype=torch.float64), torch.tensor(BETA, dtype=torch.float64))[
        0
    ]
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(
        adjust_stain(image[None], np.array(ALPHA), np.array(BETA))[0], expected, rtol=0, atol=1e-12
    )
    single = adjust_stain(image.float()[None], np.array(ALPHA), np.array(BETA))[0]
    torch.testing.assert_close(single, expected.float(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("stain", range(3))
def test_a_pure_stain_gets_the_new_amount_and_no_other(stain):
    before, after, alpha, beta = np.zeros(3), np.zeros(3), np.ones(3), np.zeros(3)
    before[stain], alpha[stain], beta[stain], after[stain] = 0.6, 1.5, 0.1, 1.0
    image = torch.tensor(stained(before)).double().view(1, 3, 1, 1)
    torch.testing.assert_close(
        adjust_stain(image, alpha, beta).flatten(), torch.tensor(stained(after)).double(), rtol=0, atol=2e-6
    )


def test_nothing_changes_with_factors_of_one_and_no_shift():
    image = picture(dtype=torch.float32)
    image[:, 0, 0], image[:, 0, 1] = 0, 1
    torch.testing.assert_close(adjust_stain(image[None], 1.0, 0.0)[0], image, rtol=0, atol=2e-6)


def test_factors_leave_white_white_and_equal_ones_leave_grey_grey():
    grey = torch.tensor([0.0, 0.25, 0.5, 1.0]).double().expand(1, 3, 1, 4)
    torch.testing.assert_close(adjust_stain(grey, np.array(ALPHA), 0.0)[..., 3], grey[..., 3], rtol=0, atol=2e-6)
    torch.testing.assert_close(adjust_stain(grey, 1.5, 0.0), grey**1.5, rtol=0, atol=2e-6)
    other = adjust_stain(grey, np.array(ALPHA), 0.0)[0, :, 0, 1]
    assert other.max() - other.min() > 0.01  # a grey pixel is a mixture of stains, so it takes colour


def test_a_shift_stains_the_background_and_a_negative_one_leaves_it_white():
    white = torch.ones(1, 3, 1, 1).double()
    more = adjust_stain(white, 1.0, np.array([0.1, 0, 0])).flatten()
    torch.testing.assert_close(more, torch.tensor(stained([0.1, 0, 0])).double(), rtol=0, atol=2e-6)
    assert torch.equal(adjust_stain(white, 1.0, np.array([-0.1, 0, 0])), white)


def test_values_stay_in_range_and_finite():
    image = picture(dtype=torch.float32).round()  # black, white and pure colours
    for alpha in (0.0, 2.0):
        for beta in (-1.0, 1.0):
            ours = adjust_stain(image[None], alpha, beta)
            assert torch.isfinite(ours).all()
            assert ours.min() >= 0
            assert ours.max() <= 1


def test_each_sample_has_its_own_amounts():
    images = torch.stack([picture(seed=0), picture(seed=1)])
    alpha, beta = np.array([ALPHA, [1, 0.8, 1]]), np.array([BETA, [0, 0, 0.3]])
    together = adjust_stain(images, alpha, beta)
    for n in range(2):
        torch.testing.assert_close(together[n], adjust_stain(images[n : n + 1], alpha[n], beta[n])[0], rtol=0, atol=0)


def test_the_argument_is_not_changed():
    image = picture()
    before = image.clone()
    adjust_stain(image[None], np.array(ALPHA), np.array(BETA))
    assert torch.equal(image, before)


def test_wrong_forms_are_refused():
    with pytest.raises(ValueError, match="expected 3 channels"):
        adjust_stain(torch.zeros(1, 1, 2, 2), 1.0, 0.0)
    with pytest.raises(ValueError, match=r"beta must be one number or have shape \(3,\) or \(1, 3\)"):
        adjust_stain(torch.zeros(1, 3, 2, 2), 1.0, torch.zeros(2))
    with pytest.raises(ValueError, match="divide uint8 by 255"):
        adjust_stain(torch.zeros(1, 3, 2, 2, dtype=torch.uint8), 1.0, 0.0)


def test_the_draw_is_what_is_applied_and_fills_its_range():
    transform = RandStainJitter(sigma=0.2, prob=1.0).set_random_state(seed=0)
    random = np.random.RandomState(0)
    image = picture()
    drawn = []
    for _ in range(200):
        changed = transform(image)
        random.random_sample()  # whether to act
        alpha, beta = 1 + 0.2 * random.uniform(-1, 1, 3), 0.2 * random.uniform(-1, 1, 3)
        assert torch.equal(changed, adjust_stain(image[None], alpha, beta)[0])
        drawn.append([*(alpha - 1), *beta])
    drawn = np.array(drawn)
    assert (np.abs(drawn) <= 0.2).all()
    assert (drawn.min(0) < -0.19).all()
    assert (drawn.max(0) > 0.19).all()


def test_same_seed_same_image_other_seed_other_image():
    image = picture()
    first, again, other = (RandStainJitter(0.2, prob=1.0).set_random_state(seed)(image) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_sigma_0_and_prob_0_give_the_image_itself():
    image = picture()
    assert torch.equal(RandStainJitter(0.0, prob=1.0)(image), image)
    assert torch.equal(RandStainJitter(0.5, prob=0.0)(image), image)


def test_prob_is_the_share_of_changed_images():
    transform, image = RandStainJitter(0.2, prob=0.3).set_random_state(seed=0), picture(2, 2)
    changed = sum(not torch.equal(transform(image), image) for _ in range(400))
    assert 90 <= changed <= 150


def test_arguments_are_attributes():
    transform = RandStainJitter(0.07, 0.4)
    assert (transform.sigma, transform.prob) == (0.07, 0.4)


@pytest.mark.parametrize("arguments", [{"sigma": -0.1}, {"sigma": 1.1}, {"sigma": math.nan}, {"prob": 2}])
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        RandStainJitter(**arguments)


@pytest.mark.parametrize("prob", [0.0, 1.0])
def test_an_image_without_colour_is_refused_whatever_the_draw(prob):
    with pytest.raises(ValueError, match="3 channels"):
        RandStainJitter(prob=prob)(torch.zeros(1, 2, 2))


def test_dict_form_draws_once_for_all_keys_as_the_array_form():
    image = picture()
    result = RandStainJitterd(["a", "b"], 0.2, prob=1.0).set_random_state(5)({"a": image, "b": image, "c": 1})
    expected = RandStainJitter(0.2, prob=1.0).set_random_state(5)(image)
    assert torch.equal(result["a"], expected)
    assert torch.equal(result["b"], expected)
    assert result["c"] == 1
    with pytest.raises(KeyError):
        RandStainJitterd("a")({})
    assert RandStainJitterd("a", allow_missing_keys=True)({}) == {}
