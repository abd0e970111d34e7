from __future__ import annotations

import io
import json
import re
import warnings
from pathlib import Path
from typing import Any

import matplotlib.pyplot
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from sklearn.metrics import average_precision_score, confusion_matrix, precision_recall_curve, roc_auc_score, roc_curve
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from monai_mocoi.data import Predictions, read_predictions
from monai_mocoi.figures import canvas
from monai_mocoi.figures.canvas import in_words
from monai_mocoi.figures.captioned_images import told
from monai_mocoi.figures.classifier_curves import precision_recall_figures, roc_figures
from monai_mocoi.figures.classifier_tables import confusion_figures
from monai_mocoi.figures.surest_images import surest
from monai_mocoi.handlers import (
    BestClassifier,
    Checkpoints,
    ClassifierPlots,
    ClassifierSaver,
    LazySummaryWriter,
    classifier_plots,
)
from monai_mocoi.metrics import UNKNOWN
from tests.engines.classifiers import Table, dataset_of, evaluator_of, numbered, planned_trainer

LABELS = np.array([[0, 1], [0, 1], [0, 0], [1, 0], [1, 0], [0, 1]])

SETTINGS = {"image_size": 32, "decode_size": 32, "resize_mode": "crop", "channels": 1, "mean": 0.5, "std": 0.25}
LABELLED: dict[str, Any] = {"training": [], "validation": []}


