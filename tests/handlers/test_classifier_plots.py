from __future__ import annotations

import io
import re
import warnings
from pathlib import Path
from typing import Any

import matplotlib.pyplot
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import average_precision_score, confusion_matrix, precision_recall_curve, roc_auc_score, roc_curve
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from monai_mocoi.data import Predictions
from monai_mocoi.figures import classifier as classifier_figures
from monai_mocoi.figures.classifier import (
    confusion_figures,
    picture_figure,
    precision_recall_figures,
    roc_figures,
)
from monai_mocoi.handlers import Checkpoints, ClassifierPlots, LazySummaryWriter, classifier_plots
from monai_mocoi.handlers.classifier_plots import surest
from tests.engines.classifiers import Table, dataset_of, evaluator_of, numbered, planned_trainer

LABELS = np.array([[0, 1], [0, 1], [0, 0], [1, 0], [1, 0], [0, 1]])


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
    real = classifier_figures.rendered

    def render(figure: Figure) -> Any:
        with monkeypatch.context() as patch:
            patch.setattr(figure, "clear", lambda: None)
            picture = real(figure)
        kept.append(figure)
        return picture

    monkeypatch.setattr(classifier_figures, "rendered", render)
    return kept


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


@pytest.mark.parametrize("kind", ["multilabel", "softmax"])
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
    roc_figures(predictions(30, 2, "softmax"))
    assert len(legend(drawn[0])) == 1
    assert legend(drawn[0])[0].endswith("class 1")


@pytest.mark.parametrize(("classes", "figures"), [(1, 1), (16, 1), (17, 2), (33, 3)])
def test_more_than_sixteen_classes_are_spread_over_figures(classes: int, figures: int, drawn: list[Figure]) -> None:
    given = predictions(12, classes, seed=5)
    given.labels[0], given.labels[1] = 0, 1
    for draw in (roc_figures, precision_recall_figures, confusion_figures):
        drawn.clear()
        assert len(draw(given)) == figures
        shown = [legend(f) if draw is not confusion_figures else texts(f) for f in drawn]
        found = [re.search(r"class \d+$", text) for part in shown for text in part]
        assert [match.group() for match in found if match] == [f"class {i}" for i in range(classes)]


def test_findings_have_a_table_of_two_by_two_each(drawn: list[Figure]) -> None:
    given = predictions(50, 5)
    given.probabilities[0, 0] = 0.5  # is called
    confusion_figures(given)
    shown = texts(drawn[0])
    for column in range(5):
        place = shown.index(f"class {column}")
        table = confusion_matrix(given.labels[:, column], given.probabilities[:, column] >= 0.5)
        tp, fn, fp, tn = table[1, 1], table[1, 0], table[0, 1], table[0, 0]
        assert shown[place - 4 : place] == [str(n) for n in (tp, fn, fp, tn)]


def test_classes_have_one_table_with_all_of_them(drawn: list[Figure]) -> None:
    given = predictions(50, 4, "softmax")
    given.labels[given.labels == 2] = 1  # none is truly of class 2
    confusion_figures(given)
    table = confusion_matrix(given.labels, given.probabilities.argmax(1), labels=range(4))
    assert texts(drawn[0]) == [str(n) for n in table.ravel()]
    (image,) = drawn[0].axes[0].images
    sums = table.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(image.get_array(), np.divide(table, sums, out=np.zeros((4, 4)), where=sums > 0))
    assert [t.get_text() for t in drawn[0].axes[0].get_yticklabels()] == [f"class {i}" for i in range(4)]
    confusion_figures(predictions(50, 17, "softmax"))
    assert texts(drawn[1]) == []


