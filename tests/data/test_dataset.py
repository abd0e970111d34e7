from __future__ import annotations

import logging
import multiprocessing
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import DataLoader
from monai.transforms import Compose, RandomizableTransform

from monai_mocoi import exit_codes
from monai_mocoi.data import (
    EpochIndex,
    EpochSampler,
    ImageDataset,
    audit_datalist,
    derive_seed,
    load_datalist,
    patient_code,
    require_images,
    without_skipped,
)
from monai_mocoi.errors import DatasetError
from monai_mocoi.transforms import ReadImage
from tests.data.dataset_folders import dataset_folder, picture, save


class Noisy(RandomizableTransform):
    """Adds one random number to the picture and shows it."""

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        self.randomize(None)
        noise = float(self.R.uniform())
        return {**data, "image": data["image"] + noise, "noise": noise}


class DrawsGlobally:
    """A user's own transform that knows nothing of MONAI's random state."""

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "drawn": globally_drawn()}


def globally_drawn() -> torch.Tensor:
    return torch.tensor([random.random(), np.random.rand(), torch.rand(())], dtype=torch.float64)  # noqa: NPY002


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))
    return dataset_folder(tmp_path / "set", training=7)


@pytest.fixture
def data(folder):
    return load_datalist(folder).training


def _dataset(data, transform=None, **options):
    return ImageDataset(data, ReadImage(1), transform, progress=False, **options)


def test_a_sample(data):
    dataset = _dataset(data)
    assert (len(dataset), dataset.data) == (7, data)
    sample = dataset[3]
    assert torch.equal(sample["image"], torch.from_numpy(picture(3))[None].float() / 255)
    assert type(sample["image"]) is torch.Tensor
    assert sample["index"] == 3
    assert sample["patient"] == patient_code("p003")
    assert torch.equal(sample["label"], torch.tensor([1.0, 1.0]))
    assert set(sample) == {"image", "index", "patient", "label"}
    with pytest.raises(IndexError):
        dataset[7]
    with pytest.raises(IndexError):
        dataset[-1]
    assert len(list(dataset)) == 7


def test_class_labels_and_no_labels(data):
    classes = [{**item, "label": 1} for item in data]
    assert torch.equal(_dataset(classes)[0]["label"], torch.tensor(1))
    assert "label" not in _dataset([{key: item[key] for key in ("image", "patient")} for item in data])[0]


def test_patient_codes():
    codes = [patient_code(f"p{i}") for i in range(1000)]
    assert len(set(codes)) == 1000
    assert torch.tensor(codes).dtype == torch.int64
    assert min(codes) >= 0
    assert patient_code("p1") == codes[1]


@pytest.mark.parametrize("bits", [8, 16])
def test_same_bits_with_and_without_cache(data, bits):
    # Values that are no eighths of anything: both ways must round them.
    class Decode(ReadImage):
        def __call__(self, path):
            return super().__call__(path) * 0.7390851

    cached, direct = (ImageDataset(data, Decode(1), cache=cache, bits=bits, progress=False) for cache in (True, False))
    for i in range(len(data)):
        assert torch.equal(cached[i]["image"], direct[i]["image"])
    assert not torch.equal(direct[0]["image"], Decode(1)(data[0]["image"]))


def test_cache_goes_to_the_users_folder(data, tmp_path):
    _dataset(data)
    assert {path.suffix for path in (tmp_path / "cache/decoded").iterdir()} == {".npy", ".json", ".lock"}
    _dataset(data, cache_dir=tmp_path / "own")
    assert len(list((tmp_path / "own").iterdir())) == 3


def test_views_are_a_function_of_seed_epoch_and_index(data):
    def noise(dataset, epoch, index):
        return dataset[EpochIndex(epoch, index)]["noise"]

    dataset = _dataset(data, Noisy(), seed=5)
    expected = Noisy().set_random_state(derive_seed(5, 2, 4))({"image": 0})["noise"]
    assert noise(dataset, 2, 4) == expected
    noise(dataset, 0, 0)
    assert noise(dataset, 2, 4) == expected
    assert noise(_dataset(data, Compose([Noisy()]), seed=5), 2, 4) != expected  # Compose deals out seeds of its own
    drawn = {noise(dataset, epoch, index) for epoch in range(10) for index in range(7)}
    assert len(drawn) == 70
    assert noise(_dataset(data, Noisy(), seed=6), 2, 4) != expected
    assert dataset[4]["noise"] == noise(dataset, 0, 4)


