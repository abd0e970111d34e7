from __future__ import annotations

import json
import weakref
from pathlib import Path

import numpy as np
import pytest

from data_prep.candidates import MISSING, MISSING_LINE, NOT_IN_SPLIT
from data_prep.image_writing import REPEATED
from data_prep.pipeline import prepare
from monai_mocoi.data import load_datalist
from monai_mocoi.data.fingerprints import dataset_fingerprints
from monai_mocoi.errors import DatasetError, RefusedError
from monai_mocoi.transforms import read_image
from tests.support.dots_source import Dots, dots
from tests.support.eyepacs_files import eyepacs_folder
from tests.support.idc_patches import idc_folder
from tests.support.nih_files import nih_folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))


def _files(source: Dots) -> list[Path]:
    return sorted(Path(source.images[0]).iterdir())


def _manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def _content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "preparation.jsonl")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("kind", ["nih", "bch", "eyepacs"])
def test_the_fingerprints_kept_are_those_of_the_written_files(tmp_path, monkeypatch, kind):
    from data_prep.__main__ import main

    out, raw = tmp_path / "out", tmp_path / "raw"
    if kind == "nih":
        nih_folder(raw)
        words = ["--images", str(raw), "--metadata", str(raw / "Data_Entry_2017_v2020.csv"), "--size", "24"]
    elif kind == "bch":
        words = ["--images", str(idc_folder(raw))]
    else:
        eyepacs_folder(raw, 6)
        words = ["--images", str(raw / "train"), "--labels", str(raw / "trainLabels.csv"), "--size", "48"]
        words += ["--sheet", "0", "--mirror-left"]
    with monkeypatch.context() as patch:
        patch.setattr("monai_mocoi.data.fingerprints.read_image", _never)
        assert main([kind, *words, "--out", str(out)]) == 0
    paths = sorted(str(path) for path in (out / "images").rglob("*.png"))
    kept = dataset_fingerprints(out, paths, paths)
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "empty"))
    read = dataset_fingerprints(out, paths, paths)
    np.testing.assert_array_equal(kept.digests, read.digests)
    np.testing.assert_array_equal(kept.descriptors, read.descriptors)


def _never(*_):
    raise AssertionError("a written picture was decoded again")


