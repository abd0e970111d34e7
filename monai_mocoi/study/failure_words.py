"""Reason of a failed command, in words that may be shown: an error's class and our own sentences, without places.

The log has all of it. A status page is handed on, and what others' errors say can hold names of images or folders.
"""

import re
import signal
from pathlib import Path

from monai_mocoi.exit_codes import DISK_FULL

FAILED = "FAILED: "
"""How the line of a node's log begins that says why it failed."""
_MOST = 400  # letters
_OF_OTHERS = re.compile(r"([A-Za-z_][\w.]*(?:Error|Exception|Warning|Interrupt|Exit|Expired|Found)): ")
"""How a message begins that is none of ours: with the name of its class."""
_QUOTED = re.compile(r"(['\"`])([^'\"`]*?)\1")
_PLACE = re.compile(r"(?<!\w)(?:[A-Za-z]:)?[^\s'\"`(),;]*[\\/~][^\s'\"`(),;]*")
_FILE = re.compile(r"[^\s'\"`(),;:]+\.(?:png|jpe?g|tiff?|bmp|gif|dcm|dicom|nii|gz|npy|npz|webp|svs|mha|nrrd)\b", re.I)
_HIDDEN = "(...)"


def without_places(text: str) -> str:
    """The text with each path, and each name of an image, hidden; of a quoted one the whole."""

    def hidden(quoted: re.Match[str]) -> str:
        is_place = re.search(r"[\\/~]", quoted[2]) or _FILE.search(quoted[2])
        return _HIDDEN if is_place else quoted[0]

    return _PLACE.sub(_HIDDEN, _FILE.sub(_HIDDEN, _QUOTED.sub(hidden, text)))


def reason_in(log: Path, since: int, code: int) -> str:
    """Why a command failed, from what it added to its log behind ``since`` bytes: its last error, and the exit code."""
    ended = f"signal {-code}" if code < 0 else f"exit code {code}"
    if code == -signal.SIGKILL:
        ended += ", killed; often because the memory was full"
    with open(log, "rb") as file:
        file.seek(since)
        text = file.read().decode(errors="replace")
    lines = text.splitlines()
    errors = [place for place, line in enumerate(lines) if line.startswith(("error:", "error ("))]
    if not errors:
        return ended
    told = [line for line in lines[errors[-1] :] if not line[:1].isspace()]  # without examples, which name patients
    words = " ".join(" ".join(told).split()).partition(": ")[2]
    if of_others := _OF_OTHERS.match(words):
        return f"{of_others[1]} ({ended}{', the disk is full' if code == DISK_FULL else ''})"
    words = without_places(words)
    return f"{words if len(words) <= _MOST else words[: _MOST - 3] + '...'} ({ended})"
