"""Consistency of a study: what fits by itself, but not together, in words."""

from collections.abc import Iterator

from monai_mocoi.study.study_file import Config, Study, evaluations_of

SET_BY = {
    **{"dataset_dir": "datasets", "output_dir": "output_dir", "run_dir": "output_dir", "analysis_dir": "output_dir"},
    **{
        "evaluation_dir": "output_dir",
        "seed": "pretrain_seeds",
        "label_fraction": "fractions",
        "label_seed": "label_seeds",
        "label_ids": "fractions",
    },
    **{
        "pretrained": "arms",
        "architecture": "arms",
        "trainable": "evaluations",
        "solver": "evaluations",
        "stage": "analyses",
        "parts": "analyses",
    },
    **{"probe_fractions": "fractions", "probe_seeds": "label_seeds", "finetuned": "analyses", "few_labels": "analyses"},
    **{"all_labels": "analyses", "all_labels_again": "analyses", "resume": "study run", "overwrite": "study run"},
    **{"bundle": "datasets", "modality": "datasets", "split": "primary"},
}
"""Settings that a study sets itself, and the field that decides them."""
OF_IMAGES = {"image_size", "intensity"}
"""Settings of an encoder's images that its evaluations take over, unless they are given."""


def misfits(study: Study) -> Iterator[str]:
    """What is wrong with a study whose parts are right, each with what to write."""
    for name in ("datasets", "arms"):
        ids = [own.id for own in getattr(study, name)]
        for id in dict.fromkeys(id for id in ids if ids.count(id) > 1):
            yield f"{name} has {id!r} more than once: give each another id"
    for name in ("evaluations", "analyses", "fractions", "finetune_fractions", "label_seeds", "pretrain_seeds"):
        values = getattr(study, name) or ()
        if repeated := [value for value in dict.fromkeys(values) if values.count(value) > 1]:
            yield f"{name} has {repeated[0]} more than once: leave one out"
    if study.finetune_fractions and "finetune" not in study.evaluations:
        yield "finetune_fractions is given, but evaluations has no finetune: add it, or leave finetune_fractions out"
    if others := [own for own in study.finetune_fractions or () if own not in study.fractions]:
        has = ", ".join(map(str, study.fractions))
        yield f"finetune_fractions has {others[0]}, but fractions has {has}: add it there, or leave it out"
    yield from _of_primary(study)
    yield from _without_bundle(study)
    yield from _other_images(study)
    places = [(f"settings.{config}", settings) for config, settings in study.settings.items()]
    for place, settings in (*places, *((f"the arm {arm.id}", arm.settings) for arm in study.arms)):
        for name in settings:
            if name in SET_BY:
                yield f"{place} has {name}, which the study sets itself: by {SET_BY[name]}"


def _of_primary(study: Study) -> Iterator[str]:
    """A comparison that is not in the grid."""
    own = study.primary
    arms = {arm.id: arm for arm in study.arms}
    known: dict[str, list[object]] = {"dataset": [d.id for d in study.datasets], "arm": [*arms], "against": [*arms]}
    known |= {"evaluation": [*study.evaluations], "fraction": [*study.fractions_of(own.evaluation)]}
    for name, values in known.items():
        if getattr(own, name) not in values:
            yield f"primary.{name} is {getattr(own, name)!r}, but the study has {', '.join(map(str, values))}"
    if own.arm == own.against:
        yield f"primary compares {own.arm!r} with itself: name two arms"
    for role in (own.arm, own.against):
        if role in arms and own.evaluation not in evaluations_of(arms[role]):
            can = " or ".join(evaluations_of(arms[role])) or "neither"
            yield f"primary.evaluation is {own.evaluation}, but the arm {role} ({arms[role].kind}) can have {can} only"


def _without_bundle(study: Study) -> Iterator[str]:
    """Methods that have no bundle where others have one: they would be trained by other settings, on other images."""
    methods = dict.fromkeys(arm.method for arm in study.arms if arm.method)
    for own in study.datasets:
        if own.bundles and (missing := [method for method in methods if method not in own.bundles]):
            yield (
                f"the data set {own.id} has bundles for {', '.join(own.bundles)}, but not for {missing[0]}, so that "
                f"arms would be trained by other settings: adapt {own.modality}_{missing[0]} too, and name it"
            )


def _other_images(study: Study) -> Iterator[str]:
    """Arms that would be compared on images of another size or scale: an encoder's own are the default of what follows.

    Random and given weights would have those of the bundle, unless ``settings`` of ``finetune`` say the same for all.
    """
    train = study.settings.get("train", {})
    for arm in study.arms:
        if arm.overlay and "image_size" not in {**train, **arm.settings}:
            yield (
                f"the arm {arm.id} has the image size of {arm.overlay}.json, so that arms would be compared on "
                "different images: give settings.train the image_size of all"
            )
    of_arms = ((f"the arm {arm.id}", arm.settings) for arm in study.arms)
    after: tuple[Config, ...] = ("finetune", "analyze") if study.analyses else ("finetune",)
    for place, settings in (("settings.train", train), *of_arms):
        for name in sorted(OF_IMAGES & settings.keys()):
            for config in after:
                if study.settings.get(config, {}).get(name) != settings[name]:
                    yield (
                        f"{place} has {name} {settings[name]!r}, so that arms would be compared on different images: "
                        f"give settings.{config} the same {name}"
                    )
