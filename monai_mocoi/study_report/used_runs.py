"""Used runs: which of the tests that were found enter the numbers; the others are listed, each with its reason."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath
from typing import Any

from monai_mocoi.study.done_marker import newer_input
from monai_mocoi.study_report.found_runs import Document, FoundRuns
from monai_mocoi.study_report.recorded_settings import SettingsOf
from monai_mocoi.study_report.run_by_hand import why_not_by_hand
from monai_mocoi.study_report.tested_run import TestedRun, without_architecture

_UNMARKED = "no done marker says that its step was run to its end by this plan, and after the steps that it needs"


def keep_used(found: FoundRuns, settings_of: SettingsOf | None = None) -> None:
    """Leave what can be used: tests, analyses and baselines; ``problems`` gets a sentence on each of the others.

    ``settings_of`` works out the settings of planned commands; without it no test that was run by hand is used.
    """
    known = None if settings_of is None else cache(settings_of)
    marked = {node.id: _is_marked(found, node) for node in (found.plan.nodes if found.plan else ())}
    found.confirmed = any(marked.values())
    kept = []
    for run in found.tested:
        if reason := _why_not(found, run, marked, known):
            found.problems.append(f"{run.place}: not used, because {reason}.")
        else:
            kept.append(run)
    doubled = _doubled(kept)
    apart = {run.place for run in doubled}
    found.tested = [run for run in kept if run.place not in apart]
    found.by_hand = sum(run.node is not None and not marked[run.node.id] for run in found.tested)
    found.problems += [
        f"{run.place}: not used, because several runs are of this arm, label draw and "
        f"{'pretraining' if run.encoder else 'training seed or weights'}: keep one of them."
        for run in doubled
    ]
    found.analyses = list(_of_this_plan(found, found.analyses, marked))
    found.baselines = list(_of_this_plan(found, found.baselines, marked))


def _of_this_plan(found: FoundRuns, documents: list[Document], marked: dict[str, bool]) -> Iterator[Document]:
    """Those that no planned step wrote, or one with its marker; all where every step was run by hand, without any."""
    any_marker = any((found.root / node.done).exists() for node in (found.plan.nodes if found.plan else ()))
    for document in documents:
        node = found.node_of(document.place)
        if any_marker and node is not None and node.run_dir == document.place and not marked[node.id]:
            found.problems.append(f"{document.place}: not used, because {_UNMARKED}.")
        else:
            yield document


def _is_marked(found: FoundRuns, node: Any) -> bool:
    """Whether its step was run to its end by this plan, and none of its inputs was made anew since."""
    try:
        content = json.loads((found.root / node.done).read_text(encoding="utf-8"))
        if found.plan is None or content["id"] != node.id or content["plan"] != found.plan.hash:
            return False
        return not newer_input(found.root, node, content)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _why_not(found: FoundRuns, run: TestedRun, marked: dict[str, bool], settings_of: SettingsOf | None) -> str:
    """Empty: it can be used."""
    for place in (run.place, PurePosixPath(run.place).parent.as_posix()):
        manifest = found.manifests.get(place)
        if manifest is not None and manifest.status != "finished":
            return f"its run is not finished (status: {manifest.status})"
    if found.plan is None or run.role not in ("test", "external"):
        return ""
    if run.node is None:
        return "" if run.role == "external" else "it is not in the plan"
    if not marked[run.node.id]:
        if (found.root / run.node.done).exists():
            return _UNMARKED
        if reason := why_not_by_hand(found, run, settings_of):
            return f"there is no done marker of its step, and {reason}"
    return _other_input(found, run)


def _other_input(found: FoundRuns, run: TestedRun) -> str:
    """Whether its data are others than those that were planned; a step with other weights is refused at its start."""
    plan, node = found.plan, run.node
    if plan is None or node is None:
        return ""
    for dataset in plan.datasets:
        if dataset.id != node.dataset:
            continue
        trained, tested = run.tested.get("dataset_sha256"), run.known.get("dataset_sha256")
        planned = dataset.dataset_sha256 if run.role == "test" else dataset.external_sha256
        if dataset.dataset_sha256 is not None and trained not in (None, dataset.dataset_sha256):
            return "the data set (datalist.json) of its training is not the one that was planned"
        if planned is not None and tested != planned:
            return "the data set (datalist.json) of its test is not the one that was planned"
    return ""


def _doubled(runs: list[TestedRun]) -> list[TestedRun]:
    """Tests of the same arm, draw and repeat, or of an arm of given weights that are not the same in all its runs."""
    tests = [run for run in runs if run.role == "test"]
    count = Counter((run.key, run.label_seed, run.repeat) for run in tests)
    weights = defaultdict(set)
    for run in tests:
        if run.node is None and without_architecture(run.arm) == "weights":
            weights[run.key].add(run.tested.get("pretrained_sha256"))
    return [run for run in tests if count[run.key, run.label_seed, run.repeat] > 1 or len(weights.get(run.key, ())) > 1]
