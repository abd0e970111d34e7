import copy
import json
import pickle
import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.data import MetaTensor
from monai.transforms import Compose, OneOf, RandFlip, RandGaussianNoise, ScaleIntensity

from monai_mocoi.transforms import (
    RandColorJitter,
    RandGaussianBlur,
    RandGrayscale,
    RandResizedCrop,
    RandResizedCropd,
    RandRotation,
    TwoViews,
    TwoViewsd,
)


def recipe():
    return Compose(
        [
            RandResizedCrop(24, scale=(0.4, 1.0)),
            RandColorJitter(0.4, 0.4, 0.4, 0.1, prob=0.8),
            RandGrayscale(0.2),
            Compose([RandGaussianBlur(prob=0.5), RandRotation(30, prob=0.5)]),
            RandFlip(0.5, spatial_axis=1),
        ]
    )


@pytest.fixture
def image():
    return torch.rand(3, 30, 28, generator=torch.Generator().manual_seed(0))


def test_two_different_plain_views(image):
    for source in (image, MetaTensor(image)):
        views = TwoViews(recipe())
        for seed in range(20):
            first, second = views.set_random_state(seed=seed)(source)
            assert type(first) is type(second) is torch.Tensor
            assert first.shape == second.shape == (3, 24, 24)
            assert not torch.equal(first, second)
            assert torch.isfinite(first).all()


def test_views_are_a_function_of_the_seed(image):
    views, others = TwoViews(recipe()), TwoViews(recipe())
    for _ in range(3):  # another history, the same seed
        others(image)
    for seed in (0, 1, 2**32 + 5):
        first, again = views.set_random_state(seed=seed)(image), others.set_random_state(seed=seed)(image)
        assert torch.equal(first[0], again[0])
        assert torch.equal(first[1], again[1])
    assert not torch.equal(views.set_random_state(seed=0)(image)[0], views.set_random_state(seed=1)(image)[0])


def test_copies_draw_the_same(image):
    views = TwoViews(recipe()).set_random_state(seed=3)
    copies = [copy.deepcopy(views), pickle.loads(pickle.dumps(views))]
    expected = [views(image), views(image)]
    for other in copies:
        for pair in expected:
            assert all(torch.equal(a, b) for a, b in zip(pair, other(image), strict=True))


def test_all_random_parts_draw_from_one_stream():
    inner = OneOf([RandGaussianNoise(prob=1.0), RandFlip(prob=1.0)])
    blur = RandGaussianBlur()
    views = TwoViews(Compose([inner, blur])).set_random_state(seed=0)
    assert all(part.R is views.R for part in (inner, inner.transforms[0], inner.transforms[1], blur))
    state = np.random.RandomState(7)
    views.set_random_state(state=state)
    assert blur.R is state
    views.set_random_state(seed=0)  # and the caller's generator is not reseeded
    assert blur.R is not state
    assert state.randint(1000) == np.random.RandomState(7).randint(1000)


def test_the_two_draws_are_independent():
    angles = []
    turn = RandRotation(30, prob=1.0)

    def note(img):
        angles.append(turn._angle)
        return img

    views = TwoViews(Compose([turn, note]))
    image = torch.rand(1, 2, 2)
    for seed in range(2000):  # neighbouring seeds too
        views.set_random_state(seed=seed)(image)
    first, second = np.array(angles).reshape(-1, 2).T
    for a, b in ((first, second), (first[1:], first[:-1]), (first[1:], second[:-1])):
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / np.sqrt(2000)
        assert abs(np.corrcoef(np.abs(a), np.abs(b))[0, 1]) < 4 / np.sqrt(2000)
    for drawn in (first, second):
        assert abs(drawn.mean()) < 4 * 60 / np.sqrt(12 * 2000)
        assert drawn.std() == pytest.approx(60 / np.sqrt(12), rel=0.05)


def test_the_image_is_left_alone():
    def darken(img):
        return img.mul_(0.5)

    image = torch.rand(1, 8, 8)
    before = image.clone()
    first, second = TwoViews(Compose([RandRotation(5, prob=0.0), darken]))(image)
    assert torch.equal(image, before)
    assert torch.equal(first, before / 2)
    assert torch.equal(second, before / 2)
    untouched = TwoViews(RandRotation(5, prob=0.0))(image)
    assert len({image.data_ptr(), untouched[0].data_ptr(), untouched[1].data_ptr()}) == 3


