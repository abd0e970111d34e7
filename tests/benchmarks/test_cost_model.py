"""The cost model against cases that can be worked out by hand."""

import pytest

from benchmarks.cost_model import Setting, Speeds, cost, measured_gpu, measured_speeds, table

SPEEDS = Speeds(network=10, views=40, decoded=50)


def test_the_network_alone_limits_where_views_are_drawn_on_the_device() -> None:
    found = cost(Setting(36_000, 224, 1, 32, 2, "device"), SPEEDS)
    assert found.limit == "network"
    assert found.hours == pytest.approx(100)  # an hour an epoch
    assert found.cache_gb == pytest.approx(36_000 * 256**2 / 1e9)
    assert found.caching_hours == pytest.approx(0.1)
    assert found.disk_mb_per_second == pytest.approx(10 * 256**2 / 1e6)
    assert found.gradients_gb_per_second == 0


def test_views_between_the_steps_add_up_and_views_of_workers_may_limit() -> None:
    between = cost(Setting(36_000, 224, 1, 32, 2, "between"), SPEEDS)
    assert between.hours == pytest.approx(100 * (1 / 10 + 1 / 80) * 10)
    fast = Speeds(network=1000, views=40, decoded=50)
    workers = cost(Setting(36_000, 224, 1, 32, 2, "workers"), fast)
    assert (workers.limit, workers.hours) == ("views", pytest.approx(100 / 8))


def test_cost_grows_with_pixels_and_falls_with_processes() -> None:
    one = cost(Setting(1000, 224, 1, 32, 2, "device"), SPEEDS)
    assert cost(Setting(1000, 448, 1, 32, 2, "device"), SPEEDS).hours == pytest.approx(4 * one.hours)
    eight = cost(Setting(1000, 224, 8, 256, 2, "device"), SPEEDS)
    assert eight.hours == pytest.approx(one.hours / 8)
    assert eight.gradients_gb_per_second == pytest.approx(80 / 256 * 2 * 7 / 8 * 4 * 25.6e6 / 1e9)


def test_speeds_come_from_the_saved_measurements() -> None:
    def saved(case: str, heading: str, median: float) -> dict[str, object]:
        return {"rows": [{"case": case, "figures": {heading: {"median": median}}}]}

    results = {
        "loop": saved("moco, 224 px, batch 32", "network, images/s", 12),
        "views": saved("ours, grey, 224 px", "ours, views/s", 600),
        "loader": saved("DICOM into the cache, 512 px", "ours, images/s", 45),
    }
    assert measured_speeds(results) == Speeds(12, 300, 45)
    assert measured_speeds({"loop": results["loop"]}) is None
    quick = {**results, "loop": saved("moco, 32 px, batch 8", "network, images/s", 12)}
    assert measured_speeds(quick) is None
    lines = list(table(Speeds(12, 300, 45), 1500, 2))
    assert len({line.count("|") for line in lines}) == 1


def test_the_speed_of_a_gpu_comes_from_its_measurement_if_there_is_one() -> None:
    case = "224 px, batch 256, views on device"
    row = {"case": case, "figures": {"network, images/s": {"median": 3000}}}
    assert measured_gpu({"gpu": {"rows": [row]}}) == 3000
    assert measured_gpu({"gpu": {"rows": [{"case": case, "skipped": "more memory than the GPU has"}]}}) is None
    assert measured_gpu({}) is None
