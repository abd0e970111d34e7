"""What a node has while it runs: a heartbeat that other machines see, and a GPU of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monai_mocoi.files.heartbeat import Heartbeat
from monai_mocoi.study.gpu_lock import pinned_gpus
from monai_mocoi.study.node_status import heartbeat_of
from monai_mocoi.study.plan_record import Node, StudyPlan


@contextmanager
def cared_for(folder: Path, plan: StudyPlan, node: Node) -> Iterator[None]:
    """Keep both until the end. A node without a GPU sees none, if the plan gives one to others."""
    heartbeat = Heartbeat(heartbeat_of(folder, node))
    needed = node.resources.gpu
    with pinned_gpus(needed, hide=any(other.resources.gpu for other in plan.nodes)):
        heartbeat.start()
        try:
            yield
        finally:
            heartbeat.stop()
