"""The report's folder and page: whole, self-contained, in order, and without anything that it should not tell."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from monai_mocoi.errors import RunFolderError, StudyError
from monai_mocoi.study_report import Finding, Metric, finding, sentence_of, study_results, write_study_report
from monai_mocoi.study_report.blocks import Bullets
from monai_mocoi.study_report.headline import headline
from monai_mocoi.study_report.section_limits import limits_section
from tests.study_report import synthetic_study as synthetic

SECTIONS = ["verdict", "compared", "efficiency", "linear", "finetune", "paired", "probing", "reuse", "ks", "chosen"]
SECTIONS += ["pretraining", "compute", "limits", "sources"]


class Page(HTMLParser):
    """Its links, pictures, anchors and headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.pictures: list[dict[str, str]] = []
        self.anchors: list[str] = []
        self.scopes: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        known = dict(attrs)
        self.anchors += [known["id"]] if "id" in known else []
        if tag == "a":
            self.links.append(known["href"])
        if tag == "img":
            self.pictures.append(known)
        if tag == "th":
            self.scopes.append(known.get("scope", ""))


@pytest.fixture(scope="module")
def page(report) -> Page:
    return Page((report[0] / "report.html").read_text())


def test_sections_are_in_the_order_of_their_numbers(page) -> None:
    assert [name for name in page.anchors if name in SECTIONS] == SECTIONS


def test_page_loads_nothing(report, page) -> None:
    text = (report[0] / "report.html").read_text()
    assert not re.search(r"<(script|link|iframe|object)\b|@import|url\(|https?://(?!www\.w3\.org)", text)
    assert page.pictures
    assert all(own["src"].startswith("data:image/svg+xml;base64,") and len(own["alt"]) > 20 for own in page.pictures)


def test_every_link_leads_somewhere(report, page) -> None:
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.anchors, link
        else:
            assert (report[0] / link).exists(), link
    assert len(set(page.anchors)) == len(page.anchors)
    assert all(page.scopes)


def test_every_run_of_a_number_is_among_the_sources(report) -> None:
    _, study = report
    table = (report[0] / "tables/sources.csv").read_text()
    for run in study.found.tested:
        if run.role == "test":
            assert run.place in table
    assert "mocoi run nih_mse/finetune --dataset_dir <nih>" in table.replace('"', "")


def test_no_folder_of_the_machine_and_no_patient(report) -> None:
    for path in [report[0] / "report.html", *(report[0] / "tables").iterdir()]:
        text = path.read_text()
        assert "/secret" not in text
        assert str(report[0].parent) not in text
        assert not re.search(r"\bp\d{4}\b|images/\d", text)


def test_figures_are_there_twice(report) -> None:
    names = {path.stem for path in (report[0] / "figures").iterdir()}
    wanted = {"flow_1", "label_efficiency_finetune_1", "paired_differences", "probing_1_f1", "pretraining"}
    wanted |= {"reliability_1", "decision_curve_1", "subgroups"}
    assert wanted <= names
    assert all((report[0] / f"figures/{name}.{ending}").stat().st_size for name in names for ending in ("png", "svg"))


def test_plan_paper_and_what_differs_are_told(report) -> None:
    text = (report[0] / "report.html").read_text()
    assert report[1].found.plan.hash in text
    assert "82.4 (81.7 to 83.0)" in text  # the paper's MoCo with all labels
    assert "The paper tests on 22,433 images; here there are 130 of 60 patients" in text


@pytest.mark.slow
def test_same_runs_give_the_same_bytes(study, report) -> None:
    out = study.folder / "again"
    write_study_report(study.folder, out)
    files = sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    assert files
    for path in files:
        assert (out / path).read_bytes() == (report[0] / path).read_bytes(), path
    shutil.rmtree(out)


