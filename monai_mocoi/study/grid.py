"""Grid of a study: every combination of data set, arm and seed as nodes of commands, each behind its inputs.

A seed (one of ``pretrain_seeds``) is of the pretraining where an arm has one. Of ``random`` and ``supervised``, which
have none, it is the training seed: of the random weights and of what is trained from them. Given weights have none.
"""

from collections.abc import Iterator, Sequence

from monai_mocoi.study.encoder_nodes import EncoderNodes
from monai_mocoi.study.node_parts import made_node
from monai_mocoi.study.plan_record import Node, PlannedArm
from monai_mocoi.study.study_file import Arm, Study, StudyDataset

DEMO = "demo"
PHANTOMS = {"nih": "chest", "bch": "histology", "dr": "fundus"}
"""Which phantoms are the demo data of a kind of images."""


def nodes_of(study: Study) -> Iterator[Node]:
    """All nodes of one data set after the other; fine-tunings, which take longest, after all that needs none.

    Paths of data sets, weights and bundles are taken as they are in the study.
    """
    for dataset in study.datasets:
        nodes = [node for arm in study.arms for node in _of_arm(study, dataset, arm)]
        tuned = {node.id for node in nodes if node.kind == "finetune"}
        late = tuned.union(node.id for node in nodes if tuned.intersection(node.inputs))
        yield from (node for node in nodes if node.id not in late)
        yield from (node for node in nodes if node.id in late)


def _of_arm(study: Study, dataset: StudyDataset, arm: Arm) -> Iterator[Node]:
    if arm.kind == "baseline":
        yield _baselines(study, dataset, arm)
        return
    for seed in seeds_of(arm, study.pretrain_seeds):
        yield from EncoderNodes(study, dataset, arm, seed).nodes()


def seeds_of(arm: Arm | PlannedArm, seeds: Sequence[int]) -> Sequence[int | None]:
    """The seeds that an arm is repeated with; None: given weights, once."""
    return (None,) if arm.kind == "weights" else seeds


def seeds_in_words(arms: Sequence[Arm | PlannedArm], seeds: Sequence[int]) -> str:
    """What the seeds are of: ``pretraining (moco, mse); random weights and training, no pretraining (random)``."""
    meanings = {
        "pretraining": ("pretrain", "continued"),
        "random weights and training, no pretraining": ("random", "supervised"),
        "nothing, given once": ("weights",),
    }
    of = {words: [arm.id for arm in arms if arm.kind in kinds] for words, kinds in meanings.items()}
    told = "; ".join(f"{words} ({', '.join(ids)})" for words, ids in of.items() if ids)
    return f"{', '.join(map(str, seeds))}: of {told}"


def _baselines(study: Study, dataset: StudyDataset, arm: Arm) -> Node:
    folder = f"runs/{dataset.id}/{arm.id}"
    phantoms = ("--phantoms", PHANTOMS[dataset.modality]) if dataset.dataset_dir == DEMO else ()
    words = ("mocoi", "baselines", dataset.dataset_dir, *phantoms, "--out", folder, "--overwrite")
    return made_node(study, f"{dataset.id}.{arm.id}", "baselines", dataset, arm, None, (), (words,), folder)
