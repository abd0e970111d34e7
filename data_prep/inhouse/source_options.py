"""The options of ``data_prep inhouse``."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import typer

from data_prep.checks import check_share_option, checked_out
from data_prep.holdout import parse_test_from
from data_prep.inhouse.matching import KEYS, LEAST_MATCHED
from data_prep.inhouse.part import Part
from data_prep.inhouse.same_pictures import COPIES
from data_prep.options import Images, Size
from data_prep.source import Source
from monai_mocoi.errors import RefusedError

MIN_SIZE = 16
CHANNELS, BITS, FRAMES = ("auto", "1", "3"), ("auto", "8", "16"), ("first", "middle", "all")


@dataclass(kw_only=True)
class InhouseOptions(Source, ABC):
    """What can be told; see docs/inhouse.md."""

    key: ClassVar[str] = "inhouse"
    bundle: ClassVar[str] = "nih_mse"
    public: ClassVar[bool] = False
    copies: ClassVar[Sequence[str]] = COPIES
    advice: ClassVar[str] = (
        "Which files they are stands in excluded.csv of --private. Mend them, or allow a larger share with "
        "--max-missing (1 = any)."
    )

    images: Images
    private: Annotated[
        str, typer.Option(metavar="DIR", help="for the key and who is who: outside --images and --out, for your eyes")
    ]
    labels: Annotated[
        str | None, typer.Option(metavar="CSV", help="the labels table; without it, a folder for pretraining alone")
    ] = None
    label_columns: Annotated[
        list[str], typer.Option(metavar="NAME ...", help="columns of findings (yes/no), and columns of classes")
    ] = field(default_factory=list)
    key_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="column that tells the image (default: found out)")
    ] = None
    key_is: Annotated[
        str | None, typer.Option(metavar="KIND", help=f"what it holds: {', '.join(KEYS)} (default: found out)")
    ] = None
    patient_column: Annotated[str | None, typer.Option(metavar="NAME", help="column of the patient's id")] = None
    site_column: Annotated[str | None, typer.Option(metavar="NAME", help="column of the hospital or device")] = None
    date_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="column of the date (default: that of the header)")
    ] = None
    covariates: Annotated[
        list[str], typer.Option(metavar="NAME ...", help="columns to hand on, such as sex and age")
    ] = field(default_factory=list)
    patient_folder: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="the patient is the name of the N-th folder below --images; headers are not asked"
        ),
    ] = None
    name: Annotated[str, typer.Option(metavar="TEXT", help="of the data set")] = "In-house images"
    size: Size = 512
    bits: Annotated[
        str, typer.Option(metavar="N", help="of the PNGs: 8, 16, or auto: 16 where 8 would flatten a picture")
    ] = "auto"
    channels: Annotated[
        str, typer.Option(metavar="N", help="1 (grey), 3 (colour), or auto: colour where a picture has colours")
    ] = "auto"
    frames: Annotated[
        str, typer.Option(metavar="WHICH", help="of several frames: first, middle, or all as images of one patient")
    ] = "middle"
    in_place: Annotated[
        bool, typer.Option("--in-place", help="refer to the originals; the folder then identifies patients")
    ] = False
    modality: Annotated[
        list[str], typer.Option(metavar="CS ...", help="DICOM: take these modalities alone, such as CR DX")
    ] = field(default_factory=list)
    body_part: Annotated[
        list[str], typer.Option(metavar="CS ...", help="DICOM: take these body parts alone, such as CHEST")
    ] = field(default_factory=list)
    view: Annotated[
        list[str], typer.Option(metavar="CS ...", help="DICOM: take these view positions alone, such as PA AP")
    ] = field(default_factory=list)
    keep_derived: Annotated[
        bool, typer.Option("--keep-derived", help="DICOM: take pictures whose header calls them derived")
    ] = False
    keep_secondary: Annotated[
        bool, typer.Option("--keep-secondary", help="DICOM: take secondary captures, such as screen shots")
    ] = False
    keep_burned_in: Annotated[
        bool, typer.Option("--keep-burned-in", help="take pictures that may show text: look at each of them first")
    ] = False
    test_site: Annotated[
        list[str], typer.Option(metavar="NAME ...", help="test on the images of these sites (needs --site-column)")
    ] = field(default_factory=list)
    test_from: Annotated[
        str | None, typer.Option(metavar="DAY", help="test on images from this day on, or on this share, the latest")
    ] = None
    part: Annotated[
        str | None, typer.Option(metavar="K/N", help="do the patients of part K of N alone; data_prep join joins them")
    ] = None
    rare: Annotated[
        int, typer.Option(metavar="N", help='values of fewer patients become "other" in all columns handed on')
    ] = 5
    min_match: Annotated[
        float, typer.Option(metavar="F", help="share of the rows, or of the images, that must match")
    ] = LEAST_MATCHED
    max_missing: Annotated[
        float, typer.Option(metavar="F", help="share of the images that may be unreadable, by header or by pixels")
    ] = 0.1
    report: bool = field(default=True, init=False)

    def check(self) -> None:
        """Refuse options that are out of range or do not go together. No path is repeated."""
        super().check()
        if self.size < MIN_SIZE:
            raise RefusedError(f"--size is {self.size}; the shorter side must have at least {MIN_SIZE} pixels.")
        for option, value, choices in (
            ("--bits", self.bits, BITS),
            ("--channels", self.channels, CHANNELS),
            ("--frames", self.frames, FRAMES),
            ("--key-is", self.key_is or "file", tuple(KEYS)),
        ):
            if value not in choices:
                raise RefusedError(f"{option} is {value!r}; choose {', '.join(choices[:-1])} or {choices[-1]}.")
        check_share_option("--min-match", self.min_match)
        if self.rare < 0:
            raise RefusedError(f"--rare is {self.rare}; it is a number of patients, 0 to keep all values.")
        if self.patient_folder is not None and self.patient_folder < 1:
            raise RefusedError(f"--patient-folder is {self.patient_folder}; 1 is the first folder below --images.")
        if self.part is not None:
            Part.parse(self.part)
        if self.test_from is not None:
            parse_test_from(self.test_from)
        ways = {"--split-csv": self.split_csv, "--test-site": self.test_site, "--test-from": self.test_from}
        if len(given := [way for way, value in ways.items() if value]) > 1:
            raise RefusedError(f"{' and '.join(given)} exclude one another; give one.")
        if given and self.test_fraction is not None:
            raise RefusedError(f"--test-fraction does not apply: {given[0]} decides what is tested on.")
        needs = {
            "--test-site": self.test_site,
            "--label-columns": self.label_columns,
            "--key-column": self.key_column,
            "--key-is": self.key_is,
            "--patient-column": self.patient_column,
            "--site-column": self.site_column,
            "--date-column": self.date_column,
            "--covariates": self.covariates,
        }
        if self.labels is None and (given := [option for option, value in needs.items() if value]):
            raise RefusedError(f"{' and '.join(given)} need --labels, the table with these columns.")
        try:
            checked_out(self.out, self.images)
        except RefusedError:
            raise RefusedError("--out and --images lie inside one another; name another folder as --out.") from None
