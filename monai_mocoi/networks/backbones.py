"""ResNet-50 for images of two dimensions, as torchvision builds it."""

from monai.networks.nets.resnet import ResNet
from monai.networks.nets.resnet import resnet50 as monais_resnet50


def resnet50() -> ResNet:
    """MONAI's ResNet-50 with torchvision's strides and shortcuts, so that public weights fit, and no classifier.

    MONAI's defaults are three-dimensional, with stride 1 in the first layer and a bias in the shortcuts.
    """
    return monais_resnet50(
        spatial_dims=2, n_input_channels=3, conv1_t_stride=2, bias_downsample=False, feed_forward=False
    )
