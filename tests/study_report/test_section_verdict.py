"""The verdict's sentences, and where they would be too many."""

from __future__ import annotations

import pytest

from monai_mocoi.study_report import Finding, section_verdict, sentence_of
from monai_mocoi.study_report.blocks import Bullets, Text
from tests.study_report.whole_study import Made


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize(
    ("kind", "title", "words"),
    [
        (Finding.NOT_SHOWN, "Not shown", "paired differences"),
        (Finding.INCOMPLETE, "Cannot be told", "paired differences"),
        (Finding.NONE, "Without a number", "Their runs are missing"),
    ],
)
def test_many_comparisons_that_show_nothing_are_left_to_the_table(
    made: Made, monkeypatch: pytest.MonkeyPatch, kind: Finding, title: str, words: str, more: int
) -> None:
    study = made.results
    nothing = [own for own in study.comparisons if not own.primary]
    monkeypatch.setattr(section_verdict, "finding", lambda own: kind)
    monkeypatch.setattr(section_verdict, "_LISTED", len(nothing) - more)
    blocks = section_verdict.verdict_section(study).blocks
    heads = [own.text for own in blocks if isinstance(own, Text) and own.kind == "head"]
    assert any(text.startswith(f"{title}: {len(nothing)} of ") for text in heads)
    told = [item.text for own in blocks if isinstance(own, Bullets) for item in own.sentences]
    sentences = {sentence_of(own, study.arms, study.short_of(own.dataset), reach=False) for own in nothing}
    assert len(sentences & set(told)) == (0 if more else len(sentences))
    assert any(isinstance(own, Text) and words in own.text for own in blocks) is bool(more)