def test_folders_that_cannot_be_used(study, report, tmp_path) -> None:
    with pytest.raises(RunFolderError, match="holds a report already") as error:
        write_study_report(study.folder, report[0])
    assert error.value.code == "exists"
    shutil.copytree(report[0], tmp_path / "kept")
    (tmp_path / "kept/notes.txt").write_text("")
    with pytest.raises(RunFolderError, match="something else than a report"):
        write_study_report(study.folder, tmp_path / "kept", overwrite=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").write_text("")
    with pytest.raises(RunFolderError, match="something else than a report"):
        write_study_report(study.folder, tmp_path / "other", overwrite=True)
    with pytest.raises(RunFolderError, match="holds the runs themselves"):
        write_study_report(study.folder, study.folder, overwrite=True)
    with pytest.raises(StudyError, match="there is no tested run of the arm 'resnet'"):
        write_study_report(study.folder, tmp_path / "new", arm="resnet")
    assert not (tmp_path / "new").exists()


def test_little_is_said_in_sentences(tmp_path) -> None:
    """One supervised run, without plan, analyses, curves and labelled.json: every section says what is not there."""
    made = synthetic.SyntheticStudy(tmp_path / "runs", arms=("supervised",), fractions=(1.0,), images=80, patients=40)
    made.write(plan=False)
    for path in made.folder.rglob("labelled.json"):
        path.unlink()
    for path in made.folder.rglob("manifest.json"):
        path.unlink()
    for path in made.folder.rglob("metrics.json"):
        metrics = json.loads(path.read_text())
        path.write_text(
            json.dumps({k: v for k, v in metrics.items() if k not in ("calibration", "decision_curve", "subgroups")})
        )
    write_study_report(made.folder, tmp_path / "out")
    text = (tmp_path / "out/report.html").read_text()
    for sentence in (
        "Nothing can be compared",
        "No run folder says which images were labelled",
        "There is no linear evaluation among these runs.",
        "There are no two arms on the same data set",
        "No encoder was probed",
        "Feature reuse was not analysed",
        "No outputs were compared",
        "It was not measured.",
        "They were not made.",
        "no columns such as sex, age or site",
        "There are none.",
        "not tested on another data set",
        "No pretrained encoder lies among these runs.",
        "No run recorded its time.",
    ):
        assert sentence in text, sentence
    assert "exploratory" not in text


def test_without_a_plan_everything_is_exploratory(study, tmp_path) -> None:
    shutil.copytree(study.folder / "runs/nih", tmp_path / "runs/nih")
    made = write_study_report(tmp_path / "runs", tmp_path / "out")
    text = (tmp_path / "out/report.html").read_text()
    assert "all comparisons are exploratory" in text
    assert "Primary comparison" not in text
    assert "mocoi run BUNDLE/finetune --trainable all --stage 4 --label_fraction 0.06 --label_seed 1 --seed 1" in text
    assert {own.arm for own in made.comparisons} == {"moco", "mse"}
    assert all(own.difference.p_holm is not None for own in made.comparisons)


def test_missing_and_broken_cells_are_named(study, tmp_path) -> None:
    shutil.copytree(study.folder, tmp_path / "study", ignore=shutil.ignore_patterns("report", "again", "tensorboard"))
    folder = tmp_path / "study/runs/nih"
    shutil.rmtree(folder / "mse-resnet50-s0/finetune/f0.06-l1")
    (folder / "moco-resnet50-s0/finetune/f1-l1/predictions.csv").write_text("image,patient\n")
    (folder / "mse-resnet50-s0/finetune/f1-l1/metrics.json").write_text("{")
    made = study_results(tmp_path / "study", tmp_path / "out", None)
    told = [own.text for block in limits_section(made).blocks if isinstance(block, Bullets) for own in block.sentences]
    text = " ".join(told)
    assert "2 of 9 planned tests are not there yet, or not used, of the steps nih.mse-resnet50-s0.finetune (2)" in text
    assert "moco-resnet50-s0/finetune/f1-l1: not used" in text
    assert "mse-resnet50-s0/finetune/f1-l1: not used, because a file in it cannot be read" in text
    primary = made.comparisons[0]
    assert primary.primary
    assert primary.draws == 1  # the one that both have
    assert finding(primary) is Finding.INCOMPLETE
    sentence = sentence_of(primary, made.arms)
    assert sentence.endswith(" against MoCo: cannot be told yet. 2 of 4 planned runs are there.")
    secondary = [own for own in made.comparisons if own.difference and own.lacks and not own.primary]
    assert {finding(own) for own in secondary} == {Finding.INCOMPLETE}


def test_primary_comparison_without_its_arms_has_no_number(study, tmp_path) -> None:
    shutil.copytree(study.folder, tmp_path / "study", ignore=shutil.ignore_patterns("report", "again", "mse-*"))
    made = study_results(tmp_path / "study", tmp_path / "out", None)
    own = made.comparisons[0]
    assert own.primary
    assert "no number. No run of it is there" in sentence_of(own, made.arms)


def test_nothing_to_report_on(tmp_path) -> None:
    with pytest.raises(RunFolderError, match=r"there is no folder"):
        write_study_report(tmp_path / "none", tmp_path / "out")
    (tmp_path / "runs").mkdir()
    with pytest.raises(RunFolderError, match=r"no folder below .* holds a test of a classifier"):
        write_study_report(tmp_path / "runs", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_changed_plan_is_refused(study, tmp_path) -> None:
    shutil.copytree(study.folder / "runs", tmp_path / "study/runs")
    plan = json.loads((study.folder / "plan.json").read_text())
    (tmp_path / "study/plan.json").write_text(json.dumps({**plan, "metric": {"name": "f1", "label": None}}))
    with pytest.raises(StudyError, match="was changed after it was planned"):
        write_study_report(tmp_path / "study", Path(tmp_path / "out"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two arms of one label draw; not to be changed."""
    made = synthetic.SyntheticStudy(tmp_path_factory.mktemp("small"), arms=("supervised", "mse"), fractions=(0.1,))
    made.draws, made.images, made.patients = (1,), 90, 40
    return made.write().folder


def test_a_metric_that_was_not_planned_is_exploratory(small, tmp_path) -> None:
    made = study_results(small, tmp_path, Metric("average_precision"))
    assert not any(own.primary for own in made.comparisons)
    text = headline(made.comparisons, True, made.planned_metric)
    assert text.startswith("The metric was chosen at report time, not planned (planned: macro AUC): exploratory")
    assert study_results(small, tmp_path, Metric("auc")).comparisons[0].primary


def test_a_training_seed_is_no_pretraining(small, tmp_path) -> None:
    made = study_results(small, tmp_path, None)
    assert {own.arm: (own.encoder, own.training) for own in made.found.tested} == {
        "supervised": ("", "0"),
        "mse": ("0", ""),
    }
    assert next(own.encoders for own in made.comparisons if own.against == "supervised") == (1, 0)


def test_runs_that_the_plan_does_not_confirm_are_not_used(small, tmp_path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(small, folder)
    next(folder.glob("done/*mse*finetune*")).write_text('{"id": "x", "plan": "another"}')
    path = next(folder.glob("runs/nih/supervised*/finetune/*/metrics.json"))
    shutil.copytree(path.parent, folder / "runs/nih/by-hand")
    path.write_text(json.dumps({**json.loads(path.read_text()), "dataset_sha256": "another"}))
    made = study_results(folder, tmp_path, None)
    text = " ".join(made.problems)
    for reason in ("no done marker says", "is not the one that was planned", "by-hand: not used, because it is not in"):
        assert reason in text
    assert not made.found.tested


def test_several_runs_of_one_draw_and_seed_have_no_number(small, tmp_path) -> None:
    shutil.copytree(small / "runs", tmp_path / "runs")
    own = next((tmp_path / "runs").glob("nih/mse*/finetune/*"))
    shutil.copytree(own, own.with_name("again"))
    made = study_results(tmp_path / "runs", tmp_path, None)
    assert {run.arm for run in made.found.tested} == {"supervised"}
    assert sum("several runs are of this arm" in text for text in made.problems) == 2


@pytest.mark.parametrize("architecture", ["resnet50", "resnet18"])
def test_several_files_of_weights_are_no_arm_of_whatever_architecture(small, tmp_path, architecture) -> None:
    shutil.copytree(small / "runs", tmp_path / "runs")
    first = next((tmp_path / "runs").glob("nih/mse*/finetune/*/metrics.json"))
    shutil.copytree(first.parent, first.parent.with_name("again"))
    for place, path in enumerate((first, first.parent.with_name("again") / "metrics.json")):
        content = json.loads(path.read_text())
        content["tested"] |= {"architecture": architecture, "start": {"kind": "unknown"}}
        content["tested"]["pretrained_sha256"] = f"{place}" * 64
        path.write_text(json.dumps(content))
    made = study_results(tmp_path / "runs", tmp_path, None)
    assert {run.arm for run in made.found.tested} == {"supervised"}
    assert sum("several runs are of this arm" in text for text in made.problems) == 2


def test_unfinished_runs_and_commands_of_linear_evaluations(small, tmp_path) -> None:
    shutil.copytree(small / "runs", tmp_path / "runs")
    manifest = next((tmp_path / "runs").glob("nih/mse*/finetune/*/manifest.json"))
    manifest.write_text(manifest.read_text().replace("finished", "running"))
    cell = next((tmp_path / "runs").glob("nih/supervised*/finetune/*"))
    (cell.parent / "linear.json").write_text("{}")
    made = study_results(tmp_path / "runs", tmp_path, None)
    assert "its run is not finished (status: running)" in " ".join(made.problems)
    made.sources.of_runs(made.found.tested)
    (row,) = made.sources.section().blocks[0].values
    assert row[2].startswith("mocoi linear BUNDLE/finetune --fractions '[0.1]' --draws '[1]' --out nih/supervised")


def test_calibration_subgroups_patients_and_compute_have_codes(report) -> None:
    for name in ("calibration", "subgroups", "test_patients_1", "compute"):
        first, *rows = (report[0] / f"tables/{name}.csv").read_text().splitlines()
        assert first.endswith(",run")
        assert re.search(r"R\d+$", rows[0].rstrip('"'))
