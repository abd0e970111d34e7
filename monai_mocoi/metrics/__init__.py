"""Metrics: pure functions of arrays or tensors, without input or output, one idea a file."""

import lazy_loader

from monai_mocoi.deprecated import with_old_names

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__getattr__ = with_old_names(
    __name__,
    __getattr__,
    {
        "ScoredClasses": "EvaluableClasses",
        "feature_spread": "std_of_l2_normalized",
        "relative_contrastive_loss": "normalized_info_nce",
        "retrieval_accuracy": "top_k_accuracy",
        "scored_classes": "evaluable_classes",
    },
)
