from __future__ import annotations

import errno
import signal
import subprocess
import sys

import pytest

from data_prep import __main__ as main
from monai_mocoi import exit_codes
from monai_mocoi.data.errors import CacheFullError, DatasetError, RefusedError


def test_every_command_has_help(capsys):
    for command in main.COMMANDS:
        with pytest.raises(SystemExit) as end:
            main.main([command, "--help"])
        assert end.value.code == 0
        assert "usage: python -m data_prep " + command in capsys.readouterr().out


def test_wrong_usage_is_2(capsys):
    for arguments in ([], ["nothing"], ["nih"], ["audit"]):
        with pytest.raises(SystemExit) as end:
            main.main(arguments)
        assert end.value.code == 2
    assert "audit" in capsys.readouterr().err


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
