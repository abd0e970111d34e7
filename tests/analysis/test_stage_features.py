from __future__ import annotations

import copy
import multiprocessing
import os
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.transforms import Compose, NormalizeIntensityd, RandFlipd
from torch.utils.data import get_worker_info

from monai_mocoi import exit_codes
from monai_mocoi.analysis import feature_store, pooled_features, pooled_maps
from monai_mocoi.data import ImageDataset, load_datalist
from monai_mocoi.errors import CacheFullError, DatasetError, FeatureError
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.networks import StageEncoder
from monai_mocoi.transforms import ReadImage
from tests.data.dataset_folders import dataset_folder, picture, save
from tests.networks.small import small_resnet


class Counting(StageEncoder):
    """Notes in a file, for all processes, how many images it has encoded."""

    log: Path | None = None

    def forward(self, images):
        if self.log is not None:
            with open(self.log, "a") as file:
                file.write("x" * len(images))
        return super().forward(images)

    @property
    def encoded(self) -> int:
        size = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        if size:
            os.remove(self.log)
        return size


@pytest.fixture
def encoder(tmp_path):
    torch.manual_seed(0)
    encoder = Counting(small_resnet())
    encoder.train()
    with torch.no_grad():
        encoder(torch.rand(8, 1, 24, 24))  # running statistics that are not those of the start
    encoder.log = tmp_path / "log"
    return encoder


@pytest.fixture
def data(tmp_path):
    return load_datalist(dataset_folder(tmp_path / "secret-folder", training=11)).training


def _dataset(data, transform=None, **options):
    transform = NormalizeIntensityd("image", 0.5, 0.25) if transform is None else transform
    return ImageDataset(data, ReadImage(1), transform, progress=False, **options)


def _features(encoder, dataset, **options):
    return pooled_features(encoder, dataset, **{"batch_size": 4, "progress": False, **options})


def _naive(encoder, dataset):
    encoder = copy.deepcopy(encoder).eval()
    encoder.log = None
    with torch.no_grad():
        each = [encoder(torch.as_tensor(dataset[i]["image"])[None]).stages for i in range(len(dataset))]
    return {s: np.stack([maps[s - 1][0].numpy().mean((1, 2)) for maps in each]) for s in (1, 2, 3, 4)}


def _equal(found, expected):
    assert all((found[stage] == expected[stage]).all() for stage in (1, 2, 3, 4))


@pytest.mark.parametrize("batch_size", [1, 4, 11, 64])
@pytest.mark.parametrize("cache", [True, False])
def test_equals_one_image_at_a_time(encoder, data, batch_size, cache):
    dataset = _dataset(data)
    expected = _naive(encoder, dataset)
    for _ in range(2):  # computed, then read
        found = _features(encoder, dataset, batch_size=batch_size, cache=cache)
        for stage, channels in zip((1, 2, 3, 4), encoder.stage_channels, strict=True):
            assert (found[stage].shape, found[stage].dtype) == ((11, channels), np.float32)
            np.testing.assert_allclose(found[stage], expected[stage], rtol=1e-4, atol=1e-6)
    assert encoder.encoded == (11 if cache else 22)


def test_a16_neither_weights_nor_buffers_nor_modes_change(encoder, data):
    encoder.backbone.layer1.eval()  # a part is frozen, the rest in training
    before = copy.deepcopy(encoder.state_dict())
    modes = [module.training for module in encoder.modules()]
    assert len(set(modes)) == 2
    _features(encoder, _dataset(data))
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert [module.training for module in encoder.modules()] == modes
    assert all(parameter.grad is None for parameter in encoder.parameters())


