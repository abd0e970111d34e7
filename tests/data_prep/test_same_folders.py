"""The sources write the folders that they wrote before they became sources of one pipeline.

The digests are of commit adfe55d, whose three commands were separate programs. They are of names, ``datalist.json``,
decoded pixels, the sheet's pictures, and the record's options, names and notes. PNG bytes depend on the zlib that
Pillow was built with, captions and circles on its font and drawing; a record's signatures on the disk. No size halves
a picture exactly, for then many values would lie between two grey levels.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.__main__ import main
from tests.data.dataset_folders import picture, save
from tests.support.eyepacs_files import eye_names, place, save_eye, write_labels
from tests.support.idc_patches import idc_folder, idc_names, patch_name, stained, white
from tests.support.nih_files import image_names, nih_folder, write_lists
from tests.transforms.fundus_pictures import fundus


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))


def _digests(folder: Path) -> str:
    """Eight digits each of: all names, the datalist, the pictures, the record, the sheet."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
    parts: dict[str, list[object]] = {"names": [str(path.relative_to(folder)) for path in files]}
    parts["datalist"] = [(folder / "datalist.json").read_text()]
    parts["images"] = [_pixels(path) for path in files if path.parent != folder]
    options, *lines = (json.loads(line) for line in (folder / "preparation.jsonl").read_text().splitlines())
    parts["record"] = [options, *sorted([line[0], line[3]] for line in lines)]
    parts["sheet"] = [_sheet(path) for path in files if path.name == "contact_sheet.png"]
    return " ".join(hashlib.sha256(json.dumps(part).encode()).hexdigest()[:8] for part in parts.values())


def _pixels(path: Path) -> list[str]:
    image = Image.open(path)
    return [image.mode, str(image.size), hashlib.sha256(np.asarray(image).tobytes()).hexdigest()]


def _sheet(path: Path) -> list[str]:
    """The right one of each two pictures: the left one has a circle in it."""
    sheet = np.asarray(Image.open(path).convert("RGB"))
    after = [sheet[top + 14 : top + 158, left : left + 144] for top in range(6, len(sheet) - 1, 164)
             for left in range(156, sheet.shape[1], 306)]  # fmt: skip
    return [str(sheet.shape), *(hashlib.sha256(cell.tobytes()).hexdigest() for cell in after)]


def _table(path: Path, split_of: dict[str, str]) -> str:
    path.write_text("image,split\n" + "".join(f"{name},{split}\n" for name, split in split_of.items()))
    return str(path)


def _list(path: Path, lines: list[str]) -> str:
    path.write_text("\n".join(lines) + "\n")
    return str(path)


# ---- NIH


def _nih(root: Path, out: Path, *more: str) -> list[str]:
    folders = [str(root / "images_001"), str(root / "images_002")]
    metadata = str(root / "Data_Entry_2017_v2020.csv")
    return ["nih", "--images", *folders, "--metadata", metadata, "--out", str(out), "--size", "21", *more]


def _nih_own(root: Path) -> list[str]:
    return []


def _nih_other_draw(root: Path) -> list[str]:
    return ["--seed", "3", "--val-fraction", "0.25", "--test-fraction", "0.3", "--size", "45"]


def _nih_lists_beside(root: Path) -> list[str]:
    write_lists(root, test_patients=range(1, 6))
    return ["--val-fraction", "0.25"]


def _nih_lists_left_aside(root: Path) -> list[str]:
    write_lists(root, test_patients=range(1, 6))
    return ["--own-split", "--workers", "1"]


def _nih_lists_given(root: Path) -> list[str]:
    write_lists(root, test_patients=range(4, 9))
    lists = root.parent / "lists"
    lists.mkdir()
    for name in ("train_val_list.txt", "test_list.txt"):
        shutil.move(root / name, lists / name)
    return ["--train-val-list", str(lists / "train_val_list.txt"), "--test-list", str(lists / "test_list.txt")]


def _nih_table(root: Path) -> list[str]:
    words = {0: "test", 1: "val"}
    return ["--split-csv", _table(root / "s.csv", {n: words.get(int(n[:8]) % 5, "train") for n in image_names()})]


