"""Named ignite events of a run: its life in one order, so that handlers need none among themselves.

A handler attaches to the moment at which it acts. ``=`` marks ignite's own events; what is between them is
:class:`RunEvents`::

    when the run starts            = STARTED           after OPEN_RUN and RESTORE_STATE, before BEGIN_PRODUCTS
    after each iteration           = ITERATION_COMPLETED   after SETTLE_NETWORK, before CHECK_NETWORK
    after each epoch               = EPOCH_COMPLETED   after VALIDATE, before JUDGE_EPOCH
    after each of the two          SAVE_STATE, then (after an epoch) LOG_EPOCH, then STOP
    at the end, early or not       = COMPLETED         before WRITE_PRODUCTS, FINISH_RUN, CLOSE_RUN, RELEASE_RUN
    instead, after an error        RUN_FAILED

The last iteration of an epoch is saved after the epoch's validation, which would otherwise be left out.
"""

from collections.abc import Sequence
from typing import Any

from ignite.engine import EventEnum, Events
from monai.engines import Workflow


class RunEvents(EventEnum):
    """Moments in the life of a trainer or evaluator, each with who acts at it."""

    OPEN_RUN = "open_run"
    """Check, lock and make the folder that is written to; begin to listen to signals."""
    RESTORE_STATE = "restore_state"
    """Go back to a checkpoint. From here on ``engine.state.iteration`` says whether the run is a continued one."""
    BEGIN_PRODUCTS = "begin_products"
    """Write down, or look at, what the product needs and only the beginning knows. The folder is there."""
    OUTPUT_READ = "output_read"
    """An iteration's scalars are known, ``engine.state.read``: its number and their dict. It may be over by
    then; see :class:`~monai_mocoi.engines.outputs.Outputs`."""
    SETTLE_NETWORK = "settle_network"
    """Make the network the same on all processes, before anybody looks at it."""
    CHECK_NETWORK = "check_network"
    """Look at the network after an iteration; an error here comes before the state is saved."""
    VALIDATE = "validate"
    """Run the validation of the epoch."""
    JUDGE_EPOCH = "judge_epoch"
    """Use the validation's metrics; what comes of it is part of the state that is saved next."""
    SAVE_STATE = "save_state"
    """Write a checkpoint: after everything else that an iteration, or an epoch, did."""
    LOG_EPOCH = "log_epoch"
    """Tell of the epoch, its checkpoint's time included."""
    STOP = "stop"
    """End the run early, where somebody asked for it."""
    WRITE_PRODUCTS = "write_products"
    """Write what the run was for. All savers do it here; also after an early end, which they must look for."""
    FINISH_RUN = "finish_run"
    """The products are there: say so."""
    CLOSE_RUN = "close_run"
    """Remove what only an unfinished run needs."""
    RELEASE_RUN = "release_run"
    """Nothing is written any more: let the lock and the signals go."""
    RUN_FAILED = "run_failed"
    """An error, ``engine.state.failure``, ends the run. Called once for each error, which is raised afterwards."""


_BEFORE = {
    Events.STARTED: (RunEvents.OPEN_RUN, RunEvents.RESTORE_STATE),
    Events.ITERATION_COMPLETED: (RunEvents.SETTLE_NETWORK,),
    Events.EPOCH_COMPLETED: (RunEvents.VALIDATE,),
}
_AFTER = {
    Events.STARTED: (RunEvents.BEGIN_PRODUCTS,),
    Events.ITERATION_COMPLETED: (RunEvents.CHECK_NETWORK,),
    Events.EPOCH_COMPLETED: (RunEvents.JUDGE_EPOCH, RunEvents.SAVE_STATE, RunEvents.LOG_EPOCH, RunEvents.STOP),
    Events.COMPLETED: (RunEvents.WRITE_PRODUCTS, RunEvents.FINISH_RUN, RunEvents.CLOSE_RUN, RunEvents.RELEASE_RUN),
}


def attach_handlers(engine: Workflow, handlers: Sequence[Any] | None) -> None:
    """Let an engine that is being made fire :class:`RunEvents`, and attach handlers to it, in any order."""
    engine.register_events(*RunEvents)
    engine.add_event_handler(Events.STARTED, _follow_all)
    if not hasattr(engine, "outputs"):
        engine.add_event_handler(Events.ITERATION_COMPLETED, _tell_of_output)
    for event, before in _BEFORE.items():
        engine.add_event_handler(event, _fire, *before)
    engine.add_event_handler(Events.EXCEPTION_RAISED, _tell_of_failure)
    engine._register_handlers(handlers or [])


def is_whole(engine: Workflow) -> bool:
    """Whether a run came to its end: its last epoch, or early because a handler set ``engine.converged``."""
    ended = engine.state.epoch >= engine.state.max_epochs and not engine.should_terminate
    return ended or getattr(engine, "converged", False)


def _follow_all(engine: Workflow) -> None:
    """Let what comes after ignite's own events come after every handler of them, also one that was attached late."""
    if engine.has_event_handler(_raise, Events.EXCEPTION_RAISED):
        return
    for event, after in _AFTER.items():
        engine.add_event_handler(event, _fire, *after)
    engine.add_event_handler(Events.ITERATION_COMPLETED, _save_within_epoch)
    # Without this one, a handler that sees an error and does not raise it would hide it.
    engine.add_event_handler(Events.EXCEPTION_RAISED, _raise)


def _tell_of_output(engine: Workflow) -> None:
    engine.state.read = engine.state.iteration, engine.state.output
    engine.fire_event(RunEvents.OUTPUT_READ)


def _fire(engine: Workflow, *events: RunEvents) -> None:
    for event in events:
        engine.fire_event(event)


def _save_within_epoch(engine: Workflow) -> None:
    if engine.state.iteration % engine.state.epoch_length:
        _fire(engine, RunEvents.SAVE_STATE, RunEvents.STOP)


def _tell_of_failure(engine: Workflow, error: BaseException) -> None:
    if getattr(engine.state, "failure", None) is not error:  # ignite tells of one error more than once
        engine.state.failure = error
        engine.fire_event(RunEvents.RUN_FAILED)


def _raise(engine: Workflow, error: BaseException) -> None:
    raise error
