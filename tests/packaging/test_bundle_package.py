"""The zip: what is in it, what is not, and what is refused."""

from __future__ import annotations

import getpass
import json
import os
import socket
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from monai_mocoi.analysis import TYPICAL_NAME, TypicalFeatures, read_typical_features
from monai_mocoi.errors import PackageError, WeightsError
from monai_mocoi.metrics import fit_shrunk_gaussian, mahalanobis_distance
from monai_mocoi.packaging import package_bundle
from monai_mocoi.packaging.package_files import check_no_places
from tests.report.finetuned_runs import SECRETS, change, make_bundle, make_run


def test_the_layout_and_the_weights(tmp_path: Path) -> None:
    bundle, run = make_bundle(tmp_path), make_run(tmp_path / "run")
    (run / "evaluation-test" / "worst_errors.png").write_bytes(b"patients' images")
    made = package_bundle(bundle, run, tmp_path / "new" / "package.zip")
    with zipfile.ZipFile(made.path) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        archive.extractall(tmp_path / "un")
    configs = {path.relative_to(bundle).as_posix() for path in (bundle / "configs").rglob("*.*")}
    others = {"LICENSE", "docs/README.md", "docs/data_license.txt", "models/model.json", "models/model.pt"}
    assert set(made.files) == configs | others
    assert made.name == "chest_xray_classification_mocoi"
    assert names == [f"{made.name}/{file}" for file in made.files]
    folder = tmp_path / "un" / made.name
    packed = torch.load(folder / "models" / "model.pt", weights_only=True)
    given = torch.load(run / "classifier.pt", weights_only=True)
    assert packed.keys() == given.keys()
    assert all(torch.equal(value, given[name]) for name, value in packed.items())
    for file in ("configs/train.json", "configs/finetune.json"):
        assert (folder / file).read_bytes() == (bundle / file).read_bytes()
    assert (folder / "docs" / "README.md").read_text().startswith(f"# {made.name}: classifier")


