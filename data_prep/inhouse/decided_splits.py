"""Images whose split is not drawn: of sites or dates held out, of patients without labels, of the parts of others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from data_prep.holdout import hold_out_latest, hold_out_sites, latest_share, parse_test_from
from data_prep.inhouse.drafts import Draft
from data_prep.inhouse.part import OTHER_PART, Part
from data_prep.source import Exclusions
from monai_mocoi.errors import DatasetError


@dataclass(frozen=True)
class Decided:
    """What was decided of some images.

    Attributes:
        drafts: that go on.
        splits: the split by name, of those whose split is decided.
        left_out: names by reason.
        lines: for the console.
        step: name of the station; "": none, for nothing can be left out.
    """

    drafts: list[Draft]
    splits: dict[str, str] = field(default_factory=dict)
    left_out: Exclusions = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    step: str = ""


def held_out(
    drafts: Sequence[Draft], test_site: Sequence[str], test_from: str | None, code: Callable[[str], str]
) -> Decided:
    """Put the images of sites, or from a day on, into the test split; see :mod:`data_prep.holdout`.

    Args:
        drafts: all images.
        test_site: names or codes of the sites; empty: none.
        test_from: the day or share, as given; None: none. One of both at most.
        code: makes the code of a site's name.

    Raises:
        RefusedError: there is no such site, or nothing from that day on.
    """
    patient_of = {draft.name: draft.patient for draft in drafts}
    if test_site:
        sites = {d.name: None if d.row is None or d.row.site is None else code(d.row.site) for d in drafts}
        held = hold_out_sites(sites, patient_of, [code(site) for site in test_site])
    elif test_from is not None:
        dates = {draft.name: draft.date for draft in drafts}
        first = parse_test_from(test_from)
        held = hold_out_latest(dates, patient_of, latest_share(dates, first) if isinstance(first, float) else first)
    else:
        return Decided(list(drafts))
    gone = {name for names in held.left_out.values() for name in names}
    return Decided(
        [draft for draft in drafts if draft.name not in gone],
        dict.fromkeys(held.test, "test"),
        dict(held.left_out),
        list(held.lines),
        "Held out for the test",
    )


def for_pretraining(drafts: Sequence[Draft]) -> Decided:
    """Put the images of patients of whom no image has a label into the split for pretraining alone.

    Raises:
        DatasetError: no image has a label.
    """
    labelled = {own.patient for own in drafts if own.row is not None and own.row.label is not None}
    if not labelled:
        raise DatasetError("no image has a label: every row that matches leaves it open.")
    others = [own.name for own in drafts if own.patient not in labelled]
    lines = [f"{len(others)} images of patients without any label are for pretraining alone"] if others else []
    return Decided(list(drafts), dict.fromkeys(others, "pretraining"), lines=lines)


def own_part(drafts: Sequence[Draft], part: Part) -> Decided:
    """Leave out the images of the other parts."""
    own = [draft for draft in drafts if part.holds(draft.patient)]
    others = [draft.name for draft in drafts if not part.holds(draft.patient)]
    return Decided(
        own,
        left_out={OTHER_PART: others} if others else {},
        lines=[f"part {part}: {len(own)} of {len(drafts)} images"],
        step=part.station,
    )
