"""What a pretraining came to, as its encoder's record tells it; torch is not imported for it.

The number is the contrastive loss divided by that of guessing, ln(1 + negatives): 1 is guessing, lower is better.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RECORDED = ("epochs", "iterations", "relative_loss")
"""What is handed on from ``encoder.json`` to whatever is trained from the encoder."""


def final_relative_loss(start: Mapping[str, Any] | None) -> float | None:
    """Loss / guessing at the end of pretraining: the mean of the last epoch; without one, that of validation.

    Args:
        start: ``encoder.json``'s content, or ``start`` of a ``classifier.json``.

    Returns:
        None: it is not recorded.
    """
    recorded = (start or {}).get("relative_loss")
    if not isinstance(recorded, Mapping):
        return None
    values = (recorded.get(name) for name in ("training", "validation"))
    return next((float(value) for value in values if isinstance(value, int | float)), None)


def guessing_warning(start: Mapping[str, Any] | None) -> str | None:
    """Say that an encoder never beat guessing; None: it did, or that is not recorded."""
    value = final_relative_loss(start)
    if value is None or value < 1:
        return None
    return (
        f"the encoder's pretraining never beat guessing: loss / guessing was {value:.3f} at its end (1 is guessing, "
        f"lower is better){_length(start, ' after ')}. What such an encoder adds is no effect of pretraining: pretrain "
        "longer."
    )


def start_in_words(start: Mapping[str, Any] | None, method: str | None = None) -> str:
    """What a classifier's encoder started from, in a few words.

    Args:
        start: of a ``classifier.json``.
        method: of the pretraining.
    """
    kind = (start or {}).get("kind")
    if kind == "none":
        return "random weights (no pretraining)"
    if kind not in ("pretraining", "classifier"):
        return f"weights of unknown training{f' (method {method})' if method and method != 'unknown' else ''}"
    value = final_relative_loss(start)
    words = f"pretrained{f' by {method}' if method else ''}{_length(start, ', ')}"
    words += f", loss / guessing {value:.3f} at its end" if value is not None else ", loss at its end not recorded"
    return words + (", then trained with labels before" if kind == "classifier" else "")


def _length(start: Mapping[str, Any] | None, before: str) -> str:
    epochs, steps = ((start or {}).get(name) for name in ("epochs", "iterations"))
    parts = [f"{n} {word}{'s' if n != 1 else ''}" for n, word in ((epochs, "epoch"), (steps, "step")) if n is not None]
    return before + parts[0] + (f" ({parts[1]})" if len(parts) > 1 else "") if parts else ""
