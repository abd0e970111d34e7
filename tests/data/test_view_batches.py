"""Batches of views: those that the images have alone, wherever they are made."""

import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.transforms import Compose, RandGaussianNoise

from monai_mocoi.data import EpochIndex, ImageDataset, loader, views_of
from monai_mocoi.errors import DatasetError
from monai_mocoi.transforms import Normalize, RandColorJitter, RandResizedCrop, RandRotation, TwoViewsd


def decode(path: str) -> torch.Tensor:
    return torch.rand(1, 20, 20, generator=torch.Generator().manual_seed(int(Path(path).stem)))


def dataset(*more: Any, labels: Any = 1, geometry: bool = False, **options: Any) -> ImageDataset:
    steps = [RandRotation(20, prob=0.5), RandResizedCrop(16), RandColorJitter(0.4, 0.4, prob=0.8), Normalize(0.5, 0.25)]
    items = [{"image": f"{n}.png", "patient": f"p{n // 2}", "label": labels} for n in range(11)]
    views = TwoViewsd("image", Compose([*steps, *more]), geometry=geometry)
    return ImageDataset(items, decode, views, seed=3, progress=False, **options)


@pytest.mark.parametrize("views_on", ["cpu", "device"])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_batch_has_the_views_that_its_images_have_alone(views_on: str, workers: int) -> None:
    data = dataset(labels=[1, None], cache=False)
    batches = loader(data, batch_size=4, shuffle=True, seed=1, num_workers=workers, views_on=views_on)
    seen = []
    for epoch in range(2):
        batches.sampler.set_epoch(epoch)  # type: ignore[union-attr]
        for batch in batches:
            assert ("drawn" in batch) == (views_on == "device")
            batch = views_of(batch, data.transform, "cpu")  # type: ignore[arg-type]
            assert "image" not in batch
            for place, index in enumerate(batch["index"].tolist()):
                alone = data[EpochIndex(epoch, index)]
                assert (alone["index"], alone["patient"]) == (index, int(batch["patient"][place]))
                for name in ("view1", "view2", "label"):
                    assert torch.equal(alone[name], batch[name][place])
            seen.append(batch["view1"].sum())
    assert len(set(seen)) == len(seen) == 4


@pytest.mark.parametrize("bits", [8, 16])
def test_the_cache_gives_the_views_of_the_files(tmp_path: Path, bits: int) -> None:
    for number in range(11):
        (tmp_path / f"{number}.png").touch()
    items = [{"image": str(tmp_path / f"{n}.png"), "patient": "p", "name": str(n)} for n in range(11)]
    transform = TwoViewsd("image", Compose([RandResizedCrop(16)]))
    cached, direct = (
        ImageDataset(items, _Decode(), transform, bits=bits, cache=cache, cache_dir=tmp_path / "cache", progress=False)
        for cache in (True, False)
    )
    one, other = (next(iter(loader(each, batch_size=11))) for each in (cached, direct))
    assert torch.equal(one["view1"], other["view1"])
    assert torch.equal(one["view2"], other["view2"])
    assert "label" not in one


class _Decode:
    def __call__(self, path: str) -> torch.Tensor:
        return decode(path)


def test_a_batch_size_or_a_skipped_image_changes_no_view() -> None:
    data = dataset(cache=False)
    whole = next(iter(loader(data, batch_size=11)))
    for size in (1, 3, 7):
        parts = [batch["view2"] for batch in loader(data, batch_size=size)]
        assert torch.equal(torch.cat(parts), whole["view2"])
    data.rows = [row for row in data.rows if row != 4]
    fewer = next(iter(loader(data, batch_size=10)))
    assert torch.equal(fewer["view1"], whole["view1"][[row for row in range(11) if row != 4]])
    assert all(a < b for a, b in pairwise(fewer["index"].tolist()))


def test_other_steps_are_called_image_by_image_and_not_on_the_device() -> None:
    data = dataset(RandGaussianNoise(prob=1.0), cache=False)
    batch = next(iter(loader(data, batch_size=11, views_on="auto")))
    assert torch.equal(batch["view1"][5], data[5]["view1"])
    with pytest.raises(DatasetError, match="one image at a time"):
        loader(data, batch_size=2, views_on="device")
    with pytest.raises(DatasetError, match="views_on is 'gpu'; choose one of auto, cpu, device"):
        loader(data, batch_size=2, views_on="gpu")


def test_auto_is_the_device_of_the_training() -> None:
    data = dataset(cache=False)
    assert "drawn" not in next(iter(loader(data, batch_size=2, views_on="auto", device="cpu")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pinned memory without a GPU
        assert "drawn" in next(iter(loader(data, batch_size=2, views_on="auto", device="cuda")))


@pytest.mark.parametrize("views_on", ["cpu", "device"])
@pytest.mark.parametrize("workers", [0, 2])
def test_a13_a_batch_says_where_its_views_lie_if_it_is_to_and_nothing_else_changes(views_on: str, workers: int) -> None:
    plain, telling = dataset(cache=False), dataset(cache=False, geometry=True)
    options: dict[str, Any] = {"batch_size": 4, "num_workers": workers, "views_on": views_on}
    for one, other in zip(loader(plain, **options), loader(telling, **options), strict=True):
        pairs: Any = ((one, plain.transform), (other, telling.transform))
        expected, found = (views_of(batch, transform, "cpu") for batch, transform in pairs)
        assert set(found) - set(expected) == {"view1_geometry", "view2_geometry"}
        assert all(torch.equal(found[name], value) for name, value in expected.items())
        for place, index in enumerate(found["index"].tolist()):
            alone = telling[index]
            for name in ("view1_geometry", "view2_geometry"):
                assert found[name][place].shape == (1, 2, 3)
                assert found[name].dtype == torch.float32
                assert torch.equal(found[name][place], alone[name])