def test_nothing_of_the_machine_of_images_or_of_patients(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run-of-drsmith")
    state = torch.load(run / "classifier.pt", weights_only=True)
    # Views of more than they show, and what else a pickle can hold beside the tensors' names.
    hidden = torch.tensor(list(b"patient-0815" * 20), dtype=torch.uint8).view(torch.float32)
    state["head.bias"] = torch.cat([state["head.bias"], hidden])[: len(state["head.bias"])]
    torch.save(state, run / "classifier.pt")
    assert b"patient-0815" in (run / "classifier.pt").read_bytes()
    content = package_bundle(make_bundle(tmp_path), run, tmp_path / "p.zip").path.read_bytes()  # stored, not deflated
    named = [*SECRETS, str(tmp_path), tmp_path.name, str(Path.home()), os.getcwd()]
    # A shorter name could be a part of a word, or of the weights.
    named += [name for name in (getpass.getuser(), socket.gethostname()) if len(name) > 5]
    assert not [name for name in named if name.encode() in content]
    assert b"Pleural Thickening" in content  # so it can be found


def test_what_its_own_images_look_like_goes_along(tmp_path: Path) -> None:
    bundle, run = make_bundle(tmp_path), make_run(tmp_path / "run")
    rows = np.random.default_rng(0).random((12, 5))
    gaussian = fit_shrunk_gaussian(rows)
    typical = TypicalFeatures(gaussian, np.sort(mahalanobis_distance(rows, gaussian)), 12)
    inputs = {"images": 12, "statistics": {"brightness": {"mean": 0.5, "sd": 0.1, "quantiles": {"0.5": 0.5}}}}
    change(
        run / "classifier.json", typical_features=typical.write_beside(run / "classifier.pt"), input_statistics=inputs
    )
    made = package_bundle(bundle, run, tmp_path / "p.zip")
    assert "models/typical_features.safetensors" in made.files
    with zipfile.ZipFile(made.path) as archive:
        archive.extractall(tmp_path / "un")
    folder = tmp_path / "un" / made.name
    found = read_typical_features(folder / "models" / "model.pt")
    assert found is not None
    np.testing.assert_array_equal(found.reference, typical.reference)
    assert json.loads((folder / "models" / "model.json").read_text())["input_statistics"] == inputs
    card = " ".join((folder / "docs" / "README.md").read_text().split())
    assert "how unlike its own images a picture is (12 validation images to compare with, so at most 92.3)" in card
    (run / TYPICAL_NAME).write_bytes(b"other")
    with pytest.raises(PackageError, match="is of another run"):
        package_bundle(bundle, run, tmp_path / "q.zip")
    (run / TYPICAL_NAME).unlink()
    with pytest.raises(PackageError, match="cannot be read"):
        package_bundle(bundle, run, tmp_path / "q.zip")


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (tmp_path / name for name in ("first", "second"))
    for place in (first, second):
        package_bundle(make_bundle(place), make_run(place / "run"), place / "p.zip")
        os.utime(place / "run" / "classifier.pt", (1, 1))
    assert (first / "p.zip").read_bytes() == (second / "p.zip").read_bytes()
    change(second / "run" / "classifier.json", thresholds_without_choice=[])
    package_bundle(second / "nih_mse", second / "run", second / "p.zip", overwrite=True)
    assert (first / "p.zip").read_bytes() != (second / "p.zip").read_bytes()


def test_an_existing_file_stays_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    bundle, run, out = make_bundle(tmp_path), make_run(tmp_path / "run"), tmp_path / "p.zip"
    out.write_text("mine")
    with pytest.raises(PackageError, match=r"'p\.zip' exists already"):
        package_bundle(bundle, run, out)
    assert out.read_text() == "mine"
    package_bundle(bundle, run, out, overwrite=True)
    assert zipfile.is_zipfile(out)
    with pytest.raises(PackageError, match=r"must end in \.zip"):
        package_bundle(bundle, run, tmp_path / "p.tar")
    (tmp_path / "folder.zip").mkdir()
    with pytest.raises(PackageError, match="is a folder"):
        package_bundle(bundle, run, tmp_path / "folder.zip", overwrite=True)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"settings": {"bundle": "nih_moco"}}, "was made with the bundle 'nih_moco', but .* has 'nih_mse'"),
        ({"settings": {}}, "was made with the bundle None"),
        ({"modality": "fundus"}, "was made with the modality 'fundus', but .* has 'chest'"),
    ],
)
def test_a_run_of_another_bundle_or_modality_is_refused(tmp_path: Path, values: dict[str, Any], text: str) -> None:
    with pytest.raises(PackageError, match=text):
        package_bundle(make_bundle(tmp_path), make_run(tmp_path / "run", **values), tmp_path / "p.zip")
    assert not (tmp_path / "p.zip").exists()


def test_a_classifier_that_does_not_fit_the_network_is_refused(tmp_path: Path) -> None:
    bundle, run = make_bundle(tmp_path), make_run(tmp_path / "run", evaluated=False)
    change(run / "classifier.json", stage=2)  # whose features are fewer
    with pytest.raises(WeightsError, match="does not fit this network"):
        package_bundle(bundle, run, tmp_path / "p.zip")


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    state = torch.load(run / "classifier.pt", weights_only=True)
    state["encoder.backbone.layer1.0.conv1.weight"][0, 0] = float("nan")
    torch.save(state, run / "classifier.pt")
    with pytest.raises(WeightsError, match="layer1"):
        package_bundle(make_bundle(tmp_path), run, tmp_path / "p.zip")
    assert not (tmp_path / "p.zip").exists()


def test_a_place_is_found_as_a_whole_and_not_in_the_middle_of_a_name() -> None:
    check_no_places(
        {"docs/README.md": "docs/data_license.txt, https://x.org/data.md, my/data"}, (Path("/data"), Path("/"))
    )
    for text in ("/data", "see /data/films", "file:///data/films", "'/data'"):
        with pytest.raises(PackageError, match=r"docs/README\.md names a place"):
            check_no_places({"docs/README.md": text}, (Path("/data"),))


