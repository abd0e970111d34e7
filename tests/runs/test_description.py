from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import DataLoader
from monai.transforms import Compose, NormalizeIntensity, RandGaussianNoise
from torch import nn

from monai_mocoi.data import EpochSampler
from monai_mocoi.handlers import AverageBatchStatistics, EpochLog, WarmupCosine
from monai_mocoi.runs import describe_training
from monai_mocoi.runs.description import described
from monai_mocoi.transforms import (
    RandColorJitter,
    RandGaussianBlur,
    RandGrayscale,
    RandResizedCrop,
    RandResizedCropd,
    RandRotation,
    TwoViewsd,
)
from tests.networks.small import small_moco
from tests.support.moco_training import batches, trainer_of

ARGUMENTS: dict[Any, dict[str, Any]] = {
    RandRotation: {"degrees": 20, "prob": 0.5, "padding_mode": "border"},
    RandResizedCrop: {"size": 24, "scale": [0.5, 1.0], "ratio": [0.9, 1.1]},
    RandColorJitter: {"brightness": 0.3, "contrast": 1.3, "saturation": 0.2, "hue": 0.1, "prob": 0.7},
    RandGaussianBlur: {"sigma": [0.1, 1.0], "prob": 0.5},
    RandGrayscale: {"prob": 0.2},
    RandGaussianNoise: {"prob": 0.3, "mean": 0.1, "std": 0.2},
}


def views(kind: Any, **arguments: Any) -> TwoViewsd:
    return TwoViewsd("image", Compose([kind(**arguments), NormalizeIntensity(0.5, 0.25)]))


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_every_argument_of_a_view_shows_and_no_draw_does(kind: Any) -> None:
    plain: dict[str, Any] = {RandResizedCrop: {"size": 32}, RandRotation: {"degrees": 10}}.get(kind, {})
    seen = [json.dumps(described(views(kind, **plain)))]
    seen += [json.dumps(described(views(kind, **{**plain, name: value}))) for name, value in ARGUMENTS[kind].items()]
    assert len(set(seen)) == len(seen)

    used = views(kind, **ARGUMENTS[kind])
    fresh = described(used)
    for seed in range(5):
        used.set_random_state(seed)({"image": torch.rand(1, 40, 40)})
    assert described(used) == fresh


def test_strengths_beyond_one_differ_too() -> None:
    assert described(RandColorJitter(brightness=1.5)) != described(RandColorJitter(brightness=1.6))


def test_what_an_object_is_given_to_work_on_is_told_by_its_class_alone() -> None:
    schedule = described(WarmupCosine(torch.optim.SGD([torch.zeros(1)], lr=0.1), warmup_steps=3))
    assert schedule["optimizer"] == "SGD"
    assert schedule["warmup_steps"] == 3


def test_dict_transforms_functions_and_arrays() -> None:
    crop = described(RandResizedCropd("image", 8, [0.5, 1.0]))
    assert (crop["transform"]["class"], crop["transform"]["scale"]) == ("RandResizedCrop", [0.5, 1.0])
    assert described([np.float32(0.5), np.arange(2), len, nn.Linear]) == [
        0.5, [0, 1], "builtins.len", "torch.nn.modules.linear.Linear",
    ]  # fmt: skip


class Silent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.size = 3
        self.inner = nn.Linear(2, 3)


def test_a_module_that_does_not_tell_itself_is_told_by_its_plain_attributes() -> None:
    assert described(Silent().eval()) == {
        "": "Silent(size=3)",
        "inner": "Linear(in_features=2, out_features=3, bias=True)",
    }


def test_moco_and_its_queue_tell_themselves() -> None:
    network = described(small_moco(queue=9, momentum=0.5, bn_splits=3, mask_own_patient=True, seed=7))
    assert network[""] == (
        "MoCo(momentum=0.5, bn_splits=3, mask_own_image=True, mask_own_patient=True, shuffle_seed=7)"
    )
    assert network["queue"] == "NegativeQueue(size=9, dim=12)"


class Images:
    """A data set as far as it is described."""

    def __init__(self) -> None:
        self.data = [{"image": "/home/somebody/x.png"}] * 8
        self.rows = [0, 1, 2, 3, 4, 6, 7]
        self.transform = views(RandGrayscale)
        self.decode, self.seed, self.bits = None, 3, 16

    def __len__(self) -> int:
        return len(self.rows)


def test_a_whole_trainer() -> None:
    dataset, network = Images(), small_moco()
    loader = DataLoader(dataset, sampler=EpochSampler(7, seed=2, batch_size=3), batch_size=3, drop_last=True)
    optimizer = torch.optim.SGD([{"params": network.query_head.parameters(), "lr": 0.5}], lr=0.1, weight_decay=0.01)
    handlers = [WarmupCosine(optimizer, 5), AverageBatchStatistics(network), EpochLog()]
    trainer = trainer_of(network, loader, optimizer=optimizer, precision="bf16", train_handlers=handlers)
    found = describe_training(trainer)
    assert json.loads(json.dumps(found)) == found
    assert " at 0x" not in str(found)
    assert "somebody" not in str(found)
    (group,) = found["optimizer"]["groups"]
    assert (group["params"], group["lr"], group["weight_decay"]) == (4, 0.5, 0.01)
    assert found["trainer"]["contrastive_loss"] == {"": "InfoNCELoss(temperature=0.2, reduction='none')"}
    assert found["trainer"]["stage_loss"] is None
    assert found["trainer"]["precision"] == "bf16"
    assert found["trainer"]["inferer"] == {"class": "SimpleInferer"}
    assert found["data"]["readable_images"].startswith("7 of 8 (")
    assert (found["data"]["seed"], found["data"]["bits"], found["data"]["batch_size"]) == (3, 16, 3)
    assert found["data"]["sampler"] == {
        "class": "EpochSampler", "dataset_size": 7, "seed": 2, "shuffle": True, "rank": 0, "world_size": 1,
        "drop_last": True, "batch_size": 3,
    }  # fmt: skip
    assert sorted(found["handlers"]) == ["AverageBatchStatistics", "WarmupCosine"]


def test_a_loader_that_is_a_list_will_do() -> None:
    assert describe_training(trainer_of(small_moco(), batches(1)))["data"]["readable_images"] is None
