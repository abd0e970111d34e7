"""Pretraining that begins with an encoder: the weights are its own, and the card says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.bundle import ConfigWorkflow

from monai_mocoi.errors import RunFolderError
from monai_mocoi.networks import encoder_state_dict, weights_sha256

FIRST = "runs/nih_moco/pretrain/encoder.pt"


@pytest.mark.slow
def test_it_begins_with_the_encoder_and_says_so(
    pretrained: Callable[..., ConfigWorkflow], workflow: Callable[..., ConfigWorkflow]
) -> None:
    pretrained("nih_moco")
    more = workflow("nih_mse", pretrained=FIRST)
    more.initialize()
    moco: Any = more.parser.get_parsed_content("network_def")
    began = torch.load(FIRST, weights_only=True)
    for encoder in (moco.query_encoder, moco.key_encoder):
        own = encoder_state_dict(encoder)
        assert {name for name, value in own.items() if not torch.equal(value, began[name])} <= {
            name for name in own if name.endswith("num_batches_tracked")
        }
    assert not any(value.requires_grad for value in moco.key_encoder.parameters())
    sha256 = weights_sha256(encoder_state_dict(moco.query_encoder))
    more.run()
    more.finalize()
    folder = Path("runs/nih_mse/pretrain")
    card = json.loads((folder / "encoder.json").read_text())
    assert (card["pretrained"], card["pretrained_sha256"]) == ("encoder.pt", sha256)
    assert card["start"]["kind"] == "pretraining"
    assert json.loads((folder / "manifest.json").read_text())["results"] == {"pretrained_sha256": sha256}
    assert not torch.equal(torch.load(folder / "encoder.pt", weights_only=True)["conv1.weight"], began["conv1.weight"])
    random = workflow("nih_mse", resume=True)
    with pytest.raises(RuntimeError) as error:
        random.initialize()
    chain: BaseException | None = error.value
    while chain is not None and not isinstance(chain, RunFolderError):
        chain = chain.__cause__
    assert "pretrained_sha256" in str(chain)


@pytest.mark.slow
def test_without_weights_nothing_is_recorded(pretrained: Callable[..., ConfigWorkflow]) -> None:
    pretrained("nih_mse", max_epochs=1)
    folder = Path("runs/nih_mse/pretrain")
    assert not {"start", "pretrained", "pretrained_sha256"} & set(json.loads((folder / "encoder.json").read_text()))
    assert "results" not in json.loads((folder / "manifest.json").read_text())
