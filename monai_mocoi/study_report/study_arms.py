"""Arms of a study: what is compared, in the order of the plan, and which of them the others are compared with."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from monai_mocoi.networks.architectures import is_named
from monai_mocoi.study import StudyPlan
from monai_mocoi.study_report.found_runs import FoundRuns
from monai_mocoi.study_report.tested_run import METHODS, RANDOM, SUPERVISED, arm_in_words

MOCO = "moco"
_LOSSES = ("--stage_", "--barlow_")  # how settings of the losses begin that the methods add to MoCo
_ORDER = (RANDOM, SUPERVISED, "weights", MOCO, "mse", "barlow")
_MEANS = {
    RANDOM: "weights drawn at random, never trained; only a linear layer learns",
    SUPERVISED: "from random weights, trained with the labels alone",
    "weights": "from weights that were given",
    "continued": "given weights, pretrained further without labels",
    MOCO: "pretrained without labels by MoCo",
    "mse": "pretrained without labels by MoCo, with the squared error of each stage (MSE)",
    "barlow": "pretrained without labels by MoCo, with Barlow Twins at each stage",
}


@dataclass(frozen=True)
class Arm:
    """``kind``: of the plan, but of a pretraining its method. ``architecture``: empty where it is not known.

    ``overlay``: the settings that it is pretrained by in the place of its bundle's own; empty: none. ``loss``: what
    its commands set of its method's own loss, such as ``stage_pooling``, each with its value.
    """

    name: str
    kind: str
    architecture: str = ""
    overlay: str = ""
    loss: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """For tables and sentences."""
        return arm_in_words(self.name)

    @property
    def meaning(self) -> str:
        """In a few words."""
        told = [f"by {self.overlay}.json"] if self.overlay else []
        told += [self.architecture] if self.architecture else []
        return _MEANS.get(self.kind, "made in another way") + (f" ({', '.join(told)})" if told else "")


def arms_of(found: FoundRuns) -> dict[str, Arm]:
    """By their names: those of the plan, in its order; without a plan those of the tests, baselines first."""
    if found.plan is not None:
        arms = {}
        for own in found.plan.arms:
            kind = own.method if own.kind == "pretrain" and own.method else own.kind
            loss = _loss(found.plan, own.id)
            arms[own.id] = Arm(own.id, kind, own.architecture or "", own.overlay or "", loss)
        return arms
    names = sorted({run.arm for run in found.tested if run.role == "test"}, key=_place)
    return {name: _unplanned(name) for name in names}


def _loss(plan: StudyPlan, arm: str) -> tuple[str, ...]:
    """What the first pretraining of an arm sets of its method's own loss, be it for this arm or for all."""
    words = next((own.commands[0] for own in plan.nodes if (own.kind, own.arm) == ("pretrain", arm)), ())
    return tuple(sorted(f"{name} {value}" for name, value in pairwise(words) if name.startswith(_LOSSES)))


def _unplanned(name: str) -> Arm:
    """Of a name that is a kind, or a kind and an architecture: see ``with_architecture``."""
    kind, _, architecture = name.rpartition("-")
    if not is_named(architecture):
        kind, architecture = name, ""
    return Arm(name, kind if kind in _MEANS else "other", architecture)


def _place(name: str) -> tuple[int, str]:
    kind = _unplanned(name).kind
    return (_ORDER.index(kind) if kind in _ORDER else len(_ORDER)), name


def references(arms: Mapping[str, Arm], arm: str, there: Mapping[str, object]) -> list[str]:
    """The arms, of those that are ``there``, that an arm is compared with.

    Supervised (else random weights); MoCo, by the same overlay; of a method with several arms by the same overlay the
    first; and of this first one that by another overlay, such as the paper's settings, with the same loss. Of the same
    architecture only. An arm that is such a reference itself is compared with those before it.
    """
    own = arms.get(arm, Arm(arm, "other"))
    alike = [other for other in arms.values() if other.name in there and other.architecture == own.architecture]
    baseline = [o for o in alike if o.kind == SUPERVISED] or [o for o in alike if o.kind == RANDOM]
    order = [*baseline, *(o for o in alike if o.kind == MOCO and o.overlay == own.overlay)]
    if own.kind in (SUPERVISED, RANDOM):
        return []
    if own in order:
        order = order[: order.index(own)]
    if own.kind in METHODS:
        first = _first(arms, own, own.overlay)
        order += [other for other in alike if other == first]
        if own == first and not own.overlay:
            order += [o for o in alike if o.overlay and o == _first(arms, own, o.overlay) and o.loss == own.loss]
    return list(dict.fromkeys(other.name for other in order if other != own))


def _first(arms: Mapping[str, Arm], own: Arm, overlay: str) -> Arm | None:
    """The first arm of a method by an overlay; one that sets something of its loss only where there is no other."""
    same = [o for o in arms.values() if (o.kind, o.architecture, o.overlay) == (own.kind, own.architecture, overlay)]
    return min(same, key=lambda other: bool(other.loss), default=None)
