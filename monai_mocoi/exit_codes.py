"""What the exit code of ``mocoi run`` says: a cluster's script decides by it whether to start the run again.

An exception class of ours carries its code as ``exit_code``; any other error ends with :data:`ERROR`. It imports
nothing of ours, so every floor may use it.
"""

FINISHED = 0
"""The run came to its end."""
ERROR = 1
"""An error that is none of these."""
USAGE = 2
"""A command, setting or run folder that was refused; nothing was changed."""
DATA = 3
"""The dataset folder or an image in it."""
NOT_FINITE = 4
"""A loss or a weight became NaN or infinite."""
COLLAPSED = 5
"""The encoder collapsed, and ``on_collapse`` is "stop"."""
DISK_FULL = 6
"""No room left, for the cache of decoded images or for a checkpoint; the last good checkpoint is intact."""
PREEMPTED = 75
"""SIGTERM or SIGUSR1: the state was saved; the same command with ``--resume true`` goes on (sysexits' EX_TEMPFAIL)."""
INTERRUPTED = 130
"""Ctrl-C: the first one saves the state as SIGTERM does, a second one ends at once."""
