"""Images whose split is not drawn: of sites or dates held out, of patients without labels, of other parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from data_prep.account import Step
from data_prep.candidates import Exclusions
from data_prep.inhouse.drafts import Draft
from data_prep.inhouse.held_out import hold_out_latest, hold_out_sites, latest_share, parse_test_from
from data_prep.inhouse.part import OTHER_PART, Part
from data_prep.inhouse.private_folder import PrivateFolder
from data_prep.inhouse.source_options import InhouseOptions
from monai_mocoi.errors import DatasetError


@dataclass
class Decided:
    """What was decided of some images."""

    drafts: list[Draft]  # that go on
    splits: dict[str, str] = field(default_factory=dict)  # by name, of those whose split is decided
    left_out: Exclusions = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)  # for the console
    steps: list[Step] = field(default_factory=list)  # stations that may leave images out

    def then(self, later: "Decided") -> "Decided":
        """Add what was decided of the images that go on; what was decided first counts."""
        return Decided(
            later.drafts,
            {**later.splits, **self.splits},
            {**self.left_out, **later.left_out},
            [*self.lines, *later.lines],
            [*self.steps, *later.steps],
        )


def decide(drafts: Sequence[Draft], options: InhouseOptions, private: PrivateFolder, with_table: bool) -> Decided:
    """Decide what is not drawn: what is held out, for pretraining alone (if there are labels), or of another part.

    The private folder gets what a hold-out leaves out. What cannot be held out is a RefusedError or DatasetError.
    """
    decided = held_out(drafts, options.test_site, options.test_from, private.site)
    reason_of = {name: reason for reason, names in decided.left_out.items() for name in names}
    for draft in drafts:
        if draft.name in reason_of:
            private.exclude(draft.seen.file.path, reason_of[draft.name], draft.name)
    if with_table:
        decided = decided.then(for_pretraining(decided.drafts))
    if options.part is not None:
        decided = decided.then(own_part(decided.drafts, Part.parse(options.part)))
        if options.split_csv is None:  # the join draws
            decided.splits = {**{draft.name: "training" for draft in decided.drafts}, **decided.splits}
    return decided


def held_out(
    drafts: Sequence[Draft], test_site: Sequence[str], test_from: str | None, code: Callable[[str], str]
) -> Decided:
    """Put the images of sites, or from a day on, into the test split; see :mod:`data_prep.inhouse.held_out`.

    Sites are names or codes; the day may be a share. At most one of both is given. ``code`` makes the code of a site's
    name.
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
    kept = [draft for draft in drafts if draft.name not in gone]
    splits = dict.fromkeys(held.test, "test")
    return Decided(
        kept, splits, held.left_out, list(held.lines), [_step("Held out for the test", drafts, held.left_out)]
    )


def for_pretraining(drafts: Sequence[Draft]) -> Decided:
    """Put the images of patients without any label into the split for pretraining alone; no label is a DatasetError."""
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
    left_out = {OTHER_PART: others} if others else {}
    lines = [f"part {part}: {len(own)} of {len(drafts)} images"]
    return Decided(own, {}, left_out, lines, [_step(part.station, drafts, left_out)])


def _step(name: str, drafts: Sequence[Draft], left_out: Exclusions) -> Step:
    return Step(name, len(drafts), {reason: len(names) for reason, names in left_out.items()})
