from __future__ import annotations

from pathlib import Path

import pytest

from monai_mocoi.study_report import StudyResults, write_study_report
from tests.study_report import synthetic_study as synthetic
from tests.study_report import whole_study


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> synthetic.SyntheticStudy:
    """Three arms, two label fractions, two draws, with everything that a report can show; not to be changed."""
    made = synthetic.SyntheticStudy(tmp_path_factory.mktemp("study")).write()
    synthetic.add_analysis(made)
    synthetic.add_baselines(made)
    synthetic.add_external(made)
    synthetic.add_curves(made)
    return made


@pytest.fixture(scope="session")
def report(study: synthetic.SyntheticStudy) -> tuple[Path, StudyResults]:
    """The report's folder, beside the runs, and what it was made of."""
    out = study.folder / "report"
    return out, write_study_report(study.folder, out)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> whole_study.Made:
    """A study with both evaluations, and numbers that are all measured; for the second script, not to be changed."""
    return whole_study.measured(whole_study.make(tmp_path_factory.mktemp("whole")))
