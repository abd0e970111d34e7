"""The queue of negatives: keys of earlier batches with the index of the image that each was made from."""

import logging

import torch
from torch import nn

logger = logging.getLogger(__name__)

UNKNOWN = -1
"""Image or patient index of a key whose image is not known; it is never taken for a query's own."""


def bounded_queue_size(size: int, training_images: int, max_share: float | None = 0.5) -> int:
    """Bound the queue by a share of the training set (None: no bound, as in the paper), and say where it applies.

    A queue as long as the data set holds an old key of every query's own image (fault A9): a share of one half keeps
    most of the queue new, and the mask of own images does the rest. A number out of range is a ValueError.
    """
    if size < 1:
        raise ValueError(f"queue_size is {size}, but must be 1 or more.")
    if max_share is None:
        return size
    if not 0 < max_share <= 1:
        raise ValueError(f"queue_max_share is {max_share}, but must lie in 0..1 (null: no bound).")
    bound = max(1, int(max_share * training_images))
    if size > bound:
        text = "queue_size %d is more than %g of the %d training images: a queue of %d is used"
        logger.warning(f"{text} (queue_max_share none lifts the bound).", size, max_share, training_images, bound)
    return min(size, bound)


class NegativeQueue(nn.Module):
    """A ring of the newest ``size`` (K) keys of length ``dim``; any batch size fits, the last of an epoch too.

    Buffers (all saved in a state dict):
        keys: ``(K, dim)`` float; images: ``(K,)`` index of each key's image, or -1; patients: likewise;
        filled: ``(K,)`` bool; pointer: where the next key goes.

    Examples:
        >>> import torch
        >>> from monai_mocoi.networks import NegativeQueue
        >>> queue = NegativeQueue(size=3, dim=2)
        >>> queue.enqueue(torch.eye(2), images=torch.tensor([7, 8]))
        >>> queue.images.tolist()
        [7, 8, -1]
        >>> queue.valid_for(images=torch.tensor([7])).tolist()  # neither the image's own key nor the empty place
        [[False, True, False]]
    """

    keys: torch.Tensor
    images: torch.Tensor
    patients: torch.Tensor
    filled: torch.Tensor
    pointer: torch.Tensor

    def __init__(self, size: int, dim: int = 128) -> None:
        super().__init__()
        if size < 1 or dim < 1:
            raise ValueError(f"a queue needs size and dim of 1 or more, but got size={size}, dim={dim}.")
        self.register_buffer("keys", torch.zeros(size, dim))
        self.register_buffer("images", torch.full((size,), UNKNOWN))
        self.register_buffer("patients", torch.full((size,), UNKNOWN))
        self.register_buffer("filled", torch.zeros(size, dtype=torch.bool))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.long))

    @property
    def size(self) -> int:
        """K: how many keys the queue can hold."""
        return len(self.keys)

    def extra_repr(self) -> str:
        """Its two sizes, for a printed network and for the comparison with an earlier run."""
        return f"size={self.size}, dim={self.keys.shape[1]}"

    def fill_share(self) -> torch.Tensor:
        """Share of the places that hold a key, 0..1."""
        return self.filled.float().mean()

    @torch.no_grad()
    def enqueue(
        self, keys: torch.Tensor, images: torch.Tensor | None = None, patients: torch.Tensor | None = None
    ) -> None:
        """Put keys ``(N, dim)`` in, over the oldest ones. Of a batch longer than the queue, the last K stay.

        ``images`` and ``patients`` are ``(N,)``, the index of each key's image and patient; None: unknown.
        """
        if keys.ndim != 2 or keys.shape[1] != self.keys.shape[1]:
            raise ValueError(f"keys must be (N, {self.keys.shape[1]}), but their shape is {tuple(keys.shape)}.")
        count = len(keys)
        places = (self.pointer + torch.arange(count, device=keys.device)) % self.size
        kept = slice(max(0, count - self.size), count)
        places = places[kept]
        self.keys[places] = keys[kept].to(self.keys.dtype)
        self.images[places] = UNKNOWN if images is None else images[kept].to(self.images)
        self.patients[places] = UNKNOWN if patients is None else patients[kept].to(self.patients)
        self.filled.index_fill_(0, places, True)
        self.pointer.copy_((self.pointer + count) % self.size)

    @torch.no_grad()
    def valid_for(self, images: torch.Tensor | None = None, patients: torch.Tensor | None = None) -> torch.Tensor:
        """Tell which keys are negatives: ``(N, K)`` bool, or ``(1, K)`` where both arguments are None.

        These are the filled ones that are not of the query's own image or patient, whose index ``(N,)`` is given; None:
        own ones are not masked.
        """
        valid = self.filled.unsqueeze(0)
        for own, stored in ((images, self.images), (patients, self.patients)):
            if own is not None:
                own = own.to(stored).unsqueeze(1)
                valid = valid & ((own != stored) | (own == UNKNOWN))
        return valid
