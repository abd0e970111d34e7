from __future__ import annotations

import logging
import random
from typing import Any

import numpy as np
import pytest
import torch
from ignite.engine import Events
from torch import nn

from monai_mocoi.analysis import online_probe
from monai_mocoi.analysis.online_probe import FEW_IMAGES, probed_aucs
from monai_mocoi.data.probe_images import images_a_probe
from monai_mocoi.engines import MoCoTrainer, RunEvents
from monai_mocoi.handlers import EpochLog, OnlineProbes
from monai_mocoi.handlers import epoch_log as epoch_log_module
from monai_mocoi.handlers import online_probes as module
from tests.networks.small import small_moco
from tests.support.moco_training import batches, run_noting, trainer_of
from tests.support.processes import in_processes
from tests.support.watched_images import Images, halved

BATCHES = 3
NAMES = ["knn_auc", *(f"ridge_auc_stage{stage}" for stage in range(1, 5))]


class Noted:
    """A summary writer that keeps what it is given."""

    def __init__(self) -> None:
        self.scalars: dict[str, dict[int, float]] = {}

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.scalars.setdefault(name, {})[step] = value


def probes_of(writer: Any, every: int = 2, images: int = 2000, **options: Any) -> OnlineProbes:
    return OnlineProbes(
        **{
            "training": Images(images, 1),
            "validation": Images(60, 2),
            "transform": halved,
            "classes": ("dark", "light"),
            "summary_writer": writer,
            "every": every,
            "batch_size": 400,
            **options,
        }
    )


def trained(probes: OnlineProbes | None, epochs: int = 5, start: Any = None, **options: Any) -> MoCoTrainer:
    engine = trainer_of(options.pop("network", None) or small_moco(), batches(BATCHES), max_epochs=epochs, **options)
    if start is not None:
        engine.state.iteration, engine.state.epoch = start * BATCHES, start
    if probes is not None:
        probes.attach(engine)
    return engine


@pytest.mark.parametrize(
    ("every", "epochs", "expected"),
    [(2, 5, [0, 2, 4, 5]), (5, 5, [0, 5]), (9, 3, [0, 3]), (1, 2, [0, 1, 2]), (0, 2, [])],
)
def test_before_the_first_epoch_every_few_and_after_the_last(every: int, epochs: int, expected: list[int]) -> None:
    writer = Noted()
    trained(probes_of(writer, every), epochs).run()
    assert {name: list(points) for name, points in writer.scalars.items()} == {
        f"probe/{name}": expected for name in NAMES if expected
    }


def test_the_numbers_are_those_of_the_query_encoder_in_eval_mode_on_whole_images() -> None:
    writer, network = Noted(), small_moco()
    probes = probes_of(writer, 1)
    trained(probes, 1, network=network).run()
    assert probes.images is not None
    features = []
    encoder = network.query_encoder.eval()
    for data, places in ((probes.training, probes.images.training), (probes.validation, probes.images.validation)):
        with torch.no_grad():
            maps = encoder(torch.stack([data.pictures[place] / 2 for place in places])).stages
        features.append({number: stage.mean((2, 3)).numpy() for number, stage in enumerate(maps, start=1)})
    indicators = [
        np.array([[data.data[p]["label"] == c for c in (0, 1)] for p in places])
        for data, places in (
            (probes.training, probes.images.training),
            (probes.validation, probes.images.validation),
        )
    ]
    expected = probed_aucs(features[0], indicators[0], features[1], indicators[1], [1])
    assert {name: writer.scalars[f"probe/{name}"][1] for name in NAMES} == pytest.approx(expected, abs=2e-3)
    assert expected["ridge_auc_stage1"] > 0.9  # light and dark are easily told apart
    assert probes.latest == (1, {name: writer.scalars[f"probe/{name}"][1] for name in NAMES})


@pytest.mark.parametrize("method", ["moco", "barlow"])
def test_a_run_with_probes_is_the_run_without_bit_for_bit(method: str) -> None:
    ends = []
    for every in (0, 1):
        torch.manual_seed(7), np.random.seed(7), random.seed(7)  # noqa: NPY002
        network = small_moco(method, bn_splits=2)
        network.stage_heads.eval()  # a part in another mode stays so between steps
        probes = probes_of(Noted(), every)
        engine = trained(probes, 2, network=network, method=method)
        rows = run_noting(engine)
        modes = [module.training for module in network.modules()]
        drawn = (random.random(), np.random.rand(), torch.rand(1))  # noqa: NPY002
        ends.append((network.state_dict(), rows, modes, drawn))
        assert bool(probes.training.looked) == bool(every)
    for name, value in ends[0][0].items():
        assert torch.equal(value, ends[1][0][name]), name
    assert ends[0][1:] == ends[1][1:]


