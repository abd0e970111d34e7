"""MoCo with stage representations: a query encoder, its moving average, and a queue of negatives.

References: He et al. 2020 (momentum contrast); Kaku, Upadhya, Razavian 2021 (losses after each stage).
"""

from collections.abc import Sequence

import torch
from torch import nn

from monai_mocoi.distributed.processes import gather_rows
from monai_mocoi.distributed.shared_network import unwrap
from monai_mocoi.networks.aligned_map import shown_points
from monai_mocoi.networks.encoded_view import MoCoOutput, project
from monai_mocoi.networks.momentum_pair import MomentumPair
from monai_mocoi.networks.negative_queue import NegativeQueue
from monai_mocoi.networks.stage_encoder import StageEncoder
from monai_mocoi.networks.stage_heads import StageHead
from monai_mocoi.networks.stage_overlap import stage_overlaps


class MoCo(MomentumPair):
    """Momentum contrast on a stage encoder.

    In training, each forward pass moves the key encoder by the exponential moving average (parameters only), encodes
    the key view with BatchNorm in train mode on a shuffled batch, un-shuffles everything (fault B3), and puts the keys
    into the queue. None of this happens in eval mode (fault A5).

    BatchNorm sees the statistics of a part of the batch: that of this process, split once more into ``bn_splits``. The
    key view's parts are drawn anew in every step, so that the statistics do not give the positive away (He et al. 2020,
    section 3.3). The running statistics move once a view, towards the average of the parts'.

    Args:
        encoder: the query encoder; the key encoder starts as its copy.
        head: the projection head, ``(N, F)`` to ``(N, D)``; it has a moving average too.
        queue: the queue of negatives, with keys of length D.
        stage_heads: none (plain MoCo), or one for each of the four stages.
        momentum: of the moving average, 0..1; 0.999 in the paper.
        bn_splits: BatchNorm parts a process, 1 or more; each has two images at least.
        mask_own_image, mask_own_patient: a queued key of the query's own image (fault A9) or patient is no negative.
        seed: draw all weights again from this seed, a stream of its own for each part, so that arms which share a part
            start from the same weights (fault A8); None: keep them. The shuffling of step s is drawn from (seed, s).

    Examples:
        >>> import torch
        >>> from monai.networks.nets import resnet18
        >>> from monai_mocoi.losses import InfoNCELoss
        >>> from monai_mocoi.networks import MoCo, NegativeQueue, ProjectionHead, StageEncoder
        >>> backbone = resnet18(spatial_dims=2, n_input_channels=3, conv1_t_stride=2, feed_forward=False)
        >>> head = ProjectionHead("mlp_bn", in_features=512, out_features=128)
        >>> moco = MoCo(StageEncoder(backbone), head, NegativeQueue(size=8, dim=128), seed=1)
        >>> output = moco(torch.rand(4, 1, 32, 32), torch.rand(4, 1, 32, 32), images=torch.arange(4))
        >>> InfoNCELoss()(output.positive, output.negative, output.mask).item()  # no negatives before the first step
        0.0
        >>> int(moco.queue.filled.sum())
        4
    """

    steps: torch.Tensor

    def __init__(
        self,
        encoder: StageEncoder,
        head: nn.Module,
        queue: NegativeQueue,
        stage_heads: Sequence[StageHead] | None = None,
        momentum: float = 0.999,
        bn_splits: int = 1,
        mask_own_image: bool = True,
        mask_own_patient: bool = False,
        seed: int | None = None,
    ) -> None:
        super().__init__(encoder, head, list(stage_heads or []), momentum, bn_splits, seed)
        self.queue = queue
        self.mask_own_image = mask_own_image
        self.mask_own_patient = mask_own_patient
        self._needs_two = any(isinstance(m, nn.BatchNorm1d) for m in (*head.modules(), *self.stage_heads.modules()))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def forward(
        self,
        query_view: torch.Tensor,
        key_view: torch.Tensor,
        images: torch.Tensor | None = None,
        patients: torch.Tensor | None = None,
        move_key_encoder: bool = True,
        watch_stages: bool = True,
        geometry: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> MoCoOutput:
        """Compare two views of a batch of images with each other and with the queue.

        Args:
            query_view, key_view: ``(N, C, H, W)`` two views of the same images in the same order.
            images, patients: ``(N,)`` index of each image, and of its patient, for the masks; None: unknown.
            move_key_encoder: False for all micro-batches of an accumulated step except the first.
            watch_stages: give ``pooled_stages``; it costs a pass over all stage maps.
            geometry: of both views, for :class:`~monai_mocoi.networks.AlignedMap`: where they lie in their images,
                ``(N, pictures, 2, 3)``, see :func:`~monai_mocoi.transforms.view_maps.view_maps`.
        """
        if self.training and self._needs_two and len(query_view) < 2:
            raise ValueError("a batch of 1 image has no batch statistics for BatchNorm: set batch_size to 2 or more.")
        overlap = None
        if geometry is not None and self.aligned:
            sizes = query_view.shape[2:], key_view.shape[2:]
            overlap = stage_overlaps(geometry, sizes, self.query_encoder.stage_strides)
        at_query, at_key = (None, None) if overlap is None else (overlap.query, overlap.key)
        query = self.encode_queries(query_view, watch_stages, at_query)
        with torch.no_grad():
            if self.training and move_key_encoder:
                self.update_key_encoder()
            if self.known_step is None:
                self.known_step = int(self.steps)
            key, all_keys = self.encode_keys(key_view, self.known_step, at_key)

        parts = self.parts(len(query_view))
        stages = [project(*each, parts) for each in zip(self.stage_heads, query.pooled, key.pooled, strict=True)]

        with torch.autocast(query.vectors.device.type, enabled=False):
            positive = (query.vectors * key.vectors).sum(dim=1)
            # A copy: the queue changes below, before the backward pass reads these keys.
            negative = query.vectors @ self.queue.keys.clone().to(query.vectors.dtype).T
        mask = self.queue.valid_for(
            images if self.mask_own_image else None, patients if self.mask_own_patient else None
        )
        if self.training:
            self.queue.enqueue(
                all_keys,
                None if images is None else gather_rows(images),
                None if patients is None else gather_rows(patients),
            )
            self.steps += 1
            self.known_step += 1
        return MoCoOutput(
            query=query.vectors,
            key=key.vectors,
            positive=positive,
            negative=negative,
            mask=mask.expand_as(negative),
            stages_query=tuple(own for own, _ in stages),
            stages_key=tuple(other for _, other in stages),
            pooled_stages=query.averages,
            stage_masks=() if overlap is None else shown_points(self.aligned_heads, query.pooled, overlap),
            overlap=None if overlap is None else overlap.share,
        )

    def extra_repr(self) -> str:
        """What is set beside the parts, for a printed network and for the comparison with an earlier run."""
        names = ("momentum", "bn_splits", "mask_own_image", "mask_own_patient", "shuffle_seed")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


def unwrap_moco(network: nn.Module) -> MoCo:
    """The MoCo network inside DistributedDataParallel, or the network itself; a TypeError: it is no MoCo."""
    inner = unwrap(network)
    if not isinstance(inner, MoCo):
        raise TypeError(f"the network is a {type(inner).__name__}, but must be a monai_mocoi.networks.MoCo.")
    return inner
