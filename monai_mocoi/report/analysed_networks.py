"""The encoders of an analysis: the one before fine-tuning and those after, with what makes them hard to compare."""

from collections.abc import Mapping, Sequence
from typing import Any

from monai_mocoi.data.prepared_dataset import with_bits
from monai_mocoi.networks import check_preprocessing
from monai_mocoi.report.analysed_network import AnalysedNetwork, names_of, read_after, read_before
from monai_mocoi.report.analysis_request import AnalysisRequest, Place


def read_networks(
    request: AnalysisRequest, finetuned: Sequence[Place]
) -> tuple[AnalysedNetwork, list[AnalysedNetwork]]:
    """Read the encoder before, and those after fine-tuning (run folders); differences become notes of the request.

    WeightsError: weights cannot be read, or do not fit.
    """
    template, pretrained = request.encoder, request.pretrained
    preparation: Mapping[str, Any] = request.preparation
    after = [read_after(template, place, name) for place, name in zip(finetuned, names_of(finetuned), strict=True)]
    # Random weights are those that these runs began with, where all have one seed.
    seeds = {int(own.about["seed"]) for own in after if own.about.get("seed") is not None}
    seed = seeds.pop() if len(seeds) == 1 else request.interval_settings.seed
    if after and (pretrained is None or str(pretrained) == "none"):
        # Random weights know no images: they are shown the pictures that those are shown that started from them.
        preparation = after[0].preparation
    else:
        preparation = with_bits(preparation, request.datalist.training)
    before = read_before(template, pretrained, preparation, seed)
    own = before.preparation
    compared = {name: own[name] for name in ("mean", "std", "channels", "image_size", "intensity")}
    for warning in check_preprocessing(before.sidecar, **compared, modality=request.modality):
        request.note(warning)
    for network in after:
        differing = [name for name, value in own.items() if network.preparation[name] != value]
        if differing:
            request.note(
                f"{network.name}: its images are prepared in another way than those of the encoder before "
                f"({', '.join(differing)}), so that part of the difference may come from the pictures."
            )
        started = network.about.get("pretrained_sha256")
        network.about["started_from_before"] = None if started is None else started == before.about["sha256"]
        if network.about["started_from_before"] is False:
            request.note(
                f"{network.name} did not start from this encoder: what they share is no reuse. Give the encoder that "
                "it started from as `pretrained`."
            )
    return before, after
