"""Grid of a study: every combination of data set, arm and seed as nodes of commands, each behind its inputs."""

from collections.abc import Iterator

from monai_mocoi.study.encoder_nodes import EncoderNodes
from monai_mocoi.study.node_parts import made_node
from monai_mocoi.study.plan_record import Node
from monai_mocoi.study.study_file import Arm, Study, StudyDataset

DEMO = "demo"
PHANTOMS = {"nih": "chest", "bch": "histology", "dr": "fundus"}
"""Which phantoms are the demo data of a kind of images."""


def nodes_of(study: Study) -> Iterator[Node]:
    """All nodes. Paths of data sets, weights and bundles are taken as they are in the study."""
    for dataset in study.datasets:
        for arm in study.arms:
            if arm.kind == "baseline":
                yield _baselines(study, dataset, arm)
                continue
            for seed in (None,) if arm.kind == "weights" else study.pretrain_seeds:
                yield from EncoderNodes(study, dataset, arm, seed).nodes()


def _baselines(study: Study, dataset: StudyDataset, arm: Arm) -> Node:
    folder = f"runs/{dataset.id}/{arm.id}"
    phantoms = ("--phantoms", PHANTOMS[dataset.modality]) if dataset.dataset_dir == DEMO else ()
    words = ("mocoi", "baselines", dataset.dataset_dir, *phantoms, "--out", folder, "--overwrite")
    return made_node(study, f"{dataset.id}.{arm.id}", "baselines", dataset, arm, None, (), (words,), folder)