def _two_epochs(data, workers: int, persistent: bool) -> list[dict[str, Any]]:
    dataset = _dataset(data, Compose([Noisy()]), seed=1)
    sampler = EpochSampler(len(dataset), seed=1)
    loader = DataLoader(
        dataset, num_workers=workers, batch_size=3, sampler=sampler, persistent_workers=persistent and workers > 0
    )
    batches = []
    for epoch in range(2):
        sampler.set_epoch(epoch)
        batches += list(loader)
    return batches


@pytest.mark.parametrize(("workers", "persistent"), [(1, False), (2, False), (2, True)])
def test_same_samples_and_bits_for_any_number_of_workers(data, workers, persistent):
    alone, several = _two_epochs(data, 0, False), _two_epochs(data, workers, persistent)
    assert len(alone) == len(several) == 6
    for one, other in zip(alone, several, strict=True):
        assert torch.equal(one["index"], other["index"])
        assert torch.equal(one["image"], other["image"])
        assert torch.equal(one["patient"], other["patient"])
    first, second = (torch.cat([batch["noise"] for batch in alone[k : k + 3]]) for k in (0, 3))
    assert not set(first.tolist()) & set(second.tolist())


@pytest.mark.parametrize("transform", [DrawsGlobally(), Compose([Noisy(), DrawsGlobally()])])
def test_a_transform_that_draws_globally_is_repeatable_with_workers_and_after_a_resume(data, transform):
    def drawn(workers: int, start: int = 0) -> torch.Tensor:
        dataset = _dataset(data, transform, seed=1)
        sampler = EpochSampler(len(dataset), seed=1)
        sampler.set_epoch(3, start)
        loader = DataLoader(dataset, num_workers=workers, batch_size=2, sampler=sampler)
        return torch.cat([batch["drawn"] for batch in loader])

    globally_drawn()  # where the global generators stand must not matter
    whole = drawn(0)
    assert len(torch.unique(whole)) == 7 * 3
    assert torch.equal(drawn(2), whole)
    assert torch.equal(drawn(0, start=4), whole[4:])
    assert torch.equal(drawn(2, start=4), whole[4:])
    alone = _dataset(data, transform, seed=1)
    order = EpochSampler(len(alone), seed=1)
    order.set_epoch(3)
    assert torch.equal(torch.stack([alone[item]["drawn"] for item in order]), whole)


def test_global_draws_are_not_those_of_the_transform(data):
    class Both(Noisy):
        def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
            return DrawsGlobally()(super().__call__(data))

    sample = _dataset(data, Both())[0]
    assert len({sample["noise"], *sample["drawn"].tolist()}) == 4


def test_the_main_processs_generators_are_left_alone(data):
    state = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    dataset = _dataset(data, DrawsGlobally())
    dataset[EpochIndex(2, 1)]
    next(iter(torch.utils.data.DataLoader(dataset, batch_size=3, generator=torch.Generator())))
    assert random.getstate() == state[0]
    assert np.random.get_state()[1].tolist() == state[1]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), state[2])


def test_works_in_spawned_workers(data):
    dataset = _dataset(data)
    context = multiprocessing.get_context("fork")
    with context.Pool(1) as pool:
        sample = pool.apply(pickle.loads(pickle.dumps(dataset)).__getitem__, (2,))
    assert torch.equal(sample["image"], dataset[2]["image"])


@pytest.mark.parametrize("cache", [True, False])
def test_reading_errors_name_index_and_image_only(data, folder, cache):
    (folder / "images/002.png").write_bytes(b"GIF89a")
    with pytest.raises(DatasetError, match=r"image 2 \(images/002\.png\): .*GIF(.|\n)*datalist(.|\n)*skip") as error:
        _dataset(data, cache=cache)[2]
    assert error.value.exit_code == exit_codes.DATA
    assert str(folder) not in str(error.value)


def test_a_constant_picture_is_a_bad_image(data, folder):
    save(folder / "images/002.png", np.full((24, 24), 30, np.uint8))
    with pytest.raises(DatasetError, match=r"image 2 \(images/002\.png\): all pixels .* shows nothing"):
        _dataset(data)
    dataset = _dataset(data, on_bad_image="skip", max_bad_share=0.3)
    assert [image["index"] for image in dataset.skipped] == [2]


@pytest.mark.parametrize("on_bad_image", ["stop", "skip"])
def test_a_file_that_goes_away_later(data, folder, on_bad_image):
    dataset = _dataset(data, cache=False, on_bad_image=on_bad_image)
    (folder / "images/002.png").unlink()
    with pytest.raises(DatasetError, match=r"image 2 \(images/002\.png\): .*not exist.*changed during the run"):
        dataset[2]


