"""Published numbers: what the paper gives for its data sets (Kaku et al., NeurIPS 2021), in hundredths."""

from collections.abc import Mapping
from typing import NamedTuple

from monai_mocoi.packaging.run_words import PUBLIC_SETS
from monai_mocoi.study_report.tested_run import SUPERVISED


class Published(NamedTuple):
    """A number of the paper with its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def words(self) -> str:
        """As the report shows its own."""
        return f"{self.value:.1f} ({self.low:.1f} to {self.high:.1f})"


_ARMS = (SUPERVISED, "moco", "mse", "barlow")
_NIH, _BCH, _DR = (PUBLIC_SETS[name] for name in ("chest", "histology", "fundus"))
METRIC_OF = {_NIH: "auc", _BCH: "f1", _DR: "auc"}
"""What the paper measures on each data set, by the name that ``data_prep`` gives it."""

# Data set, evaluation, share of labels: supervised, MoCo, + MSE, + Barlow Twins.
_NUMBERS: Mapping[tuple[str, str, float], str] = {
    (_NIH, "linear", 1.0): "79.8 79.2 80.3  74.4 73.9 75.0  74.8 74.2 75.4  73.5 72.9 74.0",
    (_DR, "linear", 1.0): "94.1 94.1 94.2  74.6 74.5 74.7  84.8 84.6 85.0  79.7 79.6 79.7",
    (_BCH, "linear", 1.0): "82.7 82.4 83.1  80.7 80.4 81.1  82.5 82.2 82.9  82.3 82.0 82.7",
    (_NIH, "finetune", 1.0): "79.8 79.2 80.3  82.4 81.7 83.0  81.5 80.9 82.1  80.0 79.5 80.7",
    (_NIH, "finetune", 0.06): "65.2 64.6 65.8  69.8 69.3 70.4  70.5 69.9 71.0  70.0 69.2 70.6",
    (_NIH, "finetune", 0.01): "57.8 57.2 58.4  59.2 58.6 59.9  61.4 60.7 62.0  62.9 62.3 63.5",
    (_DR, "finetune", 1.0): "94.1 94.1 94.2  94.6 94.3 94.6  96.6 96.6 96.7  95.7 95.7 95.8",
    (_DR, "finetune", 0.06): "69.1 69.0 69.2  92.4 92.2 92.6  95.1 94.8 95.2  94.0 94.0 94.3",
    (_DR, "finetune", 0.01): "65.5 65.4 65.6  88.1 88.1 88.4  93.6 93.2 93.6  92.5 92.2 92.7",
    (_BCH, "finetune", 1.0): "82.7 82.4 83.1  82.9 82.6 83.3  85.7 85.4 86.0  86.4 86.1 86.7",
    (_BCH, "finetune", 0.06): "82.7 82.4 83.1  82.8 82.4 83.2  84.6 84.2 84.9  84.5 84.2 84.8",
    (_BCH, "finetune", 0.01): "80.6 80.3 81.0  82.8 82.5 83.2  85.1 84.7 85.4  84.4 84.1 84.7",
}
# Data set: AUC or F1 by stage, 1 to 4, of each arm, all labels.
_PROBING: Mapping[tuple[str, str], str] = {
    (_NIH, "moco"): "58.8 59.5 65.3 74.4",
    (_NIH, "mse"): "57.6 59.9 69.2 74.8",
    (_NIH, "barlow"): "56.6 56.5 64.2 73.5",
    (_DR, "moco"): "68.1 68.2 69.2 74.6",
    (_DR, "mse"): "68.3 70.1 71.2 84.8",
    (_DR, "barlow"): "67.2 68.6 69.9 79.7",
    (_BCH, "moco"): "80.9 81.1 81.1 80.7",
    (_BCH, "mse"): "80.6 81.3 82.7 82.5",
    (_BCH, "barlow"): "81.0 81.1 82.2 82.3",
}
# Similarity of the features before and after fine-tuning by stage, with 1 % and with 6 % of the labels.
_REUSE: Mapping[tuple[str, str], str] = {
    (_NIH, "moco"): ".81 .80 .57 .41  .72 .75 .66 .39",
    (_NIH, "mse"): ".97 .83 .65 .42  .97 .84 .55 .43",
    (_NIH, "barlow"): ".99 .98 .76 .38  .97 .92 .79 .41",
    (_DR, "moco"): ".87 .80 .51 .19  .81 .69 .50 .14",
    (_DR, "mse"): ".96 .78 .33 .26  .95 .73 .25 .12",
    (_DR, "barlow"): ".98 .83 .58 .24  .93 .75 .50 .15",
    (_BCH, "moco"): ".50 .55 .98 .16  .57 .48 .97 .19",
    (_BCH, "mse"): ".77 .82 .58 .42  .75 .79 .55 .31",
    (_BCH, "barlow"): ".77 .74 .54 .36  .76 .76 .58 .38",
}
_TEST_IMAGES = {_NIH: 22_433, _BCH: 53_922}


def published(dataset: str, evaluation: str, fraction: float, kind: str, metric: str) -> Published | None:
    """The paper's number; None: it has none. ``dataset``: its name; ``kind``: of the arm; ``metric``: in short."""
    row = _NUMBERS.get((dataset, evaluation, fraction))
    if row is None or kind not in _ARMS or METRIC_OF[dataset] != metric:
        return None
    numbers = [float(text) for text in row.split()]
    return Published(*numbers[3 * _ARMS.index(kind) : 3 * _ARMS.index(kind) + 3])


def published_probing(dataset: str, arm: str, stage: str, metric: str) -> str:
    """The paper's number of a stage, probed with all labels; a dash: it has none."""
    row = _PROBING.get((dataset, arm))
    if row is None or stage not in "1234" or METRIC_OF[dataset] != metric:
        return "–"
    return row.split()[int(stage) - 1]


def published_reuse(dataset: str, arm: str, stage: str, fraction: float) -> str:
    """The paper's similarity of a stage; a dash: it has none."""
    row = _REUSE.get((dataset, arm))
    if row is None or fraction not in (0.01, 0.06):
        return "–"
    return "0" + row.split()[int(stage) - 1 + (4 if fraction == 0.06 else 0)]


def what_differs(dataset: str, images: int, patients: int) -> list[str]:
    """Sentences: why the paper's numbers are not the same measurement as ours on a data set of the same name."""
    theirs = _TEST_IMAGES.get(dataset)
    tested = f"The paper tests on {theirs:,} images" if theirs else "The paper does not say on how many images it tests"
    split = "; the images may be the same" if theirs == images else ", so the test set is another one"
    sentences = [
        f"{tested}; here there are {images:,} of {patients:,} patients{split if theirs else ''}.",
        "Its intervals are 1.96 standard deviations divided by the root of the number of resamples: they become "
        "narrower with more resampling, and do not say how well the number is known. Ours are over patients (and label "
        "draws where there are several).",
        'Its "1 %" and "6 %" hold about half as many distinct images, because its shuffle repeats entries, and it '
        "chooses the epoch with all validation labels. Here the validation labels are cut to the same share, unless a "
        "run says otherwise.",
        "It reports the last epoch, and its networks (ResNet-50), image size, batch size and number of epochs are its "
        "own.",
    ]
    if dataset == PUBLIC_SETS["fundus"]:
        sentences.append("It splits by image, so that a patient's two eyes can be on both sides; here by patient.")
    return sentences


def is_published(dataset: str) -> bool:
    """Whether the paper has numbers of a data set of this name."""
    return dataset in METRIC_OF
