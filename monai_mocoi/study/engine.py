"""Snakemake as the engine of a study: the command that runs the plan by the one Snakefile that we ship."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from monai_mocoi.errors import StudyError
from monai_mocoi.study.gpu_lock import gpus
from monai_mocoi.study.plan_record import StudyPlan
from monai_mocoi.threads import usable_cpus

SNAKEFILE = Path(__file__).resolve().with_name("Snakefile")
PYTHON = "MONAI_MOCOI_PYTHON"
"""Environment variable by which the Snakefile knows the Python of this package; Snakemake may have one of its own."""

# The last one given counts, so each can be replaced. Only markers and their inputs decide what is to be done: with all
# triggers of Snakemake, a new version of the Snakefile would train everything again. Its own lock is left out, because
# a killed driver leaves it behind; the study has one that does not stay.
_DEFAULTS = (
    *("--rerun-triggers", "mtime", "input", "--rerun-incomplete", "--retries", "3", "--keep-going", "--nolock"),
    *("--latency-wait", "60"),
)
_ELSEWHERE = ("--jobs", "-j", "--executor", "-e", "--profile", "--workflow-profile")
_PLACES = ("--cores", "-c", *_ELSEWHERE)
_RESOURCES = ("--resources", "--res")


def engine_command(study: Path, plan: StudyPlan, words: Sequence[str]) -> list[str]:
    """The command for a study folder; ``words`` are Snakemake's own and come last.

    Without a word on where to run, it is all cores of this machine; on this machine, as many GPUs as it has. Raises
    StudyError: there is no Snakemake.
    """
    command = [_snakemake(), "--snakefile", str(SNAKEFILE), "--directory", str(study.resolve()), *_DEFAULTS]
    names = {word.partition("=")[0] if word.startswith("--") else word[:2] for word in words if word.startswith("-")}
    if not names & set(_PLACES):
        command += ["--cores", str(usable_cpus())]
    if not names & {*_ELSEWHERE, *_RESOURCES} and any(node.resources.gpu for node in plan.nodes):
        command += ["--resources", f"gpu={max(1, len(gpus()))}"]
    return [*command, *words]


def engine_environment() -> dict[str, str]:
    """The environment of the engine."""
    return {**os.environ, PYTHON: sys.executable}


def _snakemake() -> str:
    """Snakemake beside this Python, else the first one in PATH."""
    beside = Path(sys.executable).with_name("snakemake")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("snakemake")
    if found is None:
        raise StudyError(
            "Snakemake is not installed: it belongs to the extra study (pip install 'monai-mocoi[study]'), and one of "
            "its own environment does as well (pipx install snakemake), if it is in PATH. Without an engine the same "
            "study runs one node after another."
        )
    return found
