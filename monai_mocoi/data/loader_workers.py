"""What a loader's worker process does when it starts."""

from __future__ import annotations

import os
import signal
import threading


def keep_working(worker: int) -> None:
    """Let a cluster's preemption signals pass, so that the trainer can finish its iteration and save.

    A scheduler signals every process of a job, and a worker that died of it would take the trainer with it in the
    middle of an iteration. The trainer's own SIGTERM, with which torch and Python end their workers, is obeyed as ever.

    For a loader's ``worker_init_fn``; MONAI's own, which seeds the transforms, is not needed here, because
    :class:`~monai_mocoi.data.ImageDataset` seeds them for every sample.

    Args:
        worker: its number, unused.
    """
    if not hasattr(signal, "sigwaitinfo"):  # macOS, Windows
        return
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    # Blocked in all threads, a signal waits for this one, which alone can see who sent it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_obey_parent, args=(os.getppid(),), daemon=True).start()


def _obey_parent(parent: int) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != parent:
        pass
    os._exit(0)
