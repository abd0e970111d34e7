import pytest
import torch

from monai_mocoi.transforms import RandGaussianBlurd, RandRotationd


def test_first_present_key_is_enough_when_keys_may_miss():
    rotate = RandRotationd(["a", "b"], 30, prob=1.0, allow_missing_keys=True).set_random_state(seed=0)
    given = {"b": torch.rand(1, 8, 8)}
    result = rotate(given)
    assert set(result) == {"b"}
    assert not torch.equal(result["b"], given["b"])
    assert rotate({"c": 1}) == {"c": 1}


def test_missing_key_is_an_error_by_default():
    with pytest.raises(KeyError, match="a"):
        RandGaussianBlurd("a")({"b": torch.rand(1, 8, 8)})


def test_seeding_reaches_the_array_transform():
    blur = RandGaussianBlurd("a", prob=0.5)
    data = {"a": torch.rand(1, 8, 8)}
    runs = []
    for _ in range(2):
        blur.set_random_state(seed=4)
        assert blur.R is blur.transform.R
        runs.append(torch.stack([blur(data)["a"] for _ in range(6)]))
    assert torch.equal(*runs)