def test_at_most_three_percent_of_the_runs_forward_passes() -> None:
    for images in (300, 6393, 70_000):
        for epochs in (1, 6, 100):
            for every in (1, 5, 7, 1000):
                probed = [0, *(e for e in range(1, epochs + 1) if e % every == 0 or e == epochs)]
                cost = len(probed) * images_a_probe(images, epochs, every)
                assert 0.03 * 4 * images * epochs * 0.95 - len(probed) <= cost <= 0.03 * 4 * images * epochs
    writer = Noted()
    probes = probes_of(writer, 2)
    trained(probes, 5).run()
    assert probes.images is not None
    looked = len(probes.training.looked) + len(probes.validation.looked)
    assert looked == 4 * (len(probes.images.training) + len(probes.images.validation))
    assert looked <= 0.03 * 4 * 5 * BATCHES * probes.batch_size + 1e-6


def test_their_time_is_a_phase_of_its_own() -> None:
    seconds = []
    engine = trained(probes_of(Noted(), 2), 3)
    engine.add_event_handler(RunEvents.LOG_EPOCH, lambda e: seconds.append(e.clock.read().seconds["probe"]))
    engine.run()
    assert seconds[0] > 0  # before the first epoch
    assert seconds[1] > 0
    assert seconds[2] > 0  # the last one


def test_a_continued_run_probes_the_same_images_as_if_it_had_not_stopped() -> None:
    whole, first, second = Noted(), Noted(), Noted()
    trained(probes_of(whole), 5).run()
    network = small_moco()
    before = probes_of(first)
    engine = trained(before, 5, network=network)
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda e: e.terminate() if e.state.epoch == 3 else None)
    engine.run()
    after = probes_of(second)
    after.load_state_dict(before.state_dict())
    continued = trained(after, 5, start=3, network=network)
    continued.optimizer.load_state_dict(engine.optimizer.state_dict())
    continued.run()
    assert {name: {**first.scalars[name], **points} for name, points in second.scalars.items()} == whole.scalars
    assert after.untrained == before.untrained
    # A longer run, or other epochs between the probes, goes on with no more images than it had.
    for epochs, every in ((50, 2), (5, 4)):
        longer = probes_of(Noted(), every)
        longer.load_state_dict(before.state_dict())
        longer._choose(trained(None, epochs))
        assert longer.images is not None
        assert before.images is not None
        assert longer.images.training == before.images.training


def test_they_are_off_without_labels_or_with_too_few_and_say_so_once(caplog: pytest.LogCaptureFixture) -> None:
    for options, reason in (
        ({"training": Images(2000, 1, labels=False)}, "Online probes are off: training images have no labels."),
        ({"validation": Images(60, 1, labels=False)}, "Online probes are off: validation images have no labels."),
        ({"validation": Images(12, 1)}, "Online probes are off: validation has 12 labelled image(s); 20 are needed."),
    ):
        caplog.clear()
        writer = Noted()
        with caplog.at_level(logging.INFO, logger=module.__name__):
            trained(probes_of(writer, 1, **options), 2).run()
        assert writer.scalars == {}
        (line,) = (record.getMessage() for record in caplog.records if record.name == module.__name__)
        assert reason in line


def test_the_epochs_line_has_the_neighbours_auc(caplog: pytest.LogCaptureFixture) -> None:
    writer = Noted()
    probes = probes_of(writer, 2)
    log = EpochLog(probes=probes)
    engine = trained(probes, 3)
    log.attach(engine)
    with caplog.at_level(logging.INFO, logger=epoch_log_module.__name__):
        engine.run()
    lines = [record.getMessage() for record in caplog.records if record.name == epoch_log_module.__name__]
    knn = writer.scalars["probe/knn_auc"]
    assert "k-NN" not in lines[0]
    for epoch in (2, 3):
        few = f"{len(probes.images.validation)} validation images: means little"
        assert f"; k-NN AUC {knn[epoch]:.3f} (before the first epoch {knn[0]:.3f}; {few}); " in lines[epoch - 1]