def _nih_faults(root: Path) -> list[str]:
    """A file that is missing, one damaged, one constant, one of few grey levels, one picture in two splits."""
    write_lists(root, test_patients=range(1, 6))
    at = {name: next(root.rglob(name)) for name in image_names()}
    lost, broken, constant, faint, kept, *_, copy = image_names()
    at[lost].unlink()
    at[broken].write_bytes(at[broken].read_bytes()[:200])
    save(at[constant], np.full((24, 24), 90, np.uint8))
    save(at[faint], np.random.default_rng(0).integers(0, 4095, (24, 24)).astype(np.uint16))
    at[copy].write_bytes(at[kept].read_bytes())
    save(root / "images_001/images/stray.png", picture(3))
    return ["--max-missing", "0.3"]


# ---- IDC


def _bch(root: Path, out: Path, *more: str) -> list[str]:
    return ["bch", "--images", str(root), "--out", str(out), *more]


def _bch_own(root: Path) -> list[str]:
    save(root / patch_name(8863, 7, 0), white())
    return []


def _bch_without_blank(root: Path) -> list[str]:
    save(root / patch_name(8863, 7, 0), white())
    return ["--drop-blank", "--seed", "5", "--test-fraction", "0.3"]


def _bch_lists(root: Path) -> list[str]:
    folder = root.parent
    train = _list(folder / "train.txt", [str(patient) for patient in range(8863, 8872)])
    return ["--train-list", train, "--test-list", _list(folder / "test.txt", ["8872", "8873", "8874"])]


def _bch_three_lists(root: Path) -> list[str]:
    validation = _list(root.parent / "val.txt", [name for name in idc_names() if name.startswith("8872")])
    train, test = root.parent / "train.txt", root.parent / "test.txt"
    _list(train, [str(patient) for patient in range(8863, 8872)])
    _list(test, ["8873", "8874", "9999"])
    return ["--train-list", str(train), "--val-list", validation, "--test-list", str(test), "--max-missing", "0.2"]


def _bch_table(root: Path) -> list[str]:
    words = {0: "test", 1: "val"}
    rows = {name: words.get(int(name[:4]) % 4, "train") for name in idc_names()}
    return ["--split-csv", _table(root.parent / "s.csv", rows), "--workers", "1"]


def _bch_faults(root: Path) -> list[str]:
    """The set twice, a patch damaged, one tiny, one in a wrong folder, one picture with two labels, an odd name."""
    idc_folder(root / "again")
    broken = save(root / patch_name(8863, 20, 0), stained(700))
    broken.write_bytes(broken.read_bytes()[:100])
    save(root / patch_name(8863, 21, 0), stained(701)[:15])
    save(root / "8863/1" / patch_name(8863, 22, 0), stained(702))
    for name in (patch_name(8864, 23, 0), patch_name(8864, 24, 1), patch_name(8870, 25, 0)):
        save(root / name, stained(703))
    save(root / "overview.png", stained(704))
    return ["--max-missing", "0.2"]


def _bch_other_classes(root: Path) -> list[str]:
    return ["--classes", "benign", "in situ", "invasive", "--name", "Tiles"]


# ---- EyePACS


def _eyepacs(root: Path, out: Path, *more: str) -> list[str]:
    images, labels = str(root / "train"), str(root / "trainLabels.csv")
    return ["eyepacs", "--images", images, "--labels", labels, "--out", str(out), "--size", "37", *more]


def _eyepacs_folder(root: Path) -> Path:
    """Photographs without loss, for decoders of JPEG need not agree to the last bit."""
    for seed, name in enumerate(eye_names(10)):
        save_eye(root / f"train/{name}.png", fundus(80, 120, *place(name), seed=seed))
    write_labels(root / "trainLabels.csv", eye_names(10))
    return root


def _eyepacs_own(root: Path) -> list[str]:
    return []


def _eyepacs_grades(root: Path) -> list[str]:
    return ["--target", "grade", "--seed", "2", "--val-fraction", "0.2", "--sheet", "6"]


def _eyepacs_mirrored(root: Path) -> list[str]:
    return ["--mirror-left", "--sheet", "0", "--target", "any", "--workers", "1"]


