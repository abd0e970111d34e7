"""Classifier of fine-tuning, linear evaluation and inference: a stage encoder and one linear layer."""

import logging
import os
from collections.abc import Mapping

import torch
from torch import nn

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks.resnet_shape import stage_in_words, stages_of, width_of
from monai_mocoi.networks.scriptable_classifier import ScriptableClassifier
from monai_mocoi.networks.stage_encoder import StageEncoder, draw_weights
from monai_mocoi.networks.weight_files import load_checked
from monai_mocoi.networks.weights_architecture import check_architecture
from monai_mocoi.networks.weights_place import classifier_path, read_classifier_card

logger = logging.getLogger(__name__)

TRAINABLE = ("all", "head")
"""What may be trained: encoder and linear layer, or the linear layer alone."""


class Classifier(nn.Module):
    """One linear layer on the features of a stage, or of all four, averaged over the positions of its map.

    Args:
        encoder: with whatever weights it is to start from, see :func:`~monai_mocoi.networks.load_pretrained`.
        classes: outputs, 1 or more: findings, each with a sigmoid of its own, or the classes of one softmax.
        stage: whose features to use, 1..4; 4 is the encoder's own embedding. Later stages are not computed. "all": the
            features of the four stages side by side (3,840 of a ResNet-50, 960 of a ResNet-18).
        trainable: "all", or "head": the encoder is frozen, which means that its weights get no gradient *and* that its
            BatchNorms stay in eval mode, so that not a bit of it moves (fault A16).
        seed: draw all weights from this seed, encoder and layer from streams of their own; the encoder's are those that
            pretraining with this seed starts from. None: keep the weights as given.

    A number out of range, or an unknown ``trainable``, is a ValueError.

    Examples:
        >>> import torch
        >>> from monai.networks.nets import resnet18
        >>> from monai_mocoi.networks import Classifier, StageEncoder
        >>> backbone = resnet18(spatial_dims=2, n_input_channels=3, conv1_t_stride=2, feed_forward=False)
        >>> classifier = Classifier(StageEncoder(backbone), classes=3, stage=2, trainable="head")
        >>> classifier(torch.rand(2, 1, 32, 32)).shape
        torch.Size([2, 3])
        >>> [name for name, value in classifier.named_parameters() if value.requires_grad]
        ['head.weight', 'head.bias']
    """

    def __init__(
        self, encoder: StageEncoder, classes: int, stage: int | str = 4, trainable: str = "all", seed: int | None = None
    ) -> None:
        super().__init__()
        last = stages_of(stage)[-1]
        if classes < 1:
            raise ValueError(f"classes is {classes}, but must be 1 or more: does the data set have labels?")
        if trainable not in TRAINABLE:
            raise ValueError(f"trainable is {trainable!r}; choose one of {', '.join(TRAINABLE)}.")
        self.encoder = encoder
        self.head = nn.Linear(width_of(stage, encoder.stage_channels), classes)
        self.stage = stage
        self.trainable = trainable
        if seed is not None:
            draw_weights(encoder, seed=seed * 1000)
            draw_weights(self.head, seed=seed * 1000 + 1)
        unused = [f"backbone.layer{number}." for number in range(last + 1, 5)]
        for name, parameter in encoder.named_parameters():
            parameter.requires_grad_(trainable == "all" and not name.startswith(tuple(unused)))
        self.train()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits ``(N, classes)`` of images ``(N, C, H, W)``, normalised as the card of the weights says."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.trainable == "all"):
            features = self.encoder.averaged(images, self.stage)
        # The layer in full precision, as the averages are.
        with torch.autocast(features.device.type, enabled=False):
            logits: torch.Tensor = self.head(features)
            return logits

    def train(self, mode: bool = True) -> "Classifier":
        """Switch to training or, with False, to evaluation; a frozen encoder stays in evaluation."""
        super().train(mode)
        if self.trainable == "head":
            self.encoder.eval()
        return self

    def __prepare_scriptable__(self) -> nn.Module:
        """What ``torch.jit.script`` is to compile in its place."""
        return ScriptableClassifier(self.encoder, self.head, self.stage)


def load_classifier(network: Classifier, place: str | os.PathLike[str]) -> "Classifier":
    """Load all weights of a classifier into a network of the same stage and number of classes, and return that.

    ``place`` is a run folder with a ``classifier.pt``, or such a file. A WeightsError: the file is damaged, or does not
    fit the network, which is unchanged then.
    """
    path, card = classifier_path(place), read_classifier_card(place)
    try:
        state = load_checked(path)
        own = network.state_dict()
        wrong = [n for n in {**own, **state} if n not in own or n not in state or own[n].shape != state[n].shape]
    except Exception as error:
        raise WeightsError(
            f"{path.name} could not be read as weights ({type(error).__name__}): it is damaged. Train again, or bring "
            "back the original."
        ) from error
    if wrong:
        check_architecture(_encoder_in(state), _encoder_in(own), path.name)
        raise WeightsError(
            f"{path.name} does not fit this network: {len(wrong)} of its tensors are missing, unknown or of another "
            f"shape, first {wrong[0]}. Use the bundle that the classifier was trained with."
        )
    network.load_state_dict(state)
    selected = card.selected or {}
    which = f"epoch {selected['epoch']}" if "epoch" in selected else f"penalty {selected.get('penalty')}"
    logger.info("Classifier: %s (%s, %s, %d labels)", path, which, stage_in_words(network.stage), len(card.labels))
    return network


def _encoder_in(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    prefix = "encoder.backbone."
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
