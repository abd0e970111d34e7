"""Counts of data sets, against counts of their datalist by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import evidence_data
from monai_mocoi.data import Datalist, load_datalist
from monai_mocoi.demo import generate_demo


@pytest.fixture(scope="module")
def chest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate_demo(tmp_path_factory.mktemp("data") / "chest", patients=60, size=32, progress=False)


def test_splits_and_positives(chest: Path) -> None:
    datalist = load_datalist(chest)
    lines = evidence_data.splits_table(datalist).splitlines()
    assert lines[0] == f"| split | images | patients | {' | '.join(datalist.labels)} |"
    for line, split in zip(lines[2:], ("training", "validation", "test"), strict=True):
        items = datalist.splits()[split]
        counts = [sum(item["label"][place] == 1 for item in items) for place in range(len(datalist.labels))]
        shown = [split, len(items), len({item["patient"] for item in items}), *counts]
        assert line == f"| {' | '.join(map(str, shown))} |"


def drawn(positives: int, patients: int = 40) -> Datalist:
    """One image a patient: of two findings, the second of half of the patients."""
    items = [
        {"name": f"{n}", "patient": f"{n}", "label": [int(n < positives), n % 2]} for n in range(patients)
    ]  # fmt: skip
    parts = {split: [{**item, "name": split + item["name"]} for item in items] for split in ("training", "validation")}
    many = [{**item, "name": f"t{n}{item['name']}"} for n in range(3) for item in items]
    return Datalist("drawn", ("a", "b"), Path(), sha256="0" * 64, test=many, **parts)


@pytest.mark.parametrize(("positives", "measured"), [(8, ["b"]), (9, ["a", "b"]), (31, ["a", "b"]), (32, ["b"])])
def test_a_label_needs_25_test_images_on_both_sides(positives: int, measured: list[str]) -> None:
    assert evidence_data.measured_labels(drawn(positives)) == measured  # 3 x 8 = 24, 3 x 9 = 27


def test_the_fewest_images_of_any_draw() -> None:
    datalist = drawn(10)
    assert evidence_data.fewest(datalist, 1.0, [1, 2]) == (10, "a")
    count, name = evidence_data.fewest(datalist, 0.5, [1, 2, 3])
    assert name == "a"
    assert 3 <= count <= 6


def test_the_command_prints_tables(chest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tissue = generate_demo(tmp_path / "tissue", "histology", patients=40, size=32, progress=False)
    evidence_data.main([str(chest), str(tissue), "--fractions", "1", "0.5", "--draws", "1", "2"])
    first, _, second = capsys.readouterr().out.partition("### tissue: ")
    assert first.startswith("### chest: ")
    assert first.endswith("Measured: none.\n\n\n")  # too few test images
    assert "| labels | fewest images with a label in 2 draws | at least 5 |" in second
    positives = evidence_data.positives(load_datalist(tissue), "training")
    assert f"| 100 % | {positives.min()} (" in second
    assert "| 50 % | " in second