def test_pictures_stand_with_their_captions(drawn: list[Figure]) -> None:
    rng = np.random.default_rng(0)
    pictures = [
        rng.random(shape).astype(np.float32) for shape in ((1, 9, 9), (3, 6, 9), (1, 4, 2), (3, 5, 5), (1, 3, 3))
    ]
    figure = picture_figure("wrong", pictures, [f"row {i}" for i in range(5)])
    assert figure.dtype == np.uint8
    assert figure.shape[2] == 3
    assert texts(drawn[0]) == [*(f"row {i}" for i in range(5)), "wrong"]
    for image, picture in zip(drawn[0].axes[0].images, pictures, strict=True):
        np.testing.assert_array_equal(
            image.get_array(), np.broadcast_to(picture, (3, *picture.shape[1:])).transpose(1, 2, 0)
        )
        left, right, bottom, top = image.get_extent()
        assert (right - left) / (bottom - top) == pytest.approx(picture.shape[2] / picture.shape[1])


@pytest.mark.parametrize("kind", ["multilabel", "softmax"])
def test_any_name_can_be_drawn_and_no_figure_is_left_behind(kind: str) -> None:
    names = ["$x_{", "_hidden", "a $b$ c", "Ödem \N{CJK UNIFIED IDEOGRAPH-80BA}", "x" * 200, r"\frac"]
    given = predictions(40, 6, kind, names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for draw in (roc_figures, precision_recall_figures, confusion_figures):
            (figure,) = draw(given)
            assert figure.std() > 0
        picture_figure("$", [np.zeros((1, 4, 4), np.float32)], ["row 3: $x_{ 0.5\ntrue: $"])
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


def test_surest_images_of_classes() -> None:
    labels = np.array([0, 0, 1, 1, 2])
    said = np.array([[0.8, 0.1, 0.1], [0.9, 0.1, 0], [0.3, 0.6, 0.1], [0.7, 0.2, 0.1], [0.5, 0.4, 0.1]])
    ids = tuple("abcde")
    given = Predictions(ids, ids, ("A", "B", "C"), "softmax", labels, said)
    assert surest(given, 8) == {"right": ([1, 2, 0], [0, 1, 0]), "wrong": ([3, 4], [0, 0])}


@pytest.mark.parametrize("kind", ["multilabel", "softmax"])
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
    real = classifier_plots.picture_figure

    def note(title: str, pictures: Any, captions: Any) -> Any:
        said.append((title, pictures, captions))
        return real(title, pictures, captions)

    def normalised(sample: dict[str, Any]) -> dict[str, Any]:
        image = sample["image"].expand(channels, -1, -1)
        return {**sample, "image": (image - 0.5) / torch.linspace(0.25, 0.5, channels).reshape(-1, 1, 1)}

    monkeypatch.setattr(classifier_plots, "picture_figure", note)
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
    assert (right, wrong) == ("right, epoch 7", "wrong, epoch 7")
    assert captions == [f"row {row}: {name} 0.88\ntrue: yes" for row, name in ((3, "A"), (0, "B"), (4, "A"), (5, "B"))]
    assert wrong_captions == ["row 5: A 0.95\ntrue: no"]
    for picture, row in zip([*pictures, *wrong_pictures], [3, 0, 4, 5, 5], strict=True):
        expected = np.broadcast_to(numbered(f"{40 + row}").numpy(), (channels, 32, 32))
        np.testing.assert_allclose(picture, expected, atol=0.51 / 255)
    for caption in (*captions, *wrong_captions):
        assert not re.search(r"p0|png|images", caption)  # neither patient nor file
    found = EventAccumulator(str(tmp_path), size_guidance={"images": 0}).Reload()
    encoded = found.Images("validation/right")[0].encoded_image_string
    assert Image.open(io.BytesIO(encoded)).mode == "RGB"
    assert not re.search(rb"p04\d|04\d\.png", encoded)


def test_captions_of_classes_tell_what_was_called_and_the_true_class() -> None:
    given = Predictions(
        ("a", "b"), ("p", "q"), ("A", "B"), "softmax", np.array([0, 0]), np.array([[0.75, 0.25], [0.4, 0.6]])
    )
    assert classifier_plots._told(given, 0, 0) == "A 0.75\ntrue: A"
    assert classifier_plots._told(given, 1, 1) == "B 0.60\ntrue: A 0.40"


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
