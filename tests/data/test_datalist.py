from __future__ import annotations

import hashlib
import json
import os

import pytest

from monai_mocoi.data import load_datalist, load_to_pretrain, require_images, write_datalist
from monai_mocoi.errors import DatasetError
from tests.data.dataset_folders import dataset_folder, names, picture, read_list, save, write_list

WITH_LABELS = "7dcb5cc9073f0726466d06fdfea5e536b0d8f42ba77b383e0f87b5c9991a1695"
WITHOUT_LABELS = "4879dc4c19468536f78acc89c4cbe52e28a0e0caa740027354fe9cf0012c3b5e"


def test_reads_a_good_folder(tmp_path):
    datalist = load_datalist(dataset_folder(tmp_path))
    assert (datalist.name, datalist.labels, datalist.folder) == ("tiny", ("A", "B"), tmp_path)
    assert [len(items) for items in datalist.splits().values()] == [6, 2, 3]
    assert datalist.training[3] == {
        "image": str(tmp_path / "images/003.png"),
        "name": "images/003.png",
        "patient": "p003",
        "label": [1, 1],
    }
    assert datalist.sha256 == hashlib.sha256((tmp_path / "datalist.json").read_bytes()).hexdigest()


def test_relative_folder_and_empty_splits(tmp_path, monkeypatch):
    dataset_folder(tmp_path / "set", validation=0, test=0)
    monkeypatch.chdir(tmp_path)
    datalist = load_datalist("set")
    assert datalist.validation == datalist.test == []
    assert os.path.isabs(datalist.training[0]["image"])


def test_too_few_images_are_named_with_their_split(tmp_path):
    datalist = load_datalist(dataset_folder(tmp_path, validation=0))
    require_images(datalist, training=6)
    with pytest.raises(DatasetError, match=r"training split has 6 image\(s\), but 7 are needed: lower batch_size"):
        require_images(datalist, training=7)
    with pytest.raises(DatasetError, match=r"validation split has 0 image\(s\), but 2 are needed"):
        require_images(datalist, training=6, validation=2)


def test_no_folder_and_unfinished_folder_name_the_commands(tmp_path):
    with pytest.raises(DatasetError, match=r"no folder 'nowhere'.*Prepare"):
        load_datalist("nowhere")
    with pytest.raises(DatasetError, match=r"has no datalist.json(.|\n)*same way again"):
        load_datalist(tmp_path)
    (tmp_path / "configs").mkdir()
    with pytest.raises(DatasetError, match=r"is a bundle .* give the dataset folder"):
        load_datalist(tmp_path)


def test_wrong_json(tmp_path):
    for text in ("{", "\udcff"):
        (tmp_path / "datalist.json").write_bytes(text.encode(errors="surrogateescape"))
        with pytest.raises(DatasetError, match="not valid JSON"):
            load_datalist(tmp_path)
    (tmp_path / "datalist.json").write_text("[]")
    with pytest.raises(DatasetError, match="one JSON object"):
        load_datalist(tmp_path)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"training": []}, "'training' is empty"),
        ({"training": {}}, "'training' must be a list, not dict"),
        ({"labels": ["A", "B"]}, "'labels' must be an object, not list"),
        ({"labels": {"0": "A", "2": "B"}}, "without a gap, not 0, 2"),
        ({"labels": {"0": "A", "1": "A"}}, "a name of its own"),
        ({"name": None}, "'name' must be a text"),
    ],
)
def test_wrong_document(tmp_path, changes, text):
    document = read_list(dataset_folder(tmp_path)) | changes
    write_list(tmp_path, **document)
    with pytest.raises(DatasetError, match=text):
        load_datalist(tmp_path)