@pytest.mark.parametrize(
    "text",
    [
        "Images in /data/clinic/smith.",
        "films=~/films",
        "(C:\\films)",
        "from \\\\server\\films",
        "/mnt/smith/x",
        "one\n~/two",
        "`/data/clinic/x`, [/mnt/a]",
        "</home/smith/x>",
        "file:///data",
        "path:/data/x/",
        "~smith/x",
        "see //server/share",
    ],
)
def test_a_place_of_another_machine_is_found_within_a_text(text: str) -> None:
    for name, written in (("docs/data_license.txt", text), ("configs/a.json", json.dumps({"x": f"$print('{text}')"}))):
        with pytest.raises(PackageError, match="names a place"):
            check_no_places({name: written}, ())


def test_what_is_no_place_is_left_alone() -> None:
    plain = "and/or 1 / 2, 3/4; https://x.org/data/a.md, docs/data.md, a ~ b, x: y, <a href='b/c'>, @a / @b, 8 // 7"
    check_no_places({"LICENSE": plain, "configs/a.json": json.dumps([plain, "$@a / @b", "$@image_size * 8 // 7"])}, ())


def test_the_name_of_the_dataset_folder_stays_at_home(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    for path in (bundle / "configs").glob("*.json"):
        if "dataset_dir" in (config := json.loads(path.read_text())):
            config["dataset_dir"] = "dr_müller_2023"  # written as adapted bundles are, and as others write it
            path.write_text(json.dumps(config, ensure_ascii=path.name == "train.json"), encoding="utf-8")
    made = package_bundle(bundle, make_run(tmp_path / "run"), tmp_path / "p.zip")
    assert b"ller_2023" not in made.path.read_bytes()
    with zipfile.ZipFile(made.path) as archive:
        config = json.loads(archive.read(f"{made.name}/configs/inference.json"))
    assert config["dataset_dir"] == "DATASET"


@pytest.mark.parametrize("place", ["/data/clinic/films", "~/films", "C:\\films", "\\\\server\\films"])
def test_a_bundle_that_names_a_place_is_refused(tmp_path: Path, place: str) -> None:
    bundle = make_bundle(tmp_path)
    change(bundle / "configs" / "evaluate.json", dataset_dir=place)
    with pytest.raises(PackageError, match=r"configs/evaluate\.json names a place on this machine"):
        package_bundle(bundle, make_run(tmp_path / "run"), tmp_path / "p.zip")
    change(bundle / "configs" / "evaluate.json", dataset_dir="demo", other=f"$print('{tmp_path}/run')")
    with pytest.raises(PackageError, match=r"configs/evaluate\.json names a place"):
        package_bundle(bundle, tmp_path / "run", tmp_path / "p.zip")


@pytest.mark.parametrize("file", ["configs/inference.json", "configs/logging.conf", "docs/data_license.txt", "LICENSE"])
def test_a_bundle_that_lacks_a_file_is_refused(tmp_path: Path, file: str) -> None:
    bundle = make_bundle(tmp_path)
    (bundle / file).unlink()
    with pytest.raises(PackageError, match=f"lacks {file}"):
        package_bundle(bundle, make_run(tmp_path / "run"), tmp_path / "p.zip")


def test_what_is_no_bundle_is_refused(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    with pytest.raises(PackageError, match="is no bundle"):
        package_bundle(run, run, tmp_path / "p.zip")
    bundle = make_bundle(tmp_path)
    (bundle / "configs" / "metadata.json").write_text(json.dumps(["no object"]))
    with pytest.raises(PackageError, match=r"configs/metadata\.json of the bundle .* is no JSON object"):
        package_bundle(bundle, run, tmp_path / "p.zip")
