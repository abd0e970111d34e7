from __future__ import annotations

import base64
import io
import itertools
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.account import GREY_BANDS, Account, Count, Step, count_groups, count_labels, count_splits
from data_prep.html_report import Picture, evenly_drawn, write_report

EVIL = "x\"'><script>alert(1)</script>&amp;<img src=https://example.org/a.png>"
_EMPTY = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """Checks that tags are closed in their order; collects what loads, and texts by their element's class."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, str]] = []
        self.tags: Counter[str] = Counter()
        self.loads: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        own = dict(attrs)
        self.tags[tag] += 1
        self.loads += [own[name] for name in ("src", "href", "xlink:href", "action", "data") if name in own]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        # A tag of SVG that is closed at once has no end.
        if tag not in _EMPTY and not self.get_starttag_text().endswith("/>"):
            self.open.append((tag, own.get("class") or ""))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self.open[-1][1], data.strip()))
            if any(tag in ("td", "th") for tag, _ in self.open):
                self.rows[-1][-1] += data

    def of(self, kind: str) -> list[str]:
        return [text for own, text in self.texts if own == kind]


def _account(**changes) -> Account:
    items = {
        "training": [
            {"patient": f"p{i // 2}", "label": [i % 2, None if i % 5 == 0 else 0], "vendor": "AB"[i % 3 == 0], "age": i}
            for i in range(40)
        ],
        "test": [{"patient": f"q{i}", "label": [i % 2, 1], "vendor": "A" if i else EVIL, "age": 70} for i in range(12)],
    }
    flow = (
        Step("Files found", 60, {"no picture": 4, EVIL: 1}),
        Step("Read", 55, {"unreadable: cut off": 5}, more=2),
    )
    account = Account(
        title=EVIL,
        source="inhouse",
        flow=flow,
        splits=count_splits(items),
        labels=count_labels(items, ("effusion", EVIL)),
        groups=count_groups(items),
        histograms={"A": [1 / 64] * 64, EVIL: [1.0] + [0.0] * 63},
        grey_levels={"A": {GREY_BANDS[256]: 199, GREY_BANDS[63]: 1}, EVIL: {GREY_BANDS[4096]: 1}},
        duplicates={EVIL: 3},
        decisions=[EVIL],
        identity=[EVIL],
        options={"size": 32, "views": ["PA", EVIL], "drop": False, "site": None},
        versions={"numpy": "2", EVIL: EVIL},
        datalist_sha256="ab" * 32,
    )
    return replace(account, **changes)


def _pictures(folder: Path, number: int = 4) -> list[Picture]:
    rng = np.random.default_rng(0)
    pictures = []
    for i in range(number):
        values = rng.integers(0, 4000, (40, 30)).astype(np.uint16)
        Image.fromarray(values).save(folder / f"{i}.png")
        pictures.append(Picture(folder / f"{i}.png", EVIL if i == 0 else f"i{i:04}", "training", "A"))
    return pictures


@pytest.fixture
def text(tmp_path: Path) -> str:
    write_report(_account(), _pictures(tmp_path), tmp_path / "report.html")
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_page_is_whole_and_loads_nothing(text: str):
    page = Page(text)
    assert page.tags["script"] == 0
    assert page.tags["img"] == 4
    assert all(own.startswith("data:image/jpeg;base64,") for own in page.loads)
    assert set(re.findall(r"url\((.)", text)) == {"#"}
    assert "@import" not in text
    assert set(re.findall(r"://(.{11})", text)) == {"example.org"}  # that of the texts, which the parser took for text


def test_texts_are_escaped_wherever_they_stand(text: str):
    shown = [own for _, own in Page(text).texts if EVIL in own]
    assert len(shown) >= 9  # title, decision, identity, labels, vendor, duplicates, options, versions, caption
    assert "<script" not in text


def test_the_flow_adds_up_to_the_splits(text: str):
    page = Page(text)
    stations = [int(own.split()[0].replace(",", "")) for own in page.of("number")]
    out = [int(own) for own in page.of("total")]
    assert stations == [60, 55, 52, 40, 12]
    assert stations[0] - out[0] == stations[1]
    assert stations[1] - out[1] + 2 == stations[2] == stations[3] + stations[4]
    assert sum(map(int, page.of("out"))) == sum(out)


def test_counts_of_few_patients_are_hidden_and_cannot_be_worked_out(text: str):
    rows = Page(text).rows
    (vendor, grey_levels) = [row for row in rows if row[0] == "A"]
    assert vendor == ["A", "26 20 · 65%", "5 or more"]  # 11 test patients: their number would tell that of the other
    assert ["B", "14 14 · 35%", "0"] in rows
    assert [EVIL, "0", "<5"] in rows
    # Of grey levels shares alone, and none of the vendor of one patient.
    assert grey_levels == ["A", "<1%", "100%"]
    assert GREY_BANDS[4096] not in text
    assert "Vendors with fewer than 5 patients are not shown: 1." in text


def test_labels_tell_positive_negative_and_unknown(text: str):
    row = next(row for row in Page(text).rows if row[0] == "effusion")
    # Odd images are positive, and each of the 20 training patients has an odd and an even one.
    assert row == ["effusion", "20 20 · 50%", "20 20", "0", "6 6 · 50%", "6 6", "0"]


def _labels_of(tmp_path: Path, items, labels) -> dict[str, list[str]]:
    images = sum(map(len, items.values()))
    account = _account(
        flow=(Step("Files found", images, {}),),
        splits=count_splits(items),
        labels=count_labels(items, labels),
        groups=count_groups(items),
    )
    write_report(account, [], tmp_path / "report.html")
    rows = Page((tmp_path / "report.html").read_text(encoding="utf-8")).rows
    return {row[0]: row[1:] for row in rows if row and row[0] in labels}


def test_no_share_gives_away_a_hidden_count(tmp_path: Path):
    # 38 of 60 known are positive: with their share and the sum of the split, the unknown could be computed.
    own = [1] * 38 + [0] * 22 + [None] * 2
    items = {"training": [{"patient": f"p{i}", "label": [value]} for i, value in enumerate(own)]}
    assert _labels_of(tmp_path, items, ("x",)) == {"x": ["38 38", "5 or more", "<5"]}


def _possible(rows: dict[str, list[str]], whole: int, classes: int) -> list[set[int]]:
    """Naively: which numbers of images of each class and of none are possible, by what is shown."""

    def fits(shown: str, number: int) -> bool:
        if shown == "<5":
            return 1 <= number < 5
        return number >= 5 if shown == "5 or more" else int(shown.split()[0]) == number

    found: list[set[int]] = [set() for _ in range(classes)]
    for numbers in itertools.product(range(whole + 1), repeat=classes):
        unknown = whole - sum(numbers)
        told = [(own, sum(numbers) - own, unknown) for own in numbers]
        if unknown >= 0 and all(
            fits(shown, number)
            for row, values in zip(rows.values(), told, strict=True)
            for shown, number in zip(row, values, strict=False)
        ):
            for place, number in enumerate(numbers):
                found[place].add(number)
    return found


@pytest.mark.parametrize(
    "numbers",
    [(20, 10, 2, 0), (20, 2, 2, 0), (9, 8, 7, 2), (20, 10, 3, 6), (20, 3, 1, 0), (12, 11, 4, 4), (15, 0, 2, 0)],
)
def test_no_class_of_few_patients_can_be_worked_out_from_the_others(tmp_path: Path, numbers):
    of_class = [place for place, number in enumerate(numbers[:3]) for _ in range(number)] + [None] * numbers[3]
    own = [{"patient": f"p{i}", "label": c} if c is not None else {"patient": f"p{i}"} for i, c in enumerate(of_class)]
    rows = _labels_of(tmp_path, {"training": own}, ("a", "b", "c"))
    possible = _possible(rows, len(own), 3)
    for number, others in zip(numbers, possible, strict=False):
        assert number in others
        assert len(others) > 1 or number == 0 or number >= 5


def test_the_sheet_draws_no_vendor_of_few_patients_apart(tmp_path: Path):
    vendors = ["A"] * 30 + ["B"] * 20 + ["C"] * 2
    items = {"training": [{"patient": f"p{i}", "label": [i % 2], "vendor": own} for i, own in enumerate(vendors)]}
    account = _account(
        flow=(Step("Files found", 52, {}),),
        splits=count_splits(items),
        labels=count_labels(items, ("x",)),
        groups=count_groups(items),
        histograms={},
        grey_levels={},
    )
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "x.png")
    pictures = [Picture(tmp_path / "x.png", f"i{i:04}", "training", own) for i, own in enumerate(vendors)]
    write_report(account, pictures, tmp_path / "report.html", 12)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    captions = re.findall(r"<figcaption><code>i(\d+)</code><br>(.*?)</figcaption>", text)
    assert Counter(words for _, words in captions) == {"training, A": 6, "training": 6}
    assert sum(int(number) >= 50 for number, _ in captions) <= 1  # not more than their share of all


def test_the_same_account_gives_the_same_bytes(tmp_path: Path):
    pictures = _pictures(tmp_path)
    for name in ("a", "b"):
        write_report(_account(), pictures, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_folder_with_identities_says_so_first(tmp_path: Path):
    write_report(_account(identified=True), [], tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert "must not leave" in page.of("alarm")[0]
    assert page.tags["img"] == 0
    assert not any("8." in own for _, own in page.texts)


def test_what_is_not_known_is_left_out(tmp_path: Path):
    bare = Account("bare", "nih", (Step("Files found", 3, {}),), {"training": Count(3, 2)})
    write_report(bare, [], tmp_path / "report.html")
    shown = " ".join(own for _, own in Page((tmp_path / "report.html").read_text(encoding="utf-8")).texts)
    for told in ("There are no labels", "Nothing is kept of a patient", "Not measured", "None was found"):
        assert told in shown
    assert "private folder" not in shown


def test_pictures_are_small_and_stretched_to_their_range(tmp_path: Path):
    values = np.full((400, 300), 1000, np.uint16)
    values[:200] = 3000  # of 65,535: nearly black
    Image.fromarray(values).save(tmp_path / "dark.png")
    write_report(_account(), [Picture(tmp_path / "dark.png", "x", "test")], tmp_path / "report.html")
    (uri,) = Page((tmp_path / "report.html").read_text(encoding="utf-8")).loads
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))
    assert shown.shape == (160, 120)
    assert shown[:70].min() > 245
    assert shown[90:].max() < 10


def test_the_sheet_is_drawn_evenly_over_splits_and_vendors():
    pictures = [
        Picture(Path(f"{split}{vendor}{i}"), "", split, vendor)
        for split, vendor, number in [("training", "A", 100), ("training", "B", 2), ("test", "A", 10), ("test", "", 3)]
        for i in range(number)
    ]
    drawn = evenly_drawn(pictures, 15)
    assert Counter((own.split, own.vendor) for own in drawn) == {
        ("training", "A"): 5,
        ("training", "B"): 2,
        ("test", "A"): 5,
        ("test", ""): 3,
    }
    assert [own.path.name for own in drawn[:5]] == [f"trainingA{i}" for i in (0, 20, 40, 60, 80)]
    assert evenly_drawn(pictures, 1000) == pictures
    assert evenly_drawn([], 5) == []
