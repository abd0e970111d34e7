from __future__ import annotations

import inspect
import json

import pytest
from monai.bundle import ConfigWorkflow, run

from monai_mocoi.cli import check_command
from monai_mocoi.cli.overrides import RUN_ARGUMENTS
from monai_mocoi.errors import UsageError
from tests.cli.conftest import CONFIG


@pytest.mark.parametrize(
    ("words", "overrides"),
    [
        ("--max_epochs 3 --mean=1", {"max_epochs": 3, "mean": 1.0}),
        ("--max-epochs 3", {"max_epochs": 3}),
        ("--cosine false --max_grad_norm none", {"cosine": False, "max_grad_norm": None}),
        ("--train#trainer#max_epochs 3", {"train#trainer#max_epochs": 3}),
        ("--train::trainer::max_epochs=3", {"train#trainer#max_epochs": 3}),
        ("--crop_area#0 0.5 --sizes [8]", {"crop_area#0": 0.5, "sizes": [8]}),
        ("--mean [0.4,0.3]", {"mean": [0.4, 0.3]}),
        ("--device cuda:1", {"device": "cuda:1"}),
        ("--learning_rate $@mean*2 --dataset_dir=a=b", {"learning_rate": "$@mean*2", "dataset_dir": "a=b"}),
        ("--norm#_disabled_ true", {"norm#_disabled_": True}),
        ("--crop_area [0.1,0.2] --crop_area#0 0", {"crop_area": [0.1, 0.2], "crop_area#0": 0.0}),
        ("--train#preprocessing @norm", {"train#preprocessing": "@norm"}),
        ('--norm {"_target_":"x","y":1} --norm#y 2', {"norm": {"_target_": "x", "y": 1}, "norm#y": 2}),
    ],
)
def test_what_is_accepted(write, words, overrides):
    checked = check_command([write(), *words.split()])
    assert checked.overrides == overrides
    assert list(checked.overrides) == list(overrides)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--max_epoch 1", "there is no setting max_epoch in train.json: did you mean max_epochs?"),
        ("--max-epoch 1", "there is no setting max-epoch in train.json: did you mean max_epochs?"),
        ("--norm#channel 1", "there is no setting norm#channel in train.json: did you mean norm#channel_wise?; an arg"),
        (
            "--train#preprocessing#channel_wise true",
            "train#preprocessing is '@norm', so did you mean norm#channel_wise?",
        ),
        ("--crop_area#2 1", "there is no setting crop_area#2 in train.json: crop_area has 2 entries, numbered from 0"),
        ("--zzzz 1", "there is no setting zzzz in train.json; `mocoi plan "),
        (
            "--max_epochs 1.5",
            "max_epochs is '1.5', but must be a whole number of 1 or more (epochs): write --max_epochs 1 or 2",
        ),
        ("--batch_size abc", "batch_size is 'abc', but must be a whole number of 1 or more (images)"),
        ("--learning_rate abc", "learning_rate is 'abc', but must be a number above 0"),
        ("--mean ['a']", "mean is \"['a']\", but must be a number or a list of numbers"),
        ("--crop_area [1,'x']", "at most 1, the smaller first, or none, such as [0.8, 1.0]"),
        (
            "--train#trainer#max_epochs 1.5",
            "train#trainer#max_epochs is '1.5', but must be a whole number of 1 or more (epochs)",
        ),
        ("--max_epochs", "--max_epochs has no value: write --max_epochs VALUE"),
        ("--cosine --max_epochs 1", "--cosine has no value: write --cosine VALUE"),
        ("--max_epochs=", "the value of max_epochs is empty"),
        ("--max_epochs 1 --max-epochs=2", "max_epochs is given twice"),
        ("--train#trainer#momentum 1 --train::trainer::momentum 2", "train#trainer#momentum is given twice"),
        ("--crop_area 0.5", "crop_area is '0.5', but must be a list of 2 numbers"),
        ("--mean 0.5 1.0", "'1.0' belongs to no setting: --mean has its value '0.5' already"),
        ("--mean 0.5 paper.json", "paper.json comes after a setting; config files come first"),
        ("--config_file x", "config files are named without --config_file"),
        ("--args_file x", "--args_file is not taken"),
        ("--=3", "'--=3' names no setting"),
        ("--dataset_dir a#b", "dataset_dir: 'a#b' has '#' or '::' in it"),
        ("--learning_rate $@maen", "refers to maen, which is no setting: is mean meant?"),
        ("--learning_rate @nothing_like_it", "refers to nothing_like_it, which is no setting"),
        ("--run_id rum", "run_id is rum, which the config does not have: is run meant?"),
        ("--logging_file nowhere.conf", "logging_file: there is no file nowhere.conf"),
        ("--experiment_name x", "there is no setting experiment_name"),
    ],
)
def test_what_is_refused_and_in_which_words(write, words, message):
    with pytest.raises(UsageError) as error:
        check_command([write(), *words.split(" ")])
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_a_pattern_that_the_shell_wrote_out_is_a_folder(write, tmp_path):
    for name in ("a.dcm", "b.dcm"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=rf"pattern such as \*\.dcm, give the folder: --dataset_dir {tmp_path}$"):
        check_command([write(), "--dataset_dir", str(tmp_path / "a.dcm"), str(tmp_path / "b.dcm")])


def test_a_part_of_the_config_that_is_named_like_a_setting(write):
    path = write({**CONFIG, "dataset": {"_target_": "x"}})
    with pytest.raises(UsageError, match=r"dataset is a part of the config, no setting: did you mean dataset_dir\?"):
        check_command([path, "--dataset", "hospital"])
    assert check_command([path, "--dataset", '{"_target_": "y"}']).overrides == {"dataset": {"_target_": "y"}}
    with pytest.raises(UsageError, match="norm is 'x', but must be an object"):
        check_command([path, "--norm", "x"])


def test_an_overlay_says_more_about_a_setting(write):
    files = [write(), write({"crop_area": None, "mean": None}, "paper.json")]
    assert check_command([*files, "--crop_area", "none"]).overrides == {"crop_area": None}
    assert check_command([*files, "--crop_area", "[0.5, 1]"]).overrides == {"crop_area": [0.5, 1]}
    with pytest.raises(UsageError, match=r"no setting x in train\.json and paper\.json"):
        check_command([*files, "--x", "1"])


def test_monais_own_arguments(write, tmp_path):
    path = write()
    (tmp_path / "l.conf").touch()
    checked = check_command(
        [
            path,
            "--logging-file",
            str(tmp_path / "l.conf"),
            "--run_id",
            "train",
            "--tracking",
            "mlflow",
            "--run_name",
            "x",
        ]
    )
    assert checked.run_arguments == {
        "logging_file": str(tmp_path / "l.conf"), "run_id": "train", "tracking": "mlflow",
    }  # fmt: skip
    assert checked.overrides == {"run_name": "x"}
    assert check_command([path, "--logging_file", "false"]).run_arguments == {"logging_file": False}
    assert set(RUN_ARGUMENTS) < set(inspect.signature(run).parameters)


def test_why_a_number_sign_is_refused(write):
    # If this fails, MONAI has learnt to leave texts alone, and the refusal can go.
    workflow = ConfigWorkflow(config_file=write(), workflow_type=None, logging_file=False, dataset_dir="a#b")
    assert workflow.parser.get_parsed_content("dataset_dir") == "a::b"


def test_the_config_holds_the_overrides_and_the_files_do_not(write):
    checked = check_command([write(), "--crop_area#1", "0.5"])
    assert checked.config["crop_area"] == [0.8, 0.5]
    assert checked.files.config == json.loads(json.dumps(CONFIG))
