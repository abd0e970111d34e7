"""What is known of a bundle that is made for a data set: what its configs, its docs and the command line tell."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.datalist_form import PRETRAINING
from monai_mocoi.data.labels import labelled_items
from monai_mocoi.data.picture_facts import PictureFacts
from monai_mocoi.packaging.adapted_settings import Choice, Labels
from monai_mocoi.packaging.owner import Owner


@dataclass(frozen=True)
class Adaptation:
    """A bundle made by :func:`~monai_mocoi.packaging.adapt_bundle` for a data set."""

    folder: Path  # its name is the bundle's
    source: str  # name of the bundle that it was made from
    modality: str
    source_modality: str
    architecture: str  # of the encoder, such as "resnet50"
    datalist: Datalist
    facts: PictureFacts
    labels: Labels
    choices: tuple[Choice, ...]  # the settings that follow from the data set
    warnings: tuple[str, ...]  # what to look at before a run
    dataset_dir: str  # the default in its configs: the folder's name alone
    owner: Owner

    @property
    def name(self) -> str:
        """Of the new bundle."""
        return self.folder.name

    @property
    def title(self) -> str:
        """Of the images: the owner's, or the name in ``datalist.json``."""
        return self.owner.title or " ".join(self.datalist.name.split()) or "a data set"

    @property
    def counts(self) -> str:
        """Images by split, in words; where only some have a label, how many."""

        def words(split: str, items: list[dict[str, Any]]) -> str:
            labelled = len(labelled_items(items))
            some = split != PRETRAINING and self.labels.kind is not None and labelled < len(items)
            return f"{split} {len(items):,}" + (f" ({labelled:,} with labels)" if some else "")

        return ", ".join(words(split, items) for split, items in self.datalist.splits().items())

    def chosen(self, name: str) -> object:
        """The value of a choice."""
        return next(choice.value for choice in self.choices if choice.name == name)
