"""Commands of a study's steps as forks of one process that has imported all they need: they cost their own work alone.

A fork is in all else a process of its own: it can be killed, it gets signals, and it holds the locks handed to it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, NoReturn

from monai_mocoi.study import node_process

_MODULES = ("cli.app", "cli.overrides", "cli.workflow", "cli.linear", "cli.baselines", "cli.resolved_config")
_PACKAGES = ("analysis", "data", "demo", "engines", "handlers", "losses", "networks", "report", "runs", "transforms")


def fork_commands() -> None:
    """From now on, the commands of steps that this process, or a fork of it, runs are forks.

    PyTorch computes no gradient in a fork of a process that has computed one: call it in a new process
    (:func:`tests.support.processes.start`), and train in forks only.
    """
    import_module("torch.utils.tensorboard")
    for name in _MODULES:
        import_module(f"monai_mocoi.{name}")
    for package in _PACKAGES:
        found = import_module(f"monai_mocoi.{package}")
        for name in found.__all__:
            getattr(found, name)  # the faces of packages are lazy
    names = {name: getattr(subprocess, name) for name in ("DEVNULL", "STDOUT")}
    node_process.subprocess = SimpleNamespace(Popen=_Forked, **names)  # type: ignore[assignment]


def fork(work: Callable[[], int]) -> int:
    """The process id of a fork that does this work, and ends with the exit code that it returns."""
    if pid := os.fork():
        return pid
    _end_with(work)


def ended(pid: int) -> int:
    """Wait for a fork; its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def is_running(pid: int) -> bool:
    """Whether a fork has not ended; one that has must not be asked again."""
    return os.waitpid(pid, os.WNOHANG)[0] == 0


class _Forked:
    """As much of :class:`subprocess.Popen` as a step asks for."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdout: IO[bytes],
        preexec_fn: Callable[[], None],
        **_: Any,
    ) -> None:
        assert words[:3] == [sys.executable, "-m", "monai_mocoi"], words
        self.pid = fork(lambda: _command(words[3:], cwd, env, stdout, preexec_fn))

    def __enter__(self) -> _Forked:
        return self

    def __exit__(self, *_: object) -> None:
        pass  # whoever uses it has waited

    def wait(self) -> int:
        return ended(self.pid)

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def _command(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], output: IO[bytes], first: Callable[[], None]
) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # its driver's handler is not its own
    first()
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["mocoi", *words]
    import_module("monai_mocoi.cli.app").main()
    return 0


def _end_with(work: Callable[[], int]) -> NoReturn:
    code = 1
    try:
        code = work()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
