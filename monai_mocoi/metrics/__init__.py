"""Metrics: pure functions of tensors or arrays, without input or output, one idea a file."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "bootstrap": ["Bootstrapped", "PatientResamples", "Statistic", "patient_bootstrap"],
        "brier": ["brier_by_patient"],
        "calibration": ["expected_calibration_error", "top_label"],
        "calibration_slope": [
            *("PROBABILITY_FLOOR", "CalibrationLine", "NoCalibrationLineError", "calibration_line"),
            "calibration_line_by_patient",
        ],
        "cka": ["CKA", "KERNELS", "cka_matrix", "linear_cka", "permuted_cka_sd"],
        "clustered_auc": ["ClusteredAUC", "logit_interval", "normal_interval", "obuchowski_auc"],
        "conformal": ["references_needed", "unusual_percentile"],
        "confusion": ["ConfusionCounts", "confusion_counts", "macro_f1", "sensitivity_specificity"],
        "independent_difference": ["interval_of_difference"],
        "inputs": ["UNKNOWN", "is_known"],
        "instance_retrieval": ["relative_contrastive_loss", "retrieval_accuracy"],
        "intervals": ["bca_interval", "bias_and_acceleration", "bootstrap_p_value", "percentile_interval"],
        "jackknife": ["jackknife_interval"],
        "k_nearest_neighbours": ["nearest_neighbour_scores"],
        "known": ["confusion_over_known", "known_by_patient", "over_known"],
        "kolmogorov_smirnov": ["ks_distance", "resampled_deviations", "swapped_distances"],
        "mahalanobis": ["ShrunkGaussian", "fit_shrunk_gaussian", "mahalanobis_distance"],
        "multiple_testing": ["holm"],
        "net_benefit": ["net_benefit_by_patient"],
        "operating_points": ["OPERATING_MEASURES", "operating_point_by_patient", "threshold_for"],
        "patient_statistics": [
            *("average_precision_by_patient", "calibration_error_by_patient", "confusion_by_patient"),
            *("roc_auc_by_patient", "weighted_by_patient"),
        ],
        "picture_statistics": ["statistics_of_picture"],
        "rank": ["effective_rank"],
        "ranking": ["average_precision", "roc_auc"],
        "recalibration": ["apply_recalibration", "fit_temperature", "platt_scaled", "temperature_scaled"],
        "reliability": ["equal_count_bins", "observed_share_by_patient"],
        "scoring": ["ScoredClasses", "scored_classes"],
        "selection": ["SELECTED_OVER", "SELECTION_METRICS", "ranked_columns", "selection_metric"],
        "spread": ["feature_spread"],
        "thresholds": ["decide", "decide_by_highest", "one_hot", "youden_threshold"],
    },
)
