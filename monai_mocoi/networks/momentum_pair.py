"""Momentum pair: a query encoder with its heads, and the moving average of it that encodes the keys."""

import copy
from collections.abc import Sequence

import torch
from torch import nn

from monai_mocoi.distributed.processes import gather_rows, world_size
from monai_mocoi.networks.aligned_map import AlignedMap
from monai_mocoi.networks.batch_statistics import batch_parts
from monai_mocoi.networks.encoded_view import Branch, EncodedView
from monai_mocoi.networks.stage_encoder import StageEncoder, draw_weights
from monai_mocoi.networks.stage_heads import StageHead


class MomentumPair(nn.Module):
    """The networks of :class:`~monai_mocoi.networks.MoCo`, which documents the arguments."""

    def __init__(
        self,
        encoder: StageEncoder,
        head: nn.Module,
        stage_heads: Sequence[StageHead],
        momentum: float,
        bn_splits: int,
        seed: int | None,
    ) -> None:
        super().__init__()
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum is {momentum}, but must lie in 0..1 (0.99 to 0.999 are usual).")
        if bn_splits < 1:
            raise ValueError(f"bn_splits is {bn_splits}, but must be 1 (no split) or more.")
        if len(stage_heads) not in (0, len(encoder.stage_channels)):
            raise ValueError(
                f"there are {len(stage_heads)} stage heads, but the encoder has {len(encoder.stage_channels)} stages: "
                "give one for each, or none."
            )
        if len({isinstance(head, AlignedMap) for head in stage_heads}) == 2:
            raise ValueError("some stage heads are AlignedMap, some are not: give AlignedMap for every stage, or none.")
        if seed is not None:
            for part, module in enumerate([encoder, head, *stage_heads]):
                draw_weights(module, seed=seed * 1000 + part)
        self.query_encoder = encoder
        self.query_head = head
        self.key_encoder = copy.deepcopy(encoder).requires_grad_(False)
        self.key_head = copy.deepcopy(head).requires_grad_(False)
        self.stage_heads = nn.ModuleList(stage_heads)
        self.momentum = momentum
        self.bn_splits = bn_splits
        self.shuffle_seed = seed or 0
        # MoCo's steps on the host, for to ask a GPU each time would be to wait for it; None: to be asked.
        self.known_step: int | None = None
        self.register_load_state_dict_post_hook(_forget_step)  # type: ignore[no-untyped-call]

    @property
    def aligned(self) -> bool:
        """Whether the stages are compared by the views' geometry."""
        return bool(self.aligned_heads)

    @property
    def aligned_heads(self) -> list[AlignedMap]:
        """All stage heads, or none."""
        return [head for head in self.stage_heads if isinstance(head, AlignedMap)]

    def embed(self, view: torch.Tensor) -> torch.Tensor:
        """Unit vectors ``(N, D)`` of the *query* encoder and head: both views of validation come from it."""
        branch = Branch(self.query_encoder, self.query_head, ())
        return branch.encode(view, self.parts(len(view))).vectors

    @torch.no_grad()
    def update_key_encoder(self) -> None:
        """Move the key encoder and head towards the query's: parameters only, buffers follow their own data."""
        keys: list[torch.Tensor] = [*self.key_encoder.parameters(), *self.key_head.parameters()]
        queries: list[torch.Tensor] = [*self.query_encoder.parameters(), *self.query_head.parameters()]
        torch._foreach_lerp_(keys, queries, 1 - self.momentum)

    def encode_queries(
        self, view: torch.Tensor, averages: bool = False, places: torch.Tensor | None = None
    ) -> EncodedView:
        """Encode the query view; see :class:`~monai_mocoi.networks.encoded_view.Branch`."""
        branch = Branch(self.query_encoder, self.query_head, self._stage_heads())
        return branch.encode(view, self.parts(len(view)), averages, places)

    def encode_keys(
        self, view: torch.Tensor, step: int, places: torch.Tensor | None = None
    ) -> tuple[EncodedView, torch.Tensor]:
        """Encode the key view; return this process's keys, and the keys of all processes in order."""
        branch, parts = Branch(self.key_encoder, self.key_head, self._stage_heads()), self.parts(len(view))
        if self.training and parts * world_size() > 1:
            return branch.encode_shuffled(view, parts, self.shuffle_seed * 1_000_003 + step, places)
        key = branch.encode(view, parts, places=places)
        return key, gather_rows(key.vectors)

    def parts(self, batch: int) -> int:
        """Into how many BatchNorm parts a batch is split; 1 in evaluation."""
        return batch_parts(batch, self.bn_splits) if self.training else 1

    def _stage_heads(self) -> list[StageHead]:
        return [head for head in self.stage_heads if isinstance(head, StageHead)]


def _forget_step(network: MomentumPair, keys: object) -> None:
    network.known_step = None
