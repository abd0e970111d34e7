"""Key metric of a run: the one number by which runs are told apart at a glance. It does not import torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.runs.product_names import METRICS_NAME, OWN_TEST_NAME


@dataclass(frozen=True)
class KeyMetric:
    """A number of a run: its ``name``, ``of`` what ("test", "validation"), and its interval, if it has one."""

    name: str
    of: str
    value: float
    low: float | None = None
    high: float | None = None


def key_metric(folder: Path, weights: Mapping[str, Any], card: Mapping[str, Any], config: Any) -> KeyMetric | None:
    """The test's AUC; else validation's metric; of an encoder, how far its loss is below that of guessing."""
    if found := tested_metric(read_json(folder / OWN_TEST_NAME / METRICS_NAME)):
        return found
    name = str(config.get("metric"))
    value = (weights.get("validation") or {}).get(f"validation/{name}")
    if value is not None:
        return KeyMetric(name, "validation", value)
    losses = {} if weights else card.get("relative_loss") or {}
    of = "validation" if losses.get("validation") is not None else "training"
    return None if losses.get(of) is None else KeyMetric("loss / guessing", of, losses[of])


def tested_metric(content: Mapping[str, Any]) -> KeyMetric | None:
    """The AUC of an evaluation, of the content of its ``metrics.json``; None: it has none."""
    number = (content.get("overall") or {}).get("macro_auc") or {}
    if number.get("value") is None:
        return None
    low, high = number.get("interval") or (None, None)
    return KeyMetric("macro_auc", str(content.get("split")), number["value"], low, high)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