@pytest.mark.parametrize("key", ["name", "labels", "training", "validation", "test"])
def test_missing_key(tmp_path, key):
    document = read_list(dataset_folder(tmp_path))
    del document[key]
    (tmp_path / "datalist.json").write_text(json.dumps(document))
    with pytest.raises(DatasetError, match=rf"lacks the key\(s\) {key};"):
        load_datalist(tmp_path)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"image": "/etc/passwd.png"}, r"training\[2\]: 'image' is an absolute path"),
        ({"image": "C:/x.png"}, "absolute path"),
        ({"image": "../x.png"}, r"'\.\./x\.png'; it must be a plain path inside"),
        ({"image": "images/../../x.png"}, "plain path inside"),
        ({"image": "images//000.png"}, "plain path inside"),
        ({"image": "images\\000.png"}, "plain path inside"),
        ({"image": None}, "relative to the dataset folder"),
        ({"image": "images/000.png"}, r"listed already at training\[0\]"),
        ({"patient": None}, "'patient' is missing"),
        ({"patient": 7}, "'patient' is 7"),
        ({"patient": "00000002 "}, "'00000002 ', with blanks around it"),
        ({"label": [0]}, "has 1 values, but 'labels' names 2"),
        ({"label": [0, 2]}, r"label value 2; .* 0, 1 and null \(not known\)"),
        ({"label": [None, 2]}, "label value 2"),
        ({"label": [None]}, "has 1 values"),
        ({"label": [0, True]}, "label value True"),
        ({"label": [0, 0.5]}, "label value 0.5"),
        ({"label": 2}, "label 2 is unknown"),
        ({"label": 1}, "some labels are numbers"),
        ({"label": "A"}, "label 'A'"),
        ({"image": "images/none.png"}, r"1 of 11 images .* not in the dataset folder: images/none\.png"),
        ({"image": "images"}, "not in the dataset folder"),
    ],
)
def test_wrong_item(tmp_path, change, text):
    document = read_list(dataset_folder(tmp_path))
    document["training"][2] |= change
    write_list(tmp_path, **document)
    with pytest.raises(DatasetError, match=text) as error:
        load_datalist(tmp_path)
    assert str(tmp_path) not in str(error.value)


def test_items_without_a_label_stay_beside_others(tmp_path):
    document = read_list(dataset_folder(tmp_path))
    del document["training"][2]["label"]
    document["training"][3]["label"] = None
    document["training"][4]["label"] = [None, None]
    document["validation"][0]["label"] = [None, 1]
    write_list(tmp_path, **document)
    datalist = load_datalist(tmp_path)
    assert ["label" in item for item in datalist.training] == [True, True, False, False, False, True]
    assert datalist.validation[0]["label"] == [None, 1]
    for item in document["training"]:
        item.pop("label", None)
    write_list(tmp_path, **document)
    assert not any("label" in item for item in load_datalist(tmp_path).training)


def with_pretraining(folder):
    document = read_list(dataset_folder(folder))
    document["pretraining"] = [document["training"].pop() for _ in range(2)]
    write_list(folder, **document)
    return document


def test_a_split_for_pretraining_alone(tmp_path):
    with_pretraining(tmp_path)
    datalist = load_datalist(tmp_path)
    assert {split: len(items) for split, items in datalist.splits().items()} == {
        "training": 4,
        "validation": 2,
        "test": 3,
        "pretraining": 2,
    }
    read = load_to_pretrain(tmp_path)
    assert names(read.training) == [*names(datalist.training), "images/005.png", "images/004.png"]
    assert read.training[:4] == datalist.training
    assert [("label" in item, item["patient"]) for item in read.training[4:]] == [(False, "p005"), (False, "p004")]
    assert list(read.splits()) == ["training", "validation", "test"]
    assert read.sha256 == datalist.sha256


def test_a_list_without_that_split_is_read_alike_for_pretraining(tmp_path):
    dataset_folder(tmp_path)
    assert load_to_pretrain(tmp_path) == load_datalist(tmp_path)