def test_an_image_is_encoded_once_whatever_selection_asks(encoder, data):
    few = _features(encoder, _dataset(data[3:5]))
    assert encoder.encoded == 2
    all_ = _features(encoder, _dataset(data))
    assert encoder.encoded == 9
    some = _features(encoder, _dataset([data[8], data[3], data[10]]), stages=[4, 2])
    assert encoder.encoded == 0
    assert sorted(some) == [2, 4]
    for stage in (1, 2, 3, 4):
        np.testing.assert_array_equal(all_[stage][3:5], few[stage])
    np.testing.assert_array_equal(some[4], all_[4][[8, 3, 10]])
    assert len({row.tobytes() for row in all_[1]}) == 11


def test_what_changes_the_features_is_computed_anew(encoder, data):
    dataset = _dataset(data)
    first = _features(encoder, dataset)
    assert encoder.encoded == 11
    for changed in (
        _dataset(data, NormalizeIntensityd("image", 0.5, 0.2)),
        ImageDataset(data, ReadImage(3), dataset.transform, progress=False),
        _dataset(data, bits=16),
    ):
        _features(encoder, changed)
        assert encoder.encoded == 11
    _features(encoder, dataset, autocast=torch.bfloat16)
    assert encoder.encoded == 11
    encoder.backbone.bn1.running_mean[0] += 0.1
    other = _features(encoder, dataset)
    assert encoder.encoded == 11
    assert not (other[1] == first[1]).all()
    encoder.backbone.bn1.running_mean[0] -= 0.1
    encoder.backbone.layer4[0].bn3.weight.data[0] += 1
    encoder.backbone.conv1.stride = (1, 1)  # no weight, but another network
    _features(encoder, dataset)
    assert encoder.encoded == 11
    save(Path(data[2]["image"]), picture(99))
    _features(encoder, _dataset(data))
    assert encoder.encoded == 1


def _store(cache):
    (path,) = cache.glob("*.bin")
    return path


def test_images_of_one_size_and_time_that_change_places(encoder, data):
    paths = [Path(data[i]["image"]) for i in range(2)]
    for number, path in enumerate(paths):
        save(path.with_suffix(".tiff"), picture(number)).rename(path)
        os.utime(path, ns=(5, 5))
    before = _features(encoder, _dataset(data[:2]))
    paths[0].rename(paths[0].with_name("third"))
    paths[1].rename(paths[0])
    paths[0].with_name("third").rename(paths[1])
    after = _features(encoder, _dataset(data[:2]))
    for stage, rows in before.items():
        np.testing.assert_allclose(after[stage], rows[::-1], rtol=1e-4, atol=1e-6)
        assert not np.allclose(rows[0], rows[1], rtol=1e-3)


def test_damaged_and_half_written_records_are_computed_again(encoder, data, tmp_path):
    dataset = _dataset(data)
    expected = _features(encoder, dataset, cache_dir=tmp_path / "cache", batch_size=1)
    store = _store(tmp_path / "cache")
    content = bytearray(store.read_bytes())
    size = len(content) // 11
    content[3 * size + 40] ^= 1  # a value
    content[5 * size] ^= 1  # an image's signature
    store.write_bytes(content[: 10 * size + 7])  # the last one is cut off
    encoder.encoded  # noqa: B018 - empties the log
    _equal(_features(encoder, dataset, cache_dir=tmp_path / "cache", batch_size=1), expected)
    assert encoder.encoded == 3
    _equal(_features(encoder, dataset, cache_dir=tmp_path / "cache"), expected)
    assert encoder.encoded == 0
    assert store.stat().st_size == 13 * size
    store.write_bytes(b"rubbish")
    _equal(_features(encoder, dataset, cache_dir=tmp_path / "cache", batch_size=1), expected)
    assert encoder.encoded == 11


def test_a_stopped_run_leaves_what_it_has_done(encoder, data):
    done = []

    def stop(*_):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(1)

    hook = encoder.register_forward_pre_hook(stop)
    with pytest.raises(KeyboardInterrupt):
        _features(encoder, _dataset(data))
    hook.remove()
    assert encoder.training
    assert encoder.encoded == 8
    found = _features(encoder, _dataset(data))
    assert encoder.encoded == 3
    np.testing.assert_allclose(found[4], _naive(encoder, _dataset(data))[4], rtol=1e-4, atol=1e-6)