def test_a_file_that_goes_away_later_under_a_worker(data, folder):
    dataset = _dataset(data, cache=False, on_bad_image="skip")
    (folder / "images/002.png").unlink()
    batches = iter(DataLoader(dataset, num_workers=1, batch_size=7))
    with pytest.raises(DatasetError, match="changed during the run") as error:
        next(batches)
    batches._shutdown_workers()  # left to the garbage collector, this takes five seconds
    assert error.value.exit_code == exit_codes.DATA


def _truncate(folder: Path, *numbers: int) -> None:
    for number in numbers:
        file = folder / f"images/{number:03d}.png"
        file.write_bytes(file.read_bytes()[:-50])


@pytest.mark.parametrize("cache", [True, False])
def test_skipping(data, folder, cache, caplog):
    whole = _dataset(data, Noisy(), seed=3)
    expected = [whole[EpochIndex(1, row)] for row in range(7)]
    _truncate(folder, 0, 4)
    caplog.set_level(logging.WARNING)
    dataset = _dataset(data, Noisy(), seed=3, cache=cache, on_bad_image="skip", max_bad_share=0.3)
    assert len(dataset) == 5
    assert dataset.rows == [1, 2, 3, 5, 6]
    assert dataset.data == data
    assert [(image["index"], image["name"]) for image in dataset.skipped] == [
        (0, "images/000.png"),
        (4, "images/004.png"),
    ]
    assert all(set(image) == {"index", "name", "reason"} and "damaged" in image["reason"] for image in dataset.skipped)
    for position, row in enumerate(dataset.rows):
        sample = dataset[EpochIndex(1, position)]
        assert sample["index"] == row
        assert torch.equal(sample["image"], expected[row]["image"])  # views go by row: those of the others stay
        assert torch.equal(sample["label"], expected[row]["label"])
        assert sample["patient"] == expected[row]["patient"]
    with pytest.raises(IndexError):
        dataset[5]

    assert "2 of 7 images (28.6 %) cannot be read and are left out" in caplog.text
    lines = [record.getMessage() for record in caplog.records if "skipped image" in record.getMessage()]
    assert [line.split(":")[0] for line in lines] == [
        "  skipped image 0 (images/000.png)",
        "  skipped image 4 (images/004.png)",
    ]
    assert str(folder) not in caplog.text


def test_skipping_is_the_same_from_an_earlier_cache_and_stop_still_stops(data, folder):
    _truncate(folder, 2)
    options = {"on_bad_image": "skip", "max_bad_share": 0.2}
    first, again, direct = _dataset(data, **options), _dataset(data, **options), _dataset(data, cache=False, **options)
    assert first.skipped == again.skipped == direct.skipped
    assert [s["index"] for s in first] == [s["index"] for s in direct] == [0, 1, 3, 4, 5, 6]
    with pytest.raises(DatasetError, match=r"1 of 7 images cannot be read:\n  image 2 \(images/002\.png\): .*damaged"):
        _dataset(data)


@pytest.mark.parametrize("cache", [True, False])
def test_more_than_the_share_is_an_error(data, folder, cache):
    _truncate(folder, 2, 5)
    with pytest.raises(
        DatasetError,
        match=r"2 of 7 images \(28\.6 %\).*max_bad_share is 0\.01 \(1 %\)(.|\n)*images/002.png(.|\n)*images/005.png",
    ):
        _dataset(data, cache=cache, on_bad_image="skip")


def test_nothing_to_skip(data, caplog):
    dataset = _dataset(data, on_bad_image="skip", max_bad_share=0)
    assert (len(dataset), dataset.skipped, caplog.records) == (7, [], [])


def test_items_without_names_are_skipped_by_row(data, folder):
    _truncate(folder, 3)
    items = [{key: item[key] for key in ("image", "patient")} for item in data]
    dataset = _dataset(items, on_bad_image="skip", max_bad_share=0.5)
    assert [(image["index"], image["name"]) for image in dataset.skipped] == [(3, None)]


def test_skipping_with_workers_and_sampler(data, folder):
    _truncate(folder, 1, 6)
    batches = []
    for workers in (0, 2):
        dataset = _dataset(data, Compose([Noisy()]), seed=1, on_bad_image="skip", max_bad_share=0.5)
        sampler = EpochSampler(len(dataset), seed=1)
        batches.append(list(DataLoader(dataset, num_workers=workers, batch_size=2, sampler=sampler)))
    for one, other in zip(*batches, strict=True):
        assert torch.equal(one["index"], other["index"])
        assert torch.equal(one["image"], other["image"])
    assert sorted(torch.cat([batch["index"] for batch in batches[0]]).tolist()) == [0, 2, 3, 4, 5]


