"""Find the files of published data sets by their names: any images, and patches in the naming of the IDC data set."""

import filecmp
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from monai_mocoi.errors import DatasetError


def walk_folders(folders: Sequence[str | Path]) -> Iterator[tuple[str, str, list[str]]]:
    """Give each folder begun with, each folder below it, and the sorted names of its files; links are followed.

    No file is opened. A folder that was reached before (a link to a folder above, the same folder given twice) is left
    out with all below it; one that does not exist, or cannot be read, is a DatasetError.
    """

    def closed(error: OSError) -> None:
        raise DatasetError(f"--images: the folder '{error.filename}' cannot be read ({error.strerror}).") from None

    seen: set[str] = set()
    for folder in folders:
        if not Path(folder).is_dir():
            raise DatasetError(f"--images: there is no folder '{folder}'.")
        for parent, subfolders, files in os.walk(folder, onerror=closed, followlinks=True):
            place = os.path.realpath(parent)
            if place in seen:
                subfolders.clear()
                continue
            seen.add(place)
            subfolders.sort()
            yield os.fspath(folder), parent, sorted(files)


def find_images(folders: Sequence[str | Path], names: Collection[str]) -> tuple[dict[str, str], int]:
    """Return the path of each wanted file by name, and the number of other files; symbolic links are followed."""
    wanted = set(names)
    found: dict[str, str] = {}
    others = 0
    for _, parent, files in walk_folders(folders):
        for name in files:
            path = os.path.join(parent, name)
            if name not in wanted:
                others += 1
            elif name not in found:
                found[name] = path
            elif not filecmp.cmp(found[name], path, shallow=False):
                raise two_files(name, found[name], path)
    return found, others


def two_files(name: str, one: str, other: str) -> DatasetError:
    """Return the error for two different files of one name."""
    return DatasetError(
        f"two different files are called {name}: '{one}' and '{other}'. Give only folders with the same version of the "
        "images as --images."
    )


_NAME = re.compile(r"([A-Za-z0-9-]+)_idx[0-9]+_x[0-9]+_y[0-9]+_class([0-9]+)\.png", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Patch:
    """One patch, read from its name."""

    path: str
    patient: str  # the id before _idx
    label: int  # the number after "class"
    folder_fault: str  # how its folders contradict its name; empty if they do not


@dataclass
class Patches:
    """What was found."""

    by_name: dict[str, Patch] = field(default_factory=dict)  # sorted
    # Further files of the same name, as paths by name: Kaggle's archive holds the whole set twice.
    again: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    others: int = 0  # files whose name is of another form
    other_example: str = ""  # one of those names


def find_patches(folders: Sequence[str | Path], classes: int) -> Patches:
    """List the patches in folders and all folders below them; symbolic links are followed, no file is opened.

    A name is ``<patient>_idx<N>_x<X>_y<Y>_class<C>.png``, such as ``8863_idx5_x51_y1251_class0.png``. The files may lie
    in ``<patient>/<class>/`` (then name and folders must agree) or in any other way. No patch, or an unknown class, is
    a DatasetError.
    """
    result = Patches()
    found: dict[str, Patch] = {}
    patient_folders: dict[str, str] = {}
    for folder, parent, files in walk_folders(folders):
        patient_folder, class_folder = _layout(folder, parent, classes)
        for name in files:
            match = _NAME.fullmatch(name)
            if match is None:
                result.others += 1
                printable = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
                result.other_example = result.other_example or printable
                continue
            path = os.path.join(parent, name)
            if name in found:
                result.again[name].append(path)
                continue
            patient, label = match[1], int(match[2])
            fault = ""
            # A folder called like the patient is no class folder, even where a patient's number is 0 or 1.
            if class_folder is not None and class_folder != label and os.path.basename(parent) != patient:
                fault = "the class in the name is not that of the folder"
            elif patient_folder is not None and patient_folder != patient:
                patient_folders[name] = patient_folder
            found[name] = Patch(path, patient, label, fault)
    # A numbered folder means a patient only if there is such a patient: it may be a size, or a fold.
    patients = {patch.patient for patch in found.values()}
    for name, number in patient_folders.items():
        if number in patients:
            found[name] = replace(found[name], folder_fault="the patient in the name is not that of the folder")
    _check(found, result, classes)
    result.by_name = dict(sorted(found.items()))
    return result


def _layout(folder: str, parent: str, classes: int) -> tuple[str | None, int | None]:
    """Return the patient and the class that the folders of a file mean; None where they mean neither.

    Only folders below the given one count: its own name may be "2023" or "versions/1".
    """
    last = os.path.basename(os.path.abspath(parent))
    if os.path.samefile(folder, parent) or not (last.isascii() and last.isdigit() and int(last) < classes):
        return None, None
    above = os.path.relpath(parent, folder).split(os.sep)[-2:-1]
    numbered = bool(above) and above[0].isascii() and above[0].isdigit()
    return above[0] if numbered else None, int(last)


def _check(found: dict[str, Patch], result: Patches, classes: int) -> None:
    if not found:
        seen = f"{result.others} files have other names, such as '{result.other_example}'" if result.others else "empty"
        raise DatasetError(
            "--images holds no patch; a patch is called <patient>_idx<N>_x<X>_y<Y>_class<C>.png, such as "
            f"8863_idx5_x51_y1251_class0.png ({seen}). Unpack the archive and give the folder that holds the patients."
        )
    if unknown := sorted(name for name, patch in found.items() if patch.label >= classes):
        raise DatasetError(
            f"{len(unknown)} patches have a class above {classes - 1} (such as {', '.join(unknown[:3])}), but there "
            f"are {classes} classes. Name all of them with --classes, in the order of their numbers."
        )