def _ask(encoder, data, cache, results, start):
    start.wait()
    results.put(pooled_features(encoder, _dataset(data), batch_size=2, cache_dir=cache, progress=False)[4])


def test_of_several_processes_one_computes(encoder, data, tmp_path):
    _dataset(data)  # decoded before
    context = multiprocessing.get_context("fork")
    results, start = context.Queue(), context.Barrier(3)
    processes = [
        context.Process(target=_ask, args=(encoder, data, tmp_path / "cache", results, start)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert encoder.encoded == 11
    assert all((other == found[0]).all() for other in found)


def test_the_store_names_nobody(encoder, data, tmp_path):
    _features(encoder, _dataset(data), cache_dir=tmp_path / "cache")
    for path in (tmp_path / "cache").iterdir():
        for text in (b"secret-folder", b"images", b".png", b"p003"):
            assert text not in path.read_bytes()
            assert text not in path.name.encode()


def test_loader_processes_and_the_global_generator(encoder, data):
    dataset = _dataset(data)
    state = torch.get_rng_state()
    expected = _features(encoder, dataset, cache=False)
    assert torch.equal(torch.get_rng_state(), state)

    class InWorker:
        def __call__(self, sample):
            assert get_worker_info() is not None
            return NormalizeIntensityd("image", 0.5, 0.25)(sample)

    _equal(_features(encoder, _dataset(data, InWorker()), cache=False, num_workers=1), expected)


def test_skipped_images_have_no_row(encoder, data):
    Path(data[4]["image"]).write_bytes(b"broken")
    dataset = _dataset(data, on_bad_image="skip", max_bad_share=0.2)
    found = _features(encoder, dataset)
    assert len(found[4]) == 10
    without = _features(encoder, _dataset([*data[:4], *data[5:]]))
    _equal(found, without)
    assert encoder.encoded == 10


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_colour_images_and_memory_formats(encoder, data, memory_format):
    dataset = ImageDataset(data, ReadImage(3), NormalizeIntensityd("image", 0.5, 0.25), progress=False)
    expected = _naive(encoder, dataset)
    found = _features(encoder.to(memory_format=memory_format), dataset)
    np.testing.assert_allclose(found[4], expected[4], rtol=1e-4, atol=1e-6)


def test_averages_are_single_precision_under_autocast(encoder, data):
    found = _features(encoder, _dataset(data), autocast=torch.bfloat16)
    expected = _features(encoder, _dataset(data))
    np.testing.assert_allclose(found[3], expected[3], rtol=0.05, atol=0.05)
    as_half = torch.from_numpy(found[1]).bfloat16().float().numpy()
    assert not (as_half == found[1]).all()


def test_chance_and_hidden_settings_are_refused(encoder, data):
    for transform in (Compose([RandFlipd("image", 0.5)]), lambda sample: sample):
        with pytest.raises(DatasetError, match=r"deterministic and show its settings, but .*(RandFlipd|lambda)"):
            _features(encoder, _dataset(data, transform))
    assert len(_features(encoder, _dataset(data, lambda sample: sample), cache=False)[1]) == 11


def test_features_that_are_no_numbers(encoder, data):
    for cache in (False, True):
        weights = copy.deepcopy(encoder)
        weights.backbone.layer2[0].bn1.bias.data[0] = torch.nan
        with pytest.raises(FeatureError, match=r"image 0 .*NaN") as caught:
            _features(weights, _dataset(data), cache=cache)
        assert caught.value.exit_code == exit_codes.NOT_FINITE


def test_a_full_disk(encoder, data, tmp_path, monkeypatch):
    usage = namedtuple("usage", "free")
    dataset, cache = _dataset(data), tmp_path / "cache"
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda path: usage(100))
        with pytest.raises(CacheFullError, match="MONAI_MOCOI_CACHE") as caught:
            _features(encoder, dataset, cache_dir=cache)
    assert caught.value.exit_code == exit_codes.DISK_FULL
    assert encoder.encoded == 0

    class Full:
        """A file with room for a batch and a half."""

        def __init__(self, path, mode, buffering):
            self.file, self.room = open(path, mode, buffering), 1.5  # noqa: SIM115
            self.truncate, self.tell, self.fileno = self.file.truncate, self.file.tell, self.file.fileno

        def write(self, content):
            room, self.room = self.room, self.room - 1
            return self.file.write(content[: int(min(room, 1) * len(content))])

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

    with monkeypatch.context() as patch:
        patch.setattr(feature_store, "open", Full, raising=False)
        with pytest.raises(CacheFullError):
            _features(encoder, dataset, cache_dir=cache)
    assert encoder.encoded == 8
    found = _features(encoder, dataset, cache_dir=cache)
    assert encoder.encoded == 5  # the second batch was half written: two of its four images
    np.testing.assert_allclose(found[4], _naive(encoder, dataset)[4], rtol=1e-4, atol=1e-6)


def test_a_file_that_is_gone_and_unknown_stages(encoder, data):
    dataset = _dataset(data)
    os.remove(data[2]["image"])
    with pytest.raises(DatasetError, match=r"image 2 \(images/002.png\)") as caught:
        _features(encoder, dataset)
    assert "secret-folder" not in str(caught.value)
    for stages in ([], [0], [5]):
        with pytest.raises(ValueError, match="stages"):
            _features(encoder, dataset, stages=stages)


def test_maps_are_averaged_over_fields_and_smaller_ones_stay_as_they_are(encoder, data):
    stores = set((user_cache_dir() / "features").glob("*"))
    dataset, positions = _dataset(data), [7, 2, 9, 4, 0]
    found = pooled_maps(encoder, dataset, positions, batch_size=2, progress=False)
    plain = copy.deepcopy(encoder).eval()
    plain.log = None
    with torch.no_grad():
        expected = [plain(torch.as_tensor(dataset[i]["image"])[None]).stages for i in positions]
    sides = [maps.shape[2] for maps in expected[0]]
    assert min(sides) < 4 < max(sides)
    for stage, side in enumerate(sides, 1):
        maps = np.stack([own[stage - 1][0].numpy() for own in expected])
        if side % 4 == 0:  # fields of equal size
            step = side // 4
            maps = maps.reshape(*maps.shape[:2], 4, step, 4, step).mean((3, 5))
        elif side > 4:
            continue
        np.testing.assert_allclose(found[stage], maps.reshape(len(positions), -1), rtol=1e-4, atol=1e-6)
        assert found[stage].dtype == np.float32
    assert encoder.training
    assert set((user_cache_dir() / "features").glob("*")) == stores


def test_maps_of_one_field_are_the_pooled_vectors(encoder, data):
    dataset = _dataset(data)
    vectors = _features(encoder, dataset, cache=False)
    maps = pooled_maps(encoder, dataset, range(len(dataset)), stages=[2, 4], size=1, batch_size=4, progress=False)
    assert sorted(maps) == [2, 4]
    for stage in maps:
        np.testing.assert_allclose(maps[stage], vectors[stage], rtol=1e-4, atol=1e-6)


def test_maps_name_the_image_that_is_not_finite_and_refuse_nothing_to_do(encoder, data):
    dataset = _dataset(data)
    with pytest.raises(ValueError, match=r"stages is \[5\]"):
        pooled_maps(encoder, dataset, [0], stages=[5])
    with pytest.raises(ValueError, match="one image at least"):
        pooled_maps(encoder, dataset, [])
    encoder.backbone.layer4[0].bn3.weight.data[0] = torch.nan
    with pytest.raises(FeatureError, match="image 6 are not finite"):
        pooled_maps(encoder, dataset, [6, 1], progress=False)