def test_an_image_is_in_training_or_in_pretraining(tmp_path):
    document = with_pretraining(tmp_path)
    document["pretraining"][1]["image"] = document["training"][3]["image"]
    write_list(tmp_path, **document)
    with pytest.raises(DatasetError, match=r"pretraining\[1\]: .*listed already at training\[3\]"):
        load_datalist(tmp_path)
    write_list(tmp_path, **{**document, "pretraining": {}})
    with pytest.raises(DatasetError, match="'pretraining' must be a list"):
        load_datalist(tmp_path)


def test_unlabelled_unknown_and_pretraining_are_written_and_counted(tmp_path):
    with_pretraining(tmp_path)
    read = load_datalist(tmp_path)
    splits = {split: [{**item, "image": item["name"]} for item in items] for split, items in read.splits().items()}
    del splits["training"][0]["label"]
    splits["training"][1]["label"] = None
    splits["training"][2]["label"] = [None, 0]
    splits["validation"][0]["label"] = [None, None]
    write_datalist(tmp_path, "one", ["A", "B"], splits, {})
    again = load_datalist(tmp_path)
    assert [item.get("label") for item in again.training] == [None, None, [None, 0], [1, 1]]
    assert [item.get("label") for item in again.validation] == [None, [1, 0]]
    assert "null, null" not in (tmp_path / "datalist.json").read_text()
    counts = json.loads((tmp_path / "manifest.json").read_text())["counts"]
    assert counts == {
        "training": {"images": 4, "patients": 4, "unlabelled": 2, "unknown": {"A": 1}},
        "validation": {"images": 2, "patients": 2, "unlabelled": 1},
        "test": {"images": 3, "patients": 3},
        "pretraining": {"images": 2, "patients": 2},
    }


def test_a_list_of_old_forms_is_written_as_before(tmp_path):
    """The digests are those of the code before unlabelled images, unknown values and the fourth split."""
    items = [{"image": f"images/{i}.png", "label": [i % 2, 0], "patient": f"p{i}", "sex": "F"} for i in range(4)]
    save(tmp_path / "images/0.png", picture(0))
    plain = [{key: value for key, value in item.items() if key != "label"} for item in items]
    for kind, own, digest in (("with labels", items, WITH_LABELS), ("without", plain, WITHOUT_LABELS)):
        splits = {"training": own[:2], "validation": own[2:3], "test": own[3:]}
        assert write_datalist(tmp_path, kind, ["A", "B"], splits, {}, ("sex",)) == digest
        counts = json.loads((tmp_path / "manifest.json").read_text())["counts"]
        assert counts["training"] == {"images": 2, "patients": 2}
        assert list(counts) == ["training", "validation", "test"]


def test_the_first_few_missing_images_are_named(tmp_path):
    dataset_folder(tmp_path)
    for number in range(7):
        (tmp_path / f"images/{number:03d}.png").unlink()
    with pytest.raises(DatasetError, match=r"7 of 11 .*000\.png.*004\.png and 2 more"):
        load_datalist(tmp_path)


def test_links_may_not_lead_out(tmp_path):
    folder = dataset_folder(tmp_path / "set")
    outside = save(tmp_path / "elsewhere/000.png", picture(0))
    inside = folder / "images/000.png"
    inside.unlink()
    inside.symlink_to(outside)
    with pytest.raises(DatasetError, match=r"images/000\.png lead\(s\) out of the dataset folder"):
        load_datalist(folder)
    inside.unlink()
    inside.symlink_to("001.png")  # within the folder: allowed
    load_datalist(folder)
    inside.unlink()
    inside.symlink_to("nothing.png")
    with pytest.raises(DatasetError, match="not in the dataset folder"):
        load_datalist(folder)
    (folder / "images").rename(tmp_path / "moved")
    (folder / "images").symlink_to(tmp_path / "moved")
    with pytest.raises(DatasetError, match=r"images, .*lead"):
        load_datalist(folder)


