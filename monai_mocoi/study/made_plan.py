"""From a study to its plan: places made absolute, the grid expanded, and its files written."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from monai_mocoi.errors import StudyError
from monai_mocoi.files.atomic_write import write_bytes
from monai_mocoi.files.home_folder import expand_home
from monai_mocoi.study.grid import DEMO, nodes_of
from monai_mocoi.study.plan_record import PLAN_NAME, StudyPlan, read_plan
from monai_mocoi.study.planned_files import dataset_sha256, file_sha256
from monai_mocoi.study.study_file import Arm, Study, StudyDataset

COMMANDS_NAME = "commands.txt"


def placed(study: Study, here: str | os.PathLike[str]) -> Study:
    """The same study with absolute places; those in the file are seen from ``here``, its folder."""

    def place(path: str | None) -> str | None:
        return path if path in (None, DEMO) else os.path.abspath(os.path.join(here, expand_home(str(path))))

    datasets = [
        own.model_copy(
            update={
                "dataset_dir": place(own.dataset_dir),
                "external_dir": place(own.external_dir),
                "bundles": {method: place(bundle) for method, bundle in own.bundles.items()},
            }
        )
        for own in study.datasets
    ]
    arms = [own.model_copy(update={"weights": place(own.weights)}) for own in study.arms]
    places = {"datasets": tuple(datasets), "arms": tuple(arms), "output_dir": place(study.output_dir)}
    return study.model_copy(update=places)


def made_plan(study: Study) -> StudyPlan:
    """The plan of a placed study, with the hashes of its data sets and weights as they are now."""
    return StudyPlan.made(
        name=study.name,
        metric=study.metric.model_dump(),
        primary=study.primary.model_dump(),
        datasets=[_with_hashes(own) for own in study.datasets],
        arms=[_with_hash(own) for own in study.arms],
        fractions=study.fractions,
        label_seeds=study.label_seeds,
        pretrain_seeds=study.pretrain_seeds,
        nodes=list(nodes_of(study)),
    )


def _with_hash(arm: Arm) -> dict[str, Any]:
    """``overlay`` only where there is one: a new field that says nothing does not change the hash of a plan."""
    known = arm.model_dump(exclude=set() if arm.overlay else {"overlay"})
    return known | {"weights_sha256": file_sha256(arm.weights)}


def _with_hashes(dataset: StudyDataset) -> dict[str, str | None]:
    known = dataset.model_dump(exclude={"bundles"})
    return known | {f"{name}_sha256": dataset_sha256(known[f"{name}_dir"]) for name in ("dataset", "external")}


def check_study_folder(folder: str | os.PathLike[str], plan: StudyPlan) -> bool:
    """Whether a folder holds this very plan already. Raises StudyError: it holds something else."""
    folder = Path(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    if not (folder / PLAN_NAME).is_file():
        raise StudyError(f"{folder} holds files, but no {PLAN_NAME}: give the study another output_dir.")
    earlier = read_plan(folder)
    if earlier.hash == plan.hash:
        return True
    begun = [name for name in ("done", "runs", "logs") if (folder / name).exists()]
    if begun:
        raise StudyError(
            f"{folder} holds another plan (hash {earlier.hash[:12]}..., this one {plan.hash[:12]}...) that has begun "
            f"({', '.join(begun)}). A plan is not changed after that: give the study another output_dir."
        )
    return False


def write_plan(folder: str | os.PathLike[str], plan: StudyPlan) -> None:
    """Write ``commands.txt`` and, last, ``plan.json``."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / COMMANDS_NAME, "".join(_lines(plan)).encode())
    plan.write(folder / PLAN_NAME)


def _lines(plan: StudyPlan) -> Iterator[str]:
    yield f"# {plan.name}, plan {plan.hash}: to be run in this folder, from the first line to the last\n"
    for node in plan.nodes:
        after = f", after {', '.join(node.inputs)}" if node.inputs else ""
        yield f"\n# {node.id}{after}\n"
        yield from (f"{shlex.join(words)}\n" for words in node.commands)
