"""What an iteration computed, as floats that come from the device without anybody waiting for it."""

import math
from collections.abc import Iterator, Mapping

import torch

from monai_mocoi.distributed import mean_over_ranks


class IterationValues(Mapping[str, float]):
    """Means over all processes by name; a copy is on its way to the host, and whoever looks waits for it.

    Those that are not finite are left out, such as the top-1 of a first batch without negatives.

    Args:
        iteration, batch: which it was, and on what.
        values: scalar tensors of this process.
        losses: how many of them, the first ones, must be finite.
        known: floats that need no device.
    """

    def __init__(
        self,
        iteration: int,
        batch: Mapping[str, torch.Tensor],
        values: Mapping[str, torch.Tensor],
        losses: int,
        known: Mapping[str, float],
    ) -> None:
        self.iteration, self.batch = iteration, batch
        self.names, self.losses, self.known = list(values), list(values)[:losses], known
        self.own = torch.stack([value.detach().double() for value in values.values()])
        # A loss that is not finite anywhere is so in the mean.
        means = mean_over_ranks(self.own)
        self.bad = 1 - torch.isfinite(means[:losses]).all().float()
        """1 where a loss is not finite, 0 where all are: a scalar on the device."""
        self._means = means.to("cpu", non_blocking=True)
        self._copied = None
        if means.is_cuda:
            self._copied = torch.cuda.Event()
            self._copied.record(torch.cuda.current_stream(means.device))
        self._read: dict[str, float] | None = None

    def not_finite(self) -> bool:
        """Whether a loss is NaN or infinite."""
        if self._copied is not None:
            self._copied.synchronize()
        return not bool(torch.isfinite(self._means[: len(self.losses)]).all())

    def read(self) -> dict[str, float]:
        """All of them, as a dict."""
        if self._read is None:
            if self._copied is not None:
                self._copied.synchronize()
            found = {**dict(zip(self.names, self._means.tolist(), strict=True)), **self.known}
            self._read = {name: value for name, value in found.items() if math.isfinite(value)}
        return self._read

    def __getitem__(self, name: str) -> float:
        return self.read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.read())

    def __len__(self) -> int:
        return len(self.read())
