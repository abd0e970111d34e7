from __future__ import annotations

import json
import math
import pwd
import shutil
from pathlib import Path

import pytest
import torch

from monai_mocoi import exit_codes
from monai_mocoi.cli import check_command, make_plan
from monai_mocoi.cli.plan import Section
from monai_mocoi.cli.resolved_config import ResolvedConfig
from monai_mocoi.data import load_datalist
from monai_mocoi.demo import generate_demo, resolve_dataset_dir
from monai_mocoi.errors import RunFolderError, SettingsError, UsageError
from monai_mocoi.handlers import RunFolder
from monai_mocoi.runs import check_recalibration
from monai_mocoi.runs.settings import plain
from tests.bundles.conftest import BUNDLES
from tests.cli.conftest import CONFIG
from tests.handlers.engine import counting

TRAIN = str(BUNDLES / "nih_mse" / "configs" / "train.json")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return str(generate_demo(tmp_path_factory.mktemp("data") / "chest", patients=12, size=40, progress=False))


IMAGES = {"image_size": 8, "decode_size": 8, "resize_mode": "crop", "channels": 1, "mean": 0.5, "std": 0.25}
CLASSIFIER = {"kind": "multilabel", "labels": ["a"], "stage": 4, "thresholds": {"a": 0.5}, **IMAGES}


def decide_constants(checked):
    return plain(ResolvedConfig(checked.files.files, checked.overrides).settings())


def planned(*words):
    plan = make_plan(check_command(list(words)))
    rows = {section.title: {name: (value, note) for name, value, note in section.rows} for section in plan.sections}
    return plan, rows


def test_the_constants_in_order_with_what_changed_them(write):
    overlay = write({"head": "linear", "crop_area#0": 0.5, "norm#divisor": 2}, "paper.json")
    _, rows = planned(write(), overlay, "--batch_size", "16", "--sizes#1", "8", "--train#trainer#momentum", "0.9")
    settings = rows["Settings"]
    assert list(settings) == [name for name in CONFIG if name in {*CONFIG["settings"], "dataset_dir", "output_dir"}]
    assert settings["bundle"] == ("small", "")
    assert settings["max_grad_norm"] == ("none", "")
    assert settings["head"] == ("linear", "paper.json, was mlp")
    assert settings["crop_area"] == ("[0.5, 1.0]", "paper.json, was [0.8, 1.0]")
    assert settings["batch_size"] == ("16", "command line, was 32")
    assert settings["sizes"] == ("[16, 8]", "command line, was [16, 4]")
    assert settings["learning_rate"] == ("0.0125", "follows, was 0.025")
    assert settings["device"] == ("cuda" if torch.cuda.is_available() else "cpu", "")
    _, rows_of_bundle = planned(TRAIN)
    assert rows_of_bundle["Settings"]["method"] == ("mse", "")
    assert rows["Changed besides"] == {
        "norm#divisor": ("2", "paper.json"), "train#trainer#momentum": ("0.9", "command line"),
    }  # fmt: skip


def test_a_constant_that_cannot_be_worked_out_is_refused(write):
    checked = check_command([write(), "--batch_size", "$1 // 0"])
    for check in (make_plan, decide_constants):
        with pytest.raises(UsageError, match=r"batch_size: .* by zero"):
            check(checked)


def test_decided_constants_are_values(write):
    config = {**CONFIG, "settings": {**CONFIG["settings"], "loader": "$@norm.divisor"}}
    decided = decide_constants(check_command([write(config), "--cosine", "false", "--max_grad_norm", "2"]))
    assert (decided["cosine"], decided["max_grad_norm"], decided["max_epochs"]) == (False, 2, 6)
    assert "loader" not in decided  # only a run makes it


