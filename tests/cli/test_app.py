from __future__ import annotations

import getpass
import os
import pwd

import pytest

from monai_mocoi import __version__
from monai_mocoi.cli import app as app_module
from monai_mocoi.cli.exit_code_table import exit_code_table
from monai_mocoi.errors import MocoiError
from tests.support.loaded_modules import loaded_by

FAILS = {
    "imports": ["$import tests.cli.test_app as here"],
    "code": 3,
    "initialize": ["$here.fail(@code)"],
    "run": ["$1"],
}


STOPPED = "stopped by Ctrl-C; what was not saved yet is lost. Training goes on by --resume true."


class _OwnError(MocoiError):
    def __init__(self, code):
        super().__init__(f"it broke\nand [bold]how[/]: {'x' * 200}")
        self.exit_code = code


def fail(code):
    if code == 130:
        raise KeyboardInterrupt
    if code == 75:
        raise SystemExit(75)
    raise _OwnError(code)


def test_version_and_help(mocoi):
    assert mocoi("--version").output == f"mocoi {__version__}\n"
    text = mocoi("--help").output
    assert all(command in text for command in ("run", "plan", "prepare"))


def test_the_overview_cuts_no_description_off_in_a_terminal_of_80_columns(mocoi, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = mocoi("--help").output.splitlines()
    commands = lines[lines.index("Commands:") + 1 :]
    assert len(commands) == 13
    assert all(line.endswith(".") and not line.endswith("...") and len(line) <= 80 for line in commands)


def test_baselines_can_be_tried_on_phantoms(mocoi):
    assert "or demo: phantoms" in " ".join(mocoi("baselines", "--help").output.split())


def test_the_help_does_not_wait_for_what_reads_settings():
    result = loaded_by("--help", modules=("monai_mocoi.runs.settings_model", "numpy", "torch"))
    assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "LOADED []")


@pytest.mark.parametrize("command", ["run", "plan"])
def test_help_says_what_every_exit_code_means(mocoi, command):
    result = mocoi(command, "--help")
    words = " ".join(result.output.split())
    assert result.exit_code == 0
    for code, meaning in exit_code_table():
        assert f"{code} {' '.join(meaning.split())}" in words


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_mistyped_setting(mocoi, write, command):
    result = mocoi(command, write(), "--max_epoch", "1")
    assert result.exit_code == 2
    assert result.stderr == "error: there is no setting max_epoch in train.json: did you mean max_epochs?\n"
    assert result.stdout == ""


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize("word", ["-max_epochs", "-max_epochs=2", "\u2013max_epochs", "\u2014cosine", "-help"])
def test_one_dash_is_one_too_few(mocoi, write, command, word):
    result = mocoi(command, write(), word, "2")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.endswith(f"write --{word[1:]}\n")


def test_a_number_below_zero_and_the_short_help_have_one_dash(mocoi, write):
    assert "[-7, 4]" in mocoi("plan", write(), "--sizes#0", "-7").stdout
    assert mocoi("run", "-h").exit_code == 0


def test_a_constant_that_cannot_be_worked_out_is_refused_by_run(mocoi, write):
    result = mocoi("run", write(), "--batch_size", "$1 // 0")
    assert result.exit_code == 2
    assert "by zero" in result.stderr


@pytest.mark.parametrize(
    ("word", "config"), [("evaluate.json", "evaluate"), ("predict", "inference"), ("train.json", "train")]
)
def test_the_name_of_a_config_is_no_command(mocoi, word, config):
    result = mocoi(word, "--run_dir", "RUN")
    assert (result.exit_code, result.stdout) == (2, "")
    said = f"error: {word} is a config of every bundle, not a command: mocoi run nih_mse/{config}\n"
    assert result.stderr == said


def test_another_word_is_no_command(mocoi):
    result = mocoi("elephant")
    assert result.exit_code == 2
    assert "No such command 'elephant'" in result.output


def test_without_a_config(mocoi):
    result = mocoi("run")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: no config file is named")


@pytest.mark.parametrize("code", [2, 3, 6])
def test_one_message_and_the_errors_own_code(mocoi, write, code):
    result = mocoi("run", write(FAILS), "--code", str(code))
    assert result.exit_code == code
    assert result.stderr == f"error: it broke\nand [bold]how[/]: {'x' * 200}\n"
    assert result.stdout == ""


