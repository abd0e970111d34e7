"""Reading images and drawing random views of them: array transforms, and dict transforms ending in ``d``."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "blur": ["RandGaussianBlur", "RandGaussianBlurd", "gaussian_blur"],
        "colour": [
            "RandColorJitter",
            "RandColorJitterd",
            "RandGrayscale",
            "RandGrayscaled",
            "adjust_brightness",
            "adjust_contrast",
            "adjust_hue",
            "adjust_saturation",
            "to_grayscale",
        ],
        "crop": ["RandResizedCrop", "RandResizedCropd", "crop_resize"],
        "stain": ["RandStainJitter", "RandStainJitterd", "adjust_stain"],
        "rescale_intensity": ["RescaleIntensity", "RescaleIntensityd"],
        "rotation": ["RandRotation", "RandRotationd", "rotate"],
        "views": ["TwoViews", "TwoViewsd"],
        "fit_square": ["FitSquare", "FitSquared"],
        "fundus_crop": ["FundusCrop", "FundusCropd"],
        "fundus_disc": ["Disc", "FundusError", "crop_to_disc", "find_disc"],
        "eight_bit": ["LoadImageFile", "LoadImageFiled", "ScaleFrom8Bit", "ScaleFrom8Bitd"],
        "grey_levels": ["is_flattened"],
        "image_errors": ["MAX_PIXELS", "ConstantImageError", "ImageReadError"],
        "load": ["ReadImage", "ReadImaged"],
        "reader": ["read_image"],
        "recalibrate": ["Recalibrate", "Recalibrated"],
        "rounding": ["RoundToBits", "RoundToBitsd"],
    },
)
