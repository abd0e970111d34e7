"""``report.html``: what a preparation did, for the person who must answer for the data. One file, no network."""

from __future__ import annotations

import base64
import io
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from data_prep.account import Account, Count
from data_prep.counts import GREY_BANDS
from data_prep.flow_diagram import WIDTH, flow_diagram
from data_prep.small_cells import LEAST, hidden_cells
from monai_mocoi.files.atomic_write import atomic_path
from monai_mocoi.transforms.reader import read_image

PICTURES = 48
"""On the contact sheet: a page."""
_SIDE = 160  # pixels of a picture on the sheet
_STRETCHED = (0.5, 99.5)  # percentiles

SMALL, ALSO = f"<{LEAST}", f"{LEAST} or more"


class Picture(NamedTuple):
    """One written image, for the contact sheet.

    Attributes:
        path: of the image in the dataset folder.
        caption: its hash, or for public data its name.
        split: its split.
        vendor: its vendor; "" where it is not known.
    """

    path: Path
    caption: str
    split: str
    vendor: str = ""


def write_report(account: Account, pictures: Sequence[Picture], path: str | Path, number: int = PICTURES) -> None:
    """Write the report: one HTML file with all it needs inside, readable without JavaScript and printable on A4.

    Counts of fewer than 5 patients are shown as "<5", always: the file is made to be handed to people outside, and the
    exact numbers stand in the dataset folder. See :func:`~data_prep.small_cells.hidden_cells`. The flow of the files is
    exact: it speaks of files, not of what a patient has.

    Args:
        account: what to tell.
        pictures: of which the contact sheet shows some, evenly over splits and vendors. Empty: no sheet.
        path: the file to make or replace.
        number: of pictures on the sheet, at most.

    Raises:
        OSError: a picture cannot be read or ``path`` cannot be written.
        ValueError: a picture is none.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"number": "{:,}".format, "percent": "{:.0%}".format, "plain": _plain}
    text = environment.get_template("report.html.j2").render(
        account=account,
        diagram=flow_diagram(account.flow, account.splits),
        width=WIDTH,
        found=account.flow[0].entered,
        left_out=sum(sum(step.left_out.values()) for step in account.flow),
        more=sum(step.more for step in account.flow),
        images=sum(count.images for count in account.splits.values()),
        patients=sum(count.patients for count in account.splits.values()),
        least=LEAST,
        labels=_label_table(account),
        groups={column: _group_table(rows, account.splits) for column, rows in account.groups.items()},
        histograms=_histograms(account),
        grey_levels=_grey_levels(account),
        sheet=[(own, _data_uri(own.path)) for own in evenly_drawn(_without_small_vendors(pictures, account), number)],
        of_pictures=len(pictures),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _without_small_vendors(pictures: Sequence[Picture], account: Account) -> list[Picture]:
    """Name no vendor of few patients of a split, nor draw its pictures apart; those beside it go unnamed too."""
    known = account.groups.get("vendor", {})
    hidden = {
        split: set().union(*hidden_cells({vendor: own[split].patients for vendor, own in known.items()}))
        for split in account.splits
    }
    return [own._replace(vendor="") if own.vendor in hidden.get(own.split, ()) else own for own in pictures]


def evenly_drawn(pictures: Sequence[Picture], number: int) -> list[Picture]:
    """Choose pictures, as many of each split and vendor as can be, evenly over their order. The same every time.

    Args:
        pictures: all of them.
        number: how many, at most.

    Returns:
        the chosen, by split and vendor in the order of their first picture.
    """
    groups: dict[tuple[str, str], list[Picture]] = defaultdict(list)
    for picture in pictures:
        groups[picture.split, picture.vendor].append(picture)
    take = dict.fromkeys(groups, 0)
    left = min(number, len(pictures))
    while left:
        for key in [key for key in groups if take[key] < len(groups[key])][:left]:
            take[key] += 1
            left -= 1
    return [own[len(own) * place // take[key]] for key, own in groups.items() for place in range(take[key])]


def _data_uri(path: Path) -> str:
    """A small picture, stretched to its own range: a text burned into a dark corner is to be seen."""
    values = read_image(path)
    low, high = np.percentile(values, _STRETCHED)
    values = np.clip((values - low) / max(float(high - low), 1e-6), 0, 1)
    image = Image.fromarray(np.rint(values.transpose(1, 2, 0).squeeze() * 255).astype(np.uint8))
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


class _Cell(NamedTuple):
    images: str
    patients: str = ""
    share: float | None = None  # of the split's images, or of those with the label known; None: not shown


def _cells(
    counts: Mapping[str, Count], shown_shares: Mapping[str, float], hidden: Collection[str] = ()
) -> dict[str, _Cell]:
    """One split's cells of a table; ``counts`` are all the images of the split, ``hidden`` cells are so besides."""
    small, also = hidden_cells({value: count.patients for value, count in counts.items()})

    def cell(value: str, count: Count) -> _Cell:
        if not count.images:
            return _Cell("0")
        if value in small | also or value in hidden:
            return _Cell(SMALL if value in small else ALSO)
        return _Cell(f"{count.images:,}", f"{count.patients:,}", shown_shares.get(value))

    return {value: cell(value, count) for value, count in counts.items()}


