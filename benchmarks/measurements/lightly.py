"""Our MoCo loop against the loop of lightly's MoCo v2 example, where lightly is installed."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.bundle_run import EpochSeconds, built, content, settings, silent, small_network
from benchmarks.figures import Row, per_second, ratio
from benchmarks.options import SHIM, Options
from benchmarks.pictures import png_dataset, training_files
from benchmarks.plain_moco import SMALL, Shape, backbone, features
from benchmarks.timing import wall

CASE = (224, 32, 4)
"""Pixels, images a batch, and batches an epoch."""
QUICK = (32, 8, 2)
LIMITS = {"defaults": 3.0, "best settings": 1.2}


def measure(options: Options) -> Iterator[Row]:
    size, batch, batches = options.choose(CASE, QUICK)
    if reason := why_not(options.shim):
        for name in LIMITS:
            yield Row(f"{name}, {size} px, batch {batch}", skipped=reason)
        return
    batches *= 20 if torch.cuda.is_available() else 1
    dataset = png_dataset(options.folder / "dataset", batches * batch, size * 8 // 7, 3, options.seed)
    for name, at_least in LIMITS.items():
        torch.manual_seed(options.seed)
        more = {"channels": 3, "max_epochs": options.rounds + 1} | options.choose({}, small_network("nih_moco"))
        workflow = built("nih_moco", dataset, options.folder / name.split()[0], settings(size, batch, **more))
        with silent():
            workflow.initialize()
            trainer = content(workflow, "train#trainer")
            theirs = LightlyLoop(
                training_files(dataset),
                size,
                batch,
                trainer,
                options.choose(Shape(), SMALL),
                best=name == "best settings",
            )
            ours, seconds = EpochSeconds(trainer), []
            trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda run=theirs, into=seconds: into.append(run.epoch()))
            trainer.run()
            workflow.finalize()
        own, other = ours.values[1:], seconds[1:]  # the first warmed up
        yield Row(
            f"{name} (lightly {metadata.version('lightly')}), {size} px, batch {batch}",
            {
                "ours, images/s": per_second(batches * batch, own),
                "lightly, images/s": per_second(batches * batch, other),
                "ours / lightly": ratio(other, own, at_least=at_least),
            },
        )


def why_not(shim: Path | None) -> str:
    """Why lightly cannot be measured; empty: it can."""
    if importlib.util.find_spec("lightly") is None:
        return "lightly is not installed (pip install lightly)"
    try:
        if shim is not None:
            run_file(shim)
        import lightly.loss
        import lightly.transforms  # noqa: F401
    except Exception as error:  # of torchvision too: RuntimeError, AttributeError
        return f"lightly cannot be imported ({type(error).__name__}); a file to import before it: {SHIM}"
    return ""


def run_file(file: Path) -> None:
    """Import a Python file by its path, once."""
    import sys

    if "torchvision_shim_of_the_benchmarks" in sys.modules:
        return
    spec = importlib.util.spec_from_file_location("torchvision_shim_of_the_benchmarks", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[spec.name] = module


class Files(Dataset[Any]):
    """Pictures that are opened anew for every batch, as lightly's own data set does.

    Args:
        files: of the pictures.
        transform: an image of Pillow to a list of views.
    """

    def __init__(self, files: list[Path], transform: Callable[[Image.Image], list[torch.Tensor]]) -> None:
        self.files, self.transform = files, transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> list[torch.Tensor]:
        return self.transform(Image.open(self.files[index]).convert("RGB"))


class LightlyLoop:
    """The example's loop, with MONAI's ResNet-50.

    Args:
        files, size, batch: pictures, pixels of a view, images a batch.
        trainer: ours, from which it takes device and, with ``best``, precision and memory format.
        shape: of the network.
        best: with what made it fastest; else in float32, as the example is.
    """

    def __init__(self, files: list[Path], size: int, batch: int, trainer: Any, shape: Shape, best: bool) -> None:
        from lightly.loss import NTXentLoss
        from lightly.models.modules import MoCoProjectionHead
        from lightly.transforms import MoCoV2Transform

        self.device, self.dtype = trainer.state.device, trainer.autocast if best else None
        self.layout = torch.channels_last if best else torch.contiguous_format
        workers = trainer.data_loader.num_workers
        transform = MoCoV2Transform(input_size=size)
        self.loader = DataLoader(
            Files(files, transform), batch, shuffle=True, drop_last=True, num_workers=workers,
            persistent_workers=workers > 0,
        )  # fmt: skip
        width = shape.channels()[-1]
        self.query = nn.ModuleList([backbone(shape), MoCoProjectionHead(width, width, 128)]).to(self.device)
        self.query.to(memory_format=self.layout).train()
        self.key = copy.deepcopy(self.query).requires_grad_(False)
        self.criterion = NTXentLoss(memory_bank_size=(4096, 128)).to(self.device)
        self.optimizer = torch.optim.SGD(self.query.parameters(), lr=0.06)

    def encode(self, net: nn.ModuleList, images: torch.Tensor) -> torch.Tensor:
        return net[1](features(net[0], images)[-1].mean((2, 3)))

    def epoch(self) -> float:
        """Train for one epoch; return its seconds."""
        from lightly.models.utils import update_momentum

        began = wall()
        for views in self.loader:
            query, key = (view.to(self.device, memory_format=self.layout) for view in views)
            update_momentum(self.query, self.key, m=0.99)
            with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None):
                vectors = self.encode(self.query, query)
                with torch.no_grad():
                    keys = self.encode(self.key, key)
            loss = self.criterion(vectors.float(), keys.float())
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
        return wall() - began
