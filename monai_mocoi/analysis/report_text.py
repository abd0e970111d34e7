"""Report of an evaluation, and of an external test, as lines and warnings for the log and the terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monai_mocoi.analysis.input_shift import LARGE_SHIFT
from monai_mocoi.analysis.subgroup_words import subgroup_warnings, subgroups_in_words
from monai_mocoi.analysis.wording import (
    calibration_in_words,
    few_patients_in_words,
    number_in_words,
    operating_points_in_words,
    unknown_in_report,
    value_in_words,
)
from monai_mocoi.data.labels import left_out_in_words
from monai_mocoi.data.pretraining_overlap import overlap_in_words, overlap_warnings
from monai_mocoi.networks.encoder_card import guessing_warning

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
    sd = {name: "" if own["shift"] is None else f" ({own['shift']:+.1f} sd)" for name, own in far.items()}
    told = ", ".join(f"{name} {own['training']:.3g} -> {own['here']:.3g}{sd[name]}" for name, own in far.items())
    return [
        f"The pictures themselves differ from the training images by more than {LARGE_SHIFT:g} of their standard "
        f"deviation: {told}. Look whether they were exported or stained otherwise, before the numbers are explained by "
        "patients."
    ]


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""


def report_lines(split: str, content: Mapping[str, Any]) -> list[str]:
    """The numbers of a ``metrics.json``, one a line, of a split or file; which classifier was tested, if known."""
    lines = [*([describe_tested(content["tested"])] if "tested" in content else []), *_numbers(split, content)]
    if (line := overlap_in_words(content.get("pretraining_overlap"), split)) is not None:
        lines.append(line)
    if (subgroups := content.get("subgroups")) is not None:
        lines += subgroups_in_words(subgroups)
    return lines + list(_external_lines(content))


def report_warnings(split: str, content: Mapping[str, Any]) -> list[str]:
    """What a reader of the same numbers must be warned of."""
    warnings = [*few_patients_in_words(content), *overlap_warnings(content.get("pretraining_overlap"), split)]
    for name, warn in (("subgroups", subgroup_warnings), ("external", external_warnings)):
        if (part := content.get(name)) is not None:
            warnings += warn(part)
    warning = guessing_warning(content.get("tested", {}).get("start"))
    return warnings if warning is None else [*warnings, warning]


def _numbers(split: str, report: Mapping[str, Any]) -> Iterator[str]:
    """The numbers for all classes together and the AUC of each, one a line."""
    made, classes = report["intervals"], report["classes"]
    yield (
        f"{split}: {report['images']} images of {report['patients']} patients; {100 * made['level']:g}% intervals over "
        f"patients ({made['method']}, {made['resamples']} resamples)"
    )
    named = report["overall"] | {f"AUC {name}": classes[name]["auc"] for name in classes if "auc" in classes[name]}
    width = max(map(len, named))
    without_value: dict[str, list[str]] = {}
    for name, number in named.items():
        if number["value"] is None:
            without_value.setdefault(number["reason"], []).append(name)
    shared = {reason: names for reason, names in without_value.items() if len(names) > 1}
    for name, number in named.items():
        if number["value"] is not None or number["reason"] not in shared:
            yield f"  {name:<{width}}  {number_in_words(number)}"
    for reason, names in shared.items():
        yield f"  {reason} So there is no {', '.join(names)}."
    if without := report.get("unlabelled_images"):
        yield "  " + left_out_in_words(split, without)
    for line in (*unknown_in_report(report), *calibration_in_words(report), *operating_points_in_words(report)):
        yield f"  {line}"
    if left_out := report["left_out_classes"]:
        yield "  not evaluated: " + ", ".join(
            f"{own['class']} ({own['positives']} positive, {own['negatives']} negative: {own['reason']})"
            for own in left_out
        )


def _external_lines(content: Mapping[str, Any]) -> Iterator[str]:
    """Own test beside external, in a few lines."""
    if (external := content.get("external")) is None:
        return
    own, beside = external["own_test"], ""
    if own is not None:
        beside = f", beside its own test ({own['images']} images of {own['patients']} patients)"
    if content.get("probabilities") == "recalibrated":
        beside += f", by the probabilities {external['probabilities']}"
    yield f"On another data set, {external['dataset']!r}{beside}:"
    yield from external_words(external)
    if own is None:
        yield f"  nothing to compare the numbers with: {external['own_test_missing']}."
    elif external["compared_classes"] is None:
        yield "  the numbers cannot be compared: no class is evaluable in both, or the classes of one softmax differ."


def describe_tested(tested: Mapping[str, Any]) -> str:
    """Which classifier was tested, in words, by its card; what is missing is left out."""
    selected = tested.get("selected") or {}
    if "epoch" in selected:
        words = f"the classifier of epoch {selected['epoch']}"
    elif "penalty" in selected:
        words = f"the linear classifier of penalty {selected['penalty']:g}"
    else:
        words = "a classifier of unknown epoch"
    if selected.get("value") is not None:
        words += f", chosen by {selected['metric']} {selected['value']:.3f}"
        words += f" ({selected['over']})" if "over" in selected else ""
    elif selected:
        words += ", not chosen on validation"
    if tested.get("label_fraction") is not None:
        words += f"; label fraction {tested['label_fraction']:g}"
    return f"Tested: {words}."
