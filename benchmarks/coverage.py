"""How often does each interval of the AUC hold the true value? The choice of the default rests on what comes out.

    python -m benchmarks.coverage run --results benchmarks/coverage_results.jsonl [--simulations 1000] [--share 0/2]
    python -m benchmarks.coverage table --results benchmarks/coverage_results.jsonl

A simulation draws a test set from a population whose AUC is known, asks each method for its interval of level 0.95,
and looks whether it holds that AUC. The bootstrap and Obuchowski's variance are those of the package. Parts of 100
simulations are appended to the results as they are done; parts that stand there already are left out, so that the
command can be stopped and given again, and by several processes at once (``--share 0/2`` and ``--share 1/2``). All
cells get their first simulations before any gets its last.

The population: image j of patient i is positive where sqrt(R) a_i + sqrt(1 - R) e_ij is below the quantile of the
prevalence, and its score is d * positive + sqrt(R) b_i + sqrt(1 - R) u_ij, with a, e, b, u independent standard normal
and R = 0.5 the correlation within a patient. Over the population the scores of positives are N(d, 1) and those of
negatives N(0, 1), so that the AUC of images of different patients is Phi(d / sqrt(2)) exactly. A draw in which fewer
than two patients have a positive, or a negative, is replaced: it has no interval over patients.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import ndtri

from monai_mocoi.metrics import (
    evaluable_classes,
    logit_interval,
    normal_interval,
    obuchowski_auc,
    patient_bootstrap,
    roc_auc_by_patient,
)

PATIENTS = (60, 110, 300, 1000)
AUCS = (0.65, 0.76, 0.92)
IMAGES = ("1", "3", "1 to 8")
"""Images a patient; "1 to 8": each number equally likely."""
PREVALENCES = (0.5, 0.1)
METHODS = ("percentile", "bca", "Obuchowski normal", "Obuchowski logit")
CORRELATION = 0.5
LEVEL = 0.95
PART = 100
"""Simulations in one line of the results."""


def draw_population(
    patients: int, images: str, prevalence: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw images of patients: patient ``(n,)``, label ``(n,)``, and ``(n, 3)`` scores, a column for each of ``AUCS``.

    The three columns share their noise: a column by itself is as good as drawn alone.
    """
    sizes = generator.integers(1, 9, patients) if images == "1 to 8" else np.full(patients, int(images))
    index = np.repeat(np.arange(patients), sizes)
    own, every = generator.standard_normal((2, patients)), generator.standard_normal((2, len(index)))
    latent, noise = CORRELATION**0.5 * own[:, index] + (1 - CORRELATION) ** 0.5 * every
    labels = latent < ndtri(prevalence)
    return index, labels, noise[:, None] + np.outer(labels, 2**0.5 * ndtri(AUCS))


def intervals(
    index: np.ndarray, labels: np.ndarray, scores: np.ndarray, resamples: int, seed: int
) -> dict[str, np.ndarray]:
    """Interval ``(2, columns)`` of the AUC of each column by each method."""
    draw = patient_bootstrap(index, labels, resamples, seed)
    many = np.broadcast_to(labels[:, None], scores.shape)
    bootstrapped = draw.apply(roc_auc_by_patient(many, scores, index))
    auc, covariance = obuchowski_auc(labels, scores, index)
    variance = np.diagonal(covariance)
    return {
        "percentile": bootstrapped.interval("percentile", LEVEL),
        "bca": bootstrapped.interval("bca", LEVEL),
        "Obuchowski normal": normal_interval(auc, variance, LEVEL),
        "Obuchowski logit": logit_interval(auc, variance, LEVEL),
    }


def simulate(
    patients: int, images: str, prevalence: float, part: int, resamples: int, simulations: int = PART
) -> dict[str, Any]:
    """One line of the results: of each AUC and method, how many intervals lay below the true value, or above it."""
    began = time.process_time()
    place = PATIENTS.index(patients), IMAGES.index(images), PREVALENCES.index(prevalence)
    generator = np.random.default_rng([2026, *place, part])
    below = {method: np.zeros(len(AUCS), dtype=int) for method in METHODS}
    above = {method: np.zeros(len(AUCS), dtype=int) for method in METHODS}
    widths = {method: np.zeros(len(AUCS)) for method in METHODS}
    done = replaced = scored = 0
    while done < simulations:
        index, labels, scores = draw_population(patients, images, prevalence, generator)
        if not len(evaluable_classes(labels[:, None], 0, 0, index).evaluable):
            replaced += 1
            continue
        scored += len(evaluable_classes(labels[:, None], patients=index).evaluable)
        for method, (low, high) in intervals(index, labels, scores, resamples, int(generator.integers(2**31))).items():
            below[method] += high < AUCS
            above[method] += low > AUCS
            widths[method] += high - low
        done += 1
    return {
        "patients": patients,
        "images": images,
        "prevalence": prevalence,
        "part": part,
        "resamples": resamples,
        "simulations": simulations,
        "replaced": replaced,
        "with_25_and_25": scored,
        "below": {method: below[method].tolist() for method in METHODS},
        "above": {method: above[method].tolist() for method in METHODS},
        "width": {method: (widths[method] / simulations).round(5).tolist() for method in METHODS},
        "seconds": round(time.process_time() - began, 2),
    }