def scripted(probes: OnlineProbes, values: list[tuple[float, float]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the probes measure these: neighbours and linear classifier of stage 4."""
    left = iter(values)
    monkeypatch.setattr(probes, "_measure", lambda engine: dict(zip(("knn_auc", "ridge_auc_stage4"), next(left))))  # noqa: B905


@pytest.mark.parametrize(
    ("values", "hints"),
    [
        ([(0.6, 0.6), (0.6, 0.5), (0.6, 0.6), (0.5, 0.5), (0.5, 0.5)], [2]),  # once, from the middle on
        ([(0.6, 0.6), (0.5, 0.5), (0.5, 0.61), (0.61, 0.5), (0.6, 0.6)], [4]),  # one of the two is enough
        ([(0.3, 0.3), (0.4, 0.4), (0.5, 0.4), (0.6, 0.4), (0.6, 0.6)], [2]),  # better than before, but guessing
        ([(0.6, 0.6), (0.5, 0.5), (0.7, 0.7), (0.7, 0.7), (0.7, 0.7)], []),
    ],
)
def test_a_sober_hint_where_nothing_is_gained(
    values: list[tuple[float, float]], hints: list[int], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    probes = probes_of(Noted(), 1)
    monkeypatch.setattr(online_probe, "FEW_IMAGES", 1)
    scripted(probes, values, monkeypatch)
    with caplog.at_level(logging.WARNING, logger=module.__name__):
        engine = trained(probes, 4)
        engine.run()
    lines = [record.getMessage() for record in caplog.records if record.name == module.__name__]
    assert [f"After {epoch} of 4 epochs" in line for epoch, line in zip(hints, lines, strict=True)] == [True] * len(
        hints
    )
    assert engine.state.epoch == 4


def test_no_hint_is_drawn_from_few_validation_images(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    probes = probes_of(Noted(), 1)
    scripted(probes, [(0.6, 0.6), (0.5, 0.5), (0.5, 0.5)], monkeypatch)
    with caplog.at_level(logging.WARNING, logger=module.__name__):
        trained(probes, 2).run()
    assert probes.images is not None
    assert 1 < len(probes.images.validation) < FEW_IMAGES
    assert not [record for record in caplog.records if record.name == module.__name__]


def test_features_that_are_no_numbers_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    network = small_moco()
    writer = Noted()
    probes = probes_of(writer, 1)
    engine = trained(probes, 2, network=network)
    broken = nn.Parameter(torch.full_like(network.query_encoder.backbone.conv1.weight, float("inf")))
    kept = network.query_encoder.backbone.conv1.weight

    def swap(value: Any) -> Any:
        return lambda e: setattr(network.query_encoder.backbone.conv1, "weight", value)

    probes._probe_untrained = lambda e: None  # type: ignore[method-assign]
    engine = trained(None, 1, network=network)
    engine.add_event_handler(RunEvents.VALIDATE, swap(broken))
    probes.attach(engine)
    engine.add_event_handler(RunEvents.LOG_EPOCH, swap(kept))
    engine.run()
    assert writer.scalars == {}
    assert "Nothing was probed: the encoder's features of image" in caplog.text


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="probe_every is -1"):
        probes_of(None, -1)
    with pytest.raises(ValueError, match="batch_size is 0"):
        probes_of(None, batch_size=0)


def _distributed(rank: int) -> list[Any]:
    from monai_mocoi.distributed import place

    ends: list[Any] = []
    for every in (0, 1):
        torch.manual_seed(7)
        network = small_moco(bn_splits=2)
        writer = Noted()
        probes = probes_of(writer, every)
        engine = trainer_of(place(network, "cpu"), batches(6)[rank::2], max_epochs=2)
        probes.attach(engine)
        rows = run_noting(engine)
        ends.append((network.state_dict(), rows, probes.latest, len(writer.scalars), torch.get_rng_state()))
    return ends


@pytest.mark.slow
def test_two_processes_probe_once_and_train_as_without() -> None:
    for process, written in zip(in_processes(_distributed, 2), (len(NAMES), 0), strict=True):
        without, with_probes = process
        assert all(torch.equal(value, with_probes[0][name]) for name, value in without[0].items())
        assert without[1] == with_probes[1]
        assert with_probes[2][0] == 2
        assert with_probes[3] == written
        assert torch.equal(without[4], with_probes[4])


def test_images_without_a_label_are_never_looked_at_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    probes = probes_of(Noted(), 5)
    for number in range(0, 2000, 4):
        del probes.training.data[number]["label"]
    trained(probes, 1).run()
    assert probes.images is not None
    assert not any(place % 4 == 0 for place in probes.images.training)
    assert "Online probes: training: 500 image(s) without a label are left out." in caplog.messages
