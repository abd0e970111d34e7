from __future__ import annotations

import copy
import logging
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from monai_mocoi.analysis import collapse_figures
from monai_mocoi.analysis.collapse_figures import COLLAPSE_FIGURES
from monai_mocoi.engines import MoCoTrainer
from monai_mocoi.errors import CollapseError
from monai_mocoi.exit_codes import COLLAPSED
from monai_mocoi.handlers import CollapseMonitor, LazySummaryWriter
from monai_mocoi.networks import MoCo, NegativeQueue, ProjectionHead, StageEncoder
from monai_mocoi.networks.stage_encoder import StageFeatures
from tests.networks.small import small_moco, small_resnet
from tests.support.moco_training import batches, run_noting, trainer_of
from tests.support.processes import in_processes
from tests.support.tensorboard_events import events
from tests.support.watched_images import pairs

HEADS = ("linear", "mlp", "mlp_bn")


class Noted:
    """A summary writer that keeps what it is given: {name: {iteration: value}}."""

    def __init__(self) -> None:
        self.scalars: dict[str, dict[int, float]] = {}

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.scalars.setdefault(name, {})[step] = value


class Blind(StageEncoder):
    """Ignores its input: the same maps for every image, plus noise of its own or a whisper of the real maps."""

    noise = 0.0
    whisper = 0.0

    def forward(self, images: torch.Tensor) -> StageFeatures:
        real = super().forward(images)
        maps = []
        for number, stage in enumerate(real.stages):
            generator = torch.Generator().manual_seed(number)
            constant = torch.rand(stage.shape[1:], generator=generator).to(stage).expand_as(stage)
            maps.append(constant + self.noise * torch.rand_like(stage) + self.whisper * stage)
        return StageFeatures(maps[-1].mean(dim=(2, 3)), tuple(maps))


def blind_moco(head: str, **kind: float) -> MoCo:
    encoder = Blind(small_resnet())
    for name, value in kind.items():
        setattr(encoder, name, value)
    return MoCo(encoder, ProjectionHead(head, encoder.stage_channels[-1], 24, 12), NegativeQueue(16, 12), seed=1)


def watched(network: torch.nn.Module, steps: int, options: dict[str, Any], **trainer: Any) -> tuple[Any, Any, Any]:
    """A trainer over ``steps`` batches, its monitor, and what that wrote."""
    writer = Noted()
    monitor = CollapseMonitor(pairs(), writer, **{"check_every": 1, "grace_steps": 0, "batch_size": 10, **options})
    engine = trainer_of(network, batches(steps), **trainer)
    monitor.attach(engine)
    return engine, monitor, writer.scalars


