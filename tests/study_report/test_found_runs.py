"""Files that are not what their name says are named, and nothing else is lost."""

from __future__ import annotations

from pathlib import Path

from monai_mocoi.study_report.found_runs import find_runs
from tests.study_report import synthetic_study as synthetic


def test_json_of_another_form_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    made = synthetic.SyntheticStudy(tmp_path, arms=("supervised",), fractions=(1.0,), images=80, patients=40)
    made.write(plan=False)
    before = find_runs(tmp_path)
    source = next(tmp_path.rglob("predictions.csv"))
    contents = {
        "metrics": {"metrics.json": "[]", "predictions.csv": source.read_text()},
        "classes": {"metrics.json": '{"classes": [1]}', "predictions.csv": source.read_text()},
        "tested": {"metrics.json": '{"tested": ["a"]}', "predictions.csv": source.read_text()},
        "analysis": {"analysis.json": "[1]"},
        "baselines": {"baselines.json": '"text"'},
        "classifier": {"classifier.json": "[]"},
    }
    for place, files in contents.items():
        (tmp_path / place).mkdir()
        for name, text in files.items():
            (tmp_path / place / name).write_text(text)
    found = find_runs(tmp_path)
    assert [own.place for own in found.tested] == [own.place for own in before.tested]
    assert (found.analyses, found.baselines, found.datasets) == ([], [], before.datasets)
    named = {problem.split(":")[0] for problem in found.problems}
    assert named == {*contents}
