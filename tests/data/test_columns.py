from __future__ import annotations

import numpy as np
import pytest

from monai_mocoi.data import age_unit, as_numbers, is_age, item_columns, read_columns
from monai_mocoi.errors import TableError

IMAGES = ["images/00000001_000.png", "images/00000001_001.png", "images/00000002_000.png"]
PATIENTS = ["00000001", "00000001", "00000002"]


def read(tmp_path, text):
    (tmp_path / "groups.csv").write_text(text)
    return read_columns(tmp_path / "groups.csv", IMAGES, PATIENTS)


def test_columns_of_items():
    items = [
        {"image": "/a", "name": "a", "patient": "1", "label": [0], "sex": "F", "age": 57, "box": [], "pacemaker": True},
        {"image": "/b", "name": "b", "patient": "2", "label": [1], "sex": " NA ", "age": float("nan"), "site": "x"},
    ]  # fmt: skip
    assert item_columns(items) == {
        "sex": ["F", None], "age": [57.0, None], "pacemaker": ["yes", None], "site": [None, "x"],
    }  # fmt: skip
    assert item_columns([]) == {}


@pytest.mark.parametrize(
    "names",
    [
        IMAGES,
        [name.removeprefix("images/") for name in IMAGES],
        [name.removeprefix("images/").removesuffix(".png") for name in IMAGES],
        [name.replace("images/", "D:\\other\\").replace(".png", ".dcm") for name in IMAGES],
    ],
)
def test_by_image(tmp_path, names):
    text = "Image,sex,x\n" + "".join(
        f"{name},{sex},{i}\n" for i, (name, sex) in enumerate(zip(names, "FM", strict=False))
    )
    found = read(tmp_path, text + "unseen.png,F,9\n")
    assert found.values == {"sex": ["F", "M", None], "x": ["0", "1", None]}
    assert (found.source, found.without_row, found.unused_rows) == ("groups.csv", 1, 1)


def test_by_patient(tmp_path):
    found = read(tmp_path, "patient,site,\n1,a,\n2.0,b,\n7,c,\n1,a,\n")
    assert found.values == {"site": ["a", "a", "b"]}
    assert (found.without_row, found.unused_rows) == (0, 1)


def test_file_names_that_two_images_share_stand_for_none(tmp_path):
    (tmp_path / "groups.csv").write_text("image,sex\n0.png,F\nb/0.png,M\n")
    found = read_columns(tmp_path / "groups.csv", ["a/0.png", "b/0.png"], ["1", "2"])
    assert found.values == {"sex": [None, "M"]}
    assert found.unused_rows == 1


def test_a_row_in_other_folders_is_of_another_image(tmp_path):
    tested, patients = ["images/p9/0.png", "images/p9/2.png", "images/p8/0.png"], ["9", "9", "8"]
    table = tmp_path / "groups.csv"
    table.write_text("image,sex\nimages/p1/2.png,F\nimages/p8/0.png,M\n")
    found = read_columns(table, tested, patients)
    assert (found.values, found.unused_rows) == ({"sex": [None, None, "M"]}, 1)
    # A whole table, of training images too, and one that leaves the first folder out.
    rows = [f"{{}}p{patient}/{number}.png,{'FM'[patient % 2]}\n" for patient in (1, 2, 8, 9) for number in range(3)]
    for start in ("images/", "", "C:\\data\\images\\"):
        table.write_text("image,sex\n" + "".join(rows).replace("{}", start))
        assert read_columns(table, tested, patients).values == {"sex": ["M", "M", "F"]}


def test_many_images_of_one_file_name_are_found_at_once(tmp_path):
    images = [f"train/patient{n:05}/study1/view1_frontal.jpg" for n in range(5_000)]
    rows = "".join(f"CheXpert-v1.0-small/{image},{n}\n" for n, image in enumerate(images))
    others = "".join(f"CheXpert-v1.0-small/valid/{n}/view1_frontal.jpg,0\n" for n in range(5_000))
    (tmp_path / "groups.csv").write_text(f"image,site\n{others}{rows}")
    found = read_columns(tmp_path / "groups.csv", images, ["p"] * len(images))
    assert (found.values["site"], found.unused_rows) == ([str(n) for n in range(5_000)], 5_000)


def test_file_names_in_other_folders_count_where_the_table_has_them_once(tmp_path):
    (tmp_path / "groups.csv").write_text("image,sex\nraw/1/0.dcm,F\nraw/2/0.dcm,M\nraw/1/1.dcm,F\n")
    found = read_columns(tmp_path / "groups.csv", ["images/0.png", "images/1.png"], ["1", "2"])
    assert (found.values, found.unused_rows) == ({"sex": [None, "F"]}, 2)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("name,sex\n1,F\n", "needs a column image or patient"),
        ("image\n00000001_000.png\n", "one or more others"),
        ("patient,sex,sex\n1,F,F\n", "two columns of one name"),
        ("patient,sex\n00000009,F\n", "no row of the 3 images tested"),
        ("patient,sex\n1,F\n2,F\n00000001,M\n", "rows 2 and 4 say two things of one patient"),
        ("patient;sex\n1;F\n", "semicolons between its columns"),
        ("image;sex\n1;F\n", "semicolons between its columns"),
        ("patient,dose,sex\n1,3,1,F\n", "more cells than the first row"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, text, error):
    with pytest.raises(TableError, match=error) as caught:
        read(tmp_path, text)
    assert "0000000" not in str(caught.value)  # no ids


def test_ages_in_years():
    values = ["057Y", "011M", "052W", "020D", "18", 121.0, -3.0, None]
    found = as_numbers("Patient Age", values)
    np.testing.assert_allclose(found[:5], [57, 11 / 12, 52 * 7 / 365.25, 20 / 365.25, 18])
    assert np.isnan(found[5:]).all()
    assert as_numbers("dose", ["121", "057Y"]) is None
    assert as_numbers("dose", ["121", None])[0] == 121


AGES = "age|Patient Age|patient_age|PatientAge|AGE|Alter|alter_jahre|edad|AgeAtScan|age_at_scan|ageatscan|età|Âge"
OTHERS = "image_quality|stage|dosage|agent|sex|average|language|aged_over_60|walter|beta|metadata"


@pytest.mark.parametrize(
    "name", [*AGES.split("|"), "patientage", "age [y]", "age_years", "Patientenalter", "ageyears", "Age 1"]
)
def test_names_of_ages(name):
    assert is_age(name)
    assert age_unit(name) is None


@pytest.mark.parametrize("name", [*OTHERS.split("|"), "months", "day", "diameter_mm"])
def test_other_names(name):
    assert not is_age(name)
    assert age_unit(name) is None


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("age_months", "months"),
        ("AgeInMonths", "months"),
        ("agemonths", "months"),
        ("age (m)", "months"),
        ("Alter_Monate", "months"),
        ("edad en meses", "months"),
        ("Alter (Wochen)", "weeks"),
        ("gestational_age", "weeks"),
        ("Gestationsalter", "weeks"),
        ("age_days", "days"),
        ("Alter in Tagen", "days"),
        ("âge (jours)", "days"),
    ],
)
def test_ages_in_months_weeks_and_days_are_no_ages_in_years(name, unit):
    assert age_unit(name) == unit
    assert not is_age(name)
    assert as_numbers(name, ["400"])[0] == 400  # nothing is taken for a slip of the pen
