"""External and temporal validation: sites or the latest images held out as the test split (TRIPOD 2015).

A patient's other images are left out. In the test split they would not be of that site or time; in training they would
be of a patient who is tested on.
"""

from bisect import bisect_left
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from monai_mocoi.errors import DatasetError, RefusedError

OTHER_SITE = "of a patient who is tested on with images of a held-out site"
EARLIER = "of a patient who is tested on with later images"


@dataclass(frozen=True)
class HeldOut:
    """The images that a hold-out decides; all others are training and validation."""

    test: frozenset[str]  # names of the images of the test split
    left_out: dict[str, list[str]]  # names by reason of the images that are not used; without empty ones
    lines: tuple[str, ...]  # for the console and the report; they name no site and no date


def hold_out_sites(site_of: Mapping[str, str | None], patient_of: Mapping[str, str], sites: Collection[str]) -> HeldOut:
    """Hold the images of some sites, by their codes, out as the test split; unknown sites (None) are trained on."""
    known = sorted({site for site in site_of.values() if site is not None})
    if missing := [site for site in sites if site not in known]:
        raise RefusedError(
            f"{len(missing)} of the {len(sites)} sites to test on have no image. The sites of the images are "
            f"{', '.join(known) or 'not known (give --site-column)'}; sites.csv in the private folder has their names."
        )
    test = {name for name, site in site_of.items() if site in sites}
    what = f"{len(sites)} site{'s' if len(sites) > 1 else ''}"
    unknown = sum(site is None for site in site_of.values())
    return _held_out(test, patient_of, what, OTHER_SITE, f"the site of {unknown}" if unknown else "")


def hold_out_latest(date_of: Mapping[str, date | None], patient_of: Mapping[str, str], since: date) -> HeldOut:
    """Hold the images of a day and later out as the test split; those without a date (None) are trained on."""
    test = {name for name, day in date_of.items() if day is not None and day >= since}
    unknown = sum(day is None for day in date_of.values())
    if not test:
        raise RefusedError(
            f"no image is as late as the day to test from; of {unknown} of {len(date_of)} the date is not known. Name "
            "an earlier day (YYYY-MM-DD), or a share of the images, such as 0.2, that is to be tested on."
        )
    return _held_out(test, patient_of, "the latest dates", EARLIER, f"the date of {unknown}" if unknown else "")


def latest_share(date_of: Mapping[str, date | None], share: float) -> date:
    """Return the first day of a test split with the latest share (above 0 and below 1) of the images that have a date.

    The images of one day stay together: the nearest day is taken, of two as near the earlier one.
    """
    days = sorted(day for day in date_of.values() if day is not None)
    firsts = sorted(set(days))[1:]
    if not firsts:
        why = "all the same one" if days else "none can be the latest"
        raise RefusedError(
            f"a share of {share:g} to test on: {len(days)} of {len(date_of)} images have a date, and {why}. Name the "
            "column with --date-column, or hold out a site with --test-site."
        )
    held = {first: len(days) - bisect_left(days, first) for first in firsts}
    return min(firsts, key=lambda first: (abs(held[first] - share * len(days)), first))


def parse_test_from(text: str) -> date | float:
    """Read a day, or a share of the images. Another text is refused and not repeated: it may be a patient's date."""
    with suppress(ValueError):
        return date.fromisoformat(text.strip())
    with suppress(ValueError):
        if 0 < (share := float(text)) < 1:
            return share
    raise RefusedError("--test-from is neither a day (YYYY-MM-DD) nor a share of the images between 0 and 1.")


def _held_out(test: set[str], patient_of: Mapping[str, str], what: str, reason: str, unknown: str) -> HeldOut:
    patients = {patient_of[name] for name in test}
    others = sorted(name for name, patient in patient_of.items() if patient in patients and name not in test)
    if len(test) + len(others) == len(patient_of):
        raise DatasetError(
            f"with {what} held out as the test split, no image is left to train on: hold out less, or let the split be "
            "drawn."
        )
    lines = [f"Test split: {len(test)} images of {len(patients)} patients of {what}"]
    if others:
        lines.append(f"{len(others)} other images of these patients are left out")
    if unknown:
        lines.append(f"{unknown} images is not known: they are trained on")
    return HeldOut(frozenset(test), {reason: others} if others else {}, tuple(lines))
