from __future__ import annotations

import json
import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from monai_mocoi.errors import AdaptError, DatasetError
from monai_mocoi.packaging import Owner, adapt_bundle, adapted_bundle, package_bundle
from tests.bundles.conftest import BUNDLES, SMALL_BACKBONE
from tests.data.dataset_folders import read_list
from tests.report.finetuned_runs import make_run
from tests.report.study_folders import FINDINGS, change_manifest, study
from tests.support.configs import strings

OWNER = Owner("Hand films", "A. Author, Clinic", "a@clinic.example", None, "Films of the clinic; do not hand on.\n")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return study(tmp_path / "films")


def config(folder: Path, file: str) -> dict:
    return json.loads((folder / "configs" / file).read_text())


def everything(folder: Path) -> str:
    return "".join(path.read_text() for path in sorted(folder.rglob("*")) if path.is_file())


def test_the_settings_stand_in_every_config_that_has_them(data, tmp_path):
    made = adapt_bundle(BUNDLES / "bch_barlow", data, "my_study", tmp_path, modality="hand")
    folder = tmp_path / "my_study"
    assert made.folder == folder
    files = {file: config(folder, f"{file}.json") for file in ("train", "finetune", "analyze", "evaluate", "inference")}
    for content in files.values():
        assert (content["bundle"], content["modality"], content["dataset_dir"]) == ("my_study", "hand", "films")
    of_images = {"channels": 1, "mean": 0.5, "std": 0.25, "resize_mode": "crop", "cache_bits": 8}
    for file in ("train", "finetune", "analyze"):
        assert {name: files[file][name] for name in of_images} == of_images
    train, finetune = files["train"], files["finetune"]
    assert (train["image_size"], train["batch_size"], train["queue_size"]) == (
        64, "$32 if @demo else 8", "$256 if @demo else 8",
    )  # fmt: skip
    assert (train["own_data"], train["intensity"]) == ([], "declared")
    assert (finetune["labels"], finetune["label_kind"], finetune["metric"]) == (
        list(FINDINGS), "multilabel", "macro_auc",
    )  # fmt: skip
    assert files["analyze"]["metric"] == "macro_auc"
    for file in ("finetune", "analyze"):
        assert files[file]["image_size"] == "$monai_mocoi.networks.of_encoder(@pretrained, 'image_size', 64)"
    assert "RandStainJitter" not in everything(folder)
    assert "RandStainJitter" in everything(BUNDLES / "bch_barlow")


def test_faint_pictures_are_stretched_in_all_configs(data, tmp_path, monkeypatch):
    facts = adapted_bundle.measure_pictures
    monkeypatch.setattr(adapted_bundle, "measure_pictures", lambda *a, **k: replace(facts(*a, **k), range_used=0.1))
    adapt_bundle(BUNDLES / "nih_moco", data, "my_study", tmp_path)
    assert config(tmp_path / "my_study", "train.json")["intensity"] == "percentiles"
    for file in ("finetune.json", "analyze.json"):
        expected = "$monai_mocoi.networks.of_encoder(@pretrained, 'intensity', 'percentiles')"
        assert config(tmp_path / "my_study", file)["intensity"] == expected


def test_nobody_is_credited_who_had_no_part(data, tmp_path):
    for bundle in ("nih_mse", "bch_moco", "dr_barlow"):
        folder = adapt_bundle(BUNDLES / bundle, data, f"own_{bundle}", tmp_path).folder
        text = everything(folder).replace(f"own_{bundle}", "")
        assert not re.search(r"ChestX-ray|\bNIH\b|IDC|EyePACS|Kaggle|Wang", text)
        metadata = config(folder, "metadata.json")
        assert metadata["authors"].startswith("not stated; configs by the monai_mocoi developers; method by A. Kaku")
        assert "has stated nothing on the images" in (folder / "docs" / "data_license.txt").read_text()


