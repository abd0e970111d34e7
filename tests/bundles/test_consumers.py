"""MONAI's other tools on an unpacked package: each gives the probabilities of inference.json, or refuses.

Their behaviour is written anew here, because their SDKs need a GPU. MONAI Deploy's pipeline generator
(``monai_classification_operator.py``), its ``MonaiBundleInferenceOperator``, and MONAI Label's ``BundleInferTask``; as
they were in 2026. What they do to a bundle is copied, with their faults; how they get their images is not.
"""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pydicom
import pytest
import torch
from monai.bundle import ConfigParser, ConfigWorkflow, load
from monai.data import MetaTensor, set_track_meta
from monai.transforms import Compose, LoadImaged, MapTransform, Resize
from monai.utils import convert_to_dst_type, ensure_tuple
from PIL import Image

from monai_mocoi.packaging import package_bundle
from monai_mocoi.runs.product_names import TABLE_NAME
from tests.report.finetuned_runs import FINDINGS, make_bundle, make_run
from tests.transforms import dicom_files
from tests.transforms.fundus_pictures import fundus

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:parsing config_file")]  # whole runs, seconds each

COLOUR = {"channels": 3, "mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "nih_mse": ("multilabel", {}),
    "bch_moco": ("multiclass", {"modality": "histology", "resize_mode": "trim", **COLOUR}),
    "dr_barlow": ("multiclass", {"modality": "fundus", "resize_mode": "fundus", **COLOUR}),
}


class Case(NamedTuple):
    """An unpacked package, files, and what inference.json says of each by its name."""

    package: Path
    files: Path
    expected: dict[str, np.ndarray]


@pytest.fixture(scope="module", params=KINDS)
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    place = tmp_path_factory.mktemp(request.param)
    kind, sidecar = KINDS[request.param]
    run = make_run(place / "run", kind, settings={"bundle": request.param, "cache_bits": 8}, **sidecar)
    _far_from_a_half(run / "classifier.pt")
    made = package_bundle(make_bundle(place / "from", request.param), run, place / "p.zip")
    with zipfile.ZipFile(made.path) as archive:
        archive.extractall(place)
    files = _pictures(place / "pictures", request.param)
    package = place / made.name
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(package)
        given = {"images": str(files), "device": "cpu", "precision": "float32"}
        workflow = ConfigWorkflow("configs/inference.json", workflow_type="infer", logging_file=False, **given)
        workflow.initialize()
        workflow.run()
        workflow.finalize()
    with open(place / "runs" / made.name / "inference" / TABLE_NAME, newline="") as file:
        rows = {row["image"]: row for row in csv.DictReader(file)}
    expected = {name: np.array([float(row[f"probability_{f}"]) for f in FINDINGS]) for name, row in rows.items()}
    assert len({tuple(values.round(4)) for values in expected.values()}) == len(expected), "no two are alike"
    return Case(package, files, expected)


@pytest.fixture(autouse=True)
def _as_monai_starts() -> Iterator[None]:
    """inference.json switches it off, but that is another process."""
    set_track_meta(True)
    yield
    set_track_meta(True)


def _far_from_a_half(path: Path) -> None:
    state = torch.load(path, weights_only=True)
    state["head.weight"] *= 20
    torch.save(state, path)


def _pictures(folder: Path, bundle: str) -> Path:
    folder.mkdir()
    random = np.random.default_rng(0)
    if bundle.startswith("dr"):
        photograph = (fundus(90, 100, 45, 50, 40) * 255).round().astype(np.uint8).transpose(1, 2, 0)
        other = (fundus(90, 100, 44, 51, 38, seed=3) * 255).round().astype(np.uint8).transpose(1, 2, 0)
        grey, deep = other.mean(axis=2).round().astype(np.uint8), photograph[..., 0].astype(np.uint16) * 16
    else:
        photograph = random.integers(0, 256, (50, 60, 3), dtype=np.uint8)
        grey, deep = (
            random.integers(0, top, (50, 60), dtype=kind) for top, kind in ((256, np.uint8), (4096, np.uint16))
        )
    Image.fromarray(grey).save(folder / "grey.png")
    Image.fromarray(photograph).save(folder / "colour.jpg", quality=95)
    dicom_files.write(folder / "film.dcm", deep, 12, WindowCenter=2000, WindowWidth=3000)
    return folder


