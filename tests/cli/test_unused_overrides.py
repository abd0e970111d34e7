"""Settings of a command line that would change nothing are refused; all others are not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from monai_mocoi.cli.overrides import check_command
from monai_mocoi.errors import SettingsError, UsageError

BUNDLES = Path(__file__).resolve().parents[2] / "bundles"
NINE = sorted(path.name for path in BUNDLES.glob("*_*"))
CONFIGS = (
    *(("train",), ("finetune",), ("evaluate",), ("inference",), ("analyze",)),
    *(("train", "paper"), ("finetune", "paper_finetune")),
)


def check(*words: str) -> None:
    check_command(list(words)).check()


def reason(*words: str) -> str:
    try:
        check(*words)
    except UsageError as error:
        return str(error)
    return ""


def as_word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("files", CONFIGS, ids="+".join)
@pytest.mark.parametrize("bundle", NINE)
def test_only_what_an_overlay_does_not_use_any_more_is_refused(bundle: str, files: tuple[str, ...]) -> None:
    """Every constant is given the value that it has, and counted in the text of the configs."""
    configs = [BUNDLES / bundle / "configs" / f"{file}.json" for file in files]
    read = [json.loads(path.read_text(encoding="utf-8")) for path in configs]
    first, both = read[0], {name: value for own in read for name, value in own.items()}
    text = json.dumps({name: value for name, value in both.items() if name != "settings"})
    own = {name: f"--{name}={as_word(both[name])}" for name in first["settings"] if name in both}
    refused = {
        name for name, word in own.items() if f"{name} would change nothing: " in reason(*map(str, configs), word)
    }
    unused = {name for name in first["settings"] if name in first and not re.search(rf"[@%]{name}\b", text)}
    assert refused == (unused if len(files) > 1 else set())
    expected = {"paper": {"learning_rate_per_256"}, "paper_finetune": set()}.get(files[-1], set())
    crops = {"paper": {"crop_area"}, "paper_finetune": {"crop_area"}}.get(files[-1], set())
    assert refused == expected | (set() if bundle.startswith("bch") else crops)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("--crop_area=[0.1,0.2]", "crop_area would change nothing: paper.json has views of its own, in which"),
        (
            "--learning-rate-per-256=5",
            "learning_rate_per_256 would change nothing: paper.json has learning_rate of its own, in which "
            "learning_rate_per_256 is not used. Leave --learning_rate_per_256 out, or change learning_rate",
        ),
    ],
)
def test_the_overlay_and_what_it_has_instead_are_named(words: str, text: str) -> None:
    with pytest.raises(UsageError) as error:
        check("nih_mse/train", "nih_mse/paper", words)
    assert text in str(error.value)


def test_what_the_command_or_a_further_overlay_uses_again_is_not_refused(tmp_path: Path) -> None:
    words = "nih_mse/train", "nih_mse/paper", "--learning_rate_per_256=5"
    check(*words, "--learning_rate=$@learning_rate_per_256 / 8")
    mine = tmp_path / "mine.json"
    mine.write_text(json.dumps({"learning_rate": "$@learning_rate_per_256 / 8"}))
    check(*words[:2], str(mine), words[2])
    mine.write_text(json.dumps({"max_epochs": 3}))
    with pytest.raises(UsageError, match=r"paper\.json has learning_rate of its own"):
        check(*words[:2], str(mine), words[2])


def test_steps_that_only_the_command_asks_for_use_settings_too(tmp_path: Path) -> None:
    mine = tmp_path / "mine.json"
    mine.write_text(json.dumps({"show": ["$print(@learning_rate_per_256)"]}))
    words = "nih_mse/train", "nih_mse/paper", str(mine), "--learning_rate_per_256=5"
    check(*words, "--run_id=show")
    with pytest.raises(UsageError, match="would change nothing"):
        check(*words)


def test_what_the_command_itself_replaces_is_left_to_it() -> None:
    """A study gives ``output_dir`` beside ``run_dir`` and ``pretrained``."""
    check("nih_mse/finetune", "--output_dir=runs", "--run_dir=own", "--pretrained=none")
    check("nih_mse/train", "--learning_rate=0.1", "--learning_rate_per_256=5")


@pytest.mark.parametrize(
    "setting", ["learning_rate=7", "weight_decay=1", "max_epochs=3", "patience=none", "checkpoint_every=5"]
)
def test_what_only_gradient_descent_uses_is_refused_with_lbfgs(setting: str) -> None:
    name = setting.partition("=")[0]
    words = "nih_mse/finetune", "--trainable=head", f"--{setting}"
    for own in (words, (*words, "--solver=lbfgs")):
        with pytest.raises(
            SettingsError, match=f"^{name} is .*, but solver lbfgs, .*: leave --{name} out, or add --solv"
        ):
            check(*own)
    check(*words, "--solver=gradient")
    check("nih_mse/finetune", "nih_mse/paper_finetune", *words[1:])
    check(words[0], words[2])
    check(*words[:2])
