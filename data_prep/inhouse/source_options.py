"""The options of ``data_prep inhouse``; see docs/inhouse.md."""

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from data_prep.inhouse.bands import RARE
from data_prep.inhouse.copies import COPIES
from data_prep.inhouse.held_out import parse_test_from
from data_prep.inhouse.matching import LEAST_MATCHED
from data_prep.inhouse.part import Part
from data_prep.options import Images, Size, check_alone, check_range, checked_out, no_words, option
from data_prep.source import Source
from monai_mocoi.errors import RefusedError

MIN_SIZE = 16
NAMES_OF_COLUMNS = ("label_columns", "patient_column", "site_column", "date_column", "covariates")
_OF_THE_TABLE = ("test_site", "key_column", "key_is", *NAMES_OF_COLUMNS)  # options that need a labels table


@dataclass(kw_only=True)
class InhouseOptions(Source, ABC):
    """The options, and their checks."""

    key: ClassVar[str] = "inhouse"
    bundle: ClassVar[str] = "nih_mse"
    public: ClassVar[bool] = False
    copies: ClassVar[Sequence[str]] = COPIES
    hidden: ClassVar[Sequence[str]] = ("report",)
    advice: ClassVar[str] = (
        "excluded.csv in --private names the files. Repair them, or allow a larger share with --max-missing (1 = any)."
    )

    images: Images
    private: Annotated[str, option("for the key and who is who: outside --images and --out, for your eyes", "DIR")]
    labels: Annotated[str | None, option("the labels table; without it, a folder for pretraining alone", "CSV")] = None
    label_columns: Annotated[list[str], option("columns of findings (yes/no), and columns of classes", "NAME ...")] = (
        no_words()
    )
    key_column: Annotated[str | None, option("column that tells the image (default: found out)", "NAME")] = None
    key_is: Annotated[
        Literal["sop", "file", "study", "accession", "patient"] | None,
        option("what it holds: sop, file, study, accession, patient (default: found out)", "KIND"),
    ] = None
    patient_column: Annotated[str | None, option("column of the patient's id", "NAME")] = None
    site_column: Annotated[str | None, option("column of the hospital or device", "NAME")] = None
    date_column: Annotated[str | None, option("column of the date (default: that of the header)", "NAME")] = None
    covariates: Annotated[list[str], option("columns to hand on, such as sex and age", "NAME ...")] = no_words()
    patient_folder: Annotated[
        int | None,
        option("the patient is the name of the N-th folder below --images; headers are not asked", "N"),
    ] = None
    name: Annotated[str, option("of the data set", "TEXT")] = "In-house images"
    size: Size = 512
    bits: Annotated[
        Literal["auto", "8", "16"], option("of the PNGs: 8, 16, or auto: 16 where 8 would flatten a picture", "N")
    ] = "auto"
    channels: Annotated[
        Literal["auto", "1", "3"], option("1 (grey), 3 (colour), or auto: colour where a picture has colours", "N")
    ] = "auto"
    frames: Annotated[
        Literal["first", "middle", "all"],
        option("of several frames: first, middle, or all as images of one patient", "WHICH"),
    ] = "middle"
    in_place: Annotated[bool, option("refer to the originals; the folder then identifies patients")] = False
    modality: Annotated[list[str], option("DICOM: take these modalities alone, such as CR DX", "CS ...")] = no_words()
    body_part: Annotated[list[str], option("DICOM: take these body parts alone, such as CHEST", "CS ...")] = no_words()
    view: Annotated[list[str], option("DICOM: take these view positions alone, such as PA AP", "CS ...")] = no_words()
    keep_derived: Annotated[bool, option("DICOM: take pictures whose header calls them derived")] = False
    keep_secondary: Annotated[bool, option("DICOM: take secondary captures, such as screen shots")] = False
    keep_burned_in: Annotated[bool, option("take pictures that may show text: look at each of them first")] = False
    test_site: Annotated[list[str], option("test on the images of these sites (needs --site-column)", "NAME ...")] = (
        no_words()
    )
    test_from: Annotated[str | None, option("test on images from this day on, or on this share, the latest", "DAY")] = (
        None
    )
    part: Annotated[str | None, option("do the patients of part K of N alone; data_prep join joins them", "K/N")] = None
    rare: Annotated[int, option('values of fewer patients become "other" in all columns handed on', "N")] = RARE
    min_match: Annotated[float, option("share of the rows, or of the images, that must match", "F")] = LEAST_MATCHED
    max_missing: Annotated[float, option("share of the images that may be unreadable, by header or by pixels", "F")] = (
        0.1
    )
    report: bool = True

    def check(self) -> None:
        """Refuse options that are out of range or do not go together. No path is repeated."""
        super().check()
        check_range("--size", self.size, MIN_SIZE)
        check_range("--min-match", self.min_match, 0, 1)
        check_range("--rare", self.rare, 0)
        check_range("--patient-folder", self.patient_folder, 1)
        if self.part is not None:
            Part.parse(self.part)
        if self.test_from is not None:
            parse_test_from(self.test_from)
        ways = {"--split-csv": self.split_csv, "--test-site": self.test_site, "--test-from": self.test_from}
        if (given := check_alone(ways)) and self.test_fraction is not None:
            raise RefusedError(f"--test-fraction does not apply: {given[0]} decides what is tested on.")
        if self.labels is None and (given := [name for name in _OF_THE_TABLE if getattr(self, name)]):
            words = " and ".join("--" + name.replace("_", "-") for name in given)
            raise RefusedError(f"{words} need --labels, the table with these columns.")
        checked_out(self.out, self.images, public=False)
