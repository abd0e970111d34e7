"""Nothing of the CPU meets what lies on the training device: "meta" stands for a GPU, and computes no numbers."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser

from monai_mocoi.data import views_of
from monai_mocoi.losses import InfoNCELoss, classification_loss
from monai_mocoi.networks import Classifier, StageEncoder
from tests.bundles.conftest import BUNDLES
from tests.networks.small import geometries, small_moco, small_resnet
from tests.support.moco_training import STAGE_LOSSES

GPU = torch.device("meta")


@pytest.fixture(autouse=True)
def _without_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch has none for this device."""
    monkeypatch.setattr(torch, "autocast", lambda *args, **options: nullcontext())


def test_a_mixture_is_refused_at_all() -> None:
    with pytest.raises(RuntimeError, match="device"):
        torch.ones(2, 2, device=GPU) + torch.ones(2, 2)


@pytest.mark.parametrize("method", STAGE_LOSSES)
def test_a_step_of_pretraining(method: str) -> None:
    moco = small_moco(method, bn_splits=2).train().to(GPU)
    moco.known_step = 0  # read from the GPU once, when training begins
    view, rows = torch.empty(8, 1, 64, 64, device=GPU), torch.empty(8, dtype=torch.long, device=GPU)
    geometry: Any = tuple(own.to(GPU) for own in geometries(8, seed=0)) if method == "aligned" else None
    output = moco(view, view.clone(), rows, rows, geometry=geometry)
    loss = InfoNCELoss(0.2, reduction="none")(output.positive, output.negative, output.mask).mean()
    if (stage_loss := STAGE_LOSSES[method]) is not None:
        loss = loss + sum(stage_loss(*stage) for stage in output.stages())
    loss.backward()
    assert {own.grad.device for own in moco.parameters() if own.grad is not None} == {GPU}


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16])
@pytest.mark.parametrize("files", [("train.json",), ("train.json", "paper.json")], ids="+".join)
@pytest.mark.parametrize("bundle", ["nih_mse", "bch_barlow", "dr_moco"])
def test_views_are_made_there(bundle: str, files: tuple[str, ...], dtype: torch.dtype) -> None:
    parser = ConfigParser()
    parser.read_config([str(BUNDLES / bundle / "configs" / file) for file in files])
    parser.update({"image_size": 32, "decode_size": 32})
    views, channels = (parser.get_parsed_content(name) for name in ("views", "channels"))
    shape = (channels, 32, 32)
    draws = np.stack([views.views.draw(seed, shape) for seed in range(40)], axis=1)
    batch = {"image": torch.empty(40, *shape, dtype=dtype), "drawn": torch.from_numpy(draws)}
    made = views_of(batch, views, GPU)
    for key in ("view1", "view2"):
        assert (made[key].shape, made[key].device) == ((40, *shape), GPU)


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
@pytest.mark.parametrize("stage", [2, "all"])
def test_a_step_of_a_classifier(stage: int | str, kind: str) -> None:
    classifier = Classifier(StageEncoder(small_resnet(channels=1)), 3, stage=stage).to(GPU)
    labels = torch.empty(
        (4, 3) if kind == "multilabel" else 4, dtype=torch.float32 if kind == "multilabel" else torch.long
    )
    for unknown in (False, True):
        loss = classification_loss(kind, torch.ones(3), unknown).to(GPU)
        loss(classifier(torch.empty(4, 1, 64, 64, device=GPU)), labels.to(GPU)).backward()
