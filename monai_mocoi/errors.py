"""Errors of the package: one family, each with the exit code that a command ends with.

Every class also derives from the built-in error that fits it. A text says what is wrong, with values and limits, and
what to do in the library's terms; the command line adds what to type. No text names a patient, or a path that could.
"""

from collections.abc import Sequence

from monai_mocoi.exit_codes import COLLAPSED, DATA, DISK_FULL, ERROR, NOT_FINITE, USAGE


class MocoiError(Exception):
    """Base of all errors of this package; by the ``code`` of a case the command line finds what to type next."""

    exit_code = ERROR
    code: str | None = None

    def __init__(self, *args: object, code: str | None = None) -> None:
        super().__init__(*args)
        self.code = code

    def __init_subclass__(cls, exit_code: int | None = None) -> None:
        if exit_code is not None:
            cls.exit_code = exit_code


class UsageError(MocoiError, ValueError, exit_code=USAGE):
    """A command, config file, setting or its value is refused before anything is done; one line."""


class SettingsError(MocoiError, ValueError, exit_code=USAGE):
    """A setting, if the error is of one, has a value that cannot be used; the text says which values can."""

    def __init__(self, text: str, setting: str = "", value: object = None) -> None:
        super().__init__(text)
        self.setting, self.value = setting, value


class RunFolderError(MocoiError, ValueError, exit_code=USAGE):
    """A run folder, or a folder for results, cannot be used."""


class WeightsError(MocoiError, ValueError, exit_code=USAGE):
    """A weights file cannot be used or written."""


class PackageError(MocoiError, ValueError, exit_code=USAGE):
    """A bundle, run or file cannot become a package; nothing was written."""


class AdaptError(MocoiError, ValueError, exit_code=USAGE):
    """No adapted bundle can be made of a bundle, name or data set; nothing was written."""


class StudyError(MocoiError, ValueError, exit_code=USAGE):
    """A study, its plan or its folder cannot be used; nothing was changed."""


class EvaluationError(MocoiError, ValueError, exit_code=USAGE):
    """Settings of an evaluation cannot be used."""


class ComparisonError(MocoiError, ValueError, exit_code=DATA):
    """Predictions cannot be compared with each other."""


class FeatureReuseError(MocoiError, ValueError, exit_code=DATA):
    """Features cannot be compared."""


class FeatureError(MocoiError, ValueError, exit_code=NOT_FINITE):
    """An encoder gives features that are NaN or infinite."""


class PredictionsError(MocoiError, ValueError, exit_code=DATA):
    """Predictions cannot be used; the text says where and why."""


class NotFinitePredictionError(PredictionsError, exit_code=NOT_FINITE):
    """A probability is NaN or infinite."""


class DatasetError(MocoiError, ValueError, exit_code=DATA):
    """A dataset folder, its list, its images or its cache cannot be used."""


class NoDatasetError(DatasetError):
    """A folder, as it was given, is no finished dataset folder; ``modality`` of the bundle that is to use it."""

    def __init__(self, text: str, dataset_dir: str = "", modality: str | None = None) -> None:
        super().__init__(text)
        self.dataset_dir, self.modality = dataset_dir, modality


class RefusedError(DatasetError, exit_code=USAGE):
    """An option or an output folder is refused before anything is changed."""


class HomeFolderError(RefusedError):
    """A home folder is needed, and none is known."""


class LockError(MocoiError, OSError, exit_code=USAGE):
    """The file of a lock cannot be made in its folder."""


class TableError(DatasetError):
    """A table or list cannot be read; the text says how to save it."""


class CacheFullError(DatasetError, exit_code=DISK_FULL):
    """There is no room for a cache; nothing half written is left."""


class NothingLearntError(DatasetError):
    """No class has both a positive and a negative image among the ``images`` that were drawn."""

    def __init__(self, text: str, images: int) -> None:
        super().__init__(text)
        self.images = images


class ImageReadError(MocoiError, ValueError, exit_code=DATA):
    """A file holds no picture that can be read; the text has no path, and nothing from the file's header."""


class ConstantImageError(ImageReadError):
    """All pixels of a picture are alike, so it shows nothing: a bad image, though the file is whole."""


class FundusError(ImageReadError):
    """A picture shows no usable fundus disc, or one that is too dark or too bright; the text is the reason."""


class ImageDecodeError(DatasetError):
    """One image of a data set cannot be read; ``reason`` is the reader's alone, without row, name and path."""

    def __init__(self, text: str, reason: str = "") -> None:
        super().__init__(text)  # the text alone, so that pickling and a DataLoader's workers can make it anew
        self.reason = reason


class CheckpointError(MocoiError, ValueError, exit_code=DATA):
    """No checkpoint can be read."""


class DiskFullError(MocoiError, OSError, exit_code=DISK_FULL):
    """There is no room for a checkpoint; the text says how much is needed and free."""


class CollapseError(MocoiError, RuntimeError, exit_code=COLLAPSED):
    """The encoder collapsed; the text says when, by which figures, and what to change."""


class NotFiniteError(MocoiError, FloatingPointError, exit_code=NOT_FINITE):
    """A number in training is NaN or infinite: of which ``terms`` (names), at which ``iteration`` (from 1)."""

    def __init__(self, text: str, iteration: int, terms: Sequence[str], rows: Sequence[int] = ()) -> None:
        super().__init__(text)
        self.iteration, self.terms, self.rows = iteration, list(terms), list(rows)