def as_array(path: Path) -> np.ndarray:
    """What consumers that read themselves hand on: a picture as RGB, the raw values of DICOM."""
    if path.suffix == ".dcm":
        return pydicom.dcmread(path).pixel_array[np.newaxis].astype(np.float32)
    return np.asarray(Image.open(path).convert("RGB")).astype(np.float32).transpose(2, 0, 1)


def pipeline_generator(package: Path, image: np.ndarray) -> np.ndarray:
    """MonaiClassificationOperator: the array of any picture as floats 0..255, channels first."""
    parser = ConfigParser()
    parser.read_config(str(package / "configs" / "inference.json"))
    parser.globals = {"torch": torch}
    before, after = (parser.get_parsed_content(f"{name}#transforms") for name in ("preprocessing", "postprocessing"))
    before = Compose([t for t in before if type(t).__name__ not in ("LoadImaged", "LoadImage")])
    network = parser.get_parsed_content("network_def")
    network.load_state_dict(torch.load(package / "models" / "model.pt", weights_only=True))
    network.eval()
    prepared = before({"image": torch.from_numpy(image).float()})["image"]
    with torch.no_grad():
        pred = network(prepared.unsqueeze(0) if prepared.dim() == 3 else prepared)
    pred = Compose(after)({"pred": pred})["pred"]
    return pred.squeeze(0).numpy()


def deploy_operator(package: Path, image: np.ndarray, metadata: dict[str, Any]) -> np.ndarray:
    """MonaiBundleInferenceOperator: an array with its metadata, and every step named LoadImage... left out."""
    parser = ConfigParser()
    parser.read_meta(f=json.loads((package / "configs" / "metadata.json").read_text()))
    parser.read_config(str(package / "configs" / "inference.json"))
    parser.parse()
    form = parser["_meta_"]["network_data_format"]
    device, inferer = parser.get_parsed_content("device"), parser.get_parsed_content("inferer")
    chains = {}
    for name in ("preprocessing", "postprocessing"):
        chain = parser.get_parsed_content(name)
        kept = [t for t in chain.transforms if not any(word in type(t).__name__ for word in ("LoadImage", "SaveImage"))]
        chain.transforms = tuple(kept)
        assert isinstance(chain.transforms[0], MapTransform)
        chains[name] = chain
    (input_name,), (output_name,) = form["inputs"], form["outputs"]
    value = convert_to_dst_type(image, dst=image)[0]
    inputs = chains["preprocessing"]({input_name: MetaTensor.ensure_torch_and_prune_meta(value, metadata)})
    first = inputs.pop(input_name)
    network = parser.get_parsed_content("network_def")
    network.load_state_dict(torch.load(package / "models" / "model.pt", weights_only=True))
    with torch.no_grad():
        outputs = inferer(inputs=first[None].to(device), network=network.to(device).eval())
    found = chains["postprocessing"]({output_name: ensure_tuple(outputs)[0], input_name: first})[output_name]
    assert form["outputs"][output_name]["type"] == "probabilities"
    assert isinstance(first.meta, dict)  # it is handed on with the result
    names = [form["outputs"][output_name]["channel_def"][str(int(v))] for v in found.flatten()]
    assert len(names) == len(FINDINGS)
    return found.cpu().numpy()


def monai_label(package: Path, path: Path) -> np.ndarray:
    """BundleInferTask: a path, from any current folder."""
    parser = ConfigParser()
    parser.read_config(str(package / "configs" / "inference.json"))
    parser.config.update({"bundle_root": str(package), "use_click": False})
    network = parser.get_parsed_content("network_def", instantiate=True)
    metadata = json.loads((package / "configs" / "metadata.json").read_text())
    key_image, _ = next(iter(metadata["network_data_format"]["inputs"].items()))
    key_pred, pred = next(iter(metadata["network_data_format"]["outputs"].items()))
    assert [int(number) for number in pred["channel_def"]] == list(range(len(FINDINGS)))
    kinds = ("deepedit", "deepgrow", "detection", "segmentation", "classification")
    assert next(kind for kind in kinds if kind in package.name.lower()) == "classification"
    before = list(parser.get_parsed_content("preprocessing", instantiate=True).transforms)
    assert not any(isinstance(t, LoadImaged) for t in before)  # which it would replace by a reader of its own
    data: dict[str, Any] = {key_image: str(path), "image_path": str(path), "device": "cpu"}
    for step in before:
        data = step(data)
    inferer = parser.get_parsed_content("inferer", instantiate=True)
    network.load_state_dict(torch.load(package / "models" / "model.pt"), strict=False)
    with torch.no_grad():
        data[key_pred] = inferer(data[key_image][None], network.eval())[0]
    for step in list(parser.get_parsed_content("postprocessing", instantiate=True).transforms):
        data = step(data)
    return _restored(data, key_pred, key_image)[key_pred].numpy()


