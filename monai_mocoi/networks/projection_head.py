"""The head between the encoder's embedding and the space where queries and keys are compared."""

from torch import nn

KINDS = ("linear", "mlp", "mlp_bn")


class ProjectionHead(nn.Sequential):
    """Projection of the embedding; its output is normalised to length 1 by :class:`~monai_mocoi.networks.MoCo`.

    Args:
        kind: "linear": one linear layer (MoCo v1, the paper);
            "mlp": Linear, ReLU, Linear (MoCo v2, Chen et al. 2020);
            "mlp_bn": Linear, BatchNorm, ReLU, Linear, BatchNorm without affine part (as in MoCo v3, Chen et al. 2021).
            The two kinds without BatchNorm learn more slowly from homogeneous medical images (docs/recipe.md).
        in_features: length of the embedding, 2048 for ResNet-50.
        hidden_features: width of the hidden layer of the two MLPs; None: the width of the embedding.
        out_features: length of queries and keys.

    Examples:
        >>> import torch
        >>> from monai_mocoi.networks import ProjectionHead
        >>> ProjectionHead("mlp_bn", in_features=512, out_features=128)(torch.rand(4, 512)).shape
        torch.Size([4, 128])
    """

    def __init__(
        self, kind: str = "mlp_bn", in_features: int = 2048, hidden_features: int | None = None, out_features: int = 128
    ) -> None:
        hidden = in_features if hidden_features is None else hidden_features
        layers: list[nn.Module]
        if kind == "linear":
            layers = [nn.Linear(in_features, out_features)]
        elif kind == "mlp":
            layers = [nn.Linear(in_features, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, out_features)]
        elif kind == "mlp_bn":
            layers = [
                nn.Linear(in_features, hidden, bias=False),
                nn.BatchNorm1d(hidden),
                nn.ReLU(inplace=True),
                nn.Linear(hidden, out_features, bias=False),
                nn.BatchNorm1d(out_features, affine=False),
            ]
        else:
            raise ValueError(f"head kind is {kind!r}; choose one of {', '.join(KINDS)}.")
        super().__init__(*layers)
        self.kind = kind
        self.out_features = out_features
