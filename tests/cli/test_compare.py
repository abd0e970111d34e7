from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from monai_mocoi.analysis import compare_predictions
from monai_mocoi.data import write_predictions
from monai_mocoi.metrics import holm
from tests.support.loaded_modules import loaded_by
from tests.support.made_predictions import findings
from tests.support.probing_data import FEW as FEW_PROBED
from tests.support.probing_data import datalist, made_features, probed

THRESHOLDS = {"A": 0.4, "B": 0.5, "C": 0.5}
FEW = ("--resamples", "199")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    """Two evaluations of the same images; class C has too few positives."""
    files = []
    for name, noise in (("a", 2.0), ("b", 0.8)):
        made = findings((0.4, 0.3, 0.04), noise=noise, noise_seed=len(files))
        write_predictions(tmp_path / name / "predictions.csv", made)
        (tmp_path / name / "metrics.json").write_text(json.dumps({"thresholds": THRESHOLDS}))
        files.append(str(tmp_path / name / "predictions.csv"))
    return files[0], files[1]


def made_pair():
    return (findings((0.4, 0.3, 0.04), noise=noise, noise_seed=i) for i, noise in enumerate((2.0, 0.8)))


def test_the_table_and_the_file(mocoi, pair):
    result = mocoi("compare", *pair, *FEW, "--json", "new/difference.json")
    assert result.exit_code == 0, result.stderr
    expected = compare_predictions(*made_pair(), resamples=199)
    written = json.loads(Path("new/difference.json").read_text())
    assert {name: written[name] for name in expected} == json.loads(json.dumps(expected))
    assert (written["first"], written["second"]) == pair
    lines = result.stdout.splitlines()
    assert lines[:3] == [
        f"A: {pair[0]}",
        f"B: {pair[1]}",
        "150 images of 60 patients, the same in both; macro_auc",
    ]
    assert lines[3].split() == ["A", "B", "B", "-", "A", "95%", "interval", "p", "by", "Holm"]
    whole = expected["overall"]
    low, high = whole["interval"]
    assert lines[4].split() == [
        *("macro_auc", f"{whole['first']:.3f}", f"{whole['second']:.3f}", f"{whole['value']:+.3f}"),
        *(f"{low:+.3f}", "to", f"{high:+.3f}", f"{whole['p_value']:.3g}"),
    ]
    assert [line.split()[0] for line in lines[5:7]] == ["A", "B"]
    assert "Paired, over patients: bca, 199 resamples, seed 0." in lines
    assert "Not evaluated: C (6 positive, 144 negative images: fewer than 25 positives)" in lines
    assert lines[-len(written["notes"]) :] == written["notes"]
    assert [line.split(":")[0] for line in written["notes"][:2]] == ["A", "B"]
    assert all("nothing is known of the classifier" in line for line in written["notes"][:2])


def tell(predictions: str, images: int = 150, **tested: object) -> None:
    """What evaluate.json writes beside its predictions, as far as it counts here."""
    content = {"thresholds": THRESHOLDS, "images": images, "split": "test", "tested": {"seed": 1, **tested}}
    Path(predictions).with_name("metrics.json").write_text(json.dumps(content))


def test_what_is_known_of_the_classifiers_is_told(mocoi, pair):
    start = {"kind": "pretraining", "epochs": 1, "iterations": 12, "relative_loss": {"training": 1.022}}
    tell(pair[0], start={"kind": "none"}, method="supervised", validation={"validation/macro_auc": 0.601})
    tell(pair[1], start=start, method="mse", validation={"validation/macro_auc": 0.563}, labelled_images=61)
    result = mocoi("compare", *pair, *FEW)
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert "A: random weights (no pretraining); seed 1; validation macro_auc 0.601" in lines
    assert (
        "B: pretrained by mse, 1 epoch (12 steps), loss / guessing 1.022 at its end; seed 1; 61 images with labels; "
        "validation macro_auc 0.563"
    ) in lines
    assert any(line.startswith("One training run of each is compared, on 60 test patients") for line in lines)
    assert any(
        line.startswith("WARNING: validation points the other way: macro_auc 0.601 (A) and 0.563") for line in lines
    )
    assert any(line.startswith("WARNING: B: the encoder's pretraining never beat guessing") for line in lines)
    assert not any(line.startswith("WARNING: A") for line in lines)