def _restored(data: dict[str, Any], key: str, image: str) -> dict[str, Any]:
    """MONAI Label adds it to every bundle but those of detection."""
    meta = data[image].meta if isinstance(data[image], MetaTensor) else data.get(f"{image}_meta_dict", {})
    result = data[key]
    current = result.shape[1:]
    wanted = meta.get("spatial_shape", current)[-len(current) :]
    if np.any(np.not_equal(current, wanted)):
        result = Resize(spatial_size=wanted, mode="nearest")(result)
    return {**data, key: result}


@pytest.mark.parametrize("name", ["grey.png", "colour.jpg"])
def test_pictures_as_arrays_of_0_to_255(case: Case, name: str) -> None:
    image = as_array(case.files / name)
    assert image.max() > 1
    for array in (image, image.transpose(1, 2, 0)):  # its loader can give the channels last, too
        np.testing.assert_allclose(pipeline_generator(case.package, array), case.expected[name], atol=1e-6)
        np.testing.assert_allclose(deploy_operator(case.package, array, {}), case.expected[name], atol=1e-6)


def test_a_picture_that_was_scaled_already_is_refused(case: Case) -> None:
    image = as_array(case.files / "grey.png") / 255
    for consumer in (pipeline_generator, lambda package, array: deploy_operator(package, array, {})):
        with pytest.raises(RuntimeError) as caught:
            consumer(case.package, image)
        assert "scaled to 0..1 already" in str(caught.value.__cause__)


def test_the_raw_values_of_dicom_are_refused(case: Case) -> None:
    """As the classification operator gets them, and as a volume of columns x rows x slices with its spacing."""
    raw = as_array(case.files / "film.dcm")
    volume = np.swapaxes(raw, 0, 2)
    scan = {"spacing": np.ones(3), "affine": np.eye(4), "original_affine": np.eye(4), "space": "LPS"}
    eight_bit = np.clip(volume, 0, 255)
    for consumer, text in (
        (lambda: pipeline_generator(case.package, raw), "raw values of DICOM"),
        (lambda: deploy_operator(case.package, volume, scan), "columns x rows"),
        (lambda: deploy_operator(case.package, raw, {}), "raw values of DICOM"),
        (lambda: deploy_operator(case.package, eight_bit, scan), "columns x rows"),
    ):
        with pytest.raises(RuntimeError) as caught:
            consumer()
        assert text in str(caught.value.__cause__)


@pytest.mark.parametrize("name", ["grey.png", "colour.jpg", "film.dcm"])
def test_files(case: Case, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # nothing depends on the current folder
    path, expected = case.files / name, case.expected[name]
    np.testing.assert_allclose(monai_label(case.package, path), expected, atol=1e-6)
    workflow = ConfigWorkflow(
        str(case.package / "configs" / "inference.json"), workflow_type="infer", logging_file=False, device="cpu",
        images=str(path), bundle_root=str(case.package),
    )  # fmt: skip
    workflow.initialize()
    before, after = workflow.preprocessing, workflow.postprocessing
    with torch.no_grad():
        logits = workflow.inferer(
            before({"image": str(path)})["image"][None], workflow.parser.get_parsed_content("network").eval()
        )
    np.testing.assert_allclose(after({"pred": logits})["pred"][0], expected, atol=1e-6)
    loaded = load(case.package.name, bundle_dir=str(case.package.parent), workflow_type="inference", device="cpu")
    with torch.no_grad():
        logits = loaded.eval()(before({"image": str(path)})["image"][None])
    np.testing.assert_allclose(after({"pred": logits})["pred"][0], expected, atol=1e-6)