def test_leaving_with_a_code_of_its_own_and_by_ctrl_c(mocoi, write):
    assert mocoi("run", write(FAILS), "--code", "75").exit_code == 75
    result = mocoi("run", write(FAILS), "--code=130")
    assert (result.exit_code, result.stderr) == (130, f"error: {STOPPED}\n")


def test_an_error_never_ends_with_the_code_of_success(mocoi, write):
    assert mocoi("run", write(FAILS), "--code", "0").exit_code == 1


@pytest.mark.parametrize("how", ["option", "environment"])
@pytest.mark.filterwarnings("ignore:parsing config_file")
def test_the_traceback_on_demand(mocoi, write, monkeypatch, how):
    words = ["--traceback"] if how == "option" else []
    if how == "environment":
        monkeypatch.setenv("MONAI_MOCOI_TRACEBACK", "1")
    result = mocoi("run", write(FAILS), "--code", "3", *words)
    assert result.exit_code == 3
    assert "Traceback (most recent call last)" in result.stderr
    assert "in fail" in result.stderr
    assert "error: it broke" in result.stderr


def test_which_process_of_several_failed(mocoi, write, monkeypatch):
    for name, value in {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("monai_mocoi.cli.reporting._FOR_THE_FIRST_PROCESS", 0.01)
    assert mocoi("run", write(FAILS)).stderr.startswith("error (process 1): it broke")
    result = mocoi("run", write(FAILS), "--cod", "3")  # the first process says that
    assert (result.exit_code, result.stderr) == (2, "")


def test_negative_numbers_are_values(mocoi, write):
    result = mocoi("plan", write(), "--mean", "-1e-3")
    assert result.exit_code == 0
    assert "-0.001" in result.stdout


def test_the_plan_and_what_would_be_refused(mocoi, write, tmp_path):
    result = mocoi("plan", write(), "--head", "linear", "--dataset_dir", str(tmp_path))
    assert result.exit_code == 3
    assert "command line, was mlp" in result.stdout
    assert result.stderr.startswith("error: the run would be refused: dataset_dir is ")


def test_prepare_hands_everything_on(mocoi, capsys):
    result = mocoi("prepare", "audit", "nowhere")
    assert result.exit_code == 3
    assert "there is no folder 'nowhere'" in result.stderr
    result = mocoi("prepare", "nih", "--help")
    assert result.exit_code == 0
    assert "--metadata" in result.stdout


def test_refusals_plans_and_help_need_neither_torch_nor_monai(write, tmp_path):
    path = write()
    for words, code in (
        (("--help",), 0),
        (("run", "--help"), 0),
        (("run", path, "--max_epoch", "1"), 2),
        (("run", path, "--batch_size", "1.5"), 2),
        (("plan", path, "--max_epoch", "1"), 2),
    ):
        done = loaded_by(*words)
        assert done.returncode == code, done.stderr
        assert done.stdout.endswith("LOADED []\n")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--label_fraction", "0"), "label_fraction is '0', but must be a number above 0 and at most 1"),
        (("--batch_size", "1", "--image_size", "32"), "no batch statistics for BatchNorm"),
    ],
)
def test_a_setting_out_of_range_is_refused_before_torch_data_or_a_file(words, text, repository, tmp_path, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(empty / "cache"))
    config = repository / "bundles" / "nih_mse" / "configs" / "finetune.json"
    for command in ("run", "plan"):
        done = loaded_by(command, config, *words, "--pretrained", "none", cwd=empty)
        assert (done.returncode, text in done.stderr) == (2, True), done.stderr
        assert done.stdout.endswith("LOADED []\n") == ("'0'" in text)
    assert list(empty.iterdir()) == []


def test_a_user_without_an_entry_gets_a_name(monkeypatch):
    def unknown(key):
        raise KeyError(f"getpwuid(): uid not found: {key}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(app_module, "app", lambda **_: None)
    monkeypatch.setenv("LOGNAME", "")  # so that it is put back afterwards
    app_module.main()
    assert getpass.getuser() == f"uid{os.getuid()}"
    monkeypatch.setenv("LOGNAME", "")
    monkeypatch.setenv("USER", "somebody")
    app_module.main()
    assert getpass.getuser() == "somebody"