def test_the_datalist_without_the_skipped(folder):
    _truncate(folder, 1, 7)
    datalist = load_datalist(folder)
    options = {"on_bad_image": "skip", "max_bad_share": 0.5}
    training, validation = (_dataset(items, **options) for items in (datalist.training, datalist.validation))
    with pytest.raises(DatasetError, match=r"images/00[17]\.png"):
        audit_datalist(datalist, progress=False)
    left = without_skipped(datalist, training=training, validation=validation)
    assert [len(items) for items in left.splits().values()] == [6, 1, 3]
    assert datalist.training[1] not in left.training
    assert (left.sha256, left.test) == (datalist.sha256, datalist.test)
    assert audit_datalist(left, progress=False).images == {"training": 6, "validation": 1, "test": 3}
    with pytest.raises(DatasetError, match=r"training split has 6 image\(s\), but 7 are needed"):
        require_images(left, training=7)
    with pytest.raises(ValueError, match="'validation' with its data set is none"):
        without_skipped(datalist, validation=training)
    with pytest.raises(ValueError, match="'train' with its data set is none"):
        without_skipped(datalist, train=training)


def test_a_split_that_is_not_in_use_loses_what_cannot_be_read_where_images_are_skipped(folder, caplog):
    _truncate(folder, 9)
    save(folder / "images/011.png", np.full_like(picture(0), 7))
    datalist = load_datalist(folder)
    assert [item["name"] for item in datalist.test] == ["images/009.png", "images/010.png", "images/011.png"]
    stopping = without_skipped(datalist, training=_dataset(datalist.training))
    assert stopping.test == datalist.test
    with pytest.raises(DatasetError, match=r"2 image\(s\) cannot be read(.|\n)*images/009\.png"):
        audit_datalist(stopping, progress=False)
    assert not caplog.records
    for _ in range(2):  # also when the good ones' fingerprints are known
        caplog.clear()
        left = without_skipped(datalist, training=_dataset(datalist.training, on_bad_image="skip"))
        assert left.test == datalist.test[1:2]
        assert (left.training, left.validation) == (datalist.training, datalist.validation)
        (record,) = caplog.records
        assert (record.levelname, record.args) == ("WARNING", (2, 3, "test"))
        assert audit_datalist(left, progress=False).images == {"training": 7, "validation": 2, "test": 1}


def test_a_changed_file_is_decoded_again(data, folder):
    _dataset(data)
    save(folder / "images/001.png", picture(77))
    assert torch.equal(_dataset(data)[1]["image"], torch.from_numpy(picture(77))[None].float() / 255)


def test_wrong_arguments(data):
    for arguments, text in (
        ({"bits": 4}, "bits is 4"),
        ({"seed": -1}, "seed is -1"),
        ({"on_bad_image": "ignore"}, "on_bad_image is 'ignore'; choose one of stop, skip"),
        ({"max_bad_share": 1.5}, "max_bad_share is 1.5; it is a share of the split, from 0 to 1"),
        ({"max_bad_share": float("nan")}, "max_bad_share is nan"),
        ({"max_bad_share": "1"}, "max_bad_share is '1'"),
    ):
        with pytest.raises(DatasetError, match=text):
            _dataset(data, **arguments)
    with pytest.raises(DatasetError, match="no images"):
        _dataset([])


def test_spread_takes_some_images_evenly_and_leaves_the_data_set_as_it_is(data):
    dataset = _dataset(data, lambda sample: {"image": sample["image"] + 1})
    assert dataset.spread(len(dataset)) is dataset
    part = dataset.spread(3)
    assert [part[place]["image"].equal(dataset[row]["image"]) for place, row in enumerate(part.rows)] == [True] * 3
    assert part.rows == [0, len(data) // 3, 2 * len(data) // 3]
    assert len(dataset) == len(data)
    assert torch.equal(part.picture(1) + 1, part[1]["image"])


def test_a_value_that_is_not_known_is_below_0(data):
    sample = _dataset([{**data[0], "label": [1, None]}], cache=False)[0]
    assert sample["label"].tolist() == [1, -1]
    assert sample["label"].dtype == torch.float32


def test_a_list_with_unlabelled_images_gives_no_labels_so_that_batches_can_be_put_together(data):
    del data[1]["label"]
    assert not any("label" in sample for sample in _dataset(data, cache=False))