def test_data_and_steps(dataset, tmp_path):
    words = [TRAIN, "--dataset_dir", dataset, "--output_dir", str(tmp_path / "out"), "--max_epochs", "5"]
    plan, rows = planned(*words, "--batch_size", "3", "--accumulation_steps", "4")
    items = json.loads((tmp_path.parent / dataset / "datalist.json").read_text())
    images, patients = len(items["training"]), len({item["patient"] for item in items["training"]})
    assert rows["Data"]["training"] == (f"{images} images of {patients} patients", "")
    assert rows["Steps"]["iterations"] == (f"{images // 3} an epoch, {images // 3 * 5} in all", "3 images each")
    steps = math.ceil(images // 3 / 4)
    assert rows["Steps"]["optimiser steps"] == (f"{steps} an epoch, {steps * 5} in all", "5 epoch(s)")
    assert plan.refusals == ()
    plan, _ = planned(*words, "--batch_size", str(images + 1))
    ((text, code),) = plan.refusals
    assert code == 3
    assert f"{images} image(s), but {images + 1} are needed" in text


def test_two_processes_share_the_images(dataset, tmp_path, monkeypatch):
    words = [TRAIN, "--dataset_dir", dataset, "--batch_size", "4", "--world_size", "2"]
    plan, rows = planned(*words)
    assert plan.refusals == ()  # it is a question, not a run
    assert rows["Steps"]["processes"] == ("2", "")
    images = len(json.loads((tmp_path.parent / dataset / "datalist.json").read_text())["training"])
    assert rows["Steps"]["iterations"] == (f"{images // 8} an epoch, {images // 8 * 100} in all", "8 images each")
    assert rows["Settings"]["learning_rate"] == (str(0.2 * 4 * 2 / 256), "follows, was 0.025")


@pytest.mark.parametrize("config", ["train", "finetune", "evaluate", "inference", "analyze"])
def test_a_plan_makes_nothing_of_what_the_config_describes(config, dataset, monkeypatch):
    def made(self, **_):
        raise AssertionError(f"made: {self.get_config()}")

    monkeypatch.setattr("monai.bundle.config_item.ConfigComponent.instantiate", made)
    _, rows = planned(TRAIN.replace("train.json", f"{config}.json"), "--dataset_dir", dataset)
    assert {"Settings", "Data", "Written"} <= set(rows)


def test_a_class_says_of_itself_what_it_writes():
    for config in ("train", "finetune", "evaluate", "inference", "analyze"):
        found = ResolvedConfig([TRAIN.replace("train.json", f"{config}.json")])
        for _, part, made in found.reached("run", set()):
            for path in getattr(made, "writes", {}):
                argument = path[1 : path.index("}")]
                assert argument in part, (made, path)


def test_a_dataset_folder_that_is_none(tmp_path):
    plan, rows = planned(TRAIN, "--dataset_dir", str(tmp_path))
    assert [code for _, code in plan.refusals] == [3]
    assert "Prepare it first" in plan.refusals[0][0]
    assert rows["Steps"]["iterations"][0] == "known when the run starts"


def test_the_demo_folder_is_the_one_that_a_run_uses(monkeypatch, tmp_path):
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))
    plan, rows = planned(TRAIN)
    assert rows["Data"]["images"] == ("not made yet: the first run draws them", "")
    assert plan.refusals == ()
    assert not (tmp_path / "cache").exists()  # a plan writes nothing
    monkeypatch.setattr("monai_mocoi.demo.generate.generate_demo", lambda folder, modality: folder)
    assert rows["Data"]["folder"][0] == resolve_dataset_dir("demo", "chest")


def test_what_is_written_where(dataset, tmp_path):
    plan, _ = planned(TRAIN, "--dataset_dir", dataset, "--output_dir", str(tmp_path / "out"))
    (written,) = (section for section in plan.sections if section.title == "Written")
    run_dir = str(tmp_path / "out" / "pretrain")
    assert ("run folder", run_dir, "new") in written.rows
    paths = {value.removeprefix(run_dir) for _, value, _ in written.rows}
    assert {"/encoder.pt", "/encoder.json", "/heads.pt", "/config.json", "/manifest.json", "/tensorboard/"} <= paths
    assert "/checkpoints/" in paths
    plan, _ = planned(TRAIN, "--dataset_dir", dataset, "--train#handlers#0#_disabled_", "true")
    paths = [value for section in plan.sections for _, value, _ in section.rows]
    assert any(path.endswith("/encoder.pt") for path in paths)
    assert not any(path.endswith("/manifest.json") for path in paths)


def earlier_run(folder, manifest=None, checkpoints=(), **config):
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "manifest.json").write_text(json.dumps({"status": "stopped", **(manifest or {})}))
    for number in checkpoints:
        (folder / "checkpoints" / f"checkpoint_{number:09d}.pt").touch()


