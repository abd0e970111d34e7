"""Scalar curves of a run, read from its TensorBoard files."""

from collections import defaultdict
from pathlib import Path

from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event

MOST = 400  # points of a curve; the rest is left out evenly
_PICTURES = 100_000  # bytes; a longer record is no scalar, and is not looked at


def scalar_curves(folder: Path, names: tuple[str, ...]) -> dict[str, list[tuple[int, float]]]:
    """Step and value of each of these curves, of all event files below a folder; a curve that is not there is left out.

    Where a run was continued, the later value of a step counts.
    """
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for path in sorted(folder.rglob("events.out.tfevents.*")):
        for record in RawEventFileLoader(str(path)).Load():
            if len(record) > _PICTURES:
                continue
            event = Event.FromString(record)
            for own in event.summary.value:
                if own.tag in names and own.HasField("simple_value"):
                    found[own.tag][event.step] = own.simple_value
                elif own.tag in names and own.HasField("tensor") and own.tensor.float_val:
                    found[own.tag][event.step] = own.tensor.float_val[0]
    return {name: _thinned(sorted(found[name].items())) for name in names if found.get(name)}


def _thinned(curve: list[tuple[int, float]]) -> list[tuple[int, float]]:
    if len(curve) <= MOST:
        return curve
    step = -(-len(curve) // (MOST - 1))
    return [curve[0], *curve[1:][::-step][::-1]]
