"""A run that is stopped anywhere and continued equals one that never was, bit for bit."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ignite.engine import Events
from monai.bundle import ConfigWorkflow

from monai_mocoi.exit_codes import PREEMPTED
from monai_mocoi.runs import read_checkpoint
from tests.support.whole_runs import RUN, Killed, assert_same, events, products

pytestmark = pytest.mark.slow  # each test is two or three whole runs
Run = Callable[..., ConfigWorkflow]


def killed_after(workflow: ConfigWorkflow, iteration: int, event: Any = Events.ITERATION_COMPLETED) -> None:
    """Run until the iteration, then drop everything without a word to any handler."""
    workflow.initialize()
    trainer = workflow.parser.get_parsed_content("train#trainer")

    @trainer.on(event(event_filter=lambda _, n: trainer.state.iteration == iteration))
    def _() -> None:
        trainer._event_handlers.pop(Events.EXCEPTION_RAISED)
        raise Killed

    with pytest.raises(Killed):
        trainer.run()
    workflow.parser.get_parsed_content("train#handlers#0")._lock.close()  # the system frees it when a process dies
    workflow.parser.get_parsed_content("preemption")._restore(trainer)
    # What the writer still holds would be lost; here it reaches the disk, and must not be seen either.
    workflow.parser.get_parsed_content("summary_writer").close()


@pytest.fixture(scope="module")
def finished() -> dict[str, dict[str, Any]]:
    """What runs ended with, by their settings: several tests ask for the same one."""
    return {}


@pytest.fixture
def undisturbed(pretrained: Run, finished: dict[str, dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def run(name: str = "nih_mse", **overrides: Any) -> dict[str, Any]:
        settings = repr((name, sorted(overrides.items())))
        if settings not in finished:
            pretrained(name, output_dir="undisturbed", **overrides)
            finished[settings] = products(Path("undisturbed/pretrain"))
        return finished[settings]

    return run


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("nih_mse", {}),
        ("nih_moco", {"num_workers": 1}),
        ("nih_barlow", {"accumulation_steps": 2, "checkpoint_every": 1}),
        ("nih_mse", {"precision": "bf16", "max_grad_norm": 1.0}),
        ("nih_mse", {"stage_pooling": "aligned", "views_on": "device"}),
    ],
)
def test_killed_in_the_middle_of_an_epoch(
    name: str, overrides: dict[str, Any], workflow: Run, pretrained: Run, undisturbed: Any
) -> None:
    overrides = {"checkpoint_every": 2, "batch_size": 4, **overrides}
    expected = undisturbed(name, **overrides)
    length = expected["checkpoint"]["epoch_length"]
    assert length > 3, "the epochs of this test must be long enough to be killed in the middle"
    killed_after(workflow(name, **overrides), 3)
    killed_after(workflow(name, **overrides, resume=True), length + 1)
    pretrained(name, **overrides, resume=True)
    assert_same(expected, products(Path("runs") / name / "pretrain"))


@pytest.mark.parametrize("event", [Events.EPOCH_COMPLETED, Events.ITERATION_STARTED, Events.EPOCH_STARTED])
def test_killed_at_the_seams_of_an_epoch(event: Any, workflow: Run, pretrained: Run, undisturbed: Any) -> None:
    expected = undisturbed(batch_size=8)
    length = expected["checkpoint"]["epoch_length"]
    at = length + 1 if event == Events.ITERATION_STARTED else length
    killed_after(workflow("nih_mse", batch_size=8), at, event)
    pretrained("nih_mse", batch_size=8, resume=True)
    assert_same(expected, products())


def test_killed_before_the_first_checkpoint_starts_from_the_beginning(
    workflow: Run, pretrained: Run, undisturbed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    expected = undisturbed()
    killed_after(workflow("nih_mse"), 1)
    with caplog.at_level("INFO"):
        pretrained("nih_mse", resume="true")
    assert "no checkpoint to continue from" in caplog.text
    assert_same(expected, products())


def test_resume_in_an_empty_place_starts_a_run(pretrained: Run) -> None:
    pretrained("nih_mse", max_epochs=1, resume=True)
    assert json.loads((RUN / "manifest.json").read_text())["status"] == "finished"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_ends_the_iteration_saves_and_exits_with_its_own_code(
    number: int, workflow: Run, pretrained: Run, undisturbed: Any
) -> None:
    expected = undisturbed(batch_size=4)
    before = signal.getsignal(number)
    built = workflow("nih_mse", batch_size=4)
    built.initialize()
    trainer = built.parser.get_parsed_content("train#trainer")
    trainer.add_event_handler(Events.ITERATION_STARTED(once=3), lambda: os.kill(os.getpid(), number))
    built.run()
    with pytest.raises(SystemExit) as caught:
        built.finalize()
    assert caught.value.code == PREEMPTED == 75
    assert signal.getsignal(number) == before
    assert json.loads((RUN / "manifest.json").read_text())["status"] == "stopped"
    assert not (RUN / "encoder.pt").exists()
    assert trainer.state.iteration == 3
    assert read_checkpoint(RUN / "checkpoints" / "checkpoint_000000003.pt")["iteration"] == 3
    pretrained("nih_mse", batch_size=4, resume=True)
    assert_same(expected, products())


def test_a_signal_in_the_last_iteration_of_an_epoch_waits_for_its_validation(
    workflow: Run, pretrained: Run, undisturbed: Any
) -> None:
    expected = undisturbed()
    length = expected["checkpoint"]["epoch_length"]
    built = workflow("nih_mse")
    built.initialize()
    trainer = built.parser.get_parsed_content("train#trainer")
    trainer.add_event_handler(Events.ITERATION_STARTED(once=length), lambda: os.kill(os.getpid(), signal.SIGTERM))
    built.run()
    with pytest.raises(SystemExit):
        built.finalize()
    assert ("validation/top1", 1) in events()
    pretrained("nih_mse", resume=True)
    assert_same(expected, products())


def test_every_random_generator_goes_on(workflow: Run) -> None:
    """Python, NumPy and torch: what they would draw next is the same after the way through a checkpoint."""

    def drawn(built: ConfigWorkflow, iterations: int) -> list[Any]:
        built.initialize()
        trainer = built.parser.get_parsed_content("train#trainer")
        found: list[Any] = []

        @trainer.on(Events.ITERATION_COMPLETED)
        def _() -> None:
            found.append((random.random(), float(np.random.rand()), float(torch.rand(()))))  # noqa: NPY002
            if trainer.state.iteration == iterations:
                trainer.terminate()

        built.run()
        built.finalize()
        return found

    options = {"batch_size": 4, "checkpoint_every": 1}
    whole = drawn(workflow("nih_mse", **options, output_dir="whole"), 8)
    first = drawn(workflow("nih_mse", **options), 3)
    rest = drawn(workflow("nih_mse", **options, resume=True), 8)
    assert first + rest == whole


def test_a_longer_run_follows_the_longer_schedule(pretrained: Run) -> None:
    pretrained("nih_mse", max_epochs=4, output_dir="long")
    pretrained("nih_mse", max_epochs=2)
    short = events()
    pretrained("nih_mse", max_epochs=4, resume=True)
    rates, longer = (
        {step: value for (tag, step), value in found.items() if tag == "schedule/learning_rate"}
        for found in (events(), events(Path("long/pretrain")))
    )
    length = read_checkpoint(sorted((RUN / "checkpoints").glob("*.pt"))[-1])["epoch_length"]
    assert sorted(rates) == list(range(1, 4 * length + 1))
    for step in range(1, 4 * length + 1):
        expected = short[("schedule/learning_rate", step)] if step <= 2 * length else longer[step]
        assert rates[step] == expected
    manifest = json.loads((RUN / "manifest.json").read_text())
    assert (manifest["status"], manifest["epochs"]) == ("finished", 4)
    assert manifest["continued"][0]["changed"] == {"max_epochs": [2, 4]}
    assert json.loads((RUN / "encoder.json").read_text())["epochs"] == 4


def test_a_finished_run_that_is_resumed_stays_as_it_is(pretrained: Run) -> None:
    pretrained("nih_mse")
    before = products()
    pretrained("nih_mse", resume=True)
    assert_same(before, products())


def texts(error: BaseException | None) -> str:
    found = []
    while error is not None:
        found.append(str(error))
        error = error.__cause__ or error.__context__
    return "\n".join(found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": 0.1, "batch_size": 4}, r"batch_size 8 -> 4; .*temperature 0.2 -> 0.1"),
        ({"views#transform#transforms#0#degrees": 25}, "views"),
        ({"max_epochs": 1}, "max_epochs is 1, but the run in .* has reached epoch 2"),
        ({"overwrite": True}, "give only one of them"),
        ({"resume": "perhaps"}, "resume is 'perhaps'"),
    ],
)
def test_a_run_of_other_settings_is_not_continued(pretrained: Run, change: dict[str, Any], message: str) -> None:
    pretrained("nih_mse")
    before = {path: path.read_bytes() for path in RUN.rglob("*") if path.is_file()}
    with pytest.raises(Exception) as caught:
        pretrained("nih_mse", **{"resume": True, **change})
    assert re.search(message, texts(caught.value), re.S)
    assert before == {path: path.read_bytes() for path in before}


OTHER_HEADS = "$monai_mocoi.networks.stage_poolings('spatial', [16, 8, 4, 4])"
DEEP = {
    "network_def#momentum": (0.5, r"network\W* momentum=0.99 -> momentum=0.5"),
    "network_def#stage_heads": (OTHER_HEADS, r"network.stage_heads.1 size=16 -> size=8"),
    "contrastive_loss#temperature": (0.5, r"contrastive_loss\S* \S*0.2 -> \S*0.5"),
    "optimizer#nesterov": (True, r"optimizer\S*nesterov False -> True"),
    "views#transform#transforms#1#ratio": ([0.9, 1.1], r"transforms.1.ratio \[0.75, 1.33\d*\] -> \[0.9, 1.1\]"),
    "views#transform#transforms#2#brightness": (0.3, r"transforms.2.brightness 0.2 -> 0.3"),
    "decode#transforms#2#mode": ("pad", r"data.decode.transforms.2.mode 'crop' -> 'pad'"),
    "train#dataset#seed": (2, r"data.seed 1 -> 2"),
    "train#dataloader#shuffle": (False, r"data.sampler.shuffle True -> False"),
    "train#trainer#max_grad_norm": (1.0, r"trainer.max_grad_norm None -> 1.0"),
    "train#trainer#stage_weights": ([2, 1, 1, 1], r"trainer.stage_weights \[1.0.*\] -> \[2, 1, 1, 1\]"),
    "train#trainer#stage_loss#normalize": (False, r"stage_loss normalize=True -> normalize=False"),
    "validate#evaluator#temperature": (0.5, r"validation.MoCoEvaluator.loss temperature=0.2 -> temperature=0.5"),
    "train#handlers#2#warmup_max_share": (0.5, r"handlers.WarmupCosine.warmup_max_share 0.1 -> 0.5"),
    "train#handlers#2#_disabled_": (True, r"handlers.WarmupCosine WarmupCosine -> None"),
}


def test_overrides_deep_in_the_config_are_named_too(workflow: Run, pretrained: Run) -> None:
    pretrained("nih_mse", max_epochs=1)
    before = {path: path.read_bytes() for path in RUN.rglob("*") if path.is_file()}
    for name, (value, message) in DEEP.items():
        override = {name: value}
        if name == "train#trainer#stage_loss#normalize":  # a loss of the trainer's own
            override = {"train#trainer#stage_loss": {"_target_": "monai_mocoi.losses.StageMSELoss"}}
        with pytest.raises(Exception) as caught:
            pretrained("nih_mse", max_epochs=1, resume=True, **override)
        found = texts(caught.value)
        assert re.search(message, found), (name, found)
        assert "0x" not in found
        assert max(len(line) for line in found.splitlines()) < 700
    assert before == {path: path.read_bytes() for path in RUN.rglob("*") if path.is_file()}


def test_settings_that_change_nothing_that_is_learnt_may_differ(
    workflow: Run, pretrained: Run, undisturbed: Any
) -> None:
    expected = undisturbed(batch_size=4)
    killed_after(workflow("nih_mse", batch_size=4, checkpoint_every=2), 3)
    pretrained("nih_mse", batch_size=4, checkpoint_every=1, num_workers=1, keep_checkpoints=5, resume=True)
    found = products()
    for one in (expected, found):
        for settings in (one["checkpoint"]["settings"], one["sidecar"]["settings"]):
            for name in ("checkpoint_every", "num_workers", "keep_checkpoints"):
                settings.pop(name, None)
        one["events"] = {key: value for key, value in one["events"].items() if key[0] != "settings/text_summary"}
    assert_same(expected, found)


def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_is_used(
    workflow: Run, pretrained: Run, undisturbed: Any, caplog: pytest.LogCaptureFixture
) -> None:
    expected = undisturbed(batch_size=4, checkpoint_every=1)
    killed_after(workflow("nih_mse", batch_size=4, checkpoint_every=1), 3)
    newest = RUN / "checkpoints" / "checkpoint_000000002.pt"  # the third died with its iteration
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    pretrained("nih_mse", batch_size=4, checkpoint_every=1, resume=True)
    assert "checkpoint_000000002.pt is damaged" in caplog.text
    assert_same(expected, products())


def test_when_every_checkpoint_is_damaged_nothing_is_lost(workflow: Run, pretrained: Run) -> None:
    killed_after(workflow("nih_mse", batch_size=4, checkpoint_every=1), 3)
    files = sorted((RUN / "checkpoints").glob("*.pt"))
    for file in files:
        os.truncate(file, 1000)
    with pytest.raises(RuntimeError) as caught:
        pretrained("nih_mse", batch_size=4, resume=True)
    assert "every checkpoint of the run is damaged" in texts(caught.value)
    assert sorted((RUN / "checkpoints").glob("*.pt")) == files


def test_a_folder_with_something_of_value_and_no_checkpoint_is_not_emptied(workflow: Run, pretrained: Run) -> None:
    pretrained("nih_mse", max_epochs=1)
    for file in (RUN / "checkpoints").iterdir():
        file.unlink()
    record = json.loads((RUN / "manifest.json").read_text())
    (RUN / "manifest.json").write_text(json.dumps({**record, "status": "failed"}))
    with pytest.raises(RuntimeError) as caught:
        pretrained("nih_mse", max_epochs=1, resume=True)
    assert "encoder.json, encoder.pt, heads.pt" in texts(caught.value)
    assert (RUN / "encoder.pt").exists()


def test_another_data_set_is_refused_and_nothing_changes(pretrained: Run, dataset: Path, tmp_path: Path) -> None:
    pretrained("nih_mse", max_epochs=1)
    before = {path: path.read_bytes() for path in RUN.rglob("*") if path.is_file()}
    other = shutil.copytree(dataset, tmp_path / "other")
    listed = json.loads((other / "datalist.json").read_text())
    listed["training"].pop()
    (other / "datalist.json").write_text(json.dumps(listed))
    with pytest.raises(RuntimeError) as caught:
        pretrained("nih_mse", max_epochs=1, resume=True, dataset_dir=str(other))
    assert "another data set" in texts(caught.value)
    assert before == {path: path.read_bytes() for path in before}


def test_an_image_that_can_be_read_again_makes_another_run(pretrained: Run, dataset: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(dataset, tmp_path / "damaged"))
    image = folder / json.loads((folder / "datalist.json").read_text())["training"][3]["image"]
    content = image.read_bytes()
    image.write_bytes(content[: len(content) // 2])
    options = {"dataset_dir": str(folder), "max_epochs": 1, "on_bad_image": "skip", "max_bad_share": 0.5}
    pretrained("nih_mse", **options)
    before = {path: path.read_bytes() for path in RUN.rglob("*") if path.is_file()}
    images = len(json.loads((folder / "datalist.json").read_text())["training"])
    image.write_bytes(content)
    with pytest.raises(RuntimeError) as caught:
        pretrained("nih_mse", **options, resume=True)
    found = texts(caught.value)
    assert re.search(rf"readable_images '{images - 1} of {images} .*' -> '{images} of {images} ", found), found
    assert before == {path: path.read_bytes() for path in RUN.rglob("*") if path.is_file()}


def test_auto_and_the_precision_that_it_came_to_are_one_run(pretrained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for supported in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, supported, lambda: False)
    pretrained("nih_mse", max_epochs=1)
    with pytest.raises(RuntimeError) as caught:
        pretrained("nih_mse", max_epochs=2, resume=True, precision="bf16")
    assert "trainer.precision 'float32' -> 'bf16'" in texts(caught.value)
    pretrained("nih_mse", max_epochs=2, resume=True, precision="float32")
    manifest = json.loads((RUN / "manifest.json").read_text())
    assert manifest["continued"][0]["changed"] == {"max_epochs": [1, 2], "precision": ["auto", "float32"]}


def test_torchruns_restart_never_deletes(pretrained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pretrained("nih_mse", max_epochs=1)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    with pytest.raises(RuntimeError) as caught:
        pretrained("nih_mse", max_epochs=1, overwrite=True)
    assert "start with resume true instead" in texts(caught.value)
    assert (RUN / "encoder.pt").exists()


def test_two_commands_do_not_write_to_one_folder(workflow: Run, pretrained: Run) -> None:
    built = workflow("nih_mse")
    built.initialize()
    trainer = built.parser.get_parsed_content("train#trainer")
    seen = []

    @trainer.on(Events.ITERATION_COMPLETED(once=1))
    def _() -> None:
        with pytest.raises(RuntimeError) as caught:
            pretrained("nih_mse", resume=True)
        seen.append(texts(caught.value))

    built.run()
    assert "another process is writing" in seen[0]
