"""An invented export of a picture archive: DICOM files of phantoms in folders of people, and a table of labels."""

import csv
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image, ImageDraw
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.datalist_form import SPLITS
from monai_mocoi.transforms.reader import read_image

ROWS = "rows of labels.csv"
_FAMILY = ("Sample", "Example", "Placeholder", "Specimen", "Template", "Dummy", "Muster", "Modelo")
_GIVEN = ("Ada", "Bo", "Cleo", "Dov", "Eli", "Fay", "Gus", "Ida")
_VENDORS = ("Agfa", "FUJIFILM", "Carestream")
_UNLABELLED, _EMPTY_CELL = 0.35, 0.04  # shares of studies without a row, and of cells without a word


@dataclass
class _Person:
    """Invented."""

    number: int
    name: str
    id: str
    site: str
    vendor: str
    age: int
    folder: Path
    files: list[Path] = field(default_factory=list)


class InventedExport:
    """Writes the export of one set of phantoms, names, places and what goes wrong by a seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._seed, self._rng = folder, seed, random.Random(seed)
        self._counts = dict.fromkeys(("radiographs", "laterals", "screenshots", "copies", "cut off"), 0)
        self._people: dict[str, _Person] = {}
        self._rows: list[list[Any]] = []

    def write(self, drawn: Datalist) -> dict[str, int]:
        """Write ``images/`` and ``labels.csv`` of phantoms; return how many files of each kind there are, and rows."""
        items = sorted((item for split in SPLITS for item in drawn.splits()[split]), key=lambda item: item["name"])
        for number, item in enumerate(items, 1):
            self._radiograph(number, item)
        for person in self._people.values():
            self._odd_files(person)
        (self._folder / "images" / "README.TXT").write_text("Export of the picture archive. Call the front desk.\n")
        self._rows += [
            [f"A{90 + i}0000", f"H{8000 + i}", "north", 50, "F", *["no"] * len(drawn.labels)] for i in range(3)
        ]
        self._rng.shuffle(self._rows)
        with open(self._folder / "labels.csv", "w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(["accession", "patient", "site", "age", "sex", *map(str.lower, drawn.labels)])
            table.writerows(self._rows)
        return {**self._counts, "texts": 1, ROWS: len(self._rows)}

    def _person(self, key: str) -> _Person:
        if key not in self._people:
            rng, number = self._rng, len(self._people) + 1
            name, own_id = f"{rng.choice(_FAMILY)}^{rng.choice(_GIVEN)}", f"H{number:04d}"
            folder = self._folder / "images" / f"{name.replace('^', '_')}_{own_id}"
            site, maker, age = rng.choice(["north", "south"]), rng.choice(_VENDORS), rng.randrange(18, 96)
            self._people[key] = _Person(number, name, own_id, site, maker, age, folder)
        return self._people[key]

    def _radiograph(self, number: int, item: Any) -> None:
        dataset = pydicom.dcmread(item["image"])
        person = self._person(item["patient"])
        accession = f"A{number:06d}"
        dataset.ImageType = ["ORIGINAL", "PRIMARY"]
        dataset.Manufacturer, dataset.InstitutionName = person.vendor, f"Invented Hospital {person.site.title()}"
        dataset.PatientName, dataset.PatientID, dataset.AccessionNumber = person.name, person.id, accession
        dataset.PatientAge, dataset.ReferringPhysicianName = f"{person.age:03d}Y", "Invented^Doctor"
        year, month, day = self._rng.randrange(12, 24), self._rng.randrange(1, 13), self._rng.randrange(1, 28)
        dataset.StudyDate = f"20{year}{month:02d}{day:02d}"
        folder = person.folder / f"study{len(person.files) + 1}"
        path = folder / self._rng.choice(["IM0001", "IM0001.dcm"])
        self._save(dataset, path, "radiographs")
        person.files.append(path)
        if self._rng.random() >= _UNLABELLED:
            cells = ["" if self._rng.random() < _EMPTY_CELL else ("no", "yes")[value] for value in item["label"]]
            self._rows.append([accession, person.id, person.site, person.age, dataset.PatientSex, *cells])

    def _odd_files(self, person: _Person) -> None:
        """What exports have besides the radiographs: of few patients each."""
        first = person.files[0]
        if person.number % 20 == 3:
            dataset = pydicom.dcmread(first)
            dataset.ViewPosition, dataset.InstanceNumber = "LL", 2
            self._with_new_pixels(dataset, np.rot90(dataset.pixel_array))
            self._save(dataset, first.with_name("IM0002"), "laterals")
        if person.number % 50 == 7:
            dataset = pydicom.dcmread(first)
            dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
            dataset.ImageType, dataset.BurnedInAnnotation = ["DERIVED", "SECONDARY"], "YES"
            picture = Image.fromarray((read_image(first)[0] * 255).astype(np.uint8))
            ImageDraw.Draw(picture).text((4, 4), f"{person.name.replace('^', ' ')} {person.id}", fill=255)
            self._with_new_pixels(dataset, np.asarray(picture))
            self._save(dataset, first.with_name("SCREEN"), "screenshots")
        if person.number % 50 == 11:
            shutil.copyfile(first, first.with_name("IM0001_copy.dcm"))
            self._counts["copies"] += 1
        if person.number % 100 == 13:
            dataset, path = pydicom.dcmread(first), first.with_name("IM0003")
            self._with_new_pixels(dataset, np.fliplr(dataset.pixel_array))
            self._save(dataset, path, "cut off")
            content = path.read_bytes()
            path.write_bytes(content[: len(content) * 2 // 3])

    def _with_new_pixels(self, dataset: pydicom.Dataset, pixels: np.ndarray) -> None:
        uid = generate_uid(entropy_srcs=[f"demo export {self._seed}", dataset.SOPInstanceUID, pixels.tobytes().hex()])
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.Rows, dataset.Columns = pixels.shape
        if pixels.dtype == np.uint8:
            dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
            dataset.PhotometricInterpretation = "MONOCHROME2"
            for name in ("WindowCenter", "WindowWidth", "RescaleSlope", "RescaleIntercept", "RescaleType"):
                if name in dataset:
                    delattr(dataset, name)
        dataset.PixelData = np.ascontiguousarray(pixels).tobytes()
        dataset["PixelData"].VR = "OB" if pixels.dtype == np.uint8 else "OW"
        dataset["PixelData"].is_undefined_length = False

    def _save(self, dataset: pydicom.Dataset, path: Path, kind: str) -> None:
        self._counts[kind] += 1
        path.parent.mkdir(parents=True, exist_ok=True)
        dataset.save_as(path, enforce_file_format=True)
