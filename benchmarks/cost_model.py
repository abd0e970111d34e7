"""How the cost of pretraining grows: a model of the parts of an epoch, from the measured speeds of one machine.

Each part takes a time that is proportional to the images. Of network and views the slower one decides, because the
other works beside it; what the disk and the link between processes must bear is told, and is no limit in the model.
Processes are taken to add up in full. What a GPU does is assumed where none was measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MEASURED_AT = 224  # pixels
PARAMETERS = 25.6e6
"""Of ResNet-50 with its projection head, about; their gradients are summed over the processes in each step."""
EPOCHS = 100
CACHE_PIXELS = 8 / 7
"""Pixels of a cached picture by those of a view, along a side."""


@dataclass(frozen=True)
class Speeds:
    """What one machine does in a second.

    Args:
        network: images through the training step of one process, at 224 px.
        views: images of which one core draws both views, at 224 px.
        decoded: pictures of 2 megapixels that one core reads into the cache.
    """

    network: float
    views: float
    decoded: float


@dataclass(frozen=True)
class Setting:
    """A pretraining.

    Args:
        images: of the training split.
        size: pixels of a view, along a side.
        processes: each with a device of its own.
        batch: images of a step of all processes together.
        cores: of the machine.
        views: ``"device"``: drawn there, in a time that is neglected; ``"workers"``: by the cores, beside the step;
            ``"between"``: by the cores between the steps, because the network needs them too.
    """

    images: int
    size: int
    processes: int
    batch: int
    cores: int
    views: str


@dataclass(frozen=True)
class Cost:
    """What it takes: hours of 100 epochs, what limits it, and what disk and network must bear."""

    hours: float
    limit: str
    cache_gb: float
    caching_hours: float
    disk_mb_per_second: float
    gradients_gb_per_second: float


def cost(setting: Setting, speeds: Speeds) -> Cost:
    """The cost of a setting on a machine of such speeds; network and views are proportional to the pixels."""
    pixels = (MEASURED_AT / setting.size) ** 2
    network, views = setting.processes * speeds.network * pixels, setting.cores * speeds.views * pixels
    rates = {"network": network}
    if setting.views == "workers":
        rates["views"] = views
    elif setting.views == "between":
        rates["network"] = 1 / (1 / network + 1 / views)
    picture = (setting.size * CACHE_PIXELS) ** 2  # bytes of one grey value a pixel
    slowest = min(rates, key=lambda part: rates[part])
    rate = rates[slowest]
    steps = rate / setting.batch
    summed = 2 * (setting.processes - 1) / setting.processes * 4 * PARAMETERS
    return Cost(
        hours=EPOCHS * setting.images / rate / 3600,
        limit=slowest,
        cache_gb=setting.images * picture / 1e9,
        caching_hours=setting.images / (setting.cores * speeds.decoded) / 3600,
        disk_mb_per_second=rate * picture / 1e6,
        gradients_gb_per_second=steps * summed / 1e9,
    )


def measured_speeds(results: dict[str, dict[str, Any]]) -> Speeds | None:
    """The speeds of the saved measurements ``loop``, ``views`` and ``loader``.

    None where one of them is missing, or lacks the case, as a quick one does.
    """
    network = _median(results, "loop", f"moco, {MEASURED_AT} px, batch 32", "network, images/s")
    views = _median(results, "views", f"ours, grey, {MEASURED_AT} px", "ours, views/s")
    decoded = _median(results, "loader", "DICOM into the cache, 512 px", "ours, images/s")
    return None if None in (network, views, decoded) else Speeds(network, views / 2, decoded)


def measured_gpu(results: dict[str, dict[str, Any]]) -> float | None:
    """Images a second through the step of a GPU at 224 px, of the saved measurement ``gpu``; None: not measured."""
    case = f"{MEASURED_AT} px, batch 256, views on device"
    return _median(results, "gpu", case, "network, images/s")


def _median(results: dict[str, dict[str, Any]], name: str, case: str, heading: str) -> Any:
    rows = results.get(name, {}).get("rows", ())
    figures = (row["figures"] for row in rows if row["case"] == case and not row.get("skipped"))
    return next((float(figure[heading]["median"]) for figure in figures), None)


def table(speeds: Speeds, gpu: float, cores: int) -> Iterator[str]:
    """The table of the page: two cores as measured; one and eight GPUs of which each does ``gpu`` images a second."""
    yield (
        "| images | pixels | on | hours of 100 epochs | limited by | cache, GB | to fill it, hours | disk, MB/s "
        "| gradients, GB/s |"
    )
    yield "|---" * 9 + "|"
    of_gpu = Speeds(gpu, speeds.views, speeds.decoded)
    for images, size in ((10_000, 224), (100_000, 224), (1_000_000, 224), (1_000_000, 1024)):
        for words, own, setting in (
            (f"{cores} cores", speeds, Setting(images, size, 1, 32, cores, "between")),
            ("1 GPU, 4 cores, `views_on` cpu", of_gpu, Setting(images, size, 1, 256, 4, "workers")),
            ("1 GPU, 16 cores", of_gpu, Setting(images, size, 1, 256, 16, "device")),
            ("8 GPUs, 64 cores", of_gpu, Setting(images, size, 8, 8 * (256 if size <= 224 else 32), 64, "device")),
        ):
            found = cost(setting, own)
            cells = [found.hours, found.limit, found.cache_gb, found.caching_hours, found.disk_mb_per_second]
            words_of = [cell if isinstance(cell, str) else _number(cell) for cell in cells]
            yield (
                "| "
                + " | ".join([f"{images:,}", str(size), words, *words_of, _number(found.gradients_gb_per_second)])
                + " |"
            )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
