"""The nodes of one encoder: its pretraining, its evaluations with few labels, and what is looked at in it."""

from collections.abc import Iterator
from typing import Final

from monai_mocoi.runs.settings_model import finetuning_name
from monai_mocoi.study.encoder_words import EncoderWords
from monai_mocoi.study.node_parts import cell_name
from monai_mocoi.study.plan_record import Cell, Evaluation, Node, NodeKind
from monai_mocoi.study.study_file import evaluations_of

EXTERNAL: Final = "external"
STAGE = 4  # whose features are classified; probing looks at all


class EncoderNodes(EncoderWords):
    """The grid of one encoder."""

    def nodes(self) -> Iterator[Node]:
        """All of them, each behind its inputs."""
        made = [self._pretraining()] if self.is_made_here else []
        yield from made
        inputs = tuple(node.id for node in made)
        evaluations = [own for own in self.study.evaluations if own in evaluations_of(self.arm)]
        if "linear" in evaluations:
            yield self._linear("linear", inputs)
            if self._is_tested_outside("linear"):
                yield self._linear(EXTERNAL, (f"{self.dataset.id}.{self.name}.linear",))
        tuned = []
        if "finetune" in evaluations:
            tuned = [self._finetuning(f, seed, inputs) for f, seed in self._labellings("finetune")]
            yield from tuned
            if self._is_tested_outside("finetune"):
                yield from map(self._tested_outside, tuned)
        yield from self._analyses(inputs, tuned)

    def _labellings(self, evaluation: Evaluation) -> Iterator[tuple[float, int]]:
        """Fractions and draws; of all labels there is one draw only."""
        for fraction in self.study.fractions_of(evaluation):
            for draw in self.study.label_seeds[: 1 if fraction == 1 else None]:
                yield fraction, draw

    def _pretraining(self) -> Node:
        weights = ("--pretrained", self.arm.weights) if self.arm.kind == "continued" else ()
        words = "--output_dir", self.folder, *weights, "--seed", self.seed, "--resume", True
        return self.node("pretrain", "pretrain", (), (self.run("train", *words),), f"{self.folder}/pretrain")

    def _linear(self, kind: NodeKind, inputs: tuple[str, ...]) -> Node:
        outside = kind == EXTERNAL
        folder = f"{self.folder}/linear" + (f"-{EXTERNAL}" if outside else "")
        words: list[object] = [
            "--out",
            folder,
            "--fractions",
            [*self.study.fractions],
            "--draws",
            [*self.study.label_seeds],
        ]
        words += ["--test", self.dataset.external_dir] if outside else []
        if tested := self.study.settings.get("evaluate"):
            words += ["--evaluation", tested]
        cells = tuple(
            Cell(folder=f"{folder}/{cell_name(f, seed)}", evaluation="linear", fraction=f, label_seed=seed, stage=STAGE)
            for f, seed in self._labellings("linear")
        )
        command = "mocoi", "linear", *self.words("finetune", *self.start(), *words)
        return self.node(f"linear-{EXTERNAL}" if outside else "linear", kind, inputs, (command,), folder, cells)

    def _finetuning(self, fraction: float, draw: int, inputs: tuple[str, ...]) -> Node:
        folder = f"{self.folder}/{finetuning_name(self.weights, 'all', STAGE, fraction, draw, 'gradient')}"
        words = "--label_fraction", fraction, "--label_seed", draw, "--resume", True
        train = self.run("finetune", *self.start(), *words)
        test = self.run("evaluate", "--run_dir", folder, "--overwrite", True)
        place = f"{folder}/evaluation-test"
        cell = Cell(folder=place, evaluation="finetune", fraction=fraction, label_seed=draw, stage=STAGE)
        return self.node(f"finetune-{cell_name(fraction, draw)}", "finetune", inputs, (train, test), folder, (cell,))

    def _is_tested_outside(self, evaluation: str) -> bool:
        own = self.study.primary
        asked = own.evaluation == evaluation and self.arm.id in (own.arm, own.against)
        return asked and self.dataset.external_dir is not None

    def _tested_outside(self, node: Node) -> Node:
        folder = f"{node.run_dir}/evaluation-{EXTERNAL}"
        command = self.run("evaluate", "--run_dir", node.run_dir, "--evaluation_dir", folder, "--overwrite", True)
        there = command.index("--dataset_dir") + 1
        command = (*command[:there], str(self.dataset.external_dir), *command[there + 1 :])
        cell = node.cells[0].model_copy(update={"folder": folder})
        suffix = f"{node.id.partition(f'{self.name}.')[2]}-{EXTERNAL}"
        return self.node(suffix, EXTERNAL, (node.id,), (command,), folder, (cell,))

    def _analyses(self, inputs: tuple[str, ...], tuned: list[Node]) -> Iterator[Node]:
        study = self.study
        first = [node for node in tuned if node.cells[0].label_seed == study.label_seeds[0]]
        fractions = study.fractions_of("finetune")
        ends = {min(fractions), max(fractions)}
        of_ends = sorted((n for n in first if n.cells[0].fraction in ends), key=lambda n: n.cells[0].fraction or 0)
        folders = [node.run_dir for node in of_ends]
        has_encoder, few_and_all = self.arm.kind != "supervised", len(of_ends) == 2
        draws = "--probe_fractions", sorted(study.fractions), "--probe_seeds", [*study.label_seeds]
        asked: dict[NodeKind, tuple[bool, tuple[object, ...], list[Node]]] = {
            "probing": (has_encoder, draws, []),
            "reuse": (has_encoder and bool(of_ends), ("--finetuned", folders), of_ends),
            "ks": (few_and_all, ("--few_labels", *folders[:1], "--all_labels", *folders[1:]), of_ends),
        }
        for kind in study.analyses:
            can_be, words, of = asked[kind]
            if can_be:
                folder = f"{self.folder}/analysis-{kind}"
                where = "--parts", [kind], "--analysis_dir", folder, "--overwrite", True
                command = self.run("analyze", *self.start(), *words, *where)
                yield self.node(kind, kind, (*inputs, *(node.id for node in of)), (command,), folder)