def test_what_the_owner_states_stands_in_metadata_and_docs(data, tmp_path):
    folder = adapt_bundle(BUNDLES / "nih_mse", data, "hands", tmp_path, "hand", OWNER).folder
    metadata = config(folder, "metadata.json")
    assert metadata["name"] == "hands"
    assert metadata["authors"].startswith("A. Author, Clinic; configs by")
    assert metadata["contact"] == "a@clinic.example"
    assert metadata["version"] in metadata["changelog"]
    assert "Hand films" in metadata["task"]
    assert "2 finding(s), each there or not: Fracture, Cast or plate" in metadata["label_classes"]
    image = metadata["network_data_format"]["inputs"]["image"]
    assert (image["modality"], image["num_channels"], image["spatial_shape"]) == ("hand", 1, [64, 64])
    assert image["value_range"] == [-2, 2]
    assert (folder / "docs" / "data_license.txt").read_text() == OWNER.data_statement
    readme = (folder / "docs" / "README.md").read_text()
    assert readme.startswith("# hands: MoCo with stage MSE on Hand films\n")
    assert "mocoi run hands/finetune\n" in readme
    assert "runs/hands/finetune-pretrained-all-s4-f1-l1" in readme
    assert "| Image | 64 px, batch 8 | 512 px, batch 16 |" in readme
    assert "| Queue | 8, at most half the training images" in readme
    assert "| `image_size` | `64` |" in readme
    assert "nih512" not in readme
    assert readme.count("nih_mse") == 3  # what it was made from


def test_the_public_data_set_keeps_its_terms(data, tmp_path):
    document = {**read_list(data), "name": "NIH ChestX-ray14"}
    (data / "datalist.json").write_text(json.dumps(document))
    folder = adapt_bundle(BUNDLES / "nih_mse", data, "own", tmp_path).folder
    licence = "docs/data_license.txt"
    assert (folder / licence).read_text() == (BUNDLES / "nih_mse" / licence).read_text()
    folder = adapt_bundle(BUNDLES / "dr_mse", data, "other", tmp_path).folder
    assert "has stated nothing" in (folder / licence).read_text()


def test_an_adapted_bundle_can_be_adapted_and_the_same_call_gives_the_same_bytes(data, tmp_path):
    first = adapt_bundle(BUNDLES / "dr_mse", study(tmp_path / "eyes", "fundus", "single"), "first", tmp_path)
    (tmp_path / "b").mkdir()
    direct = adapt_bundle(BUNDLES / "dr_mse", data, "second", tmp_path / "b")
    second = adapt_bundle(first.folder, data, "second", tmp_path)
    for file in ("train.json", "finetune.json", "analyze.json"):
        assert config(second.folder, file) == config(direct.folder, file)
    readmes = [(made.folder / "docs" / "README.md").read_text() for made in (second, direct)]
    assert "`mocoi adapt` made this bundle from `first`" in readmes[0]
    reason = r"^\| `.*\n|`(first|dr_mse)`|from, (first|dr_mse)|^- (first|dr_mse) is"
    alike = [re.sub(reason, "", readme, flags=re.MULTILINE) for readme in readmes]
    assert alike[0] == alike[1]
    again = tmp_path / "again"
    adapt_bundle(BUNDLES / "dr_mse", data, "second", again)
    assert everything(again / "second") == everything(direct.folder)


def test_no_place_and_no_patient_gets_into_it(data, tmp_path):
    folder = adapt_bundle(BUNDLES / "nih_mse", data, "own", tmp_path).folder
    text = everything(folder)
    assert str(tmp_path) not in text
    assert not re.search(r"\bp0\d\d\b|00\d\.png", text)
    for file in folder.glob("configs/*.json"):
        assert not [one for one in strings(json.loads(file.read_text())) if one.startswith(("/", "~"))]


def test_a_package_of_it_takes_over_what_was_stated(data, tmp_path):
    folder = adapt_bundle(BUNDLES / "nih_mse", data, "own", tmp_path, "hand", OWNER).folder
    assert config(folder, "metadata.json")["stated"] == {
        "authors": OWNER.authors, "contact": OWNER.contact, "data_statement": True,
    }  # fmt: skip
    inference = config(folder, "inference.json")
    inference["network_def"]["encoder"]["backbone"] = SMALL_BACKBONE
    (folder / "configs" / "inference.json").write_text(json.dumps(inference))
    run = make_run(tmp_path / "run", settings={"bundle": "own"}, modality="hand", intensity="declared", cache_bits=8)
    made = package_bundle(folder, run, tmp_path / "own.zip")
    assert made.name == "own_classification_mocoi"
    assert package_bundle(folder, run, tmp_path / "named.zip", name="hands").name == "hands"
    assert made.owner == replace(OWNER, title=None)
    with zipfile.ZipFile(made.path) as archive:
        assert archive.read(f"{made.name}/docs/data_license.txt").decode() == OWNER.data_statement
        metadata = json.loads(archive.read(f"{made.name}/configs/metadata.json"))
        assert "| Contact | a@clinic.example |" in archive.read(f"{made.name}/docs/README.md").decode()
    assert metadata["contact"] == OWNER.contact
    assert "stated" not in metadata
    other = package_bundle(folder, run, tmp_path / "other.zip", owner=Owner(authors="B", data_statement="Mine.\n"))
    assert other.owner == Owner(None, "B", OWNER.contact, None, "Mine.\n")
    # Adapted once more: the first one's authors have no part in it.
    assert "stated" not in config(adapt_bundle(folder, data, "second", tmp_path).folder, "metadata.json")


