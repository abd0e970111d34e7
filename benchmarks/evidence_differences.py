"""Paired differences on the page of evidence: those between methods, and those between recipes of one method."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from benchmarks.evidence_files import KeptStudy
from benchmarks.evidence_tables import NONE, share, table, with_interval
from monai_mocoi.study_report.verdict import p_in_digits

LOSSES = ("stage_", "barlow_")
"""How settings of the losses begin that the methods add to MoCo."""


def paired(kept: KeptStudy, dataset: str) -> str:
    """Every paired difference that has a number, except those of recipes."""
    own = [row for row in kept.table("paired_differences") if row["dataset"] == dataset]
    return _differences([row for row in own if not is_of_recipes(kept, row)])


def corrected_for(kept: KeptStudy) -> dict[str, int]:
    """For how many comparisons the p-values are corrected together, and how many of these have no number yet."""
    rows = [row for row in kept.table("paired_differences") if row["primary"] != "1"]
    count = max((int(row["corrected_for"] or 0) for row in rows), default=0)
    return {"all": count, "open": count - sum(bool(row["difference"]) for row in rows)}


def recipes(kept: KeptStudy) -> str:
    """Our settings less the paper's, of the same method."""
    return _differences([row for row in kept.table("paired_differences") if is_of_recipes(kept, row)])


def is_of_recipes(kept: KeptStudy, row: dict[str, str]) -> bool:
    """Whether two arms differ in their recipe alone: the same method and loss, the other one by an overlay."""
    arms = {arm["id"]: arm for arm in kept.plan["arms"]}
    ours, theirs = (arms.get(row[name], {}) for name in ("arm", "against"))
    by_overlay = bool(theirs.get("overlay")) and not ours.get("overlay")
    return by_overlay and ours.get("method") == theirs.get("method") and _loss(ours) == _loss(theirs)


def _loss(arm: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arm.get("settings", {}).items() if name.startswith(LOSSES)}


def _differences(rows: Iterable[dict[str, str]]) -> str:
    words = {"linear": "linear", "finetune": "fine-tuning"}
    made = []
    for row in rows:
        if not row["difference"]:
            continue
        p_values = [row["p_value"], row["p_value_holm"]]
        shown = [p_in_digits(float(p)) if p else NONE for p in p_values]
        where = [share(row["label_fraction"]), words[row["evaluation"]], f"`{row['arm']}` - `{row['against']}`"]
        there, asked = int(row["runs"]), int(row["runs_asked"])
        finding = row["finding"] + (" (primary)" if row["primary"] == "1" else "")
        finding += f", {there} of {asked} runs" if there < asked else ""
        made.append([*where, with_interval(row, "difference", "+"), *shown, finding])
    return table(["labels", "evaluation", "difference of", "points (95 % CI)", "p", "p by Holm", "finding"], made)