def _label_table(account: Account) -> dict[str, Any]:
    """The splits that have labels, the values that occur, and of each label the cells by split and value."""
    by_split = account.labels.values()
    splits = [
        split
        for split in account.splits
        if any(own[split][value].images for own in by_split for value in ("positive", "negative"))
    ]
    values = [
        value
        for value in ("positive", "negative", "unknown")
        if value != "unknown" or any(own[split][value].images for own in by_split for split in splits)
    ]
    rows = {}
    hidden = {
        split: _hidden_of_classes({label: own[split] for label, own in account.labels.items()}) for split in splits
    }
    for label, own in account.labels.items():
        cells = {}
        for split in splits:
            known = own[split]["positive"].images + own[split]["negative"].images
            shares = {"positive": own[split]["positive"].images / known} if known else {}
            shown = _cells(own[split], shares, hidden[split].get(label, ()))
            if any(cell.images in (SMALL, ALSO) for cell in shown.values()):  # the share would tell how many are known
                shown = {value: cell._replace(share=None) for value, cell in shown.items()}
            cells[split] = shown
        rows[label] = cells
    without = [split for split in account.splits if split not in splits]
    return {"splits": splits, "values": values, "rows": rows, "without": without}


def _hidden_of_classes(counts: Mapping[str, Mapping[str, Count]]) -> dict[str, set[str]]:
    """Of one class an image: the cells of one split that the other classes would give away.

    The images of all classes and those of no known class sum to the split, and the "negative" of a class are the
    positive of the others.

    Args:
        counts: label -> value -> count.

    Returns:
        label -> values; empty for findings, of which an image may have several.
    """
    known = {own["positive"].images + own["negative"].images for own in counts.values()}
    if len(counts) < 2 or known != {sum(own["positive"].images for own in counts.values())}:
        return {}
    unknown = next(iter(counts.values()))["unknown"].patients
    patients = {("positive", label): own["positive"].patients for label, own in counts.items()}
    small, also = hidden_cells({**patients, ("unknown", ""): unknown})
    hidden = small | also
    without = {"negative", "unknown"} if ("unknown", "") in hidden else set()
    return {label: without | ({"positive", "negative"} if ("positive", label) in hidden else set()) for label in counts}


def _group_table(rows: Mapping[str, Mapping[str, Count]], splits: Mapping[str, Count]) -> dict[str, dict[str, _Cell]]:
    """Value -> split -> cell."""
    table: dict[str, dict[str, _Cell]] = {value: {} for value in rows}
    for split, whole in splits.items():
        counts = {value: own[split] for value, own in rows.items()}
        shares = {value: count.images / whole.images for value, count in counts.items() if whole.images}
        for value, cell in _cells(counts, shares).items():
            table[value][split] = cell
    return table


def _shown_vendors(account: Account, vendors: Sequence[str]) -> list[str]:
    """Those of enough patients, as far as that is known."""
    known = account.groups.get("vendor", {})
    patients = {vendor: sum(count.patients for count in own.values()) for vendor, own in known.items()}
    return [vendor for vendor in vendors if patients.get(vendor, LEAST) >= LEAST]


_PLOT_WIDTH, _PLOT_HEIGHT = 220, 90


def _histograms(account: Account) -> dict[str, Any]:
    """Outlines in a box of 220 x 90, the height by the square root of the share, one scale for all."""
    vendors = _shown_vendors(account, list(account.histograms))
    shares = {vendor: np.sqrt(np.asarray(account.histograms[vendor], dtype=float)) for vendor in vendors}
    top = max((float(own.max(initial=0)) for own in shares.values()), default=0) or 1
    return {
        "outlines": {vendor: " ".join(_outline(own / top)) for vendor, own in shares.items()},
        "hidden": len(account.histograms) - len(vendors),
        "width": _PLOT_WIDTH,
        "height": _PLOT_HEIGHT,
    }


def _outline(heights: np.ndarray) -> Iterator[str]:
    step = _PLOT_WIDTH / len(heights)
    yield f"0,{_PLOT_HEIGHT}"
    for place, height in enumerate(heights):
        y = _PLOT_HEIGHT * (1 - height)
        yield f"{place * step:.1f},{y:.1f}"
        yield f"{(place + 1) * step:.1f},{y:.1f}"
    yield f"{_PLOT_WIDTH},{_PLOT_HEIGHT}"


def _grey_levels(account: Account) -> dict[str, Any]:
    """Shares: numbers of images would give away a hidden cell of the table of vendors."""
    vendors = _shown_vendors(account, list(account.grey_levels))
    held = {band for vendor in vendors for band in account.grey_levels[vendor]}
    bands = [band for band in GREY_BANDS.values() if band in held]
    rows = {}
    for vendor in vendors:
        own = account.grey_levels[vendor]
        whole = sum(own.values())
        rows[vendor] = [_percent(own.get(band, 0), whole) for band in bands]
    return {"bands": bands, "rows": rows}


def _plain(value: Any) -> str:
    """An option's value as a person would write it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {_plain(own)}" for key, own in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value)) or "none"
    return "yes" if value is True else "no" if value is False else "not given" if value is None else str(value)


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole if whole else 0
    return f"{share:.0f}%" if not part or share >= 1 else "<1%"