@pytest.mark.parametrize("mark", [True, "true", 1, False, None])
def test_links_lead_out_only_of_a_folder_that_says_it_is_identified(tmp_path, mark):
    folder = dataset_folder(tmp_path / "set")
    outside = save(tmp_path / "elsewhere/000.png", picture(0))
    inside = folder / "images/000.png"
    inside.unlink()
    inside.symlink_to(outside)
    (folder / "manifest.json").write_text(json.dumps({"identified": mark}))
    if mark is not True:
        with pytest.raises(DatasetError, match=r"lead\(s\) out"):
            load_datalist(folder)
        return
    assert load_datalist(folder).identified
    outside.unlink()
    with pytest.raises(DatasetError, match="not in the dataset folder") as refused:
        load_datalist(folder)
    assert "elsewhere" not in str(refused.value)


def test_a_folder_is_not_identified_unless_it_says_so(tmp_path):
    assert not load_datalist(dataset_folder(tmp_path)).identified


def test_a_folder_reached_through_a_link_is_fine(tmp_path):
    dataset_folder(tmp_path / "real")
    (tmp_path / "link").symlink_to("real")
    assert load_datalist(tmp_path / "link").folder == tmp_path / "real"


def test_written_list_reads_back(tmp_path):
    read = load_datalist(dataset_folder(tmp_path))
    splits = {
        split: [{"image": item["name"], "label": item["label"], "patient": item["patient"], "image_path": "secret"}
                for item in items]
        for split, items in read.splits().items()
    }  # fmt: skip
    digest = write_datalist(tmp_path, "Ä", ["A", "B"], splits, {"source": "test", "exclusions": {}})
    again = load_datalist(tmp_path)
    assert again.sha256 == digest
    assert again.name == "Ä"
    assert again.splits() == read.splits()
    assert "secret" not in (tmp_path / "datalist.json").read_text()
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["datalist_sha256"] == digest
    assert manifest["source"] == "test"
    assert manifest["counts"]["training"] == {"images": 6, "patients": 6}
    assert {"python", "monai_mocoi", "numpy", "pillow"} <= set(manifest["versions"])
    assert names(again.test) == ["images/008.png", "images/009.png", "images/010.png"]


def test_empty_splits_can_be_written(tmp_path):
    save(tmp_path / "images/a.png", picture(1))
    write_datalist(tmp_path, "one", [], {"training": [{"image": "images/a.png", "patient": "p"}]}, {})
    datalist = load_datalist(tmp_path)
    assert (len(datalist.training), datalist.labels, datalist.test) == (1, (), [])


@pytest.mark.parametrize(("first", "second"), [("1", "00000001"), ("12", "12.0"), ("0", "00"), ("Mü1", "MU\u03081")])
def test_an_id_written_in_two_ways_is_one_patient(tmp_path, first, second):
    document = read_list(dataset_folder(tmp_path))
    document["training"][4]["patient"] = first
    document["test"][1]["patient"] = second
    write_list(tmp_path, **document)
    with pytest.raises(DatasetError, match=rf"'{first}' at training\[4\] and '{second}' at test\[1\]"):
        load_datalist(tmp_path)


def test_numbers_that_differ_are_different_patients(tmp_path):
    document = read_list(dataset_folder(tmp_path))
    for item, patient in zip(document["training"], ["1", "10", "100", "01x", "1x", "1.5"], strict=True):
        item["patient"] = patient
    write_list(tmp_path, **document)
    assert len({item["patient"] for item in load_datalist(tmp_path).training}) == 6


NAMED_ALIKE = [
    ("a/00000007_000.png", "b/00000007_012.png", "00000008_000.png", "00000007 by the names of NIH", "nih"),
    ("8863_idx5_x51_y1251_class0.png", "8863/1/8863_idx5_x1_y1_class1.png", "8_idx5_x1_y1_class1.png",
     "8863 by the names of IDC", "bch"),
    ("left/10_left.jpeg", "right/10_right.png", "8_right.png", "10 by the names of EyePACS", "eyepacs"),
]  # fmt: skip


