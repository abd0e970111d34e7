"""The page of evidence: committed as the committed files give it, and every number of it in a file."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks import evidence
from benchmarks.evidence_files import kept_studies, planned_studies
from monai_mocoi.cli.resolved_config import ResolvedConfig
from monai_mocoi.data import EpochSampler
from monai_mocoi.study import Study, made_plan, placed, read_study

SENTENCE = "At 10 % of the labels (linear evaluation), MSE gains 1.2 points over MoCo (95 % CI -0.4 to 2.8): not shown."
NUMBERS = ("value", "low", "high")
MSE: dict[str, Any] = {"id": "mse", "kind": "pretrain", "method": "mse", "architecture": "resnet18", "settings": {}}


def written(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def kept(evidence_folder: Path, name: str = "tiny") -> Path:
    """The files of a study that was never run."""
    folder = evidence_folder / name
    arms: list[dict[str, Any]] = [
        {"id": "random", "kind": "random", "architecture": "resnet18", "settings": {}},
        {"id": "moco", "kind": "pretrain", "method": "moco", "architecture": "resnet18", "settings": {"batch_size": 8}},
        MSE,
        {**MSE, "id": "old", "overlay": "paper"},
        {**MSE, "id": "mse_aligned", "settings": {"stage_pooling": "aligned"}},
        {"id": "baselines", "kind": "baseline", "architecture": "resnet50", "settings": {}},
    ]  # fmt: skip
    plan = {
        "name": name,
        "pretrain_seeds": [1, 2, 3],
        "hash": "ab" * 32,
        "masked_hash": "cd" * 32,
        "metric": {"name": "auc", "label": None},
        "arms": arms,
    }
    folder.mkdir(parents=True)
    (folder / "plan_masked.json").write_text(json.dumps(plan | {"datasets": [{"id": "d"}]}))
    verdict = [["note", "Fixed before."], ["lead", f"Primary comparison. {SENTENCE}"], ["", "Across: nothing."]]
    verdict += [["head", "Not shown: 9 of 9"], ["", "Each is a row."], ["note", "On average."]]
    code = {"commits": ["abc", "def"], "versions": ["torch 2.13.0", "monai 1.6.1"], "devices": ["cpu, 2 threads"]}
    told = {"planned": 9, "missing": 2, "trained_by": code, "verdict": verdict, "limits": [["bullet", "Few patients."]]}
    (folder / "sentences.json").write_text(json.dumps(told))
    at = {"dataset": "d", "evaluation": "linear", "stage": "4", "label_fraction": 0.1}
    linear = [
        {**at, "label_fraction": own, "arm": arm, **dict(zip(NUMBERS, numbers, strict=True)), "pretrainings": seeds}
        | {"runs_used": runs, "runs_asked": 3}
        for arm, own, numbers, seeds, runs in (
            ("random", 1.0, (0.8, 0.75, 0.85), 0, 3),
            ("mse", 1.0, (0.87654, 0.8, 0.9), 3, 3),
            ("mse", 0.1, (0.7, "", ""), 2, 2),
            ("moco", 0.1, ("", "", ""), 0, 0),
        )
    ]  # fmt: skip
    drawn = [{"label_fraction": 0.1, "training_images": own, "training_patients": 9} for own in (1080, 990)]
    written(
        folder / "tables/labelled_1.csv",
        [{**row, "validation_images": 30, "validation_patients": 3} for row in drawn],
    )
    written(folder / "tables/linear_1.csv", linear)
    pair = {**at, "primary": 0, "low": -0.004, "high": 0.0281, "p_value": 0.0312, "p_value_holm": "", "finding": "no"}
    pair |= {"runs": 6, "runs_asked": 6, "corrected_for": 9}
    pairs = [("mse", "moco", 0.0123, 1), ("mse", "old", 0.05, 0), ("old", "random", -0.0004, 0)]
    pairs += [("mse_aligned", "mse", 0.02, 0), ("mse_aligned", "old", 0.07, 0), ("moco", "old", 0.08, 0)]
    written(
        folder / "tables/paired_differences.csv",
        [{**pair, "arm": a, "against": b, "difference": d, "primary": p} for a, b, d, p in pairs]
        + [
            {**pair, "arm": "moco", "against": "random", "difference": 0.3, "runs": 4},
            {**pair, "arm": "old", "against": "moco", "difference": "", "runs": 0},
        ],
    )
    floor = {"dataset": "d", "label_fraction": 0.1, "floor": "colour", "p_value": ""}
    floors = [("", (0.82, 0.8, 0.84), 5, ""), ("mse", (-0.12, -0.2, 0.01), 19, "too few patients")]
    floors += [("moco", ("", "", ""), 20, "no number")]
    written(
        folder / "tables/floors.csv",
        [
            {**floor, "arm": arm, **dict(zip(NUMBERS, numbers, strict=True)), "finding": what}
            | {"runs": runs, "runs_asked": 20 if arm else 5}
            for arm, numbers, runs, what in floors
        ],
    )
    sex = {"classifier": "sex", "sees": "the column", "AUC": "51.0", "run": "R1"}
    chosen = {
        "classifier": "MSE (chosen: 10 % of the labels, draw 1)",
        "sees": "the images",
        "AUC": "70.0",
        "run": "R2",
    }
    written(folder / "tables/baselines.csv", [chosen, sex])
    probed = [{**at, "arm": "mse", "stage": "2", "value": value} for value in (0.6, 0.7)]
    written(folder / "tables/probing.csv", [*probed, {**probed[0], "stage": "all"}])
    steps = [("pretrain", 3, 2, 5400.0), ("linear", 4, 4, 90.0)]
    written(
        folder / "tables/steps.csv", [dict(zip(("step", "planned", "done", "seconds"), s, strict=True)) for s in steps]
    )
    (folder / "figures").mkdir()
    for figure in ("label_efficiency_linear_1", "paired_differences"):
        (folder / "figures" / f"{figure}.svg").write_text(f"<svg>{name} {figure}</svg>")
    return folder


def test_the_committed_page_is_what_the_committed_files_give() -> None:
    assert evidence.PAGE.read_text(encoding="utf-8") == evidence.page(evidence.EVIDENCE), (
        "run python -m benchmarks.evidence"
    )
    shown = {
        f"{own.name}/{path.name}": path.read_bytes()
        for own in kept_studies(evidence.EVIDENCE)
        for path in own.figures()
        if evidence.shown(path.stem)
    }
    there = {
        path.relative_to(evidence.FIGURES).as_posix(): path.read_bytes() for path in evidence.FIGURES.rglob("*.svg")
    }
    assert there == shown


def test_the_readme_quotes_the_sentence_and_nothing_before_there_is_one(repository: Path) -> None:
    readme = " ".join((repository / "README.md").read_text(encoding="utf-8").split())
    sentence = evidence.quoted_sentence(evidence.EVIDENCE)
    assert sentence in readme
    assert ("docs/evidence.md" in readme) == bool(sentence)


def test_without_results_nothing_is_claimed(tmp_path: Path) -> None:
    text = evidence.page(tmp_path)
    assert "There are no results yet" in text
    assert not re.search(r"\d\.\d", text)
    assert evidence.quoted_sentence(tmp_path) == ""


def test_every_number_is_that_of_a_file(tmp_path: Path) -> None:
    kept(tmp_path)
    (tmp_path / "about_tiny.md").write_text("Seen before.\n")
    text = evidence.page(tmp_path)
    assert "no results yet" not in text
    assert text.index("Seen before.") < text.index(SENTENCE)
    assert "for all 9 that were planned, of which 3 have no number yet" in text
    assert text.index(SENTENCE) < text.index("| arm |")
    assert [own for own in ("Across: nothing.", "Fixed before.", "On average.") if f"\n{own}\n" not in text] == []
    assert "Each is a row" not in text  # of a list that the page does not have
    assert "7 of 9 planned tests" in text
    assert f"SHA-256\n`{'cd' * 32}` (with them `{'ab' * 32}`)" in text
    assert "| `old` | resnet18 | mse, by `paper.json` |" in text
    assert "| `moco` | resnet18 | moco, `batch_size` 8 |" in text
    assert "| arm | 10 % | 100 % | pretrainings |" in text
    assert "| `random` | – | 80.0 (75.0 to 85.0) | none |" in text
    assert "| `mse` | 70.0, 2 of 3 runs | 87.7 (80.0 to 90.0) | 2 to 3 |" in text
    assert "Planned, and not run yet: `moco`." in text
    assert "| 10 % | 2 | 990 to 1,080 | 9 | 30 | 3 |" in text
    paired, recipes = text.partition("### Our recipe and the paper's")[::2]
    assert "| 10 % | linear | `mse` - `moco` | +1.2 (-0.4 to +2.8) | 0.031 | – | no (primary) |" in paired
    assert "| 10 % | linear | `mse` - `old` | +5.0 (-0.4 to +2.8) | 0.031 | – | no |" in recipes
    assert "`mse` - `old`" not in paired
    for row in ("`mse_aligned` - `mse` | +2.0", "`mse_aligned` - `old` | +7.0", "`moco` - `old` | +8.0"):
        assert row in paired  # they differ in more than the recipe
        assert row not in recipes
    assert "`old` - `random` | 0.0 (-0.4 to +2.8) |" in paired
    assert "`moco` - `random` | +30.0 (-0.4 to +2.8) | 0.031 | – | no, 4 of 6 runs |" in paired
    assert "`old` - `moco`" not in text  # no number
    assert "| colour | 82.0 (80.0 to 84.0) |" in text
    assert "| `mse` - colour | -12.0 (-20.0 to +1.0), too few patients, 19 of 20 runs |" in text
    assert "`moco` - colour" not in text
    assert "(chosen" not in text
    assert "| 10 % | `mse` | 2 | – | 65.0 (60.0 to 70.0) | – | – |" in text
    assert "| pretrain | 2 of 3 | 1.50 |" in text
    assert "| all | 6 of 7 | 1.52 |" in text
    assert "the code of\n`abc`, `def`, with torch 2.13.0, monai 1.6.1, on cpu, 2 threads." in text
    assert "- Few patients." in text
    assert "| classifier | sees | AUC |\n|---|---|---|\n| sex | the column | 51.0 |\n" in text
    assert "### Fine-tuning, `d`" not in text
    assert "(evidence/tiny/label_efficiency_linear_1.svg)" in text


def test_the_page_and_its_figures_are_written(tmp_path: Path) -> None:
    kept(tmp_path / "evidence")
    (tmp_path / "figures" / "gone").mkdir(parents=True)
    evidence.write_page(tmp_path / "evidence", tmp_path / "page.md", tmp_path / "figures")
    assert (tmp_path / "page.md").read_text() == evidence.page(tmp_path / "evidence")
    assert [path.relative_to(tmp_path / "figures").as_posix() for path in (tmp_path / "figures").rglob("*")] == [
        "tiny",
        "tiny/label_efficiency_linear_1.svg",
    ]


def test_studies_stand_in_the_order_that_was_fixed_before(tmp_path: Path) -> None:
    for name in ("fundus", "another", "idc"):
        kept(tmp_path, name)
    assert [own.name for own in kept_studies(tmp_path)] == ["idc", "fundus", "another"]
    assert evidence.quoted_sentence(tmp_path) == SENTENCE


@pytest.mark.parametrize("own", planned_studies(evidence.EVIDENCE), ids=lambda own: own["name"])
def test_the_studies_compare_what_they_say(own: dict[str, Any]) -> None:
    ids = [arm if isinstance(arm, str) else arm["id"] for arm in own["arms"]]
    assert own["file"] == f"study_{own['name']}.yaml"
    assert own["output_dir"].endswith(f"/runs/evidence/{own['name']}")
    assert {"random", "random_open", "moco", "mse", "mse_aligned"} <= set(ids)
    longer = own["name"] == "idc_longer"
    assert longer or {"supervised", "barlow"} <= set(ids)
    asked = ("moco", "random_open") if longer else ("mse", "moco")
    assert (own["primary"]["arm"], own["primary"]["against"]) == asked
    assert own["primary"]["fraction"] in own["fractions"]
    assert len(own["label_seeds"]) == 5
    # The same number of epochs for all: how many images and steps that is, the page says.
    settings = [arm.get("settings", {}) for arm in own["arms"] if isinstance(arm, dict)]
    assert not any({"max_epochs", "image_size", "queue_size"} & set(one) for one in settings)


def test_the_plan_is_as_the_issue_has_it() -> None:
    found = {own["name"]: own for own in planned_studies(evidence.EVIDENCE)}
    assert list(found) == ["idc", "idc_longer", "idc_resnet50", "xray", "fundus"]
    del found["idc_longer"]  # a question of our own
    assert found["idc"]["primary"] == {
        "dataset": "idc", "evaluation": "linear", "fraction": 0.01, "arm": "mse", "against": "moco",
    }  # fmt: skip
    assert found["idc"]["fractions"] == found["idc_resnet50"]["fractions"] == [1.0, 0.1, 0.06, 0.01]
    assert [len(own["pretrain_seeds"]) for own in found.values()] == [3, 1, 3, 3]
    assert yaml.safe_load((evidence.EVIDENCE / "study_idc.yaml").read_text())["finetune_fractions"] == [1.0, 0.01]


@pytest.mark.skipif("architecture" not in Study.model_fields, reason="studies have ResNet-50 only")
@pytest.mark.parametrize("own", planned_studies(evidence.EVIDENCE), ids=lambda own: own["name"])
def test_the_studies_can_be_planned(own: dict[str, Any]) -> None:
    study = read_study(evidence.EVIDENCE / own["file"])
    plan = made_plan(placed(study, evidence.EVIDENCE))
    network = "resnet50" if own["name"] == "idc_resnet50" else "resnet18"
    assert {arm.architecture for arm in plan.arms} == {network}
    of = [(cell.evaluation, cell.fraction) for node in plan.nodes for cell in node.cells]
    tuned = set(own.get("finetune_fractions", ()))
    assert {fraction for evaluation, fraction in of if evaluation == "finetune"} == tuned
    assert {fraction for evaluation, fraction in of if evaluation == "linear"} == set(own["fractions"])
    kinds = [*(node.kind for node in plan.nodes), "finetune"]
    assert kinds.index("finetune") > max(place for place, kind in enumerate(kinds) if kind != "finetune")


def test_what_differs_between_the_recipes_is_told_with_its_numbers(repository: Path, tmp_path: Path) -> None:
    (own,) = [one for one in planned_studies(evidence.EVIDENCE) if one["name"] == "idc"]
    arms = {arm["id"]: arm for arm in own["arms"] if isinstance(arm, dict)}
    # By the data that README counts, the sampler of a training, and the bundles' settings at the study's image size.
    count = re.search(r"\| `idc` \| ([\d,]+),", (evidence.EVIDENCE / "README.md").read_text()).group(1)  # type: ignore[union-attr]
    configs, found = repository / "bundles/bch_mse/configs", {}
    for arm, overlays in {"mse": [], "mse_paper": [configs / "paper.json"]}.items():
        given = {**own["settings"]["train"], **arms[arm].get("settings", {}), "dataset_dir": str(tmp_path)}
        config = ResolvedConfig([str(path) for path in (configs / "train.json", *overlays)], given)
        batch, size, mode = (config.value(name) for name in ("batch_size", "decode_size", "resize_mode"))
        images = len(EpochSampler(int(count.replace(",", "")), 0, True, batch_size=batch, rank=0, world_size=1))
        found[arm] = {"batch": batch, "images": images, "steps": images // batch, "size": size, "mode": mode}
    ours, paper = found["mse"], found["mse_paper"]
    evaluated = ResolvedConfig([str(configs / "finetune.json")], own["settings"]["finetune"])
    at = {name: evaluated.value(name) for name in ("decode_size", "resize_mode")}
    assert at == {"decode_size": ours["size"], "resize_mode": ours["mode"]}
    more, times = f"{100 * (paper['images'] / ours['images'] - 1):.1f} %", paper["steps"] / ours["steps"]
    assert round(times, 1) in (4.0, 4.1)
    kept(tmp_path)
    page = " ".join(evidence.page(tmp_path).split())
    for words in (
        f"of the {count} training images of `idc` {ours['images']:,} are seen with a batch of {ours['batch']} "
        f"({ours['steps']} steps) and {paper['images']:,} with the paper's {paper['batch']} ({paper['steps']} steps): "
        f"{more} more images and four times the steps",
        f"by `{paper['mode']}` to {paper['size']} pixels while it is pretrained, those for ours by `{ours['mode']}` to "
        f"{ours['size']}; all arms are evaluated on `{at['resize_mode']}` from {at['decode_size']}.",
    ):
        assert words in page
    comment = " ".join((evidence.EVIDENCE / own["file"]).read_text().replace("#", " ").split())
    for words in (
        f"of {count} images an epoch shows {ours['images']:,} at batch {ours['batch']} ({ours['steps']} steps) and "
        f"{paper['images']:,} at {paper['batch']} ({paper['steps']} steps), {more} more and four times the steps",
        f"on {paper['mode']} at decode_size {paper['size']}, and evaluated, as all arms are, on "
        f"{at['resize_mode']} from {at['decode_size']}.",
    ):
        assert words in comment