def scripted(monitor: CollapseMonitor, low: list[bool], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let the monitor measure what the list says, and note the iterations at which it looks."""
    looked: list[int] = []

    def measure(engine: MoCoTrainer) -> dict[str, float]:
        looked.append(engine.state.iteration)
        value = 0.0 if low[len(looked) - 1] else 1e6
        return dict.fromkeys(COLLAPSE_FIGURES, value)

    monkeypatch.setattr(monitor, "_measure", measure)
    return looked


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize("kind", [{}, {"noise": 1e-6}, {"whisper": 1e-6}], ids=str)
@pytest.mark.parametrize("head", HEADS)
def test_an_encoder_that_ignores_its_input_is_found_behind_every_head(
    head: str, kind: dict[str, float], precision: str
) -> None:
    engine, monitor, scalars = watched(blind_moco(head, **kind), 8, {}, precision=precision)
    with pytest.raises(CollapseError, match=r"collapsed at iteration 3.*head mlp_bn.*docs/recipe\.md") as caught:
        engine.run()
    assert caught.value.exit_code == COLLAPSED
    assert monitor.low_checks == 3
    assert all(1 <= rank < 1.01 for rank in scalars["collapse/rank_stage4"].values())


def test_a_head_with_batch_norm_hides_a_collapse_behind_it_but_not_before_it() -> None:
    network = blind_moco("mlp_bn", whisper=1e-4)
    for layer in network.query_head.modules():
        if isinstance(layer, torch.nn.BatchNorm1d):
            layer.momentum = 0.5  # a few steps do for a thousand
    engine, monitor, scalars = watched(network, 40, {"on_collapse": "warn"}, precision="float32", lr=0.0)
    engine.run()
    assert scalars["collapse/margin"][40] > 0.05
    assert scalars["collapse/top1"][40] > 0.15
    assert scalars["collapse/margin_stage4"][40] < 1e-6
    assert monitor.low_checks == 40


@pytest.mark.parametrize("zero_init_residual", [False, True])
@pytest.mark.parametrize("head", HEADS)
def test_a_random_encoder_is_not_called_collapsed(head: str, zero_init_residual: bool) -> None:
    network = small_moco(head=head, zero_init_residual=zero_init_residual)
    engine, monitor, scalars = watched(network, 6, {}, lr=0.0)
    engine.run()
    assert monitor.low_checks == 0
    assert scalars["collapse/rank_stage4"][6] > 2 * monitor.rank_threshold


def patterns(count: int, seed: int) -> dict[str, torch.Tensor]:
    """Images that can be learnt: a coarse pattern each, under noise that differs between the two views."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 1, 4, 4, generator=generator)
    image = torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bilinear")
    view1, view2 = ((image + 0.1 * torch.rand(image.shape, generator=generator) - 0.5) / 0.25 for _ in range(2))
    return {"view1": view1, "view2": view2, "index": torch.arange(count) + count * seed}


@pytest.mark.parametrize("head", HEADS)
def test_a_run_that_learns_is_not_called_collapsed(head: str) -> None:
    seen = patterns(24, seed=99)
    writer = Noted()
    monitor = CollapseMonitor(
        [{"view1": a, "view2": b} for a, b in zip(seen["view1"], seen["view2"], strict=True)],
        writer,
        check_every=10,
        grace_steps=0,
    )
    engine = trainer_of(small_moco(head=head, queue=64), [patterns(16, i % 4) for i in range(40)], lr=0.01)
    monitor.attach(engine)
    engine.run()
    assert monitor.low_checks == 0
    ranks, margins = writer.scalars["collapse/rank_stage4"], writer.scalars["collapse/margin"]
    assert ranks[40] > ranks[10] > 3 * monitor.rank_threshold
    assert margins[40] > 0.5
    assert writer.scalars["collapse/top1"][40] > 0.7


@pytest.mark.parametrize("channels_last", [True, False])
def test_what_is_written_equals_a_naive_measurement(channels_last: bool) -> None:
    network = small_moco()
    engine, _, scalars = watched(network, 3, {"images": 9, "batch_size": 4}, lr=0.1, channels_last=channels_last)
    engine.run()
    network.eval()
    view1, view2 = (torch.stack([pair[key] for pair in pairs()[:9]]) for key in ("view1", "view2"))
    with torch.no_grad():
        stages = [stage.mean(dim=(2, 3)).numpy() for stage in network.query_encoder(view1).stages]
        again = network.query_encoder(view2).embedding.numpy()
        query, key = network.embed(view1).numpy(), network.embed(view2).numpy()

    def margin(a: np.ndarray, b: np.ndarray) -> float:
        cosine = [[x @ y / np.sqrt((x @ x) * (y @ y)) for y in b] for x in a]
        same = [cosine[i][i] for i in range(9)]
        other = [cosine[i][j] for i in range(9) for j in range(9) if i != j]
        return float(np.mean(same) - np.mean(other))

    expected = {
        "collapse/margin": margin(query, key),
        "collapse/margin_stage4": margin(stages[3], again),
        "collapse/top1": np.mean([np.argmax(key @ row) == i for i, row in enumerate(query)]),
        "collapse/top1_chance": 1 / 9,
    }
    for number, features in enumerate(stages, start=1):
        rows = features / np.linalg.norm(features, axis=1, keepdims=True)
        shares = np.linalg.svd(rows.astype(np.float64), compute_uv=False)
        shares = shares[shares > 1e-12] / shares.sum()
        expected[f"collapse/rank_stage{number}"] = np.exp(-(shares * np.log(shares)).sum())
        expected[f"collapse/spread_stage{number}"] = rows.std(axis=0).mean() * np.sqrt(rows.shape[1])
    assert {name: list(values) for name, values in scalars.items()} == {name: [1, 2, 3] for name in expected}
    for name, value in expected.items():
        assert scalars[name][3] == pytest.approx(value, rel=1e-4, abs=1e-6), name


class Drawing:
    """Validation images that (wrongly) draw from every global generator."""

    def __len__(self) -> int:
        return 24

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        random.random()
        np.random.rand()  # noqa: NPY002
        torch.rand(1)
        return pairs()[index]


def trained(monitored: bool, precision: str) -> tuple[dict[str, torch.Tensor], list[dict[str, float]], list[Any]]:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    network = small_moco("barlow", bn_splits=2)
    engine = trainer_of(network, batches(6), "barlow", max_epochs=2, precision=precision, accumulation_steps=2)
    if monitored:
        CollapseMonitor(Drawing(), Noted(), check_every=1, on_collapse="warn", batch_size=10).attach(engine)
    rows = run_noting(engine)
    return network.state_dict(), rows, [random.random(), np.random.rand(), torch.rand(1)]  # noqa: NPY002


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_run_with_the_monitor_equals_one_without_bit_for_bit(precision: str) -> None:
    weights, rows, draws = trained(False, precision)
    same_weights, same_rows, same_draws = trained(True, precision)
    assert all(torch.equal(weights[name], same_weights[name]) for name in weights)
    assert rows == same_rows
    assert draws == same_draws


def test_modes_gradients_buffers_and_queue_stay_as_they_were() -> None:
    network = small_moco("barlow").train()
    network.query_encoder.backbone.bn1.eval()  # frozen by its owner
    engine, monitor, _ = watched(network, 1, {})
    modes = {name: part.training for name, part in network.named_modules()}
    before = copy.deepcopy(network.state_dict())
    monitor._measure(engine)
    assert {name: part.training for name, part in network.named_modules()} == modes
    assert not modes["query_encoder.backbone.bn1"]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_modes_come_back_after_an_error_too() -> None:
    network = small_moco().train()
    engine, monitor, _ = watched(network, 1, {})
    monitor.pairs.dataset = [{"view1": torch.zeros(2, 8, 8), "view2": torch.zeros(2, 8, 8)}] * 24
    with pytest.raises(ValueError, match="2 channels"):
        monitor._measure(engine)
    assert all(part.training for part in network.modules())


@pytest.mark.parametrize("kept", [0, 2**29])
def test_views_are_drawn_once_where_they_are_small(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collapse_figures, "_KEPT_BYTES", kept)
    drawn: list[int] = []

    class Counted(Drawing):
        def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
            drawn.append(index)
            return super().__getitem__(index)

    engine, monitor, scalars = watched(small_moco(), 2, {"images": 5, "batch_size": 2}, lr=0.0)
    monitor.pairs.dataset = Counted()
    for layer in engine.moco.modules():
        if hasattr(layer, "momentum"):
            layer.momentum = 0.0
    engine.run()
    assert drawn == list(range(5)) * (1 if kept else 2)
    assert scalars["collapse/rank_stage4"][1] == scalars["collapse/rank_stage4"][2]


def test_views_are_read_outside_of_autocast_and_the_network_computes_in_it() -> None:
    halved: dict[str, set[bool]] = {"views": set(), "network": set()}

    class Asked(Drawing):
        def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
            halved["views"].add(torch.is_autocast_enabled("cpu"))
            return super().__getitem__(index)

    engine, monitor, _ = watched(small_moco(), 1, {"images": 5, "batch_size": 2}, precision="bf16")
    monitor.pairs.dataset = Asked()
    engine.moco.query_head.register_forward_hook(lambda *_: halved["network"].add(torch.is_autocast_enabled("cpu")))
    engine.run()
    assert halved == {"views": {False}, "network": {True}}


def test_checks_count_steps_of_the_optimiser_after_the_grace_and_only_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    # 7 iterations an epoch in steps of 2: the steps end with iterations 2, 4, 6, 7, then 9, 11, 13, 14 and so on.
    engine, monitor, _ = watched(
        small_moco(),
        7,
        {"check_every": 2, "grace_steps": 3, "patience": 3},
        max_epochs=4,
        accumulation_steps=2,
    )
    looked = scripted(monitor, [True, True, False, True, True, True], monkeypatch)
    with pytest.raises(CollapseError, match="iteration 21:"):
        engine.run()
    assert looked == [4, 7, 11, 14, 18, 21]


@pytest.mark.parametrize(("grace", "warmup", "share"), [(4, 2, 1.0), (2, 4, 1.0), (2, 900, 0.5), (4, 900, 0.1)])
def test_neither_grace_nor_warm_up_counts(
    grace: int, warmup: int, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A warm-up is cut as that of the learning rate is: half of 9 steps are 4."""
    engine, monitor, scalars = watched(
        small_moco(), 9, {"grace_steps": grace, "warmup_steps": warmup, "patience": 2, "warmup_max_share": share}
    )
    scripted(monitor, [True] * 9, monkeypatch)
    with pytest.raises(CollapseError, match="iteration 6:"):
        engine.run()
    assert list(scalars["collapse/margin"]) == [1, 2, 3, 4, 5, 6]


def test_a_low_rank_with_margins_and_a_low_margin_with_rank_are_no_collapse() -> None:
    monitor = CollapseMonitor(pairs(), Noted(), grace_steps=0)
    limits = (monitor.rank_threshold, monitor.margin_threshold)

    def low(rank: float, before: float, behind: float) -> bool:
        monitor.low_checks = 0
        values = dict.fromkeys(COLLAPSE_FIGURES, 0.0)
        values |= {"collapse/rank_stage4": rank, "collapse/margin_stage4": before, "collapse/margin": behind}
        monitor._judge(1, 1, values, 0)
        return monitor.low_checks == 1

    under, over = tuple(0.99 * x for x in limits), limits
    assert low(under[0], under[1], under[1])
    assert low(under[0], under[1], over[1])
    assert low(under[0], over[1], under[1])
    assert not low(under[0], over[1], over[1])
    assert not low(over[0], under[1], under[1])
    assert low(float("nan"), under[1], under[1]), "what is no number is no good sign"


def test_warns_once_for_each_run_of_low_checks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine, monitor, _ = watched(small_moco(), 10, {"on_collapse": "warn", "patience": 2})
    scripted(monitor, [True] * 5 + [False] + [True] * 4, monkeypatch)
    with caplog.at_level(logging.WARNING, logger="monai_mocoi"):
        engine.run()
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "The encoder has collapsed at iteration 2",
        "The encoder has collapsed at iteration 8",
    ]


def test_a_resumed_run_goes_on_counting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine, monitor, _ = watched(small_moco(), 2, {})
    scripted(monitor, [True] * 2, monkeypatch)
    engine.run()
    torch.save(monitor.state_dict(), tmp_path / "state.pt")
    engine, resumed, _ = watched(small_moco(), 2, {})
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    scripted(resumed, [True], monkeypatch)
    with pytest.raises(CollapseError, match="3 checks in a row"):
        engine.run()


def test_tensorboard_shows_the_figures_at_their_iterations(tmp_path: Path) -> None:
    writer = LazySummaryWriter(tmp_path)
    engine = trainer_of(small_moco(), batches(5), max_epochs=2)
    CollapseMonitor(pairs(), writer, check_every=4).attach(engine)
    engine.run()
    writer.close()
    found = events(tmp_path)
    assert sorted(found.Tags()["scalars"]) == sorted(COLLAPSE_FIGURES)
    assert [e.step for e in found.Scalars("collapse/rank_stage4")] == [4, 8]
    assert found.Scalars("collapse/top1_chance")[0].value == pytest.approx(1 / 24)


@pytest.mark.parametrize(("images", "limit"), [(2, 0.0), (8, 0.0), (16, 2.0), (40, 5.0), (60, 5.0)])
def test_few_images_are_judged_by_a_lower_rank_or_not_at_all(
    images: int, limit: float, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = CollapseMonitor(pairs(images), Noted(), check_every=1, grace_steps=0)
    assert monitor.rank_threshold == limit
    engine = trainer_of(blind_moco("linear"), batches(4), precision="float32")
    with caplog.at_level(logging.WARNING, logger="monai_mocoi"):
        monitor.attach(engine)
    assert ("too few to tell" in caplog.text) == (limit == 0)
    if limit:
        with pytest.raises(CollapseError):
            engine.run()
    else:
        engine.run()


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ({"on_collapse": "halt"}, "on_collapse is 'halt'; choose one of stop, warn"),
        ({"check_every": 0}, "check_every is 0, but must be 1 or more"),
        ({"images": 1}, "images is 1, but must be 2 or more"),
        ({"grace_steps": -1}, "grace_steps is -1, but must be 0 or more"),
        ({"warmup_steps": -1}, "warmup_steps is -1, but must be 0 or more"),
        ({"patience": 0}, "patience is 0, but must be 1 or more"),
        ({"rank_threshold": -1.0}, "rank_threshold is -1.0, but must be 0 or more"),
        ({"margin_threshold": float("nan")}, "margin_threshold is nan, but must be 0 or more"),
        ({"batch_size": 0}, "batch_size is 0, but must be 1 or more"),
        ({"dataset": pairs(1)}, "there are 1 validation images"),
    ],
    ids=str,
)
def test_bad_settings_are_refused(setting: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        CollapseMonitor(**{"dataset": pairs(), "summary_writer": Noted(), **setting})


def _distributed(rank: int) -> list[tuple[str, str, int, int, dict[str, int]]]:
    found = []
    for fault in ("collapse", "error"):
        # The second process has an encoder of its own, which sees: it must believe the first.
        network = blind_moco("mlp_bn") if rank == 0 and fault == "collapse" else small_moco()
        engine, monitor, scalars = watched(network, 8, {})
        if fault == "error" and rank == 0:
            monitor.pairs.dataset = [{"view1": torch.zeros(2, 8, 8), "view2": torch.zeros(2, 8, 8)}] * 24
        try:
            engine.run()
        except (CollapseError, ValueError, RuntimeError) as error:
            state = engine.state.iteration, len(scalars), monitor.state_dict()
            found.append((type(error).__name__, str(error), *state))
    return found


@pytest.mark.slow
def test_two_processes_stop_together_and_none_waits_for_one_that_failed() -> None:
    first, second = in_processes(_distributed, 2)
    assert first[0][:3] == second[0][:3]
    assert first[0][0] == "CollapseError"
    assert first[0][2] == 3
    assert first[0][4] == second[0][4] == {"low_checks": 3}
    assert (first[0][3], second[0][3]) == (len(COLLAPSE_FIGURES), 0)  # the first one writes

    assert first[1][0] == "ValueError"
    assert "2 channels" in first[1][1]
    assert second[1][0] == "RuntimeError"
    assert "first process" in second[1][1]
    assert first[1][2] == second[1][2] == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bf16", "fp16"])
def test_cuda_finds_a_blind_encoder_and_spares_a_seeing_one(precision: str) -> None:
    blind = blind_moco("mlp_bn").cuda()
    with pytest.raises(CollapseError):
        watched(blind, 5, {}, device="cuda", precision=precision)[0].run()
    state = torch.cuda.get_rng_state()
    engine, monitor, _ = watched(small_moco().cuda(), 5, {}, device="cuda", precision=precision, lr=0.0)
    engine.run()
    assert monitor.low_checks == 0
    assert torch.equal(torch.cuda.get_rng_state(), state)


def test_figures_that_are_no_numbers_count_as_low() -> None:
    monitor = CollapseMonitor([None] * 100, None, patience=2, on_collapse="stop", grace_steps=500)  # type: ignore[arg-type]
    values = dict.fromkeys(("collapse/rank_stage4", "collapse/margin_stage4", "collapse/margin"), float("nan"))
    values |= dict.fromkeys(("collapse/spread_stage4", "collapse/top1", "collapse/top1_chance"), 0.0)
    monitor._judge(600, 600, values, 500)
    with pytest.raises(CollapseError):
        monitor._judge(700, 700, values, 500)
