"""A loss that is not finite stops the run before it reaches the weights, and says where to look."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from monai_mocoi.cli.messages import explain
from monai_mocoi.engines import not_finite
from monai_mocoi.errors import NotFiniteError
from monai_mocoi.exit_codes import NOT_FINITE
from tests.networks.small import small_moco
from tests.support.moco_training import batches, trainer_of
from tests.support.processes import in_processes


def planted(place: str, value: float) -> list[dict[str, torch.Tensor]]:
    data = batches(3)
    data[1][place][5, 0, 2, 3] = value
    return data


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("view", ["view1", "view2"])
def test_error_and_report_name_the_iteration_the_term_and_the_images(tmp_path: Path, view: str, value: float) -> None:
    moco = small_moco("map")
    trainer = trainer_of(moco, planted(view, value), "map", debug_dir=tmp_path / "debug")
    with pytest.raises(NotFiniteError) as caught:
        trainer.run()
    error = caught.value
    assert error.exit_code == NOT_FINITE
    assert (error.iteration, error.rows) == (2, list(range(8, 16)))
    assert {"loss/total", "loss/stage1"} <= set(error.terms)
    (file,) = (tmp_path / "debug").iterdir()
    assert file.name == "not_finite_iteration_2_process_0.json"
    for part in ("iteration 2", "loss/stage1", str(error.rows), str(file), "max_grad_norm"):
        assert part in str(error)
    report = json.loads(file.read_text())
    assert report["not_finite"] == error.terms
    assert report["weights_not_finite"] == [], "the step was not made"
    assert report["gradients_not_finite"]
    flawed = [image["row"] for image in report["images"] if image[view]["not_finite_pixels"]]
    assert flawed == [13]
    assert all(torch.isfinite(p).all() for p in moco.query_encoder.parameters())


def test_a_full_disk_does_not_hide_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "secret-name")

    monkeypatch.setattr(not_finite, "write_json", full)
    trainer = trainer_of(small_moco("map"), planted("view1", float("nan")), "map", debug_dir=tmp_path / "debug")
    with pytest.raises(NotFiniteError) as caught:
        trainer.run()
    text, code = explain(caught.value)
    assert code == NOT_FINITE
    assert text.startswith("iteration 2: ")
    assert "could not be written (No space left on device). Look at these images" in text
    assert "secret-name" not in text


def test_one_bad_stage_is_told_from_the_others(tmp_path: Path) -> None:
    class Bad(torch.nn.Module):
        calls = 0

        def forward(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return query.sum() * (float("inf") if self.calls == 3 else 0.0)

    trainer = trainer_of(small_moco("map"), batches(1), "map", stage_loss=Bad())
    with pytest.raises(NotFiniteError, match="loss/total, loss/stage3 is not finite"):
        trainer.run()
    assert not list(tmp_path.iterdir())  # no debug_dir, no report


def in_two(rank: int, folder: str) -> dict[str, Any]:
    data = planted("view1", float("nan")) if rank == 1 else batches(3)
    for batch in data:
        batch["index"] = batch["index"] + 100 * rank
    network = torch.nn.parallel.DistributedDataParallel(small_moco("map"), broadcast_buffers=False)
    trainer = trainer_of(network, data, "map", debug_dir=folder)
    with pytest.raises(NotFiniteError) as caught:
        trainer.run()
    return {"iteration": caught.value.iteration, "rows": caught.value.rows, "text": str(caught.value)}


@pytest.mark.slow
def test_all_processes_stop_with_the_images_of_all(tmp_path: Path) -> None:
    first, second = in_processes(in_two, 2, str(tmp_path))
    assert first["iteration"] == second["iteration"] == 2
    assert first["rows"] == second["rows"] == [*range(8, 16), *range(108, 116)]
    reports = {path.name: json.loads(path.read_text()) for path in tmp_path.iterdir()}
    flawed = {
        name: [image["row"] for image in report["images"] if image["view1"]["not_finite_pixels"]]
        for name, report in reports.items()
    }
    assert flawed == {
        "not_finite_iteration_2_process_0.json": [],
        "not_finite_iteration_2_process_1.json": [113],
    }
