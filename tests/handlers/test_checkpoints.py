from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from ignite.engine import Events

from monai_mocoi.engines import MoCoTrainer, options
from monai_mocoi.errors import NotFiniteError, RunFolderError
from monai_mocoi.exit_codes import NOT_FINITE
from monai_mocoi.handlers import Checkpoints
from monai_mocoi.handlers import checkpoints as module
from monai_mocoi.runs import read_checkpoint
from tests.networks.small import small_moco
from tests.support.moco_training import batches, trainer_of
from tests.support.processes import in_processes


class Batches(list[Any]):
    """A loader of few batches with a data set, of whose images those in ``rows`` can be read."""

    def __init__(self, rows: list[int]) -> None:
        super().__init__(batches(3, size=4))
        self.dataset = SimpleNamespace(rows=rows, data=[None] * 12)


def trainer(
    folder: Path,
    resume: bool = False,
    rows: Any = range(12),
    epochs: int = 1,
    keep: int = 9,
    also: Any = None,
    **options: Any,
) -> MoCoTrainer:
    handlers = [Checkpoints(folder, {"seed": 1}, "abc", every=1, keep=keep, resume=resume, also=also)]
    return trainer_of(small_moco(), Batches(list(rows)), max_epochs=epochs, train_handlers=handlers, **options)


def kept(folder: Path) -> list[str]:
    return sorted(file.stem[-2:] for file in (folder / "checkpoints").glob("*.pt"))


def refusal(folder: Path, **options: Any) -> str:
    built = trainer(folder, resume=True, epochs=2, **options)
    before = {name: value.clone() for name, value in built.moco.state_dict().items()}
    with pytest.raises(RunFolderError) as caught:
        built.run()
    assert all(torch.equal(before[name], value) for name, value in built.moco.state_dict().items())
    assert kept(folder) == ["01", "02", "03"]
    return str(caught.value)


def test_a_trainer_of_other_parts_is_refused_and_of_the_same_goes_on(tmp_path: Path) -> None:
    trainer(tmp_path).run()
    assert "trainer.max_grad_norm None -> 2.0." in refusal(tmp_path, max_grad_norm=2.0)
    again = trainer(tmp_path, resume=True, epochs=2)
    again.run()
    assert kept(tmp_path) == [f"0{i}" for i in range(1, 7)]
    again.run()  # whatever the first run left in its optimiser and transforms
    assert again.state.epoch == 2


def test_the_precision_that_auto_came_to_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[torch.dtype | None] = [torch.bfloat16, None]
    monkeypatch.setattr(options, "measured_precision", lambda device: chosen.pop(0))
    trainer(tmp_path, precision="auto").run()
    again = trainer(tmp_path, resume=True, precision="auto", epochs=2)
    assert again.autocast is None
    again.run()
    assert again.autocast == torch.bfloat16


def test_a_precision_that_this_device_has_not_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "measured_precision", lambda device: torch.float16)
    monkeypatch.setattr(
        torch.amp, "GradScaler", lambda *_, **__: torch.amp.grad_scaler.GradScaler("cpu", enabled=False)
    )
    trainer(tmp_path, precision="auto").run()
    monkeypatch.setattr(options, "measured_precision", lambda device: None)
    text = refusal(tmp_path, precision="auto")
    assert "trainer.precision 'fp16' -> 'float32'" in text
    assert "set precision" in text


@pytest.mark.parametrize(
    ("rows", "text"), [(range(11), "'12 of 12 .*' -> '11 of 12 "), ([*range(11), 12], "'12 of 12 .*' -> '12 of 12 ")]
)
def test_other_readable_images_are_another_run(tmp_path: Path, rows: Any, text: str) -> None:
    trainer(tmp_path).run()
    with pytest.raises(RunFolderError, match=f"data.readable_images {text}.*Bring the images back"):
        trainer(tmp_path, resume=True, rows=rows).run()


def test_a_checkpoint_of_an_earlier_version_that_kept_less_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path).run()
    kept_now = SimpleNamespace(state_dict=dict, load_state_dict=lambda state: None)
    text = refusal(tmp_path, also={"online_probes": kept_now})
    assert "the checkpoint has no state of online_probes, which an earlier version" in text
    assert "another folder" in text


def test_another_number_of_processes_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer(tmp_path).run()
    monkeypatch.setattr(module, "world_size", lambda: 2)
    assert "world_size 1 -> 2." in refusal(tmp_path)


def break_after(built: MoCoTrainer, iteration: int, name: str) -> None:
    @built.on(Events.ITERATION_COMPLETED(once=iteration))
    def _() -> None:
        built.moco.state_dict()[name].view(-1)[-1] = float("inf")


@pytest.mark.parametrize(
    "name", ["query_encoder.backbone.conv1.weight", "query_head.0.weight", "key_encoder.backbone.bn1.running_var"]
)
def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path, name: str) -> None:
    built = trainer(tmp_path)
    break_after(built, 3, name)  # the last step: no loss would tell
    with pytest.raises(NotFiniteError, match=f"iteration 3: {name} of the network is not finite") as caught:
        built.run()
    assert caught.value.exit_code == NOT_FINITE
    assert kept(tmp_path) == ["01", "02"]


def _broken_on_the_second(rank: int, folder: str) -> str:
    built = trainer(Path(folder))
    if rank == 1:
        break_after(built, 2, "queue.keys")
    try:
        built.run()
    except NotFiniteError as error:
        return str(error)
    return "nothing"


@pytest.mark.slow
def test_all_processes_stop_when_one_has_weights_that_are_no_numbers(tmp_path: Path) -> None:
    first, second = in_processes(_broken_on_the_second, 2, str(tmp_path))
    assert first == second
    assert first.startswith("iteration 2: queue.keys of the network is not finite")
    assert kept(tmp_path) == ["01"]


def test_of_the_processes_only_the_random_generators_are_kept_apart(tmp_path: Path) -> None:
    trainer(tmp_path).run()
    (process,) = read_checkpoint(tmp_path / "checkpoints" / "checkpoint_000000003.pt")["processes"]
    assert list(process) == ["random"]


def test_room_for_one_more_is_asked_for_though_fewer_are_kept_from_now_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(module, "check_room", lambda folder, size, keep: asked.append(size))
    trainer(tmp_path).run()
    again = trainer(tmp_path, resume=True, epochs=2, keep=1)
    again.run()
    assert asked[0] == asked[1] > sum(p.numel() * p.element_size() for p in again.moco.parameters())
    assert kept(tmp_path) == ["06"]
