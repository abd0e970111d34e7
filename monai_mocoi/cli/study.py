"""``mocoi study``: a comparison over data sets, methods, label fractions, draws and seeds, from one file."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from monai_mocoi.cli.reporting import Commands, console, reporting
from monai_mocoi.cli.study_engine import WithEngineWords, engine_words, run_by_engine
from monai_mocoi.cli.study_status import status
from monai_mocoi.errors import StudyError, UsageError
from monai_mocoi.own_command import command

study_app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Compare methods on data sets, by one file.",
)
Folder = Annotated[str, typer.Argument(metavar="STUDY", help="The study folder, with plan.json.")]


def plan(
    file: Annotated[str, typer.Argument(metavar="STUDY.yaml", help="The study: see docs/study.md.")],
) -> None:
    """Expand a study, check its steps, and write plan.json and commands.txt.

    Nothing is written if one step would be refused. The plan is the pre-registration: it is not changed once the study
    has begun.
    """
    from monai_mocoi.study import read_study

    read = read_study(file)
    from monai_mocoi.cli.study_checks import refusals  # torch and MONAI, only now
    from monai_mocoi.study import check_study_folder, made_plan, placed, write_plan
    from monai_mocoi.study.grid import seeds_in_words

    study = placed(read, Path(file).absolute().parent)
    made, folder = made_plan(study), Path(study.output_dir)
    is_there = check_study_folder(folder, made)
    if not is_there:
        found = refusals(study, made)
        if found:
            shown = [f"{text} ({_of(nodes)})" for text, nodes in found.items()]
            raise StudyError("\n  ".join(["these steps would be refused, so nothing was written:", *shown]))
        write_plan(folder, made)
    say = console().print
    counts = Counter(node.kind for node in made.nodes)
    cells = sum(len(node.cells) for node in made.nodes)
    own, metric = made.primary, made.metric
    of = f" of {metric.label}" if metric.label else ""
    share = f"{100 * own.fraction:g} %"
    say(f"{len(made.nodes)} steps: {', '.join(f'{count} {kind}' for kind, count in counts.items())}")
    say(f"{cells} tested classifiers; {len(made.datasets)} data set(s), {len(made.arms)} arms")
    compared = f"{own.arm} against {own.against}, {own.evaluation}, {share} of the labels of {own.dataset}"
    if any(arm.kind != "baseline" for arm in made.arms):
        say(f"Seeds {seeds_in_words(made.arms, made.pretrain_seeds)}")
    say(f"Primary comparison: {compared}; {metric.name}{of}")
    say(f"Plan: {folder / made.FILE} ({'as it was' if is_there else 'new'}; hash {made.hash})")
    say(f"Next: {command('study', 'run', _shown(folder))}")


def run(
    context: typer.Context,
    study: Folder = "study",
    node: Annotated[str | None, typer.Option("--node", metavar="ID", help="This step only, for an engine.")] = None,
    engine: Annotated[
        str | None, typer.Option("--engine", metavar="NAME", help="snakemake; its own words come behind --.")
    ] = None,
) -> None:
    """Run what is not done yet, one step after another; after any interruption the same command goes on.

    A step that fails is tried once more; those that need it are skipped. Each step takes the threads of the plan.
    With --engine snakemake -- WORDS, steps run side by side, here (--cores 8) or on a cluster (--executor slurm).
    """
    from monai_mocoi.study import run_one, run_study

    if node is not None and engine is not None:
        raise UsageError("--node is for an engine's own steps: leave --node or --engine out")
    run_by_engine(study, engine, engine_words(context))
    say = console().print
    result = run_study(study, say) if node is None else run_one(study, node, say)
    say(f"done: {len(result.done)}, failed: {len(result.failed)}, skipped: {len(result.skipped)}")
    if result.stopped:
        say("Stopped; the same command goes on.")
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def schema(
    out: Annotated[str | None, typer.Option("--out", metavar="FILE", help="Default: standard output.")] = None,
) -> None:
    """Write the JSON Schema of study.yaml, which editors complete and check by."""
    from monai_mocoi.files.atomic_write import write_bytes
    from monai_mocoi.study import Study

    text = json.dumps(Study.model_json_schema(), indent=2, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    elif Path(out).is_dir():
        raise UsageError(f"--out {out} is a folder: name a file.")
    else:
        write_bytes(Path(out), text.encode())


def _of(nodes: list[str]) -> str:
    return nodes[0] if len(nodes) == 1 else f"{nodes[0]} and {len(nodes) - 1} more"


def _shown(folder: Path) -> str:
    here = Path.cwd()
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else str(folder)


for function in (plan, status, schema):
    study_app.command()(reporting(function))
study_app.command(cls=WithEngineWords)(reporting(run))