def test_a_run_folder_that_is_not_empty(dataset, tmp_path):
    words = [TRAIN, "--dataset_dir", dataset, "--output_dir", str(tmp_path), "--batch_size", "4"]
    folder = tmp_path / "pretrain"
    earlier_run(folder, seed=1)

    def state(*more):
        plan, rows = planned(*words, *more)
        return rows["Written"]["run folder"][1], plan.refusals

    note, ((text, code),) = state()
    assert (note, code) == ("holds a run (stopped)", 2)
    assert "already holds a run (state: stopped)" in text
    assert state("--overwrite", "true") == ("holds a run (stopped); DELETED when the run starts (overwrite)", ())
    assert state("--overwrite", "true", "--resume", "true")[1][0][1] == 2
    (folder / "manifest.json").unlink()
    note, ((text, code),) = state("--overwrite", "true")
    assert (note, code) == ("holds something else", 2)
    assert "not those of a run" in text


def test_a_run_that_is_to_be_continued(dataset, tmp_path):
    words = [TRAIN, "--dataset_dir", dataset, "--output_dir", str(tmp_path), "--resume", "true", "--batch_size", "4"]
    config = decide_constants(check_command(words))
    earlier_run(tmp_path / "pretrain", {"dataset_sha256": load_datalist(dataset).sha256}, (7, 12), **config)
    plan, rows = planned(*words, "--max_epochs", "200")
    assert rows["Written"]["run folder"][1] == "holds a run (stopped); continued from checkpoint_000000012.pt"
    assert plan.refusals == ()
    plan, rows = planned(*words, "--seed", "2")
    ((text, code),) = plan.refusals
    assert "seed 1 -> 2" in text
    assert code == 2
    assert rows["Written"]["run folder"][1] == "holds a run (stopped)"


def test_a_run_without_a_checkpoint_begins_anew(dataset, tmp_path):
    words = [TRAIN, "--dataset_dir", dataset, "--output_dir", str(tmp_path), "--resume", "true", "--batch_size", "4"]
    earlier_run(tmp_path / "pretrain", **decide_constants(check_command(words)))
    plan, rows = planned(*words)
    assert plan.refusals == ()
    assert rows["Written"]["run folder"][1] == "holds a run (stopped); continued from its beginning: no checkpoint yet"


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"manifest": {"status": "finished"}}, "without a good checkpoint (state: finished"),
        ({"file": "encoder.pt"}, "without a good checkpoint (state: stopped; files: encoder.pt)"),
        ({"file": "checkpoints/checkpoint_000000002.pt.damaged"}, "without a good checkpoint"),
        ({"checkpoints": [31]}, "max_epochs is 3, but the run in {folder} has reached epoch 4"),
        ({"checkpoints": [30], "manifest": {"dataset_sha256": "another"}}, "was made with another data set"),
        ({"checkpoints": [30], "config": "{broken"}, "config.json in {folder} cannot be read"),
    ],
)
def test_a_plan_refuses_to_continue_what_the_run_refuses(dataset, tmp_path, found, message):
    words = [TRAIN, "--dataset_dir", dataset, "--output_dir", str(tmp_path), "--resume", "true", "--max_epochs", "3"]
    words += ["--batch_size", "4"]
    folder = tmp_path / "pretrain"
    manifest = {"dataset_sha256": load_datalist(dataset).sha256, "epoch_length": 10, **found.get("manifest", {})}
    earlier_run(folder, manifest, found.get("checkpoints", ()), **decide_constants(check_command(words)))
    if "file" in found:
        (folder / found["file"]).touch()
    if "config" in found:
        (folder / "config.json").write_text(found["config"])
    plan, rows = planned(*words)
    ((text, code),) = plan.refusals
    assert message.format(folder=folder) in text
    assert code == 2
    assert rows["Written"]["run folder"][1].startswith("holds a run (")
    handler = RunFolder(folder, decide_constants(check_command(words)), load_datalist(dataset).sha256, resume=True)
    with pytest.raises(RunFolderError) as caught:
        counting(max_epochs=3, iterations=10, handlers=[handler]).run()
    assert str(caught.value) == text  # the run says the same