def test_metrics_of_other_predictions_tell_nothing(mocoi, pair):
    tell(pair[0], images=149)
    result = mocoi("compare", *pair, *FEW)
    assert "A: nothing is known of the classifier" in result.stdout


def test_settings_reach_the_comparison(mocoi, pair):
    words = ("--metric", "macro_f1", "--interval", "percentile", "--level", "0.9", "--seed", "4")
    result = mocoi("compare", *pair, *FEW, *words, "--min_positives", "5", "--min_negatives", "5", "--json", "d.json")
    assert result.exit_code == 0, result.stderr
    settings = {"interval": "percentile", "level": 0.9, "seed": 4, "min_positives": 5, "min_negatives": 5}
    expected = compare_predictions(*made_pair(), "macro_f1", THRESHOLDS, THRESHOLDS, resamples=199, **settings)
    written = json.loads(Path("d.json").read_text())
    assert {name: written[name] for name in expected} == json.loads(json.dumps(expected))
    assert "90% interval" in result.stdout


def test_a_file_with_itself(mocoi, pair):
    result = mocoi("compare", pair[0], pair[0], *FEW)
    assert result.exit_code == 0
    assert "+0.000 to +0.000  1" in result.stdout
    assert "zero width" in result.stdout


def test_thresholds_are_needed_for_decisions(mocoi, pair, tmp_path):
    (tmp_path / "b" / "metrics.json").unlink()
    result = mocoi("compare", *pair, "--metric", "macro_f1")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: macro_f1 of findings needs the thresholds")
    assert str(tmp_path / "b" / "metrics.json") in result.stderr
    assert mocoi("compare", *pair, *FEW, "--metric", "macro_average_precision").exit_code == 0


def test_refusals_are_one_message(mocoi, pair, tmp_path):
    (tmp_path / "other.csv").write_text("image,patient,label_A,probability_A\nx,p,1,0.5\n")
    Path("there.json").touch()
    for words, code, text in (
        ((*pair, "--metric", "auc"), 2, "metric is 'auc'; choose one of macro_auc"),
        ((*pair, "--metric", "calibration_error"), 2, "calibration_error is not compared: it is biased upwards"),
        ((pair[0], str(tmp_path)), 3, f"{str(tmp_path)!r} is a folder; give the file that an evaluation writes"),
        ((pair[0], "nowhere.csv"), 3, "there is no file 'nowhere.csv'"),
        ((pair[0], str(tmp_path / "other.csv")), 3, "the classes differ (3 and 1)"),
        ((*pair, "--interval", "normal"), 2, "interval is 'normal'"),
        ((*pair, "--resamples", "10"), 2, "a 95 % interval needs at least 39 bootstrap resamples, got 10"),
        ((*pair, "--min_positives", "150"), 3, "None of the 3 classes has enough"),
        ((*pair, "--json", "there.json"), 2, "'there.json' exists already"),
        ((*pair, "--overwrite"), 2, "--overwrite is given, but nothing is written: name the file by --json"),
        ((*pair, "--json", pair[0], "--overwrite"), 2, f"--json {pair[0]} is a folder or one of the files"),
    ):
        result = mocoi("compare", *words)
        assert result.exit_code == code
        assert result.stderr.startswith(f"error: {text}")
        if "150" in words:
            assert f"(A: {pair[0]}; B: {pair[1]})" in result.stderr
            assert "metrics.json" not in result.stderr
        assert result.stderr.count("\n") == 1
        assert result.stdout == ""
    assert Path("there.json").read_text() == ""
    assert mocoi("compare", *pair, *FEW, "--json", "there.json", "--overwrite").exit_code == 0


