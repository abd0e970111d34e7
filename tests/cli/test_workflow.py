from __future__ import annotations

import logging
import warnings

import pytest
import torch

from monai_mocoi.cli import check_command
from monai_mocoi.cli.workflow import check_device, run_checked
from monai_mocoi.errors import UsageError

TRACE: list[object] = []
BASE = {
    "imports": ["$import tests.cli.test_workflow as here", "$import sys"],
    "value": None,
    "run": ["$here.TRACE.append(@value)"],
}
FAIL = "$here.fail('run')"
NOTE = "$here.TRACE.append('closed')"


def fail(where):
    raise UsageError(where)


def part(name):
    TRACE.append(f"made {name}")
    return name


@pytest.fixture(autouse=True)
def _empty():
    TRACE.clear()


def run(write, config, *words, show_all=False):
    run_checked(check_command([write({**BASE, **config}), *words]), show_all)


def test_the_overrides_reach_monais_run(write):
    run(write, {"value": 1, "other": 2.0, "finalize": [NOTE]}, "--value", "5")
    assert TRACE == [5, "closed"]


def test_none_reaches_it_too(write):
    run(write, {}, "--value", "none")
    assert TRACE == [None]
    overlay = write({"value": "@max_grad_norm", "max_grad_norm": 3.0}, "overlay.json")
    run_checked(
        check_command([write(BASE), overlay, "--max_grad_norm", "none"])
    )  # MONAI itself would drop it and say 3
    assert TRACE == [None, None]


def test_several_files_and_another_step(write):
    files = [write({**BASE, "extra": ["$here.TRACE.append('extra')"]}), write({"value": 7}, "overlay.json")]
    run_checked(check_command([*files, "--run_id", "extra", "--init_id", "run"]))
    assert TRACE == [7, "extra"]


@pytest.mark.parametrize("step", ["initialize", "run"])
@pytest.mark.parametrize("finalize", [[NOTE], NOTE])
def test_finalize_runs_when_a_step_fails(write, step, finalize):
    with pytest.raises(RuntimeError) as error:
        run(write, {step: [FAIL], "finalize": finalize})
    assert isinstance(error.value.__cause__, UsageError)
    assert TRACE == ["closed"]


def test_the_first_error_wins_and_the_rest_of_finalize_is_tried(write):
    with pytest.raises(RuntimeError) as error:
        run(write, {"run": [FAIL], "finalize": ["$here.fail('finalize')", "$sys.exit(3)", NOTE]})
    assert str(error.value.__cause__) == "run"
    assert TRACE == ["closed"]


def test_finalize_makes_nothing_after_a_failure(write):
    config = {
        "made": "$here.part('a')",
        "never": "$here.part('b')",
        "initialize": ["$@made", FAIL],
        "finalize": [
            "$here.TRACE.append(('close', @made))",
            "$here.TRACE.append(('close', @never))",
            "$here.TRACE.append(@value)",
        ],
    }
    with pytest.raises(RuntimeError):
        run(write, config)
    assert TRACE == ["made a", ("close", "a"), None]


def test_an_error_in_finalize_alone_is_shown(write):
    with pytest.raises(RuntimeError) as error:
        run(write, {"finalize": ["$here.fail('finalize')"]})
    assert str(error.value.__cause__) == "finalize"


@pytest.mark.parametrize("leave", [SystemExit, KeyboardInterrupt])
def test_leaving_runs_finalize_too(write, leave, monkeypatch):
    monkeypatch.setitem(globals(), "fail", lambda where: (_ for _ in ()).throw(leave(75)))
    with pytest.raises(leave):
        run(write, {"run": [FAIL], "finalize": [NOTE]})
    assert TRACE == ["closed"]


def test_a_preempted_run_leaves_in_finalize_with_its_code(write):
    with pytest.raises(SystemExit) as end:
        run(write, {"finalize": ["$sys.exit(75)"]})
    assert end.value.code == 75


def test_monais_own_lines_are_left_out_unless_wanted(write, capsys, caplog):
    config = {"finalize": [NOTE]}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        run(write, config)
        assert not [w for w in seen if "parsing config_file" in str(w.message)]
        assert "monai.bundle" not in caplog.text
        run(write, config, show_all=True)
        assert [w for w in seen if "parsing config_file" in str(w.message)]


def test_engines_do_not_repeat_the_error_and_later_lines_are_not_lost(write, caplog):
    config = {"run": ["$here.log()"]}
    run(write, config)
    assert caplog.messages == ["ours"]
    log()
    assert len(caplog.messages) == 4  # the filter went with the run


def log():
    logging.getLogger("ignite.engine.engine.MoCoTrainer").error("Engine run is terminating due to exception")
    logging.getLogger("monai.handlers").error("Exception")
    logging.getLogger("monai_mocoi").error("ours")


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_a_gpu_that_is_not_there(write):
    with pytest.raises(UsageError, match="torch finds no GPU: leave --device out"):
        run(write, {"device": "$torch.device('cpu')"}, "--device", "cuda")
    assert TRACE == []


def test_a_device_that_torch_does_not_know():
    check_device("cpu")
    with pytest.raises(UsageError, match="torch does not know"):
        check_device("graphics")


def test_a_gpu_beyond_the_last(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_device("cuda:1")
    with pytest.raises(UsageError, match=r"only 2 GPU\(s\): write cuda:0 to cuda:1"):
        check_device("cuda:2")