def test_a_place_where_no_run_can_be_written(dataset, tmp_path):
    (tmp_path / "file").touch()
    plan, rows = planned(TRAIN, "--dataset_dir", dataset, "--output_dir", str(tmp_path / "file"), "--batch_size", "4")
    ((text, code),) = plan.refusals
    assert f"{tmp_path / 'file'} is a file" in text
    assert code == 2
    assert rows["Written"]["run folder"][1] == "new"


def test_inference_reads_a_classifier_and_counts_new_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = TRAIN.replace("train.json", "inference.json")
    for name in ("new/a.png", "new/b/c.dcm", "run/classifier.pt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "run/classifier.json").write_text(json.dumps(CLASSIFIER))
    plan, rows = planned(config, "--images", "new", "--run_dir", "run")
    assert plan.refusals == ()
    assert rows["Data"] == {"classifier": ("run/classifier.pt", ""), "images": ("2 new ones", "")}
    written = [value for section in plan.sections if section.title == "Written" for _, value, _ in section.rows]
    assert written == ["run/inference/classified.csv"]  # no run folder, and no cache
    plan, _ = planned(config, "--images", "new", "--run_dir", "run", "--grad_cam", "true")
    written = [value for section in plan.sections if section.title == "Written" for _, value, _ in section.rows]
    assert written == ["run/inference/classified.csv", "run/inference/grad_cam/"]


def test_inference_is_refused_as_the_run_would_be(dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = TRAIN.replace("train.json", "inference.json")
    plan, rows = planned(config, "--dataset_dir", dataset)
    assert "test" in rows["Data"]
    ((text, code),) = plan.refusals
    assert (code, "there is no classifier" in text) == (2, True)
    assert text.endswith("--run_dir FOLDER.")
    (tmp_path / "runs/nih_mse/finetune-pretrained-all-s4-f0.1-l1").mkdir(parents=True)
    (tmp_path / "runs/nih_mse/finetune-pretrained-all-s4-f0.1-l1/classifier.pt").touch()
    plan, _ = planned(config, "--dataset_dir", dataset, "--run_dir", "another")
    assert "these runs have one: runs/nih_mse/finetune-pretrained-all-s4-f0.1-l1." in plan.refusals[0][0]
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "model.pt").write_bytes(b"x")
    (tmp_path / "models" / "model.json").write_text(json.dumps(CLASSIFIER))
    (tmp_path / "runs/nih_mse/inference").mkdir(parents=True)
    (tmp_path / "runs/nih_mse/inference/classified.csv").write_bytes(b"x")
    plan, rows = planned(config, "--images", "[]")
    assert rows["Data"] == {"classifier": ("./models/model.pt", ""), "images": ("none that can be used", "")}
    assert [code for _, code in plan.refusals] == [3, 2]
    assert "an empty list" in plan.refusals[0][0]
    assert "already holds predictions" in plan.refusals[1][0]
    (tmp_path / "models" / "model.json").write_text(json.dumps({**CLASSIFIER, "settings": {"demo": False}}))
    plan, _ = planned(config, "--overwrite", "true")  # a package may be tried on phantoms
    assert plan.refusals == ()
    assert planned(config, "--dataset_dir", dataset, "--overwrite", "true")[0].refusals == ()


def test_evaluation_reads_a_run_and_does_not_write_into_its_folder(dataset, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    words = [TRAIN.replace("train.json", "evaluate.json"), "--dataset_dir", dataset, "--run_dir", "run"]
    plan, _ = planned(*words)
    assert "there is no classifier in run;" in plan.refusals[0][0]
    (tmp_path / "run" / "classifier.pt").write_bytes(b"x")
    ((text, code),) = planned(*words)[0].refusals
    assert (code, "classifier.json" in text) == (2, True)
    (tmp_path / "run" / "classifier.json").write_text(json.dumps(CLASSIFIER))
    plan, rows = planned(*words)
    assert plan.refusals == ()
    assert "run folder" not in rows["Written"]
    assert "run/evaluation-test/subgroups.png, .svg" in {row[0] for row in _written(plan)}
    words[-1] = "run/classifier.pt"
    assert planned(*words)[1]["Written"] == rows["Written"]
    (tmp_path / "run" / "classifier.json").write_text(json.dumps({**CLASSIFIER, "modality": "fundus"}))
    ((text, code),) = planned(*words)[0].refusals
    assert (code, "made with the modality 'fundus', but nih_mse has 'chest'" in text) == (2, True)
    (tmp_path / "run" / "classifier.json").write_text(json.dumps(CLASSIFIER))
    (tmp_path / "run" / "evaluation-test").mkdir()
    (tmp_path / "run" / "evaluation-test" / "metrics.json").touch()
    assert [code for _, code in planned(*words)[0].refusals] == [2]
    assert planned(*words, "--overwrite", "true")[0].refusals == ()


@pytest.mark.parametrize("config", ["evaluate.json", "inference.json"])
def test_recalibration_that_was_not_fitted_is_refused_as_the_run_would(config, dataset, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "classifier.pt").write_bytes(b"x")
    words = [TRAIN.replace("train.json", config), "--dataset_dir", dataset, "--run_dir", str(run)]
    line = {"intercept": 0.1, "slope": 0.9}
    for record, refused in [
        (None, True),
        ({"method": "platt", "images": 9, "patients": 9, "classes": {"a": {"reason": "Too few."}}}, True),
        ({"method": "platt", "images": 9, "patients": 9, "classes": {"a": line}}, False),
    ]:
        (run / "classifier.json").write_text(json.dumps({**CLASSIFIER, "modality": "chest", "recalibration": record}))
        assert planned(*words)[0].refusals == ()
        refusals = planned(*words, "--recalibrate", "true")[0].refusals
        assert [code for _, code in refusals] == [exit_codes.USAGE] * refused
        if refused:
            with pytest.raises(SettingsError) as caught:
                check_recalibration(record, True)
            assert str(caught.value) == refusals[0][0]


@pytest.mark.parametrize(
    ("config", "setting", "value"),
    [
        ("evaluate.json", "age_bands", "[80, 10]"),
        ("analyze.json", "parts", "['foo']"),
        ("analyze.json", "probe_fractions", "[0, 2]"),
        ("analyze.json", "probe_seeds", "[-1]"),
    ],
)
def test_lists_out_of_range_are_refused_by_name(config, setting, value):
    with pytest.raises(UsageError, match=rf"^{setting} is .* but must be .*a list of "):
        check_command([TRAIN.replace("train.json", config), f"--{setting}", value])


def test_a_plan_of_fine_tuning_tells_in_words_what_only_the_run_knows(dataset):
    words = [TRAIN.replace("train.json", "finetune.json"), "--dataset_dir", dataset, "--pretrained", "none"]
    plan, rows = planned(*words)
    assert not any(sign in str(plan) for sign in ("$", "@", "torch."))
    assert rows["Steps"]["iterations"] == ("known when the run starts", "by the number of images with labels")
    assert any(value.endswith("/checkpoints/") for value, _ in _written(plan))
    plan, rows = planned(*words, "--trainable", "head")
    assert rows["Written"]["run folder"][0].endswith("finetune-scratch-head-s4-f1-l1")
    assert not any(value.endswith(("/checkpoints/", "/debug/")) for value, _ in _written(plan))
    _, rows = planned(*words, "--trainable", "head", "--solver", "gradient")
    assert rows["Written"]["run folder"][0].endswith("finetune-scratch-head-s4-f1-l1-gradient")
    plan, _ = planned(*words, "--solver", "lbfgs")
    assert "trainable is 'all', but solver lbfgs needs 'head'" in plan.refusals[0][0]


def test_a_share_of_nothing_is_refused_and_divides_by_nothing():
    words = [TRAIN.replace("train.json", "finetune.json"), "--pretrained", "none", "--label_fraction"]
    for share in ("$0", "$-0.5"):
        text, code = planned(*words, share)[0].refusals[0]
        assert (code, "must be a number above 0 and at most 1 (0.1 is 10 %)" in text) == (2, True)
    for share, epochs in (("0.001", "60"), ("0.5", "32"), ("1", "16")):  # of the demo: 16 / fraction, at most 60
        assert planned(*words, share)[1]["Settings"]["max_epochs"][0] == epochs


def sidecar(path, **known):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.with_suffix(".json").write_text(json.dumps({"modality": "chest", **known}))
    return str(path)


def test_fine_tuning_takes_size_and_intensity_of_its_encoder(dataset, tmp_path):
    encoder = sidecar(tmp_path / "encoder.pt", image_size=35, dataset="Hospital", intensity="picture")
    for bundle, own in (("nih_mse", 224), ("bch_mse", 64), ("dr_mse", 224)):
        words = [str(BUNDLES / bundle / "configs" / "finetune.json"), "--dataset_dir", dataset, "--pretrained"]
        _, rows = planned(*words, encoder)
        assert [rows["Settings"][name][0] for name in ("image_size", "decode_size")] == ["35", "40"]
        assert rows["Settings"]["intensity"][0] == "picture"
        assert planned(*words, encoder, "--intensity", "declared")[1]["Settings"]["intensity"][0] == "declared"
        note = "" if bundle == "nih_mse" else f"; THIS BUNDLE: {'histology' if bundle == 'bch_mse' else 'fundus'}"
        assert rows["Data"]["encoder"] == (encoder, "35 px, chest, intensity picture, of 'Hospital'" + note)
        assert planned(*words, encoder, "--image_size", "70")[1]["Settings"]["decode_size"][0] == "80"
        _, rows = planned(*words, "none")
        assert [rows["Settings"][name][0] for name in ("image_size", "intensity")] == [str(own), "declared"]
        assert "encoder" not in rows["Data"]
    words = [str(BUNDLES / "nih_mse" / "configs" / "finetune.json"), "--dataset_dir", dataset, "--pretrained"]
    newer = sidecar(tmp_path / "newer" / "encoder.pt", image_size=35, intensity="gamma")
    assert "intensity" in planned(*words, newer)[0].refusals[0][0]


@pytest.mark.parametrize("config", ["finetune", "evaluate", "inference"])
def test_phantoms_are_refused_for_weights_of_real_images(tmp_path, monkeypatch, config):
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))
    known = {"dataset": "Hospital", "settings": {"demo": False}, "image_size": 32}
    if config == "finetune":  # found where train.json leaves it
        sidecar(tmp_path / "out" / "pretrain" / "encoder.pt", **known)
    else:
        sidecar(tmp_path / "out" / "finetune-pretrained-all-s4-f0.1-l1" / "classifier.pt", **CLASSIFIER | known)
    words = [TRAIN.replace("train.json", f"{config}.json"), "--output_dir", str(tmp_path / "out")]
    text, code = planned(*words)[0].refusals[0]
    assert (code, "made on the data set 'Hospital'" in text, "--dataset_dir" in text) == (2, True, True)
    assert not (tmp_path / "cache").exists()