def test_interrupted_nothing_is_lost_and_nothing_read_twice(tmp_path, monkeypatch):
    whole = dots(tmp_path, tmp_path / "whole")
    prepare(whole)
    monkeypatch.setattr("monai_mocoi.data.fingerprints.read_image", _never)
    first = dots(tmp_path, tmp_path / "parts")
    write = Dots.write

    def interrupted(self, candidate, target):
        if len(self.written) == 9:
            raise KeyboardInterrupt
        return write(self, candidate, target)

    monkeypatch.setattr(Dots, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prepare(first)
    monkeypatch.setattr(Dots, "write", write)
    assert not (tmp_path / "parts/datalist.json").exists()
    finished = (tmp_path / "parts/preparation.jsonl").read_bytes().count(b"\n") - 1
    second = dots(tmp_path, tmp_path / "parts")
    account = prepare(second)
    assert 0 < finished <= 9
    assert len(second.written) == 20 - finished
    assert _content(tmp_path / "parts") == _content(tmp_path / "whole")
    # Notes are dictionaries, and the same from the record.
    assert second.seen == whole.seen
    assert second.seen[0]["i03"] == {"levels": 400, "number": 4}
    assert account == prepare(dots(tmp_path, tmp_path / "parts"))


def test_every_file_is_accounted_for(tmp_path):
    source = dots(tmp_path, tmp_path / "out", max_missing=0.5, report=True)
    files = _files(source)
    files[0].write_text("-1")
    files[1].write_text("no number")
    files[2].write_text("0")  # a grey field
    files[5].write_text("9")  # the picture of files[8]
    source.found = {"left_out": {"a letter": ["x", "y"]}, "others": 3, "faults": {"i19": "too old"}}
    account = prepare(source)
    assert [(step.name, step.entered, dict(step.left_out)) for step in account.flow[:2]] == [
        ("Files found", 25, {"a letter": 2, "not named in the labels": 3}),
        ("Matched with labels and split", 20, {"too old": 1}),
    ]
    written, over = account.flow[2:]
    reasons = dict(written.left_out)
    assert (written.entered, reasons.pop("a number below 0"), sum(reasons.values())) == (19, 1, 2)
    assert {reason.split(":")[0] for reason in reasons} == {"unreadable"}
    assert over.left_out["number 7"] == 1
    assert over.passed == sum(count.images for count in account.splits.values())
    assert account.flow[-1].passed == sum(len(own) for own in load_datalist(tmp_path / "out").splits().values())
    assert account.duplicates[f"left out: {REPEATED}"] == over.left_out.get(REPEATED, 0)
    assert account.duplicates["pictures that occur more than once"] == 1
    exclusions = _manifest(tmp_path / "out")["exclusions"]
    assert exclusions["a letter"] == ["x", "y"]
    assert {reason: len(names) for reason, names in exclusions.items()} == {
        reason: n for step in account.flow for reason, n in step.left_out.items() if reason != "not named in the labels"
    }
    assert not (tmp_path / "out/images/i02.png").exists()  # it shows nothing: it is not left behind


def test_what_is_named_but_has_no_file_is_for_the_user_to_decide(tmp_path):
    table = tmp_path / "split.csv"
    table.write_text("image,split\n" + "".join(f"p{n},{'test' if n < 3 else 'train'}\n" for n in range(11)))
    source = dots(tmp_path, tmp_path / "out", split_csv=str(table), max_missing=0.2)
    source.all_lines_needed = True
    source.without_file = "i07"
    account = prepare(source)
    assert list(account.decisions) == [
        "1 images have labels, but no file. Are all folders given?",
        "1 lines of the given split stand for no file. Are all folders given?",
        "Of odd, third the test split has fewer than 25 images with it, or without it: evaluation gives it no number "
        "by default. Can more images be had, or does a larger --test-fraction help?",
    ]
    assert account.flow[0].entered == 19  # it is no file
    assert _manifest(tmp_path / "out")["exclusions"] == {MISSING: ["i07"], MISSING_LINE: ["p10"], "number 7": ["i06"]}
    table.write_text(table.read_text() + "p11,train\np12,train\n")
    with pytest.raises(DatasetError, match=r"3 of 13 lines of the given split match no image \(such as p10"):
        prepare(dots_with(tmp_path, tmp_path / "b", str(table)))


def dots_with(root: Path, out: Path, table: str) -> Dots:
    source = dots(root, out, split_csv=table, max_missing=0.2)
    source.all_lines_needed = True
    return source


def test_the_account_tells_of_groups_vendors_and_grey_levels(tmp_path):
    account = prepare(dots(tmp_path, tmp_path / "out", report=True))
    items = [item for own in load_datalist(tmp_path / "out").splits().values() for item in own]
    vendor_of = {f"images/i{n:02d}.png": ("A", "B", "not known")[n // 2 % 3] for n in range(20)}
    assert "vendor" not in items[0]  # the source does not hand it on
    for vendor in ("A", "B", "not known"):
        own = [read_image(item["image"]) for item in items if vendor_of[item["name"]] == vendor]
        shares = [np.histogram(image, 64, (0, 1))[0] / image.size for image in own]
        np.testing.assert_allclose(account.histograms[vendor], np.mean(shares, 0), atol=1e-6)
        assert sum(account.grey_levels[vendor].values()) == len(own)
        assert sum(count.images for count in account.groups["vendor"][vendor].values()) == len(own)
    assert sum(count.images for count in account.groups["sex"]["F"].values()) == sum(i["sex"] == "F" for i in items)
    positive = sum(split["positive"].images for split in account.labels["odd"].values())
    assert positive == sum(item["label"][0] for item in items)
    assert account.options["source"] == "dots"
    assert account.datalist_sha256 == load_datalist(tmp_path / "out").sha256


def test_a_report_only_where_it_is_wanted(tmp_path):
    account = prepare(dots(tmp_path, tmp_path / "without"))
    assert account.histograms == {}
    prepare(dots(tmp_path, tmp_path / "with", report=True))
    assert "Dots" in (tmp_path / "with/report.html").read_text()
    without, made = _content(tmp_path / "without"), _content(tmp_path / "with")
    del made["report.html"]
    assert made == without


def test_no_text_names_a_path(tmp_path, capsys):
    source = dots(tmp_path, tmp_path / "out", max_missing=0.5, report=True)
    files = _files(source)
    files[1].write_text("-1")
    files[2].unlink()
    files[2].symlink_to(tmp_path / "nowhere")  # opened, it is an error that names the path
    prepare(source)
    said = "".join(capsys.readouterr())
    with pytest.raises(DatasetError) as error:
        prepare(dots(tmp_path, tmp_path / "again", max_missing=0.01))
    said += str(error.value) + "".join(capsys.readouterr())
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    cached = b"".join(path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file())
    assert "unreadable: No such file or directory" in _manifest(tmp_path / "out")["exclusions"]
    for secret in ("Qvistgaard", "Oyelaran"):
        assert secret not in said
        assert secret.encode() not in written + cached


def test_a_folder_that_holds_something_else_is_named_only_where_it_is_public(tmp_path, monkeypatch):
    (tmp_path / "Qvistgaard_out").mkdir()
    (tmp_path / "Qvistgaard_out/Oyelaran.dcm").touch()
    (tmp_path / "Qvistgaard_file").touch()
    for public, told in ((True, True), (False, False)):
        monkeypatch.setattr(Dots, "public", public)
        for name, text in (("Qvistgaard_out", "holds something else"), ("Qvistgaard_file", "is a file")):
            with pytest.raises(RefusedError, match=text) as error:
                prepare(dots(tmp_path, tmp_path / name))
            assert ("Qvistgaard" in str(error.value)) is told


def test_too_much_that_cannot_be_used(tmp_path):
    source = dots(tmp_path, tmp_path / "out")
    _files(source)[1].write_text("-1")
    source.found = {"left_out": {"a letter": ["x"] * 50}}  # by a rule: counts for no limit
    with pytest.raises(
        DatasetError, match=r"(?s)1 of 20 images cannot be used, 5.0%.*below 0: 1 \(such as i01\).*--max"
    ):
        prepare(source)
    assert not (tmp_path / "out/datalist.json").exists()
    source = dots(tmp_path, tmp_path / "b")
    source.found = {"faults": {"i03": "too old"}}
    with pytest.raises(DatasetError, match=r"too old: 1 \(such as i03\)"):
        prepare(source)
    assert source.written == []
    assert not (tmp_path / "b").exists()


def test_a_source_may_decide_the_split_of_some(tmp_path):
    source = dots(tmp_path, tmp_path / "out")
    source.found = {"splits": {f"i{n:02d}": "test" for n in (4, 5, 10, 11)}}  # two patients: a site, say
    prepare(source)
    datalist = load_datalist(tmp_path / "out")
    assert {item["patient"] for item in datalist.test} == {"p2", "p5"}
    assert 1 <= len(datalist.validation) <= 4
    table = tmp_path / "split.csv"
    table.write_text("image,split\n" + "".join(f"p{n},{'test' if n == 1 else 'train'}\n" for n in range(9)))
    source = dots(tmp_path, tmp_path / "listed", split_csv=str(table), max_missing=0.2)
    source.found = {"splits": {f"i{n:02d}": "validation" for n in (2, 3, 16, 17)}}
    prepare(source)
    datalist = load_datalist(tmp_path / "listed")
    assert {item["patient"] for item in datalist.test} == {"p1"}  # what is listed goes before
    assert _manifest(tmp_path / "listed")["exclusions"][NOT_IN_SPLIT] == ["i18", "i19"]


def test_lines_of_a_list_are_read_as_the_source_says(tmp_path):
    table = tmp_path / "split.csv"
    table.write_text("image,split\n" + "".join(f"Mr {n},{'test' if n < 3 else 'train'}\n" for n in range(10)))
    source = dots(tmp_path, tmp_path / "out", split_csv=str(table))
    source.listed = lambda line: line.replace("Mr ", "p")
    prepare(source)
    assert {item["patient"] for item in load_datalist(tmp_path / "out").test} == {"p0", "p1", "p2"}
    source = dots(tmp_path, tmp_path / "b", split_csv=str(table))
    source.listed = lambda line: "hidden"
    with pytest.raises(DatasetError) as error:
        prepare(source)
    assert "Mr" not in str(error.value)


def test_unlabelled_images_and_values_that_are_not_known(tmp_path):
    labels = {f"i{n:02d}": None for n in range(0, 20, 3)} | {"i01": [None, 1], "i04": [1, None]}
    source = dots(tmp_path, tmp_path / "out", labels=labels)
    account = prepare(source)
    unknown = sum(own["unknown"].images for own in account.labels["odd"].values())
    assert unknown == 7 + 1 - ("i06" in labels)  # i06 shows number 7, which this source leaves out
    items = json.loads((tmp_path / "out/datalist.json").read_text())
    by_name = {item["image"]: item for split in ("training", "validation", "test") for item in items[split]}
    assert "label" not in by_name["images/i00.png"]
    assert by_name["images/i01.png"]["label"] == [None, 1]


@pytest.mark.parametrize("report", [False, True])
def test_pictures_do_not_pile_up_in_memory(tmp_path, monkeypatch, report):
    pictures: list[weakref.ref] = []
    most = 0
    write = Dots.write

    def watched(self, candidate, target):
        nonlocal most
        written = write(self, candidate, target)
        pictures.append(weakref.ref(written.picture))
        most = max(most, sum(picture() is not None for picture in pictures))
        return written

    monkeypatch.setattr(Dots, "write", watched)
    prepare(dots(tmp_path, tmp_path / "out", number=60, report=report))
    assert len(pictures) == 60
    assert most <= 4  # one thread: what is drawn, and what waits to be taken


def test_nothing_to_prepare(tmp_path):
    source = dots(tmp_path, tmp_path / "out", number=0)
    with pytest.raises(DatasetError, match=r"there is no image to prepare\. Give all folders"):
        prepare(source)
