from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from data_prep.inhouse.dicom_headers import DicomHeader
from data_prep.inhouse.header_filter import (
    BURNED_IN,
    DERIVED,
    NO_PHOTOGRAPH,
    SECONDARY,
    VIEWS,
    check_any_wanted,
    known_term,
    why_unwanted,
)
from monai_mocoi.errors import RefusedError


class HeaderFilter:
    """The two functions with options; by default none is given."""

    def __init__(self, **options: object) -> None:
        every: dict[str, object] = dict.fromkeys(("modality", "body_part", "view"), ())
        every |= dict.fromkeys(("keep_derived", "keep_secondary", "keep_burned_in"), False)
        self.wanted: Any = SimpleNamespace(**every | options)

    def reason(self, header: DicomHeader) -> str | None:
        return why_unwanted(header, self.wanted)

    def check(self, headers: list[DicomHeader]) -> None:
        check_any_wanted(headers, self.wanted)


PLAIN = {"modality": "CR", "body_part": "CHEST", "view": "PA", "image_type": ("ORIGINAL", "PRIMARY")}


def header(**fields: object) -> DicomHeader:
    return DicomHeader(**{**PLAIN, **fields})  # type: ignore[arg-type]


def test_by_default_any_picture_but_captures_and_derived_ones() -> None:
    keep = HeaderFilter()
    assert keep.reason(header()) is None
    assert keep.reason(header(modality="CT", body_part="", view="")) is None
    assert keep.reason(header(image_type=())) is None
    assert keep.reason(header(image_type=("DERIVED", "PRIMARY"))) == DERIVED
    assert keep.reason(header(image_type=("ORIGINAL", "SECONDARY"))) == SECONDARY
    assert keep.reason(header(sop_class="1.2.840.10008.5.1.4.1.1.7")) == SECONDARY
    assert keep.reason(header(sop_class="1.2.840.10008.5.1.4.1.1.7.4")) == SECONDARY
    assert keep.reason(header(sop_class="1.2.840.10008.5.1.4.1.1.77.1.5.1")) is None  # ophthalmic photography
    assert keep.reason(header(modality="SEG")) == NO_PHOTOGRAPH


def test_they_are_taken_when_asked_for() -> None:
    both = header(sop_class="1.2.840.10008.5.1.4.1.1.7", image_type=("DERIVED", "SECONDARY"))
    assert HeaderFilter(keep_secondary=True).reason(both) is None
    assert HeaderFilter(keep_derived=True).reason(both) == SECONDARY
    assert HeaderFilter(keep_derived=True).reason(header(image_type=("DERIVED", "PRIMARY"))) is None
    assert HeaderFilter(keep_secondary=True).reason(header(image_type=("DERIVED", "PRIMARY"))) == DERIVED


def test_text_in_the_pixels_by_the_header() -> None:
    assert HeaderFilter().reason(header(burned_in="YES")) == BURNED_IN
    assert HeaderFilter().reason(header(burned_in="NO")) is None
    assert HeaderFilter(keep_burned_in=True).reason(header(burned_in="YES")) is None
    screen = header(burned_in="YES", sop_class="1.2.840.10008.5.1.4.1.1.7")
    assert HeaderFilter(keep_burned_in=True).reason(screen) == SECONDARY
    assert HeaderFilter(keep_secondary=True).reason(screen) == BURNED_IN


@pytest.mark.parametrize(
    ("wanted", "fields", "said"),
    [
        (HeaderFilter(modality=["dx"]), {}, "another modality than was asked for (CR)"),
        (HeaderFilter(body_part=["CHEST"]), {"body_part": ""}, "another body part than was asked for (none"),
        (HeaderFilter(view=["PA", "AP"]), {"view": "LL"}, "another view than was asked for (LL)"),
    ],
)
def test_filters(wanted: HeaderFilter, fields: dict[str, object], said: str) -> None:
    reason = wanted.reason(header(**fields))
    assert reason is not None
    assert reason.startswith(said)


def test_filters_take_any_spelling() -> None:
    assert HeaderFilter(modality=["cr"], body_part=[" chest"], view=["pa"]).reason(header()) is None
    assert HeaderFilter(view=["lateral"]).reason(header(view="LAT")) is None


def test_no_other_text_is_repeated() -> None:
    reason = HeaderFilter(body_part=["CHEST"]).reason(header(body_part="QVISTGAARD"))
    assert reason is not None
    assert "QVIST" not in reason
    assert known_term("QVISTGAARD", VIEWS) == ""
    assert known_term("LAT", VIEWS) == "LATERAL"


def test_a_filter_that_leaves_no_picture_is_refused_in_words_of_the_standard() -> None:
    headers = [header(), header(), header(modality="DX", view="LL"), header(modality="QVISTGAARD", view="")]
    headers.append(header(modality="SEG"))  # left out anyway
    with pytest.raises(RefusedError) as error:
        HeaderFilter(modality=["CRDX"]).check(headers)
    assert str(error.value) == (
        "none of 4 DICOM pictures is what was asked for: --modality 'CRDX' (the headers say CR (2), DX (1), other "
        "words (1)). Several values are separated by blanks; no pixel was read."
    )
    with pytest.raises(
        RefusedError, match=r"--view 'PA,AP' \(the headers say PA \(2\), LL \(1\), nothing \(1\)\)\. Several"
    ):
        HeaderFilter(view=["PA,AP"]).check(headers)
    with pytest.raises(RefusedError, match=r"--body-part 'THORAX' \(the headers say CHEST \(4\)\)"):
        HeaderFilter(body_part=["THORAX"]).check(headers)
    with pytest.raises(RefusedError, match=r"--modality 'DX' \(.*; --view 'PA' \("):
        HeaderFilter(modality=["DX"], view=["PA"]).check(headers)  # only both together leave none
    HeaderFilter(modality=["DX"]).check(headers)
    HeaderFilter(modality=["MG"]).check([header(modality="SEG")])
    HeaderFilter(modality=["MG"]).check([])