def test_it_needs_no_torch(pair):
    done = loaded_by("compare", *pair, *FEW)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("LOADED ['numpy']\n")


def test_a_file_that_cannot_be_read_is_named_once_with_its_folder(mocoi, tmp_path):
    for content in ("image,patient,label,probability_a\nx,p,a,high\n", "image;patient;label;probability_a\n", "a,b\n"):
        (tmp_path / "c.csv").write_text(content)
        result = mocoi("compare", str(tmp_path / "c.csv"), str(tmp_path / "c.csv"))
        assert result.exit_code == 3
        assert result.stderr.startswith(f"error: {tmp_path / 'c.csv'}")
        assert result.stderr.count("c.csv") == 1


def test_holm_beside_the_p_values_of_the_classes(mocoi, pair):
    lines = mocoi("compare", *pair, *FEW).stdout.splitlines()
    classes = compare_predictions(*made_pair(), resamples=199)["classes"]
    for line, (name, own) in zip(lines[5:7], classes.items(), strict=True):
        assert line.split()[0] == name
        assert line.split()[-2:] == [f"{own['p_value']:.3g}", f"{own['p_value_holm']:.3g}"]
    assert "By Holm: the classes' p-values, corrected for their number, 2." in lines


def test_several_arms_are_compared_with_the_first_and_corrected_together(mocoi, pair, tmp_path):
    third = tmp_path / "c" / "predictions.csv"
    write_predictions(third, findings((0.4, 0.3, 0.04), noise=1.9, noise_seed=7))
    result = mocoi("compare", *pair, str(third), *FEW, "--json", "new/several.json")
    assert result.exit_code == 0, result.stderr
    written = json.loads(Path("new/several.json").read_text())
    assert [own["second"] for own in written["comparisons"]] == [pair[1], str(third)]
    single = json.loads(json.dumps(compare_predictions(*made_pair(), resamples=199)))
    assert {**written["comparisons"][0]["overall"], "p_value_holm": 0} == {**single["overall"], "p_value_holm": 0}
    overall = [own["overall"] for own in written["comparisons"]]
    np.testing.assert_allclose([own["p_value_holm"] for own in overall], holm([own["p_value"] for own in overall]))
    assert result.stdout.count("corrected for 2 comparisons with A.") == 2
    assert result.stdout.count(f"A: {pair[0]}") == 2


def test_two_probings_cell_by_cell(mocoi, tmp_path: Path, pair):
    data = datalist()
    for name, noise in (("a", 3.0), ("b", 9.0)):
        probed(data, made_features(data, noise), stages=[2, 4], folder=tmp_path / f"probed-{name}" / "probing")
    places = [str(tmp_path / "probed-a"), str(tmp_path / "probed-b" / "probing" / "probing.json")]
    few = [word for name, value in FEW_PROBED.items() for word in (f"--{name}", str(value))]
    result = mocoi("compare", *places, *few, "--json", "probings.json")
    assert result.exit_code == 0, result.stderr
    written = json.loads(Path("probings.json").read_text())
    assert [(cell["stage"], cell["label_fraction"]) for cell in written["cells"]] == [
        *((2, 0.4), (4, 0.4), (2, 1.0), (4, 1.0)),
    ]
    lines = result.stdout.splitlines()
    cell = written["cells"][0]
    row = next(line for line in lines if line.startswith("stage 2, 0.4 of the labels"))
    assert row.split()[6:10] == ["2", f"{cell['first']:.3f}", f"{cell['second']:.3f}", f"{cell['value']:+.3f}"]
    assert row.split()[-2:] == [f"{cell['p_value']:.3g}", f"{cell['p_value_holm']:.3g}"]
    assert "By Holm: the p-values corrected for their number, 4." in lines
    for others in ([pair[0]], [places[1], places[1]]):
        refused = mocoi("compare", places[0], *others)
        assert refused.exit_code == 2
        assert "one of these is a probing" in refused.stderr
