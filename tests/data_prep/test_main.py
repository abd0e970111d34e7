from __future__ import annotations

import errno
import signal
import subprocess
import sys

import pytest

from data_prep import __main__ as main
from monai_mocoi import exit_codes
from monai_mocoi.errors import CacheFullError, DatasetError, RefusedError


@pytest.mark.parametrize("command", main.COMMANDS)
@pytest.mark.parametrize("word", ["--help", "-h"])
def test_every_command_has_help(capsys, command, word):
    assert main.main([command, word]) == 0
    said = capsys.readouterr().out
    assert f"Usage: python -m data_prep {command}" in said
    assert "Exit codes, those of mocoi" in said


def test_the_overview_names_every_command_and_imports_none(capsys):
    code = "import sys, data_prep.__main__ as m; m.main(['--help']); sys.exit('numpy' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    for name, (_, summary) in main.COMMANDS.items():
        assert f"  {name} " in result.stdout
        assert summary in " ".join(result.stdout.split())


def test_the_help_of_a_command_waits_for_no_library_that_reads_images():
    code = (
        "import contextlib, io, sys, data_prep.__main__ as m\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    for name in m.COMMANDS: assert m.main([name, '--help']) == 0\n"
        "print(sorted({'pydicom', 'scipy', 'jinja2', 'torch', 'monai'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "[]\n", "")


def test_wrong_usage_is_2(capsys):
    for arguments in ([], ["nothing"], ["nih"], ["audit"], ["nih", "--sice", "3"], ["demo", "--seed", "one"]):
        assert main.main(arguments) == exit_codes.USAGE
    error = capsys.readouterr().err
    assert "No such command 'nothing'" in error
    assert "Missing option '--images'" in error
    assert "--sice" in error


def test_the_program_is_called_as_it_was(capsys):
    assert main.main(["audit", "--help"], "mocoi prepare") == 0
    assert "Usage: mocoi prepare audit" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [["--images", "a", "b", "c"], ["--images", "a", "--images", "b", "c"], ["--images=a", "b", "--images=c"]],
)
def test_several_words_behind_one_option_and_the_option_again(monkeypatch, words):
    seen = []
    monkeypatch.setattr("data_prep.pipeline.prepare", seen.append)
    assert main.main(["nih", *words, "--out", "x", "--metadata", "-"]) == 0
    assert (seen[0].images, seen[0].out, seen[0].metadata) == (["a", "b", "c"], "x", "-")


def test_a_word_too_many_is_refused(capsys):
    assert main.main(["nih", "--images", "a", "--out", "x", "y", "--metadata", "m"]) == exit_codes.USAGE
    assert "unexpected extra argument(s) (y)" in capsys.readouterr().err


def test_ctrl_c_is_130_and_says_how_to_go_on(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("data_prep.audit.load_datalist", interrupted)
    assert main.main(["audit", "x"]) == 130
    assert "The same command again goes on from here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RefusedError("x"), exit_codes.USAGE),
        (DatasetError("x"), exit_codes.DATA),
        (CacheFullError("x"), exit_codes.DISK_FULL),
        (OSError(errno.ENOSPC, "no space"), exit_codes.DISK_FULL),
        (OSError(errno.EDQUOT, "no quota"), exit_codes.DISK_FULL),
        (OSError(errno.EIO, "broken"), exit_codes.ERROR),
    ],
)
def test_each_kind_of_error_has_the_products_code(monkeypatch, capsys, error, code):
    def fails(*_):
        raise error

    monkeypatch.setattr("data_prep.audit.load_datalist", fails)
    assert main.main(["audit", "x"]) == code
    assert str(error) in capsys.readouterr().err


def test_an_error_of_the_system_names_no_file_of_a_source_that_is_not_public(monkeypatch, capsys):
    def fails(_):
        raise PermissionError(errno.EACCES, "Permission denied", "/export/Qvistgaard")

    monkeypatch.setattr("data_prep.nih.Nih.find", fails)
    words = ["nih", "--images", "x", "--metadata", "m", "--out", "y"]
    assert main.main(words) == exit_codes.ERROR
    assert "Qvistgaard" in capsys.readouterr().err
    monkeypatch.setattr("data_prep.nih.Nih.public", False)
    assert main.main(words) == exit_codes.ERROR
    assert capsys.readouterr().err == "error: Permission denied\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--images", "x", "--out", "y", "--private", "z", "/data/Geheim_Hans"], "There is one word too many"),
        (["--images", "x", "--size", "Geheim_Hans"], "--size has no value, or a value of the wrong kind."),
        (["--size"], "--size has no value"),
        (["--report=Geheim_Hans"], "There is no such option"),
        (["--privat", "Geheim_Hans"], "There is no such option; did you mean --private"),
        (["--Geheim_Hans"], "There is no such option."),
        (["--keep-derived=Geheim_Hans"], "--keep-derived has no value, or a value of the wrong kind."),
        (["--images", "Geheim_Hans", "--out", "y"], "--private is missing."),
        ([], "is missing."),
    ],
)
def test_wrong_usage_of_a_source_that_is_not_public_repeats_nothing_that_was_given(capsys, words, says):
    assert main.main(["inhouse", *words]) == exit_codes.USAGE
    said = "".join(capsys.readouterr())
    assert says in " ".join(said.split())
    assert "Geheim" not in said
    assert "Usage: python -m data_prep inhouse" in said


def test_of_join_too(capsys):
    assert main.main(["join", "Geheim_Hans", "--out", "y", "--seed", "Geheim_Hans"]) == exit_codes.USAGE
    assert main.main(["join"]) == exit_codes.USAGE
    said = capsys.readouterr().err
    assert "Geheim" not in said
    assert "is missing." in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_of_the_cluster_is_75(monkeypatch, capsys, number):
    monkeypatch.setattr("data_prep.audit.load_datalist", lambda _: signal.raise_signal(number))
    before = signal.getsignal(number)
    assert main.main(["audit", "x"]) == exit_codes.PREEMPTED
    assert signal.getsignal(number) == before
    assert "The same command again goes on from here" in capsys.readouterr().err


def test_as_a_module_and_without_torch():
    # Preparing data needs no torch; importing it would cost seconds.
    code = "import sys, data_prep.__main__ as m; m.main(['audit', 'nowhere']); sys.exit('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")
    assert "error: dataset_dir: there is no folder 'nowhere'" in result.stderr
    assert "Traceback" not in result.stderr


def test_no_command_imports_torch():
    code = (
        "import importlib, sys, data_prep.__main__ as m\n"
        "[importlib.import_module(place.partition(':')[0]) for place, _ in m.COMMANDS.values()]\n"
        "sys.exit('torch' in sys.modules or 'monai' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
