"""Dataset folders: reading their lists, auditing them for leaks, caching decoded images, and generating demo data."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "audit": ["AuditReport", "LeakError", "audit_datalist"],
        "balanced_sampler": ["BalancedSampler"],
        "cache_dir": ["user_cache_dir"],
        "cache_bits": ["resolved_cache_bits"],
        "class_balance": ["class_weights"],
        "class_subset": ["predictions_of", "record_of"],
        "columns": ["Columns", "age_unit", "as_numbers", "chosen_columns", "is_age", "item_columns", "read_columns"],
        "datalist": ["Datalist", "load_datalist", "load_to_pretrain", "require_images", "write_datalist"],
        "dataset": ["EpochIndex", "ImageDataset", "patient_code", "without_skipped"],
        "decoded_cache": ["DecodedCache"],
        "demo": ["generate_demo", "resolve_dataset_dir"],
        "enough_images": ["check_enough_to_pretrain", "check_learnable"],
        "errors": ["CacheFullError", "DatasetError"],
        "label_fraction": ["LabelSubset", "label_subset"],
        "label_order": ["draw_label_order", "draw_labelled"],
        "label_match": ["LabelMatch", "check_labels_fit", "match_labels"],
        "labels": [
            "check_labels_meant",
            "label_array",
            "label_kind",
            "label_values",
            "labelled_items",
            "labelled_part",
        ],
        "levels": ["AGE_BANDS", "Levels", "NoLevels", "check_age_bands", "column_levels"],
        "loader_workers": ["keep_working"],
        "new_image_dataset": ["NewImageDataset", "collate_readable"],
        "new_images": ["IMAGE_SUFFIXES", "find_new_images", "images_to_classify"],
        "overlap_words": ["overlap_in_words", "overlap_warnings"],
        "predictions": [
            "NotFinitePredictionError",
            "Predictions",
            "PredictionsError",
            "read_predictions",
            "write_predictions",
        ],
        "sampler": ["EpochSampler"],
        "seeding": ["derive_seed"],
        "seen_images": ["SeenImages", "pretraining_overlap", "take_down_images"],
        "splits": ["split_by_patient"],
    },
)