def named_alike(folder, first, second):
    document = read_list(dataset_folder(folder))
    for split, name, patient in (("training", first, "41"), ("test", second, "42")):
        save(folder / "images" / name, picture(9))
        document[split][0] |= {"image": f"images/{name}", "patient": patient}
    write_list(folder, **document)
    return document


@pytest.mark.parametrize("known_by", ["source", "an id"])
@pytest.mark.parametrize(("first", "second", "third", "told", "source"), NAMED_ALIKE)
def test_names_of_one_person_with_two_patients(tmp_path, first, second, third, told, source, known_by):
    document = named_alike(tmp_path, first, second)
    if known_by == "source":
        (tmp_path / "manifest.json").write_text(json.dumps({"source": source}))
    else:
        save(tmp_path / third, picture(10))
        document["training"][1] |= {"image": third, "patient": "08"}
        write_list(tmp_path, **document)
    with pytest.raises(DatasetError, match=rf"'41' at training\[0\] and '42' at test\[0\], both {told}"):
        load_datalist(tmp_path)
    document["test"][0]["patient"] = "41"  # a pseudonym that is not the number in the name is no contradiction
    write_list(tmp_path, **document)
    assert load_datalist(tmp_path).test[0]["patient"] == "41"


@pytest.mark.parametrize("manifest", [None, "{", "[1]", '{"source": "our own"}', '{"source": ["nih"]}'])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("20230105_001.png", "20230105_002.png"),  # a date and a number, as hospitals name their files
        ("p1/1_left.png", "p2/1_left.png"),
        *(names[:2] for names in NAMED_ALIKE),
    ],
)
def test_names_that_only_look_published_are_a_warning_with_their_number(tmp_path, caplog, first, second, manifest):
    named_alike(tmp_path, first, second)
    if manifest is not None:
        (tmp_path / "manifest.json").write_text(manifest)
    assert load_datalist(tmp_path).test[0]["patient"] == "42"
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "1 image(s) would be of a person with another 'patient'" in record.getMessage()
    assert "41" not in record.getMessage()


def test_what_one_scheme_shows_says_nothing_of_another(tmp_path, caplog):
    document = named_alike(tmp_path, "p1/1_left.png", "p2/1_left.png")
    save(tmp_path / "00000008_000.png", picture(10))
    document["training"][1] |= {"image": "00000008_000.png", "patient": "8"}
    write_list(tmp_path, **document)
    load_datalist(tmp_path)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_names_of_no_known_scheme_say_nothing(tmp_path):
    document = read_list(dataset_folder(tmp_path))
    for number, name in enumerate(["1_000.png", "00000001_1.png", "x_left.png", "12_idx5_class0.png"]):
        for split in ("training", "test"):
            save(tmp_path / split / name, picture(number))
            document[split].append({"image": f"{split}/{name}", "label": [0, 0], "patient": f"{split}{number}"})
    write_list(tmp_path, **document)
    assert len(load_datalist(tmp_path).test) == 7


def test_columns_are_read_and_only_those_named_are_written(tmp_path):
    dataset_folder(tmp_path)
    document = json.loads((tmp_path / "datalist.json").read_text())
    for item in document["test"]:
        item |= {"sex": "F", "age": 57, "name": "not this", "box": [1, 2]}
    (tmp_path / "datalist.json").write_text(json.dumps(document))
    read = load_datalist(tmp_path)
    keys = {"image", "name", "patient", "label", "sex", "age"}
    assert all(item.keys() == keys and item["name"] != "not this" for item in read.test)
    assert not any("sex" in item for item in read.training)
    splits = {split: [{**item, "image": item["name"]} for item in items] for split, items in read.splits().items()}
    write_datalist(tmp_path, "one", ["A", "B"], splits, {}, ("sex",))
    again = load_datalist(tmp_path)
    assert [item["sex"] for item in again.test] == ["F"] * len(read.test)
    assert not any("age" in item for item in again.test)