def parts_to_do(simulations: int, share: str) -> Iterator[tuple[int, str, float, int]]:
    """Cells and parts, the first part of every cell before the second of any, equal prevalences first."""
    own, of = map(int, share.split("/"))
    number = 0
    for prevalence in PREVALENCES:
        for part in range(-(-simulations // PART)):
            for images in IMAGES:
                for patients in PATIENTS:
                    if number % of == own:
                        yield patients, images, prevalence, part
                    number += 1


def read_results(path: Path) -> list[dict[str, Any]]:
    """Lines of the results; none where there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def run(path: Path, simulations: int, resamples: int, share: str, until: str | None) -> None:
    """Do the parts that are missing, until the clock shows ``until`` (HH:MM)."""
    done = {tuple(line[k] for k in ("patients", "images", "prevalence", "part")) for line in read_results(path)}
    for patients, images, prevalence, part in parts_to_do(simulations, share):
        if (patients, images, prevalence, part) in done:
            continue
        if until is not None and time.strftime("%H:%M") >= until:
            return
        line = json.dumps(simulate(patients, images, prevalence, part, resamples))
        with open(path, "a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(line + "\n")


def totals(lines: list[dict[str, Any]]) -> dict[tuple[float, str, int], dict[str, Any]]:
    """Sums over the parts of each cell, by prevalence, images a patient and patients."""
    cells: dict[tuple[float, str, int], dict[str, Any]] = defaultdict(
        lambda: (
            {"simulations": 0, "with_25_and_25": 0}
            | {k: {m: np.zeros(len(AUCS)) for m in METHODS} for k in ("below", "above", "width")}
        )
    )
    for line in lines:
        cell = cells[line["prevalence"], line["images"], line["patients"]]
        cell["simulations"] += line["simulations"]
        cell["with_25_and_25"] += line["with_25_and_25"]
        for method in METHODS:
            cell["below"][method] += line["below"][method]
            cell["above"][method] += line["above"][method]
            cell["width"][method] += np.array(line["width"][method]) * line["simulations"]
    order = sorted(cells, key=lambda c: (-c[0], IMAGES.index(c[1]), c[2]))
    return {key: cells[key] for key in order}


def print_tables(path: Path) -> None:
    """Markdown for docs/intervals.md: the coverage of every cell, and a summary."""
    cells = totals(read_results(path))
    print(f"| Prevalence | Images a patient | Patients | AUC | Simulations | {' | '.join(METHODS)} |")
    print("|" + "---|" * (5 + len(METHODS)))
    for (prevalence, images, patients), cell in cells.items():
        n = cell["simulations"]
        for place, auc in enumerate(AUCS):
            shown = [_coverage(cell, method, place) for method in METHODS]
            print(f"| {prevalence} | {images} | {patients} | {auc} | {n} | {' | '.join(shown)} |")
    print("\nEach cell: coverage in %, and in brackets the intervals below and above the true value in %.\n")
    print("Draws in which 25 images are positive and 25 negative, where that is not so in all of them:")
    for (prevalence, images, patients), cell in cells.items():
        if (share := cell["with_25_and_25"] / cell["simulations"]) < 1:
            print(f"{share:.0%} of {patients} patients with {images} image(s), prevalence {prevalence}")
    print()
    for name, wanted in (("all cells", lambda cell: True), ("25 and 25 in nearly all draws", _reported)):
        own = [cell for cell in cells.values() if wanted(cell)]
        if own:
            _print_summary(name, own)


def _reported(cell: dict[str, Any]) -> bool:
    return cell["with_25_and_25"] >= 0.9 * cell["simulations"]


def _coverage(cell: dict[str, Any], method: str, place: int) -> str:
    below, above = (100 * cell[k][method][place] / cell["simulations"] for k in ("below", "above"))
    return f"{100 - below - above:.1f} ({below:.1f}, {above:.1f})"


def _print_summary(name: str, cells: list[dict[str, Any]]) -> None:
    n = np.array([cell["simulations"] for cell in cells])[:, None]
    print(f"| {name}: {n.size * len(AUCS)}, {n.min()} to {n.max()} simulations | {' | '.join(METHODS)} |")
    print("|" + "---|" * (1 + len(METHODS)))
    missed = {m: np.array([cell["below"][m] + cell["above"][m] for cell in cells]) / n for m in METHODS}
    widths = {m: np.array([cell["width"][m] for cell in cells]) / n for m in METHODS}
    rows = {
        "mean coverage, %": [100 - 100 * missed[m].mean() for m in METHODS],
        **{
            f"mean coverage, AUC {auc}, %": [100 - 100 * missed[m][:, place].mean() for m in METHODS]
            for place, auc in enumerate(AUCS)
        },
        "least coverage, %": [100 - 100 * missed[m].max() for m in METHODS],
        "greatest coverage, %": [100 - 100 * missed[m].min() for m in METHODS],
        "mean distance from 95, %": [100 * np.abs(missed[m] - (1 - LEVEL)).mean() for m in METHODS],
        "width, relative to percentile": [(widths[m] / widths["percentile"]).mean() for m in METHODS],
    }
    for what, values in rows.items():
        digits = 3 if what.startswith("width") else 1
        print(f"| {what} | {' | '.join(f'{v:.{digits}f}' for v in values)} |")
    print()


def main() -> None:
    """Run simulations or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("run", "table"))
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--simulations", type=int, default=1000, help="of each cell (%(default)s)")
    parser.add_argument("--resamples", type=int, default=2000, help="(%(default)s)")
    parser.add_argument("--share", default="0/1", help="K/N: every N-th part from the K-th on (%(default)s)")
    parser.add_argument("--until", help="HH:MM: begin no part after it")
    given = parser.parse_args()
    if given.command == "table":
        print_tables(given.results)
    else:
        run(given.results, given.simulations, given.resamples, given.share, given.until)


if __name__ == "__main__":
    main()