def predictions(count: int, classes: int, kind: str = "multilabel", names: Any = None, seed: int = 0) -> Predictions:
    rng = np.random.default_rng(seed)
    if kind == "multilabel":
        labels = rng.integers(0, 2, (count, classes))
        probabilities = rng.random((count, classes)).round(2)  # with ties
    else:
        labels = rng.integers(0, classes, count)
        probabilities = rng.dirichlet(np.ones(classes), count)
    ids = tuple(f"images/{i:03d}.png" for i in range(count))
    patients = tuple(f"p{i:03d}" for i in range(count))
    named = tuple(names or (f"class {i}" for i in range(classes)))
    return Predictions(ids, patients, named, kind, labels.astype(np.int64), probabilities)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures, kept from being cleared."""
    kept: list[Figure] = []
    real = canvas.rendered

    def render(figure: Figure) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(figure, "clear", lambda: None)
            picture = real(figure)
        kept.append(figure)
        return picture

    monkeypatch.setattr(canvas, "rendered", render)
    return kept


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def title(figure: Figure) -> list[str]:
    return figure.texts[0].get_text().split("\n")


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_curves_are_scikit_learns_each_class_against_the_rest(kind: str, drawn: list[Figure]) -> None:
    given = predictions(60, 3, kind)
    assert [len(figures) for figures in (roc_figures(given), precision_recall_figures(given))] == [1, 1]
    truth, said = given.indicators(), given.probabilities
    for column in range(3):
        line = drawn[0].axes[0].lines[column]
        expected = roc_curve(truth[:, column], said[:, column])
        np.testing.assert_allclose(line.get_xdata(), expected[0])
        np.testing.assert_allclose(line.get_ydata(), expected[1])
        assert legend(drawn[0])[column] == f"{roc_auc_score(truth[:, column], said[:, column]):.3f} class {column}"
        line = drawn[1].axes[0].lines[column]
        precision, recall, _ = precision_recall_curve(truth[:, column], said[:, column], drop_intermediate=True)
        np.testing.assert_allclose(line.get_xdata(), recall)
        np.testing.assert_allclose(line.get_ydata(), precision)
        area, share = average_precision_score(truth[:, column], said[:, column]), truth[:, column].mean()
        assert legend(drawn[1])[column] == f"{area:.3f} ({share:.3f}) class {column}"


def test_a_class_without_positives_or_negatives_has_no_curve(drawn: list[Figure]) -> None:
    given = predictions(30, 4)
    given.labels[:, 1], given.labels[:, 2] = 0, 1
    roc_figures(given)
    precision_recall_figures(given)
    for figure in drawn:
        assert [text[-7:] for text in legend(figure)] == ["class 0", "class 3"]
    given.labels[:] = 0
    assert roc_figures(given) == precision_recall_figures(given) == []


def test_of_two_classes_the_second_is_drawn(drawn: list[Figure]) -> None:
    roc_figures(predictions(30, 2, "multiclass"))
    assert len(legend(drawn[0])) == 1
    assert legend(drawn[0])[0].endswith("class 1")


@pytest.mark.parametrize(
    ("classes", "curves", "tables"), [(1, 1, 1), (4, 1, 1), (5, 1, 2), (8, 1, 2), (9, 2, 3), (17, 3, 5)]
)
def test_more_classes_than_can_be_read_are_spread_over_figures(
    classes: int, curves: int, tables: int, drawn: list[Figure]
) -> None:
    given = predictions(12, classes, seed=5)
    given.labels[0], given.labels[1] = 0, 1
    for draw, figures in ((roc_figures, curves), (precision_recall_figures, curves), (confusion_figures, tables)):
        drawn.clear()
        assert len(draw(given)) == figures
        shown = [legend(f) if draw is not confusion_figures else texts(f) for f in drawn]
        found = [re.search(r"class \d+$", text) for part in shown for text in part]
        assert [match.group() for match in found if match] == [f"class {i}" for i in range(classes)]


def test_letters_are_large_for_the_width_of_a_tile(drawn: list[Figure]) -> None:
    """At 330 pixels a letter of 10 points in a figure of 500 is 9 pixels high."""
    for draw in (roc_figures, precision_recall_figures, confusion_figures):
        for given in (predictions(30, 14), predictions(30, 5, "multiclass")):
            assert all(figure.shape[1] <= 500 for figure in draw(given, "validation, epoch 3\n30 images"))
    for figure in drawn:
        sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]
        assert min(sizes) >= 10


def test_the_title_tells_what_it_is_of_and_how_was_called(drawn: list[Figure]) -> None:
    given, about = predictions(30, 2), "validation, epoch 3\n30 images of 30 patients"
    for limits in (None, [0.25, 0.031]):
        for draw in (roc_figures, precision_recall_figures, confusion_figures):
            draw(given, about, limits)
    assert all(title(figure)[1:] == about.split("\n") for figure in drawn)
    assert [title(figure)[0] for figure in drawn] == [
        "ROC (area under it)",
        "Average precision (share of positives)",
        "Images; called from 0.5; thresholds are chosen at the end",
        "ROC (area under it); dots: at the threshold",
        "Average precision (share of positives); dots: at the threshold",
        "Images; called from the threshold named",
    ]
    for figure in drawn[3:5]:
        assert [text.partition("class")[2] for text in legend(figure)] == [" 0, from 0.25", " 1, from 0.031"]
    assert "class 1, from 0.031" in texts(drawn[5])
    drawn.clear()
    roc_figures(given, "x" * 59)
    assert title(drawn[0])[1:] == ["x" * 58, "x"], "a long line is broken, not cut off"


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (1e-49, "<0.0001"), (0.0001, "0.0001"), (0.0782, "0.078"), (0.1, "0.10"), (0.9, "0.90"), (1, "1.000")],
)
def test_probabilities_are_told_in_short(value: float, words: str) -> None:
    assert in_words(value) == words


def test_dots_stand_on_the_curves_where_the_thresholds_are(drawn: list[Figure]) -> None:
    given, limits = predictions(60, 3), [0.3, 0.5, 0.9]
    roc_figures(given, "", limits)
    precision_recall_figures(given, "", limits)
    for column, limit in enumerate(limits):
        present, called = given.labels[:, column] == 1, given.probabilities[:, column] >= limit
        sensitivity, precision = called[present].mean(), present[called].mean()
        for figure, place in ((drawn[0], (called[~present].mean(), sensitivity)), (drawn[1], (sensitivity, precision))):
            dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
            dot = dots[column]
            assert (dot.get_xdata()[0], dot.get_ydata()[0]) == pytest.approx(place)
            assert dot.get_color() == figure.axes[0].lines[column].get_color()


def test_a_threshold_that_calls_nothing_has_no_precision(drawn: list[Figure]) -> None:
    precision_recall_figures(predictions(60, 2), "", [1.0, 0.5])
    assert sum(line.get_marker() == "o" for line in drawn[0].axes[0].lines) == 1


@pytest.mark.parametrize("limits", [None, [0.5, 0.1, 0.9, 0.3, 1.0]])
def test_findings_have_a_table_of_two_by_two_each(limits: list[float] | None, drawn: list[Figure]) -> None:
    given = predictions(50, 5)
    given.probabilities[0, 0] = 0.5  # is called
    confusion_figures(given, "", limits)
    shown = [text for figure in drawn for text in texts(figure)]
    for column in range(5):
        (place,) = (i for i, text in enumerate(shown) if text.startswith(f"class {column}"))
        limit = limits[column] if limits else 0.5
        table = confusion_matrix(given.labels[:, column], given.probabilities[:, column] >= limit, labels=[0, 1])
        tp, fn, fp, tn = table[1, 1], table[1, 0], table[0, 1], table[0, 0]
        assert shown[place - 4 : place] == [str(n) for n in (tp, fn, fp, tn)]
        assert shown[place + 1 : place + 5] == ["present", "absent", "called", "not called"]


def test_classes_have_one_table_with_all_of_them(drawn: list[Figure]) -> None:
    given = predictions(50, 4, "multiclass")
    given.labels[given.labels == 2] = 1  # none is truly of class 2
    confusion_figures(given)
    table = confusion_matrix(given.labels, given.probabilities.argmax(1), labels=range(4))
    assert texts(drawn[0]) == [str(n) for n in table.ravel()]
    (image,) = drawn[0].axes[0].images
    sums = table.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(image.get_array(), np.divide(table, sums, out=np.zeros((4, 4)), where=sums > 0))
    assert [t.get_text() for t in drawn[0].axes[0].get_yticklabels()] == [f"class {i}" for i in range(4)]
    confusion_figures(predictions(50, 17, "multiclass"))
    assert texts(drawn[1]) == []


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_any_name_can_be_drawn_and_no_figure_is_left_behind(kind: str) -> None:
    names = ["$x_{", "_hidden", "a $b$ c", "Ödem \N{CJK UNIFIED IDEOGRAPH-80BA}", "x" * 200, r"\frac"]
    given = predictions(40, 6, kind, names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for draw in (roc_figures, precision_recall_figures, confusion_figures):
            for figure in draw(given, "$x_{", [0.5] * 6 if kind == "multilabel" else None):
                assert figure.std() > 0
    assert matplotlib.pyplot.get_fignums() == []


def test_a_name_that_begins_with_an_underscore_has_its_place_in_the_legend(drawn: list[Figure]) -> None:
    roc_figures(predictions(40, 3, names=["_a", "b", "c"]))
    assert [text[6:] for text in legend(drawn[0])] == ["_a", "b", "c"]


def test_surest_images_of_findings() -> None:
    labels = np.array([[1, 0], [1, 0], [0, 1], [0, 0], [1, 1], [0, 0]])
    said = np.array([[0.9, 0.1], [0.2, 0.3], [0.7, 0.95], [0.1, 0.2], [0.6, 0.4], [0.51, 0.3]])
    ids = tuple("abcdef")
    given = Predictions(ids, ids, ("A", "B"), "multilabel", labels, said)
    # In turn: A's surest, B's surest, A's second ... Image 3 shows nothing, neither present nor called.
    assert surest(given, 8) == {
        "right": ([0, 2, 4], [0, 1, 0]),
        "wrong": ([1, 4, 2, 5], [0, 1, 0, 0]),
    }
    assert surest(given, 2) == {"right": ([0, 2], [0, 1]), "wrong": ([1, 4], [0, 1])}
    assert surest(given, 0) == {"right": ([], []), "wrong": ([], [])}


def test_sureness_is_the_share_of_the_way_from_the_threshold() -> None:
    labels = np.array([[1], [1], [1], [0], [0]])
    said = np.array([[0.1], [0.02], [0.6], [0.55], [0.95]])
    ids = tuple("abcde")
    given = Predictions(ids, ids, ("A",), "multilabel", labels, said)
    # From 0.2: image 1 has gone 0.9 of the way to 0, image 4 0.94 of that to 1, image 0 and 3 0.5 and 0.44.
    assert surest(given, 8, [0.2])["wrong"] == ([4, 1, 0, 3], [0] * 4)
    assert surest(given, 8, [0.2])["right"] == ([2], [0])
    assert surest(given, 8, [0.6])["right"] == ([2], [0]), "at the threshold it is called"
    for limit in (0.0, 1.0):
        assert len(surest(given, 8, [limit])["wrong"][0]) == (2 if limit == 0 else 3)


def test_surest_images_of_classes() -> None:
    labels = np.array([0, 0, 1, 1, 2])
    said = np.array([[0.8, 0.1, 0.1], [0.9, 0.1, 0], [0.3, 0.6, 0.1], [0.7, 0.2, 0.1], [0.5, 0.4, 0.1]])
    ids = tuple("abcde")
    given = Predictions(ids, ids, ("A", "B", "C"), "multiclass", labels, said)
    assert surest(given, 8) == {"right": ([1, 2, 0], [0, 1, 0]), "wrong": ([3, 4], [0, 0])}


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
@pytest.mark.parametrize("count", [1, 4, 8])
def test_surest_images_are_right_and_wrong_ones_each_once_and_as_many_as_there_are(kind: str, count: int) -> None:
    given = predictions(9, 3, kind, seed=2)
    if kind == "multilabel":
        hits = (given.indicators() & (given.probabilities >= 0.5)).any(axis=1)
    else:
        hits = given.probabilities.argmax(axis=1) == given.labels
    right = set(np.flatnonzero(hits).tolist())
    images, classes = surest(given, count)["right"]
    assert len(set(images)) == len(images) == len(classes) == min(count, len(right))
    assert set(images) <= right
    wrong, columns = surest(given, count)["wrong"]
    assert len(set(wrong)) == len(wrong) <= count
    for image, column in zip(wrong, columns, strict=True):
        if kind == "multilabel":
            assert (given.probabilities[image, column] >= 0.5) != given.labels[image, column]
        else:
            assert given.labels[image] != column == given.probabilities[image].argmax()


def shown(folder: Path) -> dict[str, list[int]]:
    found = EventAccumulator(str(folder), size_guidance={"images": 0}).Reload()
    return {tag: [event.step for event in found.Images(tag)] for tag in found.Tags()["images"]}


TAGS = [f"validation/{name}" for name in ("roc", "precision_recall", "confusion", "right", "wrong")]


def train(folder: Path, epochs: int, plots: ClassifierPlots, writer: Any, **options: Any) -> Any:
    validator = evaluator_of(Table(LABELS * 1.0), dataset_of(LABELS), val_handlers=[plots])
    plan = [np.random.default_rng(epoch).standard_normal((6, 2)) for epoch in range(epochs)]
    trainer = planned_trainer(validator, plan, [], **options)
    trainer.run()
    writer.close()
    return validator


@pytest.mark.parametrize(("interval", "every", "steps"), [(1, 1, [1, 2, 3, 4]), (1, 3, [1, 4]), (2, 1, [2, 4])])
def test_the_step_is_the_trainers_epoch(tmp_path: Path, interval: int, every: int, steps: list[int]) -> None:
    writer = LazySummaryWriter(tmp_path)
    train(tmp_path, 4, ClassifierPlots(writer, 0.0, 1.0, every=every, images=2), writer, interval=interval)
    found = shown(tmp_path)
    assert sorted(found) == sorted(TAGS)
    assert found["validation/roc"] == found["validation/confusion"] == steps


def test_an_epoch_that_is_validated_again_is_not_drawn_again_but_another_training_is(tmp_path: Path) -> None:
    writer = LazySummaryWriter(tmp_path)
    validator = train(tmp_path, 2, ClassifierPlots(writer, 0.0, 1.0, images=0), writer)
    validator.run(2)
    validator.run(1)
    writer.close()
    assert shown(tmp_path)["validation/roc"] == [1, 2, 1]


def test_a_continued_run_draws_where_an_uninterrupted_one_does(tmp_path: Path) -> None:
    for stop in (2, 6):
        writer = LazySummaryWriter(tmp_path / "tensorboard")
        plots = ClassifierPlots(writer, 0.0, 1.0, every=3, images=0)
        checkpoints = Checkpoints(tmp_path, {}, "abc", resume=stop == 6, summary_writer=writer, also={"plots": plots})
        train(tmp_path, 6, plots, writer, before=[checkpoints], max_epochs=stop)
    assert shown(tmp_path / "tensorboard")["validation/roc"] == [1, 4]


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_those_of_the_rows_named_without_the_normalisation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int
) -> None:
    said: list[tuple[str, list[np.ndarray], list[str]]] = []
    real = classifier_plots.picture_sheet

    def note(title: str, parts: Any) -> Any:
        (part,) = parts
        said.append((title, [one.picture for one in part.pictures], [one.caption for one in part.pictures]))
        return real(title, parts)

    def normalised(sample: dict[str, Any]) -> dict[str, Any]:
        image = sample["image"].expand(channels, -1, -1)
        return {**sample, "image": (image - 0.5) / torch.linspace(0.25, 0.5, channels).reshape(-1, 1, 1)}

    monkeypatch.setattr(classifier_plots, "picture_sheet", note)
    dataset = dataset_of(LABELS, first=40, transform=normalised)
    dataset.rows = [0, 2, 3, 4, 5]  # one could not be read
    table = Table(np.zeros((46, 2)))
    with torch.no_grad():
        table.logits[40:] = 4.0 * torch.tensor(LABELS) - 2
        table.logits[45, 0] = 3.0
    table.forward = lambda images: table.logits[  # type: ignore[method-assign]
        ((images[:, 0, 0, 0] * 0.25 + 0.5) * 255).round().long()
    ]
    writer = LazySummaryWriter(tmp_path)
    std = torch.linspace(0.25, 0.5, channels).tolist()
    evaluator_of(table, dataset, val_handlers=[ClassifierPlots(writer, [0.5] * channels, std)]).run(7)
    writer.close()
    (right, pictures, captions), (wrong, wrong_pictures, wrong_captions) = said
    rows = "Row: of 'validation' in labelled.json, from 0"
    assert right == f"Surest and right: validation, epoch 7. {rows}"
    assert wrong == f"Surest and wrong: validation, epoch 7. {rows}"
    assert captions == [
        f"row {row}\n{name}: 0.88 (called from 0.50)\ntruth: present"
        for row, name in ((3, "A"), (0, "B"), (4, "A"), (5, "B"))
    ]
    assert wrong_captions == ["row 5\nA: 0.953 (called from 0.50)\ntruth: absent"]
    for picture, row in zip([*pictures, *wrong_pictures], [3, 0, 4, 5, 5], strict=True):
        expected = np.broadcast_to(numbered(f"{40 + row}").numpy().transpose(1, 2, 0), (32, 32, 3)) * 255
        np.testing.assert_allclose(picture, expected, atol=1.02)
    for caption in (*captions, *wrong_captions):
        assert not re.search(r"p0|png|images", caption)  # neither patient nor file
    found = EventAccumulator(str(tmp_path), size_guidance={"images": 0}).Reload()
    encoded = found.Images("validation/right")[0].encoded_image_string
    assert Image.open(io.BytesIO(encoded)).mode == "RGB"
    assert not re.search(rb"p04\d|04\d\.png", encoded)


def test_captions_of_classes_tell_what_was_called_and_the_true_class() -> None:
    given = Predictions(
        ("a", "b"), ("p", "q"), ("A", "B"), "multiclass", np.array([0, 0]), np.array([[0.75, 0.25], [0.4, 0.6]])
    )
    assert told(given, 0, 0, None) == "called: A 0.75\ntruth: A"
    assert told(given, 1, 1, None) == "called: B 0.60\ntruth: A 0.40"


CHOSEN = [f"validation_chosen/{name}" for name in ("roc", "precision_recall", "confusion", "right", "wrong")]


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_at_the_end_the_chosen_epoch_is_drawn_with_its_thresholds(
    tmp_path: Path, kind: str, drawn: list[Figure], monkeypatch: pytest.MonkeyPatch
) -> None:
    titles: list[str] = []
    real = classifier_plots.picture_sheet
    monkeypatch.setattr(
        classifier_plots, "picture_sheet", lambda title, parts: [titles.append(title), real(title, parts)][1]
    )
    rng = np.random.default_rng(3)
    if kind == "multilabel":
        labels = rng.integers(0, 2, (24, 2))
        best = 3 * (labels - 0.5) + rng.standard_normal((24, 2)) - 3  # thresholds far below 0.5
    else:
        labels = rng.integers(0, 3, 24)
        best = 2 * np.eye(3)[labels] + rng.standard_normal((24, 3))
    validator = evaluator_of(Table(0 * best), dataset_of(labels), kind)
    writer = LazySummaryWriter(tmp_path / "tensorboard")
    plots = ClassifierPlots(writer, 0.0, 1.0)
    plots.attach(validator)
    chosen = BestClassifier(validator.network, validator)
    saver = ClassifierSaver(tmp_path, validator.network, validator, chosen, LABELLED, SETTINGS, plots=plots)
    planned_trainer(validator, [0 * best, best, -best], [chosen, saver]).run()
    writer.close()
    found = shown(tmp_path / "tensorboard")
    assert {tag: found[tag] for tag in CHOSEN} == {tag: [2] for tag in CHOSEN}
    assert found["validation/roc"] == [1, 2, 3]
    kept = read_predictions(tmp_path / "validation_predictions.csv")
    limits = json.loads((tmp_path / "classifier.json").read_text())["thresholds"]
    roc, _, table = drawn[-3:]
    first = kept.indicators()[:, 0], kept.probabilities[:, 0]
    np.testing.assert_allclose(roc.axes[0].lines[0].get_ydata(), roc_curve(*first)[1])
    area = roc_auc_score(kept.indicators(), kept.probabilities)
    assert title(roc)[1:] == [
        f"validation, epoch 2, chosen by validation macro_auc {area:.3f}",
        "24 images of 24 patients",
    ]
    assert all("validation, epoch 2, chosen by validation macro_auc" in text for text in titles[-2:])
    if kind == "multiclass":
        matrix = confusion_matrix(labels, best.argmax(axis=1), labels=range(3))
        assert texts(table) == [str(n) for n in matrix.ravel()]
        return
    matrix = confusion_matrix(labels[:, 0], kept.probabilities[:, 0] >= limits["A"])
    assert texts(table)[:4] == [str(n) for n in matrix[::-1, ::-1].ravel()]
    assert matrix.tolist() != confusion_matrix(labels[:, 0], kept.probabilities[:, 0] >= 0.5).tolist()


def test_a_linear_evaluation_is_drawn_as_its_only_epoch(tmp_path: Path) -> None:
    class Engine:
        def restore(self) -> None:
            pass

        def summary(self) -> dict[str, Any]:
            return {"rule": "last", "penalty": 0.01, "value": None}

    validator = evaluator_of(Table(LABELS * 1.0), dataset_of(LABELS))
    writer = LazySummaryWriter(tmp_path / "tensorboard")
    plots = ClassifierPlots(writer, 0.0, 1.0)
    saver = ClassifierSaver(tmp_path, validator.network, validator, Engine(), LABELLED, SETTINGS, plots=plots)
    planned_trainer(validator, [LABELS * 1.0], [saver]).run()
    writer.close()
    assert shown(tmp_path / "tensorboard")["validation_chosen/roc"] == [1]


def test_only_the_first_process_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier_plots, "rank", lambda: 1)
    writer = LazySummaryWriter(tmp_path / "tensorboard")
    train(tmp_path, 1, ClassifierPlots(writer, 0.0, 1.0), writer)
    assert not (tmp_path / "tensorboard").exists()


def test_drawing_leaves_every_random_generator_as_it_is(tmp_path: Path) -> None:
    def draws(plots: list[Any]) -> tuple[float, float]:
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002 - the global one is meant
        evaluator_of(Table(LABELS * 1.0), dataset_of(LABELS), val_handlers=plots).run()
        return torch.rand(1).item(), np.random.rand()  # noqa: NPY002

    writer = LazySummaryWriter(tmp_path)
    assert draws([ClassifierPlots(writer, 0.0, 1.0)]) == draws([])


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="every is 0"):
        ClassifierPlots(None, 0.0, 1.0, every=0)
    with pytest.raises(ValueError, match="images is -1"):
        ClassifierPlots(None, 0.0, 1.0, images=-1)


def test_curves_and_tables_are_of_the_images_in_which_a_finding_is_known(drawn: list[Figure]) -> None:
    given, limits = predictions(60, 3), [0.5, 0.4, 0.6]
    given.labels[np.random.default_rng(5).random((60, 3)) < [0.5, 0.2, 0]] = UNKNOWN
    given.labels[given.labels[:, 2] == 0, 2] = UNKNOWN  # no negative is known: no curve
    for draw in (roc_figures, precision_recall_figures, confusion_figures):
        draw(given, "", limits)
    shown = texts(drawn[2])
    for column in range(2):
        known = given.labels[:, column] != UNKNOWN
        truth, said = given.labels[known, column], given.probabilities[known, column]
        line = drawn[0].axes[0].lines[column]
        np.testing.assert_allclose(line.get_ydata(), roc_curve(truth, said)[1])
        assert legend(drawn[0])[column].startswith(f"{roc_auc_score(truth, said):.3f} class {column}")
        precision, _, _ = precision_recall_curve(truth, said, drop_intermediate=True)
        np.testing.assert_allclose(drawn[1].axes[0].lines[column].get_ydata(), precision)
        area = average_precision_score(truth, said)
        assert legend(drawn[1])[column].startswith(f"{area:.3f} ({truth.mean():.3f}) class {column}")
        (tn, fp), (fn, tp) = confusion_matrix(truth, said >= limits[column])
        (place,) = (i for i, text in enumerate(shown) if text.startswith(f"class {column}"))
        assert shown[place - 4 : place] == [str(n) for n in (tp, fn, fp, tn)]
    assert [len(legend(figure)) for figure in drawn[:2]] == [2, 2]


def test_a_finding_that_is_not_known_is_neither_right_nor_wrong() -> None:
    labels = np.array([[1, UNKNOWN], [UNKNOWN, UNKNOWN], [UNKNOWN, 1]])
    given = Predictions(tuple("abc"), tuple("abc"), ("A", "B"), "multilabel", labels, np.full((3, 2), 0.9))
    assert surest(given, 8) == {"right": ([0, 2], [0, 1]), "wrong": ([], [])}
    assert told(given, 1, 0, None).endswith("truth: not known")