@pytest.mark.parametrize("name", ["", "a b", "../x", "1st", "a/b", "x.zip", "_x", "a" * 65])
def test_bad_names(name, data, tmp_path):
    with pytest.raises(AdaptError, match="must be a plain name") as caught:
        adapt_bundle(BUNDLES / "nih_mse", data, name, tmp_path / "out")
    assert caught.value.exit_code == 2
    assert not (tmp_path / "out").exists()


def refused(text, tmp_path, bundle=BUNDLES / "nih_mse", dataset="films", name="own", out="out", **more):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises((AdaptError, DatasetError), match=text):
        adapt_bundle(bundle, tmp_path / dataset, name, tmp_path / out, **more)
    assert sorted(tmp_path.rglob("*")) == before


def test_places_that_cannot_be(data, tmp_path):
    (tmp_path / "here" / "own").mkdir(parents=True)
    refused("exists already, and is left as it is", tmp_path, out="here")
    refused("is the dataset folder, or within it", tmp_path, out="films")
    refused("is the dataset folder, or within it", tmp_path, out="films/images")
    refused("which is a file", tmp_path, out="films/datalist.json")
    refused("there is no folder", tmp_path, dataset="nowhere")
    refused("has no datalist.json", tmp_path, dataset="here")
    refused("must be one word of small letters", tmp_path, modality="Left hand")


def test_sources_that_cannot_be(data, tmp_path):
    refused("is no bundle that can be adapted", tmp_path, bundle=data)
    part = shutil.copytree(BUNDLES / "nih_mse", tmp_path / "part")
    inference = config(part, "inference.json")
    del inference["run_dir"]
    (part / "configs" / "inference.json").write_text(json.dumps(inference))
    refused("is a package with a classifier", tmp_path, bundle=part)
    (part / "configs" / "inference.json").write_text("{")
    refused("inference.json of the bundle .* cannot be read as JSON", tmp_path, bundle=part)
    (part / "configs" / "inference.json").write_text("[]")
    refused("is no JSON object", tmp_path, bundle=part)
    old = shutil.copytree(BUNDLES / "nih_mse", tmp_path / "old")
    finetune = config(old, "finetune.json")
    del finetune["labels"]
    (old / "configs" / "finetune.json").write_text(json.dumps(finetune))
    refused("finetune.json of the bundle has no labels", tmp_path, bundle=old)


def test_what_the_manifest_forbids(data, tmp_path):
    for values, text in (
        ({"identified": True}, "marked as identified"),
        ({"channels": 4}, "says channels 4, but a bundle can have 1 or 3"),
        ({"label_kind": "ordinal"}, "says label_kind 'ordinal'"),
        ({"label_kind": "single"}, "says label_kind 'single', but the training labels in datalist.json are 2 finding"),
        ({"label_kind": "none"}, "says label_kind 'none'"),
    ):
        folder = shutil.copytree(data, tmp_path / "changed")
        change_manifest(folder, **values)
        refused(text, tmp_path, dataset="changed")
        shutil.rmtree(folder)
    (data / "manifest.json").write_text("{")
    refused("nobody knows whether its images are identified", tmp_path)
    (data / "manifest.json").unlink()  # a folder made by hand
    adapt_bundle(BUNDLES / "nih_mse", data, "own", tmp_path)


def test_labels_that_cannot_be(data, tmp_path):
    document = read_list(data)

    def changed(names, label=None):
        new = {**document, "labels": {str(place): name for place, name in enumerate(names)}}
        if label is not None:
            new |= {s: [{**item, "label": label} for item in document[s]] for s in ("training", "validation", "test")}
        (data / "datalist.json").write_text(json.dumps(new))

    for name in ("$open('x')", "@name", "%name", "_x"):
        changed([name, "other"])
        refused(re.escape(repr(name)), tmp_path)
    changed(["alone"], 0)
    refused("has one class .alone., which nothing can be told from", tmp_path)


@pytest.mark.parametrize("name", ["demo", "$data", "@data", "a::b"])
def test_folders_whose_name_would_be_read_otherwise(name, tmp_path):
    study(tmp_path / name)
    refused("rename it", tmp_path, dataset=name)