def test_wrong_transforms():
    with pytest.raises(TypeError, match=r"got list; .*Compose"):
        TwoViews([RandGrayscale()])
    with pytest.raises(ValueError, match="equal"):
        TwoViews(Compose([ScaleIntensity()]))
    with pytest.raises(ValueError, match="channels, rows, columns"):
        TwoViews(RandGrayscale())(torch.rand(4, 4))


def test_a_new_seed_costs_little():
    views = TwoViews(Compose([RandColorJitter(), *[RandGaussianBlur() for _ in range(7)]]))
    best = float("inf")
    for seed in range(200):
        start = time.perf_counter()
        views.set_random_state(seed=seed)
        best = min(best, time.perf_counter() - start)
    assert best < 0.2e-3


def test_dict_form(image):
    arguments = {"keys": "image", "transform": recipe()}
    data = {"image": image, "label": 2}
    dropped = TwoViewsd(**arguments).set_random_state(seed=1)(data)
    assert set(dropped) == {"view1", "view2", "label"}
    assert set(data) == {"image", "label"}
    kept = TwoViewsd(**arguments, view_keys=["a", "b"], keep=True).set_random_state(seed=1)(data)
    assert set(kept) == {"image", "a", "b", "label"}
    assert kept["image"] is image
    expected = TwoViews(recipe()).set_random_state(seed=1)(image)
    for ours, dictionary in zip(expected, (dropped["view1"], dropped["view2"]), strict=True):
        assert torch.equal(ours, dictionary)
    assert torch.equal(kept["a"], dropped["view1"])
    # A view may take the image's own key.
    assert torch.equal(
        TwoViewsd("image", recipe(), view_keys=("image", "b")).set_random_state(seed=1)(data)["image"], expected[0]
    )


def test_dict_form_inside_a_compose_is_seeded_with_it(image):
    pipeline = Compose([TwoViewsd("image", recipe())])
    first = pipeline.set_random_state(seed=5)({"image": image})
    again = pipeline.set_random_state(seed=5)({"image": image})
    assert torch.equal(first["view1"], again["view1"])
    assert torch.equal(first["view2"], again["view2"])
    other = pipeline.set_random_state(seed=6)({"image": image})
    assert not torch.equal(first["view1"], other["view1"])


def test_dict_form_wrong_arguments(image):
    with pytest.raises(ValueError, match="one key"):
        TwoViewsd(["a", "b"], recipe())
    for view_keys in ("view1", ("a",), ("a", "a")):
        with pytest.raises(ValueError, match="view_keys"):
            TwoViewsd("image", recipe(), view_keys=view_keys)
    with pytest.raises(KeyError, match="image"):
        TwoViewsd("image", recipe())({"picture": image})
    assert TwoViewsd("image", recipe(), allow_missing_keys=True)({"picture": 1}) == {"picture": 1}


def test_written_as_a_bundle_config():
    config = {
        "transform": {
            "_target_": "monai_mocoi.transforms.TwoViewsd",
            "keys": "image",
            "transform": {
                "_target_": "monai.transforms.Compose",
                "transforms": [
                    {"_target_": "monai_mocoi.transforms.RandResizedCrop", "size": 16, "scale": [0.4, 1.0]},
                    {"_target_": "monai_mocoi.transforms.RandColorJitter", "brightness": 0.4, "prob": 0.8},
                    {"_target_": "monai_mocoi.transforms.RandGaussianBlur", "sigma": [0.1, 2.0], "prob": 0.5},
                    {"_target_": "monai_mocoi.transforms.RandRotation", "degrees": 10, "prob": 0.5},
                ],
            },
        }
    }
    transform = ConfigParser(config).get_parsed_content("transform").set_random_state(seed=0)
    views = transform({"image": torch.rand(1, 20, 20)})
    assert views["view1"].shape == views["view2"].shape == (1, 16, 16)


def test_the_configs_in_the_documentation_work():
    page = (Path(__file__).parents[2] / "docs" / "views.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        transform = ConfigParser({"transform": json.loads(block)}).get_parsed_content("transform")
        assert isinstance(transform, TwoViewsd | RandResizedCropd)
        for channels in (1, 3):
            result = transform.set_random_state(seed=0)({"image": torch.rand(channels, 224, 224)})
            assert all(view.shape == (channels, 224, 224) for view in result.values())
            assert len(result) == (2 if isinstance(transform, TwoViewsd) else 1)
