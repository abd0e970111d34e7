"""What one process measures for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from monai_mocoi.distributed import from_first_rank
from monai_mocoi.distributed.processes import rank


def measured_by_the_first(measure: Callable[[], Mapping[str, float]], what: str) -> dict[str, float]:
    """What the first process measured, in every process; the others wait for it.

    Args:
        measure: called in the first process alone.
        what: it measures, for the text of the others' error.

    Raises:
        RuntimeError: the first process could not measure; there its own error is raised.
    """
    values, failure = None, None
    if rank() == 0:
        try:
            values = measure()
        except Exception as error:
            failure = error  # raised below: the others must not wait for a process that failed
    values = from_first_rank(values)
    if failure is not None:
        raise failure
    if values is None:
        raise RuntimeError(f"the first process could not measure {what}: see its own error.")
    return dict(values)
