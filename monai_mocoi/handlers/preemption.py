"""Preemption: on SIGTERM, SIGUSR1 or Ctrl-C finish the iteration, save the state, and end with an exit code of its own.

The signals (Slurm's ``--signal=USR1@60``, for example) are caught while the trainer runs. A second Ctrl-C ends at once.
"""

import logging
import os
import signal
import sys
from dataclasses import dataclass, field
from typing import Any

from monai_mocoi.distributed import Question, rank, world_size
from monai_mocoi.engines import GradientTrainer, RunEvents
from monai_mocoi.exit_codes import INTERRUPTED, PREEMPTED
from monai_mocoi.handlers.checkpoints import Checkpoints

logger = logging.getLogger(__name__)

SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGUSR1", "SIGINT") if hasattr(signal, name)]


@dataclass(eq=False, repr=False)
class Preemption:
    """Stop a trainer on a signal, with a checkpoint. Attach it on every process.

    A signal to any process stops all of them after the same iteration: the one in which it came or, with several
    processes, the next one, because none waits for what the others say. An accumulated step is completed first, and so
    is the epoch's validation. After the last epoch, also of a training that ends early, the run comes to its end.
    """

    checkpoints: Checkpoints
    stopped: bool = field(default=False, init=False)
    _signal: int | None = field(default=None, init=False)
    _before: dict[int, Any] = field(default_factory=dict, init=False)
    _question: Question = field(default_factory=Question, init=False)

    def attach(self, engine: GradientTrainer) -> None:
        """Register on a trainer."""
        engine.add_event_handler(RunEvents.OPEN_RUN, self._listen)
        engine.add_event_handler(RunEvents.STOP, self._stop)
        for end in (RunEvents.RELEASE_RUN, RunEvents.RUN_FAILED):
            engine.add_event_handler(end, self._restore)

    def exit_if_stopped(self) -> None:
        """End the process with the code of a preempted run (or of Ctrl-C), if a signal stopped it: for ``finalize``."""
        if self.stopped:
            sys.exit(INTERRUPTED if self._signal == signal.SIGINT else PREEMPTED)

    def _listen(self, engine: GradientTrainer) -> None:
        self.stopped, self._signal, self._question = False, None, Question()
        try:
            # What is ignored stays so: a shell starts a job in the background with SIGINT ignored.
            wanted = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._remember) for number in wanted}
        except ValueError:
            if rank() == 0:
                logger.warning("The trainer does not run in the main thread: signals will not be waited for.")

    def _remember(self, number: int, frame: Any) -> None:
        self._signal = number
        if number == signal.SIGINT:
            signal.signal(number, self._before[number])
            if rank() == 0:  # not by logging, which may be at work just now
                os.write(2, b"\nCtrl-C: finishing this iteration and saving; once more ends at once, unsaved.\n")

    def _stop(self, engine: GradientTrainer) -> None:
        if not engine.step_is_complete():
            return
        at_epoch_end = engine.state.iteration % engine.state.epoch_length == 0
        stops = self._question.answer()  # of the step before this one
        if not stops:
            self._question.ask(self._signal is not None)
            if at_epoch_end or world_size() == 1:  # waiting holds nothing up
                stops = self._question.answer()
        if not stops:
            return
        if at_epoch_end and (engine.converged or engine.state.epoch == engine.state.max_epochs):
            return
        self.checkpoints.save(engine)
        self.stopped = True
        if rank() == 0:
            name = signal.Signals(self._signal).name if self._signal else "a signal to another process"
            logger.warning(
                "Stopped by %s after iteration %d; the state is saved: set resume to true to go on.",
                *("Ctrl-C" if name == "SIGINT" else name, engine.state.iteration),
            )
        engine.terminate()

    def _restore(self, engine: GradientTrainer) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
