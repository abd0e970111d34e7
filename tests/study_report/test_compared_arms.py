"""Which arms are compared with which, over which draws and pretrainings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_ind

from monai_mocoi.study_report import Arm, Cell, Metric
from monai_mocoi.study_report.compared_arms import compare_arms
from monai_mocoi.study_report.compared_cells import compare_cells
from monai_mocoi.study_report.found_runs import FoundRuns
from monai_mocoi.study_report.measured_cells import Measured, TestSet
from monai_mocoi.study_report.study_arms import arms_of, references
from monai_mocoi.study_report.tested_run import TestedRun
from monai_mocoi.study_report.tested_run import tested_run as run_of
from tests.support import made_predictions

METRIC = Metric()
PATIENTS = 60


def cell(arm: str, values: dict[tuple[int, str], float], fraction: float = 0.1, evaluation: str = "finetune") -> Cell:
    """Of values by label draw and pretraining."""
    made = Cell(("d", evaluation, fraction, "4", arm))
    for (draw, encoder), value in values.items():
        run = TestedRun("p", None, "test", "d", arm, evaluation, fraction, draw, encoder, "4", {"tested": {}})
        noise = np.random.default_rng([draw, len(arm)]).normal(size=PATIENTS) * 1e-4
        made.runs.append(Measured(run, value, value + noise - noise.mean()))
    return made


@pytest.fixture(scope="module")
def test_set() -> TestSet:
    images = made_predictions.findings(patients=PATIENTS)
    return TestSet(images, {"min_positives": 5, "min_negatives": 5}, METRIC)


def test_draws_and_seeds_that_both_have_alone(test_set) -> None:
    first = cell("mse", {(1, "0"): 0.8, (1, "1"): 0.9, (2, "0"): 0.7, (3, "0"): 0.1})
    second = cell("moco", {(1, "0"): 0.75, (2, "0"): 0.65})
    made = compare_cells(first, second, test_set, METRIC)
    assert made.difference.value == pytest.approx(((0.8 - 0.75) + (0.7 - 0.65)) / 2)
    assert (made.draws, made.encoders, made.across) == (2, (1, 1), None)
    assert (len(made.runs), made.asked, made.lacks) == (4, 6, True)


def test_no_common_draw(test_set) -> None:
    made = compare_cells(cell("mse", {(1, "0"): 0.8}), cell("moco", {(2, "0"): 0.8}), test_set, METRIC)
    assert made.difference is None
    assert "no label draw in common" in made.trouble


@pytest.mark.parametrize(("seeds", "claimed"), [(4, False), (5, True)])
def test_across_pretrainings_from_five_on(seeds: int, claimed: bool, test_set) -> None:
    values = [0.8, 0.82, 0.79, 0.81, 0.8][:seeds]
    first = cell("mse", {(1, str(seed)): value for seed, value in enumerate(values)})
    second = cell("moco", {(1, str(seed)): 0.7 for seed in range(seeds)})
    supervised = cell("supervised", {(1, ""): 0.6})
    for other, gap in ((second, 0.7), (supervised, 0.6)):
        made = compare_cells(first, other, test_set, METRIC)
        assert (made.across is not None) is claimed
        if claimed:
            differences = np.array(values) - gap
            assert made.across.value == pytest.approx(differences.mean())
            half = 2.776 * differences.std(ddof=1) / 5**0.5  # t with 4 degrees of freedom: patients hardly vary here
            assert made.across.high - made.across.value == pytest.approx(half, rel=0.01)


def test_who_is_compared_with_whom() -> None:
    arms = {name: Arm(name, name) for name in ("random", "supervised", "weights", "moco", "mse")}
    there = dict.fromkeys(arms)
    assert references(arms, "mse", there) == ["supervised", "moco"]
    assert references(arms, "moco", there) == ["supervised"]
    assert references(arms, "supervised", there) == references(arms, "random", there) == []
    assert references(arms, "mse", {"random": 1, "moco": 1, "mse": 1}) == ["random", "moco"]
    other = {**arms, "mse": Arm("mse", "mse", "resnet18")}
    assert references(other, "mse", there) == []  # of another architecture


def test_the_papers_settings_are_compared_with_ours_and_among_themselves() -> None:
    arms = {name: Arm(name, name) for name in ("random", "moco", "mse")}
    arms |= {f"{name}_paper": Arm(f"{name}_paper", name, "", "paper") for name in ("moco", "mse")}
    assert references(arms, "moco", arms) == ["random", "moco_paper"]
    assert references(arms, "mse", arms) == ["random", "moco", "mse_paper"]
    assert references(arms, "moco_paper", arms) == ["random"]
    assert references(arms, "mse_paper", arms) == ["random", "moco_paper"]
    assert arms["mse_paper"].meaning.endswith("each stage (MSE) (by paper.json)")
    assert Arm("a", "mse", "resnet18", "paper").meaning.endswith("(by paper.json, resnet18)")


def test_a_further_arm_of_a_method_is_compared_with_the_first_one() -> None:
    aligned, paper = ("--stage_pooling aligned",), Arm("mse_paper", "mse", "", "paper")
    arms = {name: Arm(name, name) for name in ("random", "moco")}
    arms |= {"mse_aligned": Arm("mse_aligned", "mse", loss=aligned), "mse": Arm("mse", "mse"), "mse_paper": paper}
    arms["mse_small"] = Arm("mse_small", "mse")
    arms["old_aligned"] = Arm("old_aligned", "mse", "", "paper", aligned)
    # The first is that with the method's own loss, wherever it stands, and it alone shows what the recipe does.
    assert references(arms, "mse", arms) == ["random", "moco", "mse_paper"]
    assert references(arms, "mse_aligned", arms) == references(arms, "mse_small", arms) == ["random", "moco", "mse"]
    assert references(arms, "mse_paper", arms) == ["random"]
    assert references(arms, "old_aligned", arms) == ["random", "mse_paper"]
    without = {name: own for name, own in arms.items() if name not in ("mse", "mse_small", "old_aligned")}
    assert references(without, "mse_aligned", without) == ["random", "moco"]  # less the paper's: two things differ
    both = {**without, "mse_paper": Arm("mse_paper", "mse", "", "paper", aligned)}
    assert references(both, "mse_aligned", both) == ["random", "moco", "mse_paper"]
    # Weights of two files are no settings of one method.
    weights = {name: Arm(name, "weights") for name in ("one", "two")}
    assert references(weights, "two", weights) == []
    assert references(arms, "mse_small", {"mse_small": 1, "mse_paper": 1}) == []


def test_primary_is_first_and_not_corrected(test_set) -> None:
    arms = {name: Arm(name, name) for name in ("supervised", "moco", "mse")}
    values = {"supervised": 0.6, "moco": 0.7, "mse": 0.75}
    made = [
        cell(arm, {(1, "" if arm == "supervised" else "0"): v, (2, "" if arm == "supervised" else "0"): v})
        for arm, v in values.items()
    ]
    cells = {own.key: own for own in made}
    primary = ("d", "finetune", 0.1, "mse", "moco")
    found = compare_arms(cells, {"d": test_set}, METRIC, arms, primary)
    assert [(own.arm, own.against, own.primary) for own in found] == [
        ("mse", "moco", True),
        ("moco", "supervised", False),
        ("mse", "supervised", False),
    ]
    assert found[0].difference.p_holm is None
    assert all(own.corrected_for == 2 for own in found[1:])
    without = compare_arms(cells, {"d": test_set}, METRIC, arms, None)
    assert len(without) == 3
    assert all(own.difference.p_holm >= own.difference.p_value for own in without)


def test_a_missing_cell_counts_in_holms_correction_and_a_reversed_primary_is_no_secondary(test_set) -> None:
    arms = {name: Arm(name, name) for name in ("supervised", "moco", "mse")}
    made = [cell("moco", {(1, "0"): 0.7, (2, "0"): 0.71}), cell("mse", {(1, "0"): 0.75, (2, "0"): 0.74})]
    made.append(Cell(("d", "finetune", 0.1, "4", "supervised"), trouble="Missing.", asked=[(1, "0"), (2, "0")]))
    cells = {own.key: own for own in made}
    found = compare_arms(cells, {"d": test_set}, METRIC, arms, ("d", "finetune", 0.1, "moco", "mse"))
    assert [(own.arm, own.against) for own in found] == [("moco", "mse"), ("moco", "supervised"), ("mse", "supervised")]
    without = compare_arms(cells, {"d": test_set}, METRIC, arms, None)
    tested = [own.difference for own in without if own.difference]
    assert len(tested) == 1
    assert tested[0].p_holm == pytest.approx(min(1, 3 * tested[0].p_value))


def test_pretrainings_with_other_names_are_unpaired(test_set) -> None:
    values = ([0.8, 0.82, 0.79, 0.81, 0.8], [0.7, 0.74, 0.69, 0.72, 0.71])
    first, second = (
        cell(arm, {(1, f"{arm}{seed}"): value for seed, value in enumerate(own)})
        for arm, own in zip(("mse", "moco"), values, strict=True)
    )
    made = compare_cells(first, second, test_set, METRIC)
    welch = ttest_ind(*values, equal_var=False)
    low, high = welch.confidence_interval()
    assert (made.across.low, made.across.high) == pytest.approx((low, high), rel=0.02)  # patients hardly vary


def test_draws_of_other_labelled_images_are_not_paired(test_set) -> None:
    first, second = (cell(arm, {(1, "0"): 0.8, (2, "0"): 0.7}) for arm in ("mse", "moco"))
    for own, labelled in zip([*first.runs, *second.runs], "abac", strict=True):
        object.__setattr__(own.run, "labelled", labelled)
    assert compare_cells(first, second, test_set, METRIC).draws == 1


def test_without_a_plan_another_architecture_is_another_arm(tmp_path) -> None:
    def run(**tested: object) -> TestedRun:
        known = {"start": {"kind": "pretraining"}, "method": "mse", "pretrained_sha256": "a" * 64, **tested}
        return run_of("p", tmp_path, {"tested": known}, {}, None)

    # Of before it was told, of the usual one, and of a network of one's own that has no name.
    assert {run(**own).arm for own in ({}, {"architecture": "resnet50"}, {"architecture": "basic [1] [4]"})} == {"mse"}
    runs = [run(), run(architecture="resnet18"), run(architecture="resnet18", method="moco")]
    runs += [run(architecture="resnet18", start={"kind": "none"}), run(start={"kind": "none"})]
    arms = arms_of(FoundRuns(tmp_path, tested=runs))
    assert {name: (own.kind, own.architecture) for name, own in arms.items()} == {
        "supervised": ("supervised", ""),
        "supervised-resnet18": ("supervised", "resnet18"),
        "moco-resnet18": ("moco", "resnet18"),
        "mse": ("mse", ""),
        "mse-resnet18": ("mse", "resnet18"),
    }
    assert list(arms) == ["supervised", "supervised-resnet18", "moco-resnet18", "mse", "mse-resnet18"]
    assert references(arms, "mse-resnet18", arms) == ["supervised-resnet18", "moco-resnet18"]
    assert references(arms, "mse", arms) == ["supervised"]
    assert arms["mse-resnet18"].meaning.endswith("(MSE) (resnet18)")
