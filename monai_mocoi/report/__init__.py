"""What leaves the project: a bundle made for a data set, a package with its model card, the folder of an analysis."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "adapt_error": ["AdaptError"],
        "adaptation": ["Adaptation"],
        "adapted_bundle": ["adapt_bundle"],
        "bundle_package": ["Package", "package_bundle"],
        "bundle_place": ["check_bundle_name"],
        "encoder_analysis": ["PARTS", "EncoderAnalysis"],
        "finetuned_run": ["FinetunedRun", "read_finetuned_run"],
        "model_card": ["card_text"],
        "owner": ["Owner", "package_name", "read_owner"],
        "package_configs": ["packaged_inference", "packaged_metadata"],
        "package_error": ["PackageError"],
    },
)
