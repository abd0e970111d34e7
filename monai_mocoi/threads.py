"""Number of threads that a process computes with (OpenMP, MKL, OpenBLAS, image decoding). Imports nothing of ours."""

import os

VARIABLE = "MONAI_MOCOI_THREADS"
"""Environment variable with the number; the processes that this one starts inherit it."""
_OF_LIBRARIES = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_MAX_THREADS"),
)


def usable_cpus() -> int:
    """Count the processors that this process may use (at least 1): container and scheduler limits are heeded."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def thread_environment(threads: int) -> dict[str, str]:
    """The environment variables by which a process computes with so many threads and no more."""
    return dict.fromkeys((VARIABLE, *_OF_LIBRARIES), str(threads))


def given_threads() -> int | None:
    """The number that this process was given; None: it was given none, or the variable holds no such number."""
    given = os.environ.get(VARIABLE, "")
    return int(given) if given.isdecimal() and int(given) else None
