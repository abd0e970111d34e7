"""Drawn images with findings that follow from what is drawn: for demonstrations and tests, never medical data."""

from monai_mocoi._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "chest": [
            "CARDIOTHORACIC_LIMIT",
            "CHEST_FINDINGS",
            "CHEST_VERSION",
            "FIELD_CM",
            "Anatomy",
            "Drawing",
            "Study",
            "draw_chest",
            "sample_anatomy",
            "sample_study",
        ],
        "fundus": [
            "FUNDUS_CLASSES",
            "FUNDUS_VERSION",
            "SIDES",
            "FundusDrawing",
            "Person",
            "Photograph",
            "draw_photograph",
            "sample_person",
            "sample_photograph",
        ],
        "fundus_outlines": ["LESIONS", "Outline"],
        "histology": [
            "FIELD_UM",
            "HISTOLOGY_CLASSES",
            "HISTOLOGY_VERSION",
            "Nucleus",
            "Patch",
            "Slide",
            "draw_patch",
            "sample_patch",
            "sample_slide",
        ],
        "radiograph_file": ["RadiographIdentity", "Storage", "sample_storage", "save_radiograph"],
    },
)
