from __future__ import annotations

import subprocess
import sys

import pytest

from data_prep import __main__ as main


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


def test_as_a_module_and_without_torch():
    # Preparing data needs no torch; importing it would cost seconds.
    code = "import sys, data_prep.__main__ as m; m.main(['audit', 'nowhere']); sys.exit('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")
    assert "error: dataset_dir: there is no folder 'nowhere'" in result.stderr
    assert "Traceback" not in result.stderr
