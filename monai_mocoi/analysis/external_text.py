"""External test in words: numbers of both tests, prevalence and inputs side by side, for the log."""

from collections.abc import Mapping, Sequence
from typing import Any

from monai_mocoi.analysis.input_shift import LARGE_SHIFT
from monai_mocoi.analysis.wording import value_in_words

_SHOWN = ("macro_auc", "macro_sensitivity", "macro_specificity", "calibration_error")
_MOST_NAMED = 4  # of classes and statistics; metrics.json has all


def external_words(found: Mapping[str, Any]) -> list[str]:
    """The overall numbers side by side, prevalence, and inputs, in a few lines; of ``external_report``."""
    lines = []
    for name in _SHOWN:
        pair = found["overall"].get(name)
        if pair is None or pair["own"]["value"] is None or pair["here"]["value"] is None:
            continue
        line = f"  {name:<17}  own test {value_in_words(pair['own'])}; here {value_in_words(pair['here'])}"
        if pair["difference"]["value"] is None:
            lines.append(f"{line}; no difference: it is larger where there are fewer images")
        else:
            lines.append(f"{line}; difference {value_in_words(pair['difference'], '+')}")
    before = "own_test" if all(p["own_test"] is not None for p in found["prevalence"].values()) else "training"
    shifts = {n: (p[before], p["here"]) for n, p in found["prevalence"].items() if None not in (p[before], p["here"])}
    if shifts:
        where = "its own test" if before == "own_test" else "training"
        largest = sorted(shifts, key=lambda name: -abs(shifts[name][1] - shifts[name][0]))
        told = ", ".join(f"{n} {shifts[n][0]:.1%} -> {shifts[n][1]:.1%}" for n in largest[:_MOST_NAMED])
        lines.append(f"  how common ({where} -> here): {told}" + _more(largest))
    if found["inputs"]:
        known = {n: s["shift"] for n, s in found["inputs"].items() if s["shift"] is not None}
        largest = sorted(known, key=lambda name: -abs(known[name]))
        told = ", ".join(f"{name} {known[name]:+.2f}" for name in largest[:_MOST_NAMED])
        lines.append(f"  input, in standard deviations of training images: {told}" + _more(largest))
    return lines


def external_warnings(found: Mapping[str, Any]) -> list[str]:
    """Warn of inputs that are far from the training's; of ``external_report``."""
    far = {n: s for n, s in (found["inputs"] or {}).items() if s["shift"] is None or abs(s["shift"]) > LARGE_SHIFT}
    if not far:
        return []
    told = ", ".join(
        f"{name} {shift['training']:.3g} -> {shift['here']:.3g}"
        + (f" ({shift['shift']:+.1f} sd)" if shift["shift"] is not None else "")
        for name, shift in far.items()
    )
    return [
        f"The pictures themselves differ from the training images by more than {LARGE_SHIFT:g} of their standard "
        f"deviation: {told}. Look whether they were exported or stained otherwise, before the numbers are explained by "
        "patients."
    ]


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
