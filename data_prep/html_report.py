"""Preparation report (``report.html``) for the person who answers for the data: one file that loads nothing."""

import base64
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from data_prep.account import Account
from data_prep.candidates import Outcome
from data_prep.flow_diagram import WIDTH, flow_diagram
from data_prep.report_tables import LEAST, grey_level_table, group_table, label_table, shown_vendors, small_vendors
from monai_mocoi.files.atomic_write import atomic_path
from monai_mocoi.transforms.reader import read_image

REPORT_NAME = "report.html"
PICTURES = 48  # on the contact sheet: a page
_SIDE = 160  # pixels of a picture on the sheet
_STRETCHED = (0.5, 99.5)  # percentiles
_PLOT_WIDTH, _PLOT_HEIGHT = 220, 90


class Picture(NamedTuple):
    """One written image, for the contact sheet."""

    path: Path
    caption: str  # its hash, or for public data its name
    split: str
    vendor: str = ""  # "" where it is not known


def write_outcome_report(account: Account, outcome: Outcome) -> None:
    """Write the report of a preparation into the dataset folder."""
    pictures = [Picture(outcome.folder / own.target, name, split, own.vendor) for split, name, own in outcome.used]
    write_report(account, pictures, outcome.folder / REPORT_NAME)


def write_report(account: Account, pictures: Sequence[Picture], path: str | Path, number: int = PICTURES) -> None:
    """Write the report: one HTML file with all it needs inside, readable without JavaScript and printable on A4.

    Counts of fewer than 5 patients are shown as "<5", see :func:`~data_prep.report_tables.hidden_cells`: the file is
    made to be handed to people outside. The flow is exact: it counts files, not what a patient has. The contact sheet
    shows at most ``number`` of the pictures; without pictures there is none.
    """
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"number": "{:,}".format, "percent": "{:.0%}".format, "plain": _plain}
    hidden = small_vendors(account)  # such a vendor is not named, and its pictures are not drawn apart
    unnamed = [own._replace(vendor="") if own.vendor in hidden.get(own.split, ()) else own for own in pictures]
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
        labels=label_table(account),
        groups={column: group_table(rows, account.splits) for column, rows in account.groups.items()},
        histograms=_histograms(account),
        grey_levels=grey_level_table(account),
        sheet=[(own, _data_uri(own.path)) for own in evenly_drawn(unnamed, number)],
        of_pictures=len(pictures),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def evenly_drawn(pictures: Sequence[Picture], number: int) -> list[Picture]:
    """Choose ``number`` pictures, as many of each split and vendor as can be, evenly over their order."""
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
    """A small picture, stretched to its own range, so that a text burned into a dark corner can be seen."""
    values = read_image(path)
    low, high = np.percentile(values, _STRETCHED)
    values = np.clip((values - low) / max(float(high - low), 1e-6), 0, 1)
    image = Image.fromarray(np.rint(values.transpose(1, 2, 0).squeeze() * 255).astype(np.uint8))
    image.thumbnail((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _histograms(account: Account) -> dict[str, Any]:
    """Outlines in a box of 220 x 90, the height by the square root of the share, one scale for all."""
    vendors = shown_vendors(account, account.histograms)
    shares = {vendor: np.sqrt(np.asarray(account.histograms[vendor], dtype=float)) for vendor in vendors}
    top = max((float(own.max(initial=0)) for own in shares.values()), default=0) or 1
    outlines = {}
    for vendor, own in shares.items():
        step, points = _PLOT_WIDTH / len(own), [f"0,{_PLOT_HEIGHT}"]
        for place, y in enumerate(_PLOT_HEIGHT * (1 - own / top)):
            points += [f"{place * step:.1f},{y:.1f}", f"{(place + 1) * step:.1f},{y:.1f}"]
        outlines[vendor] = " ".join([*points, f"{_PLOT_WIDTH},{_PLOT_HEIGHT}"])
    hidden = len(account.histograms) - len(vendors)
    return {"outlines": outlines, "hidden": hidden, "width": _PLOT_WIDTH, "height": _PLOT_HEIGHT}


def _plain(value: Any) -> str:
    """An option's value as a person would write it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {_plain(own)}" for key, own in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value)) or "none"
    return "yes" if value is True else "no" if value is False else "not given" if value is None else str(value)
