"""Tables of the report, without counts of few patients: what is too small to be shown to people outside is hidden."""

from collections.abc import Collection, Hashable, Mapping
from typing import Any, NamedTuple, TypeVar

from data_prep.account import GREY_BANDS, LABEL_VALUES, Account, Count

LEAST = 5  # patients; a cell of fewer (but not of none) is hidden, as statistical offices do
SMALL, ALSO = f"<{LEAST}", f"{LEAST} or more"

Key = TypeVar("Key", bound=Hashable)


class Cell(NamedTuple):
    """A cell as it is shown."""

    images: str
    patients: str = ""
    share: float | None = None  # of the split's images, or of those with the label known; None: not shown


def hidden_cells(patients: Mapping[Key, int], least: int = LEAST) -> tuple[set[Key], set[Key]]:
    """Choose the cells to hide of a row or column whose sum is known, by the patients of each cell.

    Where one cell alone is hidden, the sum gives it away. So the next smallest cells are hidden too, until at least two
    are, of at least ``least`` patients together (Hundepool et al., *Statistical Disclosure Control*, 2012, chapter 4).
    Returned are the small cells, and those that are hidden because of them.
    """
    small = {key for key, number in patients.items() if 0 < number < least}
    also: set[Key] = set()
    for key in sorted((key for key in patients if patients[key] >= least), key=lambda key: patients[key]):
        hidden = small | also
        if not small or (len(hidden) > 1 and sum(patients[own] for own in hidden) >= least):
            break
        also.add(key)
    return small, also


def label_table(account: Account) -> dict[str, Any]:
    """Return the splits that have labels, the values that occur, and of each label the cells by split and value."""
    labels = account.labels

    def has(split: str, values: Collection[str]) -> bool:
        return any(own[split][value].images for own in labels.values() for value in values)

    splits = [split for split in account.splits if has(split, ("positive", "negative"))]
    unknown = any(has(split, ("unknown",)) for split in splits)
    hidden = {split: _hidden_of_classes({label: own[split] for label, own in labels.items()}) for split in splits}
    return {
        "splits": splits,
        "values": LABEL_VALUES if unknown else LABEL_VALUES[:2],
        "rows": {
            label: {split: _label_cells(own[split], hidden[split].get(label, ())) for split in splits}
            for label, own in labels.items()
        },
        "without": [split for split in account.splits if split not in splits],
    }


def group_table(rows: Mapping[str, Mapping[str, Count]], splits: Mapping[str, Count]) -> dict[str, dict[str, Cell]]:
    """Return the cells of a column: value -> split -> cell."""
    table: dict[str, dict[str, Cell]] = {value: {} for value in rows}
    for split, whole in splits.items():
        counts = {value: own[split] for value, own in rows.items()}
        shares = {value: count.images / whole.images for value, count in counts.items() if whole.images}
        for value, cell in _cells(counts, shares).items():
            table[value][split] = cell
    return table


def small_vendors(account: Account) -> dict[str, set[str]]:
    """Return the vendors of each split that are not named: those of few patients, and those that would tell them."""
    known = account.groups.get("vendor", {})
    return {
        split: set().union(*hidden_cells({vendor: own[split].patients for vendor, own in known.items()}))
        for split in account.splits
    }


def shown_vendors(account: Account, vendors: Collection[str]) -> list[str]:
    """Return the vendors of enough patients, as far as that is known."""
    known = account.groups.get("vendor", {})
    patients = {vendor: sum(count.patients for count in own.values()) for vendor, own in known.items()}
    return [vendor for vendor in vendors if patients.get(vendor, LEAST) >= LEAST]


def grey_level_table(account: Account) -> dict[str, Any]:
    """Return the shares of images by vendor and band; numbers would give away a hidden cell of the vendors' table."""
    vendors = shown_vendors(account, account.grey_levels)
    held = {band for vendor in vendors for band in account.grey_levels[vendor]}
    bands = [band for band in GREY_BANDS.values() if band in held]
    rows = {}
    for vendor in vendors:
        own = account.grey_levels[vendor]
        shares = [100 * own.get(band, 0) / max(1, sum(own.values())) for band in bands]
        rows[vendor] = ["<1%" if 0 < share < 1 else f"{share:.0f}%" for share in shares]
    return {"bands": bands, "rows": rows}


def _cells(counts: Mapping[str, Count], shares: Mapping[str, float], hidden: Collection[str] = ()) -> dict[str, Cell]:
    """The cells of one split; ``counts`` are all its images, and ``hidden`` cells are not shown in any case."""
    small, also = hidden_cells({value: count.patients for value, count in counts.items()})

    def cell(value: str, count: Count) -> Cell:
        if not count.images:
            return Cell("0")
        if value in small | also or value in hidden:
            return Cell(SMALL if value in small else ALSO)
        return Cell(f"{count.images:,}", f"{count.patients:,}", shares.get(value))

    return {value: cell(value, count) for value, count in counts.items()}


def _label_cells(counts: Mapping[str, Count], hidden: Collection[str]) -> dict[str, Cell]:
    known = counts["positive"].images + counts["negative"].images
    shown = _cells(counts, {"positive": counts["positive"].images / known} if known else {}, hidden)
    if any(cell.images in (SMALL, ALSO) for cell in shown.values()):  # the share would tell how many are known
        return {value: cell._replace(share=None) for value, cell in shown.items()}
    return shown


def _hidden_of_classes(counts: Mapping[str, Mapping[str, Count]]) -> dict[str, Collection[str]]:
    """Find the cells of one split that the other classes would give away; none where an image may have several.

    All classes and no known class sum to the split, and the "negative" of a class are the positive of the others.
    """
    known = {own["positive"].images + own["negative"].images for own in counts.values()}
    if len(counts) < 2 or known != {sum(own["positive"].images for own in counts.values())}:
        return {}
    unknown = next(iter(counts.values()))["unknown"].patients
    patients = {("positive", label): own["positive"].patients for label, own in counts.items()}
    hidden = set().union(*hidden_cells({**patients, ("unknown", ""): unknown}))
    without = {"negative", "unknown"} if ("unknown", "") in hidden else set()
    return {label: without | ({"positive", "negative"} if ("positive", label) in hidden else set()) for label in counts}