def test_data_that_nothing_can_be_learnt_from_are_refused(dataset, tmp_path):
    content = json.loads(Path(dataset, "datalist.json").read_text())
    for item in content["training"]:
        item["label"] = [1] * len(content["labels"])
    few = {**content, "training": content["training"][:5]}
    for name, changed, config, text in (
        ("alike", content, "finetune.json", "nothing can be learnt from the labels of the 20 training"),
        ("few", few, "train.json", "5 training image(s) cannot pretrain"),
    ):
        folder = Path(shutil.copytree(dataset, tmp_path / name))
        (folder / "datalist.json").write_text(json.dumps(changed))
        words = [TRAIN.replace("train.json", config), "--dataset_dir", str(folder), "--batch_size", "4"]
        plan, _ = planned(*words, *(("--pretrained", "none") if config == "finetune.json" else ()))
        assert (text in plan.refusals[0][0], plan.refusals[0][1]) == (True, 3)


def _written(plan):
    return [row[1:] for section in plan.sections if section.title == "Written" for row in section.rows]


def test_without_a_home_folder_the_plan_says_what_to_set(monkeypatch):
    def unknown(key):
        raise KeyError(key)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("HOME", "MONAI_MOCOI_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    plan, _ = planned(TRAIN)
    ((text, code),) = plan.refusals
    assert "MONAI_MOCOI_CACHE" in text
    assert code == exit_codes.USAGE


def test_an_analysis_is_planned_and_an_earlier_one_is_not_replaced(dataset, tmp_path):
    config = TRAIN.replace("train.json", "analyze.json")
    (tmp_path / "encoder.pt").touch()
    given = ["--dataset_dir", dataset, "--output_dir", str(tmp_path), "--pretrained", str(tmp_path / "encoder.pt")]
    plan, rows = planned(config, *given)
    assert plan.refusals == ()
    names = ("analysis.json", "feature_reuse.csv", "probing/", "output_distance.csv", "figures/", "tensorboard/")
    assert [row[0] for row in _written(plan)][: len(names)] == [f"{tmp_path}/analysis-test/{name}" for name in names]
    assert rows["Settings"]["finetuned"][0] == "[]"
    (tmp_path / "analysis-test").mkdir()
    (tmp_path / "analysis-test" / "analysis.json").touch()
    ((text, code),) = planned(config, *given)[0].refusals
    assert (code, "already holds an analysis" in text) == (exit_codes.USAGE, True)
    assert planned(config, *given, "--overwrite", "true")[0].refusals == ()
    ((text, _),) = planned(config, *given[:4], "--pretrained", "nowhere.pt", "--overwrite", "true")[0].refusals
    assert "no weights file" in text
    # Of another data set than the encoder's it lies beside that of the encoder's own.
    (tmp_path / "encoder.json").write_text(json.dumps({"dataset": "another", "dataset_sha256": "another"}))
    written = {Path(row[0]).parent.name for row in _written(planned(config, *given)[0])}
    (other,) = {name for name in written if name.startswith("analysis-")}
    assert other.endswith("-test")
    assert other != "analysis-test"


def test_unlabelled_images_and_a_split_for_pretraining_alone(dataset, tmp_path):
    folder = tmp_path / "partly"
    shutil.copytree(tmp_path.parent / dataset, folder)
    document = json.loads((folder / "datalist.json").read_text())
    for item in document["training"][:3]:
        del item["label"]
    document["pretraining"] = [document["training"].pop() for _ in range(2)]
    (folder / "datalist.json").write_text(json.dumps(document))
    whole = len(document["training"]) + 2
    words = ["--dataset_dir", str(folder), "--output_dir", str(tmp_path / "out")]
    _, rows = planned(TRAIN, *words, "--batch_size", "2")
    assert rows["Data"]["training"][0].startswith(f"{whole} images of ")
    assert rows["Data"]["training"][1] == ""
    assert "pretraining" not in rows["Data"]
    assert rows["Steps"]["iterations"][0].startswith(f"{whole // 2} an epoch")
    finetune = TRAIN.replace("train.json", "finetune.json")
    _, rows = planned(finetune, *words, "--pretrained", "none")
    assert rows["Data"]["training"][1] == "3 without a label"


def test_a_section_is_aligned_and_loses_nothing():
    rows = (("a", "1", ""), ("longer_name", "[bold]x[/]", "command line, was 2"), ("", "p" * 150, "the encoder"))
    assert Section("Settings", rows).text().splitlines() == [
        "Settings",
        "  a            1",
        "  longer_name  [bold]x[/]  command line, was 2",
        f"               {'p' * 150}  the encoder",
    ]


def test_what_an_overlay_does_not_use_any_more_is_told(dataset):
    _, rows = planned(TRAIN, "nih_mse/paper", "--dataset_dir", dataset)
    assert rows["Settings"]["learning_rate_per_256"] == ("0.2", "not used any more")
    _, rows = planned(TRAIN, "--dataset_dir", dataset)
    assert rows["Settings"]["learning_rate_per_256"][1] == ""


def test_class_weights_of_findings_that_are_fitted_each_on_its_own_are_refused(dataset):
    words = "nih_mse/finetune", "--dataset_dir", dataset, "--pretrained", "none", "--class_weighting", "true"
    plan, _ = planned(*words, "--trainable", "head")
    assert [text.partition(",")[0] for text, _ in plan.refusals if "class_weighting" in text] == [
        "class_weighting has no effect on linear evaluation of findings"
    ]
    assert not any("class_weighting" in text for text, _ in planned(*words)[0].refusals)


def test_more_batches_a_step_than_an_epoch_has_are_refused_in_pretraining(dataset):
    words = TRAIN, "--dataset_dir", dataset, "--batch_size", "8", "--accumulation_steps"
    assert not any("accumulation" in text for text, _ in planned(*words, "1")[0].refusals)
    (text, code), *_ = planned(*words, "500")[0].refusals
    assert text.startswith("accumulation_steps is 500, but an epoch has ")
    assert code == exit_codes.USAGE
