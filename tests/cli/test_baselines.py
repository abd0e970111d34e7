from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from monai_mocoi.analysis import baselines, evaluate_predictions
from monai_mocoi.data import read_predictions
from tests.support.shortcut_data import folder_of

FEW = ("--resamples", "99", "--min_positives", "10", "--min_negatives", "10")


@pytest.fixture(autouse=True)
def few_shuffles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "SHUFFLES", 3)


def test_predictions_figures_and_table(mocoi, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "data", view=lambda label, draw: "AP" if draw.random() < 0.5 else "PA")
    result = mocoi("baselines", str(folder), *FEW)
    assert result.exit_code == 0, result.stderr
    out = Path("runs/baselines-data")
    document = json.loads((out / "baselines.json").read_text())
    assert list(document["baselines"]) == ["view", "colour", "pixels", "shuffled"]
    assert document["left_out_columns"] == []
    for name, own in document["baselines"].items():
        predictions = read_predictions(out / name / "predictions.csv")
        metrics = json.loads((out / name / "metrics.json").read_text())
        report = evaluate_predictions(predictions, None, resamples=99, min_positives=10, min_negatives=10)
        assert metrics["overall"] == json.loads(json.dumps(report["overall"]))
        assert own["overall"]["macro_auc"] == metrics["overall"]["macro_auc"]
        assert (metrics["split"], metrics["tested"]["baseline"]) == ("test", name)
        shown = own["shuffles"]["mean"] if name == "shuffled" else own["overall"]["macro_auc"]["value"]
        assert f"  {name:<8}  {shown:.3f} {'+-' if name == 'shuffled' else '('}" in result.stdout
    rows = list(csv.DictReader((out / "baselines.csv").open()))
    assert [(row["baseline"], row["class"]) for row in rows[:2]] == [("view", "(mean)"), ("view", "yes")]
    assert float(rows[0]["auc"]) == document["baselines"]["view"]["overall"]["macro_auc"]["value"]

    compared = mocoi("compare", *(str(out / name / "predictions.csv") for name in ("pixels", "colour", "view")), *FEW)
    assert compared.exit_code == 0, compared.stderr
    assert "A: the baseline pixels: it sees 64 principal components of 32 x 32 pixels; seed 0" in compared.stdout

    again = mocoi("baselines", str(folder), *FEW)
    assert again.exit_code == 2
    assert "already holds baselines" in again.stderr


def test_columns_of_a_table(mocoi, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "data")
    rows = [f"{number}.png,{'ab'[number % 3 > 0]}" for number in range(180)]
    (tmp_path / "sites.csv").write_text("\n".join(["image,a/b", *rows]))
    result = mocoi("baselines", str(folder), *FEW, "--columns", str(tmp_path / "sites.csv"), "--out", "made")
    assert result.exit_code == 0, result.stderr
    assert json.loads(Path("made/baselines.json").read_text())["columns_of"] == "sites.csv"
    assert Path("made/a_b/predictions.csv").is_file()


@pytest.mark.parametrize(
    ("words", "error"), [(("--interval", "x"), "interval is 'x'"), (("--out", "~x"), "begins with '~'")]
)
def test_what_cannot_be_meant_is_refused_before_any_image_is_read(mocoi, tmp_path: Path, words, error) -> None:
    result = mocoi("baselines", str(tmp_path / "none"), *words)
    assert result.exit_code != 0
    assert error in " ".join(result.stderr.split())


def test_images_without_labels_are_left_out_and_counted(mocoi, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "data", multiclass=False, view=lambda label, draw: "AP" if label else "PA")
    document = json.loads((folder / "datalist.json").read_text())
    for number, item in enumerate(document["training"]):
        if number % 5 == 0:
            item["label"] = [None, item["label"][1]]
    for item in document["training"][:3] + document["test"][-4:]:
        del item["label"]
    document["pretraining"] = [{**document["training"].pop(), "view": "lateral"}]
    (folder / "datalist.json").write_text(json.dumps(document))
    result = mocoi("baselines", str(folder), *FEW)
    assert result.exit_code == 0, result.stderr
    assert "training: 3 image(s) without a label are left out." in result.stdout
    written = json.loads(Path("runs/baselines-data/baselines.json").read_text())
    assert written["unlabelled_images"] == {"training": 3, "test": 4}
    predictions = read_predictions(Path("runs/baselines-data/view/predictions.csv"))
    assert list(predictions.images) == [item["image"] for item in document["test"][:-4]]
    assert written["baselines"]["view"]["classes"]["no"]["auc"]["value"] == 1  # the view tells the first finding


def test_a_data_set_of_any_kind_of_images_is_taken_and_phantoms_are_of_the_demo_alone(mocoi, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "data")
    (folder / "manifest.json").write_text('{"format": 1, "source": "bch"}')
    result = mocoi("baselines", str(folder), *FEW)
    assert result.exit_code == 0, result.stderr
    assert "bundle" not in result.output
    refused = mocoi("baselines", str(folder), "--phantoms", "fundus", *FEW)
    assert refused.exit_code == 2
    assert "--phantoms is fundus, but is of the data set demo: leave it out" in refused.stderr
