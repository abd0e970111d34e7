"""The classifier of fine-tuning, linear evaluation and inference: a stage encoder and one linear layer."""

from __future__ import annotations

import torch
from torch import nn

from monai_mocoi.networks.scriptable_classifier import ScriptableClassifier
from monai_mocoi.networks.seeded_weights import draw_weights
from monai_mocoi.networks.stage_choice import stages_of, width_of
from monai_mocoi.networks.stage_encoder import StageEncoder

TRAINABLE = ("all", "head")
"""What may be trained: encoder and linear layer, or the linear layer alone."""


class Classifier(nn.Module):
    """One linear layer on the features of a stage, or of all four, averaged over the positions of its map.

    Args:
        encoder: with whatever weights it is to start from, see :func:`~monai_mocoi.networks.load_pretrained`.
        classes: outputs: findings, each with a sigmoid of its own, or the classes of one softmax; 1 or more. (Two
            classes are two outputs.)
        stage: whose features to use, 1..4; 4 is the encoder's own embedding. Later stages are not computed. "all": the
            features of the four stages side by side (3,840 of a ResNet-50).
        trainable: "all", or "head": the encoder is frozen, which means that its weights get no gradient *and* that its
            BatchNorms stay in eval mode, so that not a bit of it moves (fault A16).
        seed: draw all weights from this seed, encoder and layer from streams of their own; the encoder's are those that
            pretraining with this seed starts from. None: keep the weights as given.

    Raises:
        ValueError: a number out of range, or an unknown ``trainable``.

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
        """Classify images.

        Args:
            images: ``(N, C, H, W)``, normalised as the sidecar of the weights says.

        Returns:
            ``(N, classes)`` logits: a sigmoid (findings) or a softmax (classes) of them gives probabilities.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.trainable == "all"):
            features = self.encoder.averaged(images, self.stage)
        # The layer in full precision, as the averages are.
        with torch.autocast(features.device.type, enabled=False):
            return self.head(features)

    def train(self, mode: bool = True) -> Classifier:
        """Switch to training or, with False, to evaluation; a frozen encoder stays in evaluation."""
        super().train(mode)
        if self.trainable == "head":
            self.encoder.eval()
        return self

    def __prepare_scriptable__(self) -> nn.Module:
        """What ``torch.jit.script`` is to compile in its place."""
        return ScriptableClassifier(self.encoder, self.head, self.stage)