def test_without_labels_it_is_for_pretraining(tmp_path):
    made = adapt_bundle(
        BUNDLES / "nih_mse", study(tmp_path / "films", labels="none", label_kind="none"), "own", tmp_path
    )
    finetune = config(made.folder, "finetune.json")
    assert (finetune["labels"], finetune["label_kind"], finetune["metric"]) == (None, None, "macro_auc")
    assert any("finetune.json and evaluate.json need labels" in warning for warning in made.warnings)
    assert any("16 images to pretrain on teach an encoder next to nothing" in warning for warning in made.warnings)
    document = {**read_list(tmp_path / "films"), "validation": []}
    (tmp_path / "films" / "datalist.json").write_text(json.dumps(document))
    made_of_less = adapt_bundle(BUNDLES / "nih_mse", tmp_path / "films", "other", tmp_path)
    assert any("0 validation image(s): pretraining needs 2" in warning for warning in made_of_less.warnings)
    assert "fine-tuning: none" in config(made.folder, "metadata.json")["label_classes"]


def test_labels_that_nothing_can_be_learnt_from_are_warned_of(data, tmp_path):
    document = read_list(data)
    document["training"] = [{**item, "label": [1, 0]} for item in document["training"]]
    (data / "datalist.json").write_text(json.dumps(document))
    warnings = adapt_bundle(BUNDLES / "nih_mse", data, "own", tmp_path).warnings
    assert any("finetune.json will refuse this data set: nothing can be learnt" in warning for warning in warnings)
    assert any("Fracture 16, Cast or plate 0" in warning for warning in warnings)


def test_many_images_without_and_few_with_labels(tmp_path):
    data = study(tmp_path / "films", labels="partly", label_kind="multi")
    made = adapt_bundle(BUNDLES / "nih_mse", data, "own", tmp_path)
    assert made.counts == "training 16 (12 with labels), validation 4, test 4, pretraining 6"
    assert made.facts.of == 22  # all that is pretrained on
    assert config(made.folder, "train.json")["queue_size"] == "$256 if @demo else 11"
    finetune = config(made.folder, "finetune.json")
    assert (finetune["labels"], finetune["label_kind"]) == (list(FINDINGS), "multilabel")
    assert made.counts in (made.folder / "docs" / "README.md").read_text()


def test_an_architecture_that_is_asked_for_stands_in_configs_metadata_and_readme(data, tmp_path):
    folder = adapt_bundle(BUNDLES / "nih_mse", data, "own", tmp_path, architecture="resnet18").folder
    assert config(folder, "train.json")["architecture"] == "resnet18"
    for file in ("finetune.json", "analyze.json"):
        expected = "$monai_mocoi.networks.architecture_of(@pretrained, 'resnet18')"
        assert config(folder, file)["architecture"] == expected
    metadata = config(folder, "metadata.json")
    pred = metadata["network_data_format"]["outputs"]["pred"]
    assert (pred["num_channels"], pred["channel_def"]) == (512, {"0": "first of 512 non-negative features"})
    assert "512 features" in metadata["pred_classes"]
    assert metadata["task"].startswith("Self-supervised pretraining of a ResNet-18 on images: ")
    text = json.dumps(metadata) + (folder / "docs" / "README.md").read_text()
    assert "ResNet-50" not in text
    assert text.count("ResNet-18") == 4
    assert "| `architecture` | `resnet18` | as asked for |" in text
    # A bundle that is made of it has it too, unless another one is asked for.
    again = adapt_bundle(folder, data, "again", tmp_path).folder
    assert config(again, "train.json")["architecture"] == "resnet18"
    assert config(again, "metadata.json")["network_data_format"] == metadata["network_data_format"]
    back = adapt_bundle(folder, data, "back", tmp_path, architecture="resnet101").folder
    assert "2048 features" in config(back, "metadata.json")["pred_classes"]
    assert "ResNet-18" not in everything(back)
    refused("the architecture is 'resnet20', but must be one of resnet18, ", tmp_path, architecture="resnet20")


def test_a_bundle_of_before_there_were_other_architectures_can_be_adapted(data, tmp_path):
    old = shutil.copytree(BUNDLES / "nih_mse", tmp_path / "old")
    for file in ("train.json", "finetune.json", "analyze.json", "evaluate.json", "inference.json"):
        content = {name: value for name, value in config(old, file).items() if name != "architecture"}
        (old / "configs" / file).write_text(json.dumps(content))
    folder = adapt_bundle(old, data, "own", tmp_path).folder
    assert "architecture" not in config(folder, "train.json")
    assert "2048 features" in config(folder, "metadata.json")["pred_classes"]
    refused("has no architecture: use a bundle of this", tmp_path, bundle=old, name="other", architecture="resnet18")
