"""Metrics: pure functions of tensors or arrays, without input or output, one idea a file."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "instance_retrieval": ["relative_contrastive_loss", "retrieval_accuracy"],
        "rank": ["effective_rank"],
        "spread": ["feature_spread"],
    },
)