def _eyepacs_table(root: Path) -> list[str]:
    rows = {name: {"10": "test", "11": "val"}.get(name[:2], "train") for name in eye_names(10)}
    return ["--split-csv", _table(root / "s.csv", rows), "--sheet", "0"]


def _eyepacs_faults(root: Path) -> list[str]:
    """Dark, bright, tiny, damaged and missing photographs, one cut on all sides, one twice."""
    save_eye(root / "train/11_left.png", fundus(80, 120, 40, 60, 38, light=0.09))
    save_eye(root / "train/12_left.png", np.clip(fundus(80, 120, 40, 60, 38) * 12, 0, 1))
    save_eye(root / "train/13_left.png", fundus(20, 30, 10, 15, 9))
    (root / "train/14_left.png").write_bytes(b"\x89PNG\r\n\x1a\n half a picture")
    (root / "train/15_left.png").unlink()
    save_eye(root / "train/16_left.png", fundus(240, 320, 120, 160, 191))
    shutil.copy(root / "train/17_left.png", root / "train/18_left.png")
    return ["--max-missing", "0.2", "--max-rejected", "0.3"]


def _eyepacs_badly_exposed(root: Path) -> list[str]:
    return [*_eyepacs_faults(root), "--keep-badly-exposed", "--sheet", "0"]


_CASES: dict[Callable[[Path], list[str]], str] = {
    _nih_own: "5231d173 3f3bd29d 4ed6b459 065dcbc0 4f53cda1",
    _nih_other_draw: "5231d173 ddfc5a4b 5a1fee5a cdac71dc 4f53cda1",
    _nih_lists_beside: "5231d173 0f5b5534 4ed6b459 5e786bc8 4f53cda1",
    _nih_lists_left_aside: "5231d173 3f3bd29d 4ed6b459 065dcbc0 4f53cda1",
    _nih_lists_given: "5231d173 32ba0f2e 4ed6b459 dae57df2 4f53cda1",
    _nih_table: "5231d173 081992b1 4ed6b459 2c5291d0 4f53cda1",
    _nih_faults: "ac03b06f cdf185f9 7230a80b 1b51bb85 4f53cda1",
    _bch_own: "a2470255 74c9dc5d 9d959b2d aa87d928 4f53cda1",
    _bch_without_blank: "a2470255 537bc1dc 9d959b2d c48d5c3b 4f53cda1",
    _bch_lists: "9ce185b8 ba86e975 e1ff2c76 9943aa45 4f53cda1",
    _bch_three_lists: "9ce185b8 c9e8a532 e1ff2c76 33c26858 4f53cda1",
    _bch_table: "9ce185b8 503d43be e1ff2c76 8c494092 4f53cda1",
    _bch_faults: "0da5020a 356c2b25 0995aee0 bf76a0a9 4f53cda1",
    _bch_other_classes: "9ce185b8 72b6ade4 e1ff2c76 9e66d474 4f53cda1",
    _eyepacs_own: "fd55218b eec47900 84e6d2fa 3ca44395 59cf36e9",
    _eyepacs_grades: "fd55218b dd429af0 84e6d2fa 24a19eff 4d9bcc56",
    _eyepacs_mirrored: "a870c0de 42514738 573986ab 0824b25b 4f53cda1",
    _eyepacs_table: "a870c0de 4f20ef6c 84e6d2fa e69659e6 4f53cda1",
    _eyepacs_faults: "1f096897 3cc287c0 e4a373e1 bb89a851 c9d7146a",
    _eyepacs_badly_exposed: "e597f84e dd82972e 34b18a50 2ee28cad 4f53cda1",
}


@pytest.mark.parametrize(("case", "digests"), [pytest.param(*case, id=case[0].__name__) for case in _CASES.items()])
def test_the_folder_is_that_of_the_old_code(tmp_path, case, digests):
    makers = {"_nih": (nih_folder, _nih), "_bch": (idc_folder, _bch), "_eyepacs": (_eyepacs_folder, _eyepacs)}
    make, arguments = makers[case.__name__[: case.__name__.index("_", 1)]]
    root, out = make(tmp_path / "raw"), tmp_path / "out"
    assert main(arguments(root, out, *case(root))) == 0
    assert _digests(out) == digests
