"""One command of a node as a process: with its threads, its log, and an end when the driver ends."""

import ctypes
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import FrameType

from monai_mocoi.exit_codes import PREEMPTED
from monai_mocoi.threads import VARIABLE, thread_environment

OWN_PROGRAM = "mocoi"
_PR_SET_PDEATHSIG = 1


def threads_environment(cores: int, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a node: it takes the threads that it was given, and no more than the driver was given."""
    own = dict(os.environ if environment is None else environment)
    most = own.get(VARIABLE, "")  # an engine gives fewer than planned where there are fewer
    return own | thread_environment(min(cores, int(most)) if most.isdecimal() and int(most) else cores)


class Processes:
    """Runs commands one after another; SIGTERM and SIGINT reach the one that runs, which saves what it has.

    ``stopped``: the exit code of a driver that was asked to end; 0: it was not.
    """

    def __init__(self) -> None:
        self.stopped = 0
        self._child: subprocess.Popen[bytes] | None = None

    def watch(self) -> Callable[[], None]:
        """Pass SIGTERM on from now until the function that is returned is called."""
        before = signal.signal(signal.SIGTERM, self._stop)
        return lambda: (signal.signal(signal.SIGTERM, before), None)[1]

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped = PREEMPTED
        if self._child is None:
            raise SystemExit(PREEMPTED)
        self._child.send_signal(number)

    def run(self, words: Sequence[str], folder: Path, log: Path, cores: int, held: tuple[int, ...] = ()) -> int:
        """Run a command in a folder, its output added to a log; its exit code, negative for a signal."""
        log.parent.mkdir(parents=True, exist_ok=True)
        own = [sys.executable, "-m", "monai_mocoi"] if words[0] == OWN_PROGRAM else [words[0]]
        with open(log, "ab") as output:
            output.write(f"\n{datetime.now():%Y-%m-%d %H:%M:%S} $ {shlex.join(words)}\n".encode())
            output.flush()
            with subprocess.Popen(
                [*own, *words[1:]],
                cwd=folder,
                env=threads_environment(cores),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=held if os.name == "posix" else (),
                preexec_fn=_end_with_the_driver if sys.platform == "linux" else None,
            ) as self._child:
                try:
                    return self._wait(self._child)
                finally:
                    self._child = None

    def _wait(self, child: "subprocess.Popen[bytes]") -> int:
        while True:
            try:
                return child.wait()
            except KeyboardInterrupt:  # the terminal sent it to the child as well, which saves its state
                self.stopped = 130


def _end_with_the_driver() -> None:
    """In the child: be sent SIGTERM when the driver ends, even if that was killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
