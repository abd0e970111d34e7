"""Continued pretraining: MoCo begins with an encoder that has learnt before, instead of random weights."""

import os
from collections.abc import Mapping
from typing import Any

from monai_mocoi.networks.moco import MoCo
from monai_mocoi.networks.pretrained import Pretrained, check_start, load_pretrained


def begin_with(moco: MoCo, pretrained: str | os.PathLike[str] | None, settings: Mapping[str, Any]) -> Pretrained:
    """Let the query encoder begin with weights, and the key encoder with a copy of them; heads stay as they are drawn.

    Args:
        moco: whose weights are drawn already.
        pretrained: as :func:`~monai_mocoi.networks.load_pretrained` takes it; "none" or None: nothing is changed.
        settings: of the run, to warn where its images are prepared in another way than those of the weights.
    """
    loaded = load_pretrained(moco.query_encoder, pretrained)
    if loaded.path is not None:
        moco.key_encoder.load_state_dict(moco.query_encoder.state_dict())
        check_start(loaded, settings)
    return loaded
