"""Metrics: pure functions of tensors or arrays, without input or output, one idea a file."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "bootstrap": ["Bootstrapped", "PatientResamples", "Statistic", "patient_bootstrap"],
        "calibration": ["expected_calibration_error", "top_label"],
        "cka": ["CKA", "KERNELS", "cka_matrix", "linear_cka", "permuted_cka_sd"],
        "clustered_auc": ["ClusteredAUC", "logit_interval", "normal_interval", "obuchowski_auc"],
        "confusion": ["ConfusionCounts", "confusion_counts", "macro_f1", "sensitivity_specificity"],
        "instance_retrieval": ["relative_contrastive_loss", "retrieval_accuracy"],
        "intervals": ["bca_interval", "bias_and_acceleration", "bootstrap_p_value", "percentile_interval"],
        "kolmogorov_smirnov": ["ks_distance", "resampled_deviations", "swapped_distances"],
        "jackknife": ["jackknife_interval"],
        "multiple_testing": ["holm"],
        "patient_statistics": [
            "average_precision_by_patient",
            "calibration_error_by_patient",
            "confusion_by_patient",
            "roc_auc_by_patient",
            "weighted_by_patient",
        ],
        "rank": ["effective_rank"],
        "ranking": ["average_precision", "roc_auc"],
        "selection": ["SELECTED_OVER", "SELECTION_METRICS", "ranked_columns", "selection_metric"],
        "scoring": ["ScoredClasses", "scored_classes"],
        "spread": ["feature_spread"],
        "thresholds": ["decide", "decide_by_highest", "one_hot", "youden_threshold"],
    },
)
