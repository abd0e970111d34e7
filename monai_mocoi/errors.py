"""Errors of the package: one family, each with the exit code that a command ends with.

Every class also derives from the built-in error that fits it, so that a Python caller may catch either. A text says
what is wrong, with values and limits, and what to do in the library's terms; the command line adds what to type. No
text names a patient, or a path that could.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monai_mocoi.exit_codes import COLLAPSED, DATA, DISK_FULL, ERROR, NOT_FINITE, USAGE


class MocoiError(Exception):
    """Base of all errors of this package.

    Args:
        code: of the case, by which the command line finds what to type next; None: the class alone decides.
    """

    exit_code = ERROR
    code: str | None = None

    def __init__(self, *args: object, code: str | None = None) -> None:
        super().__init__(*args)
        self.code = code


class UsageError(MocoiError, ValueError):
    """A command, config file, setting or its value is refused before anything is done; one line."""

    exit_code = USAGE


class SettingsError(MocoiError, ValueError):
    """A setting has a value that cannot be used.

    Args:
        text: names the setting, its value and the values that can be used.
        setting: its name; empty: the text is about several.
        value: its value.
    """

    exit_code = USAGE

    def __init__(self, text: str, setting: str = "", value: object = None) -> None:
        super().__init__(text)
        self.setting, self.value = setting, value


class RunFolderError(MocoiError, ValueError):
    """A run folder, or a folder for results, cannot be used."""

    exit_code = USAGE


class WeightsError(MocoiError, ValueError):
    """A weights file cannot be used or written."""

    exit_code = USAGE


class PackageError(MocoiError, ValueError):
    """A bundle, run or file cannot become a package; nothing was written."""

    exit_code = USAGE


class AdaptError(MocoiError, ValueError):
    """No adapted bundle can be made of a bundle, name or data set; nothing was written."""

    exit_code = USAGE


class EvaluationError(MocoiError, ValueError):
    """Settings of an evaluation cannot be used."""

    exit_code = USAGE


class ComparisonError(MocoiError, ValueError):
    """Predictions cannot be compared with each other."""

    exit_code = DATA


class FeatureReuseError(MocoiError, ValueError):
    """Features cannot be compared."""

    exit_code = DATA


class FeatureError(MocoiError, ValueError):
    """An encoder gives features that are NaN or infinite."""

    exit_code = NOT_FINITE


class PredictionsError(MocoiError, ValueError):
    """Predictions cannot be used; the text says where and why."""

    exit_code = DATA


class NotFinitePredictionError(PredictionsError):
    """A probability is NaN or infinite."""

    exit_code = NOT_FINITE


class DatasetError(MocoiError, ValueError):
    """A dataset folder, its list, its images or its cache cannot be used."""

    exit_code = DATA


class NoDatasetError(DatasetError):
    """A folder is no finished dataset folder.

    Args:
        text: the whole sentence.
        dataset_dir: the folder, as it was given.
        modality: of the bundle that is to use it; None: not known.
    """

    def __init__(self, text: str, dataset_dir: str = "", modality: str | None = None) -> None:
        super().__init__(text)
        self.dataset_dir, self.modality = dataset_dir, modality


class RefusedError(DatasetError):
    """An option or an output folder is refused before anything is changed."""

    exit_code = USAGE


class HomeFolderError(RefusedError):
    """A home folder is needed, and none is known."""


class LockError(MocoiError, OSError):
    """The file of a lock cannot be made in its folder."""

    exit_code = USAGE


class TableError(DatasetError):
    """A table or list cannot be read; the text says how to save it."""


class CacheFullError(DatasetError):
    """There is no room for a cache; nothing half written is left."""

    exit_code = DISK_FULL


class NothingLearntError(DatasetError):
    """No class has both a positive and a negative image among those drawn.

    Args:
        text: the whole sentence.
        images: how many were drawn.
    """

    def __init__(self, text: str, images: int) -> None:
        super().__init__(text)
        self.images = images


class ImageReadError(MocoiError, ValueError):
    """A file holds no picture that can be read.

    The text names neither the file nor a person: it holds no path and no text from the file's header. A caller that
    knows the file's name to be public adds it.
    """

    exit_code = DATA


class ConstantImageError(ImageReadError):
    """All pixels of a picture are alike, so it shows nothing: a bad image, though the file is whole."""


class FundusError(ImageReadError):
    """A picture shows no usable fundus disc, or one that is too dark or too bright; the text is the reason."""


class ImageDecodeError(DatasetError):
    """One image of a data set cannot be read.

    Args:
        text: the whole sentence, with the image's row and name.
        reason: the reader's reason alone, without row, name and path.
    """

    def __init__(self, text: str, reason: str = "") -> None:
        super().__init__(text)  # the text alone, so that pickling and a DataLoader's workers can make it anew
        self.reason = reason


class CheckpointError(MocoiError, ValueError):
    """No checkpoint can be read."""

    exit_code = DATA


class DiskFullError(MocoiError, OSError):
    """There is no room for a checkpoint; the text says how much is needed and free."""

    exit_code = DISK_FULL


class CollapseError(MocoiError, RuntimeError):
    """The encoder collapsed; the text says when, by which figures, and what to change."""

    exit_code = COLLAPSED


class NotFiniteError(MocoiError, FloatingPointError):
    """A loss term is NaN or infinite.

    Args:
        iteration: from 1.
        terms: names of the terms.
        rows: of the batch's images, over all processes.
        report: the file with details, or why it could not be written; None: no report was asked for.
        image_list: what the rows are rows of.
    """

    exit_code = NOT_FINITE

    def __init__(
        self,
        iteration: int,
        terms: Sequence[str],
        rows: Sequence[int],
        report: Path | OSError | None = None,
        image_list: str = "training in datalist.json",
    ) -> None:
        self.iteration, self.terms, self.rows = iteration, list(terms), list(rows)
        details = f" Details: {report}." if report else ""
        if isinstance(report, OSError):
            details = f" The report with details could not be written ({report.strerror})."
        super().__init__(
            f"iteration {iteration}: {', '.join(terms)} is not finite. The batch held the images {self.rows} (rows of "
            f"{image_list}, from 0).{details} Look at these images; if they are sound, start a new run with a lower "
            "learning_rate, with max_grad_norm (for example 1.0), or with precision float32."
        )


class WeightsNotFiniteError(NotFiniteError):
    """A weight or another tensor of the network is NaN or infinite.

    Args:
        iteration: after which it is so, from 1.
        name: of the first such tensor in the network.
    """

    def __init__(self, iteration: int, name: str) -> None:
        self.iteration, self.terms, self.rows = iteration, [name], list[int]()
        FloatingPointError.__init__(
            self,
            f"iteration {iteration}: {name} of the network is not finite after this step, so the network was not "
            "saved. What was saved before is intact, but a continued run would come here again: start a new run with "
            "a lower learning_rate, with max_grad_norm (for example 1.0), or with precision float32.",
        )
