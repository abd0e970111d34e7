"""The bundles' configs in two processes against one process: the same numbers, and one set of files."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Events
from monai.bundle import ConfigWorkflow
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.bundles.conftest import BUNDLES, SMALL
from tests.support.rounding import LEARNING_RATE_SHARE, assert_equal_to_rounding
from tests.support.torchrun import as_torchrun

IN_FLOAT64 = "$monai_mocoi.distributed.place(@network_def.double(), @device)"


def pretrain(name: str, dataset: str, folder: str, batch_size: int, bn_splits: int) -> dict[str, Any]:
    """Run a bundle in float64; bring back each iteration's gradients, and all numbers that it ends with."""
    os.chdir(folder)
    configs = BUNDLES / name / "configs"
    views = copy.deepcopy(json.loads((configs / "train.json").read_text())["views"]["transform"]["transforms"])
    rate = json.loads((configs / "train.json").read_text())["learning_rate_per_256"]
    settings = {
        **SMALL,
        "dataset_dir": dataset,
        "batch_size": batch_size,
        "bn_splits": bn_splits,
        "learning_rate_per_256": LEARNING_RATE_SHARE * rate,
        "precision": "float32",  # no autocast: the network's own float64
        "channels_last": False,
        "network": IN_FLOAT64,
        "views#transform#transforms": [*views, {"_target_": "CastToType", "dtype": "$torch.float64"}],
    }
    if name.endswith("barlow"):
        settings |= {"barlow_features": 16}
    workflow = ConfigWorkflow(
        config_file=str(configs / "train.json"), workflow_type="train", logging_file=False, **settings
    )
    workflow.initialize()
    trainer = workflow.parser.get_parsed_content("train#trainer")
    start = {name: value.detach().clone() for name, value in trainer.moco.named_parameters()}
    gradients: list[dict[str, torch.Tensor]] = []

    @trainer.on(Events.ITERATION_COMPLETED)
    def _() -> None:
        named = trainer.moco.named_parameters()
        gradients.append({name: value.grad.clone() for name, value in named if value.grad is not None})

    workflow.run()
    result = {
        "start": start,
        "gradients": gradients,
        "state": trainer.moco.state_dict(),
        "iterations": trainer.state.iteration,
        "metrics": dict(workflow.parser.get_parsed_content("validate#evaluator").state.metrics),
        "learning_rate": workflow.parser.get_parsed_content("learning_rate"),
    }
    workflow.finalize()
    return result


def files_of(folder: Path) -> list[str]:
    """Names of a run's files; those of TensorBoard carry time and process."""
    return sorted(
        "tensorboard/events" if path.parent.name == "tensorboard" else str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file()
    )


def scalars_of(folder: Path) -> dict[str, list[tuple[int, float]]]:
    curves = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    tags = [tag for tag in curves.Tags()["scalars"] if not tag.startswith("speed")]
    return {tag: [(event.step, event.value) for event in curves.Scalars(tag)] for tag in tags}


@pytest.mark.slow
@pytest.mark.numeric
@pytest.mark.parametrize("method", ["moco", "mse", "barlow"])
def test_two_processes_of_half_the_batch_equal_one_with_two_batch_norm_parts(
    method: str, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # put back afterwards
    name = f"nih_{method}"
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    one = pretrain(name, str(dataset), str(folders[0]), 8, 2)
    two = as_torchrun(pretrain, 2, name, str(dataset), str(folders[1]), 4, 1)

    assert one["iterations"] >= 4
    for process in two:
        assert process["iterations"] == one["iterations"]
        assert process["learning_rate"] == one["learning_rate"]
        assert process["metrics"] == pytest.approx(one["metrics"], rel=1e-6)
        assert_equal_to_rounding(process["state"], one["state"])
        for number, gradients in enumerate(one["gradients"]):
            if number or method != "moco":  # the first batch has no negatives yet, so that nothing can be learnt
                assert_equal_to_rounding(process["gradients"][number], gradients)
    # So slow that rounding does not grow, but the weights did move, by far more than what is allowed above.
    assert max((one["state"][name] - value).abs().max() for name, value in one["start"].items()) > 1e-5
    assert all(torch.equal(value, two[1]["state"][key]) for key, value in two[0]["state"].items())

    runs = [folder / "runs" / name / "pretrain" for folder in folders]
    assert files_of(runs[1]) == files_of(runs[0])
    assert "tensorboard/events" in files_of(runs[1])
    encoders = [torch.load(run / "encoder.pt", weights_only=True) for run in runs]
    for key, value in encoders[0].items():
        torch.testing.assert_close(encoders[1][key], value, rtol=1e-6, atol=1e-9, msg=key)
    curves, others = scalars_of(runs[0]), scalars_of(runs[1])
    assert set(others) == set(curves)
    for tag in curves:
        # The spread within a process's half is not that of the whole, nor are means over unequally many negatives.
        if not tag.startswith("spread/") and tag != "similarity/negative":
            assert others[tag] == [(step, pytest.approx(value, rel=1e-6, abs=1e-9)) for step, value in curves[tag]], tag
