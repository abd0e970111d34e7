"""The next command is named as the one that is running was, works when pasted, and follows from what was done."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from monai_mocoi.runs.next_command import after_evaluation, bundle_word, config_word, given_config, next_command
from tests.bundles.conftest import BUNDLES

MOCOI = "/venv/bin/mocoi"
MONAI = "/venv/lib/python3.11/site-packages/monai/bundle/__main__.py"


@pytest.mark.parametrize(
    ("argv", "given"),
    [
        ([MOCOI, "run", "a b/train.json", "paper.json", "--seed", "1"], "a b/train.json"),
        ([MOCOI, "run", "--traceback", "nih_mse/train"], "nih_mse/train"),
        ([MOCOI, "run", "--seed", "1"], None),
        (["/src/monai_mocoi/__main__.py", "run", "x.json"], "x.json"),
        ([MONAI, "run", "--config_file", "train.json", "--seed", "1"], "train.json"),
        ([MONAI, "run", "training", "--seed=1", "--config-file=/a/train.json"], "/a/train.json"),
        ([MONAI, "run", "--config_file", "['/a/train.json', 'paper.json']"], "/a/train.json"),
        ([MONAI, "run", "--config_file", "[broken"], None),
        ([MONAI, "run", "--config_file"], None),
        ([MONAI, "run", "training", "--args_file", "all.json"], None),
        (["pytest", "-q", "tests"], None),
        (["script.py"], None),
    ],
)
def test_the_config_that_this_process_was_given(argv: list[str], given: str | None) -> None:
    assert given_config(argv) == given


def test_a_config_is_named_as_the_first_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configs = tmp_path / "my bundles" / "mine" / "configs"
    configs.mkdir(parents=True)
    for name in ("train", "finetune"):
        (configs / f"{name}.json").touch()
    monkeypatch.chdir(tmp_path)

    def named(given: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", [MOCOI, "run", given])
        return [config_word("finetune", "mine"), bundle_word("mine")]

    assert named("my bundles/mine/configs/train.json") == ["my bundles/mine/configs/finetune.json", "my bundles/mine"]
    assert named(f"{configs}/train.json") == [f"{configs}/finetune.json", f"{configs.parent}"]
    assert named("mine/train") == named("mine/train.json") == ["mine/finetune", "mine"]
    monkeypatch.chdir(configs)
    assert named("train.json") == ["finetune.json", ".."]
    assert named("../configs/train.json") == ["../configs/finetune.json", ".."]
    (configs / "finetune.json").unlink()
    assert named("train.json") == ["mine/finetune", ".."]  # the bundle's own, where it lies
    (tmp_path / "train.json").touch()
    assert named("../../../train.json") == ["mine/finetune", "mine"]
    monkeypatch.setattr(sys, "argv", ["pytest"])
    assert config_word("finetune", "mine") == "mine/finetune"
    assert bundle_word("mine") == "mine"


def test_settings_are_quoted_and_what_is_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["x"])
    made = next_command("evaluate", "b", {"dataset_dir": "my data", "split": None, "run_dir": Path("r$1")})
    assert shlex.split(made)[-6:] == ["run", "b/evaluate", "--dataset_dir", "my data", "--run_dir", "r$1"]
    assert made.endswith("--dataset_dir 'my data' --run_dir 'r$1'")


TRAIN = {
    "bundle": "mine",
    "output_dir": "runs/my x",
    "imports": ["$from tests.handlers.engine import finish_run"],
    "run": ["$finish_run(@output_dir, @bundle)"],
}
FINETUNE = {"dataset_dir": "demo", "output_dir": "runs", "run": ["$print('RAN', @dataset_dir, @output_dir)"]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "start"),
    [
        ("name", "monai_mocoi run"),
        ("absolute", "monai_mocoi run"),
        ("relative", "monai.bundle run --config_file"),
    ],
)
def test_the_printed_command_works_when_pasted(tmp_path: Path, given: str, start: str) -> None:
    configs = tmp_path / "my work" / "bundles" / "mine" / "configs"
    configs.mkdir(parents=True)
    (configs / "train.json").write_text(json.dumps(TRAIN))
    (configs / "finetune.json").write_text(json.dumps(FINETUNE))
    here = tmp_path / "my work" / "here"
    here.mkdir()
    config = {"name": "mine/train", "relative": "../bundles/mine/configs/train.json"}.get(given, configs / "train.json")
    path = os.pathsep.join([str(BUNDLES.parent), *filter(None, [os.environ.get("PYTHONPATH")])])

    def shell(line: str) -> str:
        options = {"shell": True, "cwd": here, "text": True, "capture_output": True, "check": True}
        return subprocess.run(line, **options, env={**os.environ, "PYTHONPATH": path}).stdout

    printed = shell(f"{shlex.quote(sys.executable)} -m {start} {shlex.quote(str(config))}")
    (line,) = [line for line in printed.splitlines() if line.startswith("Next: ")]
    assert shell(line.removeprefix("Next: ")).endswith("RAN my data runs/my x\n")


NAME = "finetune-{}-all-s4-f1-l1"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for kind in ("scratch", "pretrained"):
        run = tmp_path / NAME.format(kind)
        run.mkdir()
        (run / "manifest.json").touch()
        (run / "classifier.pt").touch()
    return Path()


def after(run: Path, split: str = "test", evaluation: Path | None = None) -> list[str] | None:
    (evaluation or run / f"evaluation-{split}").mkdir(exist_ok=True)
    ((evaluation or run / f"evaluation-{split}") / "predictions.csv").touch()
    made = after_evaluation(evaluation or run / f"evaluation-{split}", run, split, "dr_mse", "my data")
    return made and shlex.split(made.partition("mocoi ")[2])


def test_first_the_counterpart_is_tested_then_both_are_compared_scratch_first(runs: Path) -> None:
    scratch, pretrained = (runs / NAME.format(kind) for kind in ("scratch", "pretrained"))
    tested = ["run", "dr_mse/evaluate", "--dataset_dir", "my data", "--run_dir"]
    assert after(pretrained) == [*tested, str(scratch)]
    assert after(pretrained, "validation") == [*tested, str(scratch), "--split", "validation"]
    files = [str(run / "evaluation-test" / "predictions.csv") for run in (scratch, pretrained)]
    assert after(scratch) == after(pretrained) == ["compare", *files]
    # An evaluation elsewhere, on another data set for example, is not compared with the one in the counterpart.
    assert after(pretrained, evaluation=runs / "external") == [*tested, str(scratch)]


def test_without_a_counterpart_the_classifier_is_packaged(runs: Path) -> None:
    run = (runs / NAME.format("scratch")).rename(runs / "mine")
    assert after(run) == ["package", "dr_mse", "--run", "mine", "--out", "dr_mse.zip"]
    Path("dr_mse.zip").touch()
    assert after(run)[-1] == "dr_mse-mine.zip"
    assert after(run, "validation") is None
    other = runs / NAME.format("pretrained")
    assert after(other)[0] == "package"
    assert after_evaluation(other / "e", other / "classifier.pt", "test", "b", "d").endswith("--out b.zip")


def test_another_hospitals_evaluation_leads_to_no_package(runs: Path) -> None:
    scratch, pretrained = (runs / NAME.format(kind) for kind in ("scratch", "pretrained"))
    name = "evaluation-Other-test"
    for run in (scratch, pretrained):
        (run / name).mkdir()
    asked = "test", "dr_mse", "other", True
    tested = after_evaluation(pretrained / name, pretrained, *asked)
    assert "dr_mse/evaluate --dataset_dir other --run_dir" in str(tested)
    for run in (scratch, pretrained):
        (run / name / "predictions.csv").touch()
    assert "compare" in str(after_evaluation(pretrained / name, pretrained, *asked))
    alone = scratch.rename(runs / "mine")
    assert after_evaluation(alone / name, alone, *asked) is None


def test_a_package_has_no_next_step(runs: Path) -> None:
    assert after_evaluation(runs / "e", runs / "models" / "model.pt", "test", "dr_mse", "x") is None
