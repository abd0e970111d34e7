"""Words and names of one encoder: its id, its folder, and the commands that are made of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from monai_mocoi.study.node_parts import Commands, as_word, made_node
from monai_mocoi.study.plan_record import Cell, Node, NodeKind
from monai_mocoi.study.study_file import Arm, Config, Study, StudyDataset


@dataclass(frozen=True)
class EncoderWords:
    """One data set, arm and seed (see ``grid.py``: of what); None: given weights, which are the same for all seeds."""

    study: Study
    dataset: StudyDataset
    arm: Arm
    seed: int | None

    @property
    def name(self) -> str:
        """As in ids and folders."""
        return f"{self.arm.id}-{self.arm.architecture}-s{self.seed or 0}"

    @property
    def folder(self) -> str:
        """Of all its run folders."""
        return f"runs/{self.dataset.id}/{self.name}"

    @property
    def is_made_here(self) -> bool:
        """Whether the study pretrains it."""
        return self.arm.kind in ("pretrain", "continued")

    @property
    def weights(self) -> str:
        """What ``pretrained`` is of all that follows."""
        return f"{self.folder}/pretrain/encoder.pt" if self.is_made_here else self.arm.weights or "none"

    def config(self, name: str) -> str:
        """The config, or overlay, as a command names it."""
        bundles = self.dataset.bundles
        method = self.arm.method or next(iter(bundles), "moco")
        if method in bundles:
            return f"{bundles[method]}/configs/{name}.json"
        return f"{self.dataset.modality}_{method}/{name}"

    def words(self, config: Config, *words: object) -> tuple[str, ...]:
        """A config, its overlay, and their words; the settings of the study, and of its arm, come last.

        The architecture is always named, because an adapted bundle may have another one than the arm.
        """
        own: Mapping[str, Any] = self.study.settings.get(config, {})
        if (config == "train") == self.is_made_here and config != "evaluate":
            own = {**own, **self.arm.settings}
        which = () if config == "evaluate" else ("--architecture", self.arm.architecture)
        settings = (word for name, value in own.items() for word in (f"--{name}", as_word(value)))
        overlay = [self.config(self.arm.overlay)] if config == "train" and self.arm.overlay else []
        dataset = "--dataset_dir", self.dataset.dataset_dir
        return (self.config(config), *overlay, *dataset, *which, *map(as_word, words), *settings)

    def run(self, config: Config, *words: object) -> tuple[str, ...]:
        """A command of a config."""
        return "mocoi", "run", *self.words(config, *words)

    def start(self) -> tuple[object, ...]:
        """Words that say which encoder it is."""
        seed = () if self.seed is None else ("--seed", self.seed)
        return "--output_dir", self.folder, "--pretrained", self.weights, *seed

    def node(
        self,
        suffix: str,
        kind: NodeKind,
        inputs: tuple[str, ...],
        commands: Commands,
        folder: str,
        cells: tuple[Cell, ...] = (),
    ) -> Node:
        """A node of this encoder; ``suffix`` ends its id."""
        id = f"{self.dataset.id}.{self.name}.{suffix}"
        return made_node(self.study, id, kind, self.dataset, self.arm, self.seed, inputs, commands, folder, cells)
