from __future__ import annotations

import pytest
import torch
from monai.networks.nets import DenseNet121, ResNetFeatures, resnet18, resnet50

from monai_mocoi.networks import StageEncoder, resnet
from monai_mocoi.networks.architectures import shape_called
from monai_mocoi.networks.stage_encoder import draw_weights
from tests.networks.small import small_resnet


def test_stages_equal_monai_own_features() -> None:
    reference = ResNetFeatures("resnet50", pretrained=False, spatial_dims=2, in_channels=3).eval()
    encoder = StageEncoder(
        resnet50(spatial_dims=2, n_input_channels=3, conv1_t_stride=2, bias_downsample=False, feed_forward=False)
    ).eval()
    encoder.backbone.load_state_dict(reference.state_dict(), strict=False)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        features, expected = encoder(images), reference(images)[1:]
    assert encoder.stage_channels == (256, 512, 1024, 2048)
    assert [s.shape[-1] for s in features.stages] == [16, 8, 4, 2]
    for stage, wanted in zip(features.stages, expected, strict=True):
        torch.testing.assert_close(stage, wanted, rtol=0, atol=0)
    torch.testing.assert_close(features.embedding, expected[-1].mean((2, 3)))


@pytest.mark.parametrize("block", ["bottleneck", "basic"])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("channels_last", [False, True])
def test_one_channel_equals_three_equal_channels(training: bool, channels_last: bool, block: str) -> None:
    torch.manual_seed(0)  # BatchNorm over few values: some draws are badly conditioned
    encoder = StageEncoder(small_resnet(block)).double().train(training)
    grey = torch.rand(4, 1, 64, 64, dtype=torch.float64)
    if channels_last:
        encoder, grey = encoder.to(memory_format=torch.channels_last), grey.to(memory_format=torch.channels_last)
    results = []
    for images in (grey, grey.expand(-1, 3, -1, -1)):
        encoder.zero_grad()
        embedding = encoder(images).embedding
        embedding.square().sum().backward()
        gradient = encoder.backbone.conv1.weight.grad
        assert gradient is not None
        results.append((embedding.detach(), gradient.clone()))
    torch.testing.assert_close(results[0], results[1], rtol=1e-9, atol=1e-12)


def test_one_channel_image_is_not_stored_as_three() -> None:
    encoder = StageEncoder(small_resnet())
    stored: list[tuple[int, ...]] = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        stored.append(tuple(tensor.shape))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        encoder(torch.rand(2, 1, 32, 32))
    assert (2, 1, 32, 32) in stored
    assert (2, 3, 32, 32) not in stored


@pytest.mark.parametrize(("block", "last"), [("bottleneck", "bn3"), ("basic", "bn2")])
def test_zero_init_residual_makes_blocks_start_as_their_shortcut(block: str, last: str) -> None:
    encoder = StageEncoder(small_resnet(block), zero_init_residual=True)
    for stage in (encoder.backbone.layer1, encoder.backbone.layer4):
        assert all(float(getattr(b, last).weight.abs().sum()) == 0 for b in stage)
    assert float(StageEncoder(small_resnet(block)).backbone.layer1[0].bn2.weight.sum()) > 0


def test_any_monai_resnet_fits_and_loses_its_classification_layer() -> None:
    encoder = StageEncoder(resnet18(spatial_dims=2, n_input_channels=1, conv1_t_stride=2))
    assert encoder.stage_channels == (64, 128, 256, 512)
    assert encoder.backbone.fc is None
    assert encoder(torch.rand(1, 1, 64, 64)).embedding.shape == (1, 512)


def test_what_does_not_fit_is_refused_with_the_way_out() -> None:
    with pytest.raises(TypeError, match=r"DenseNet121.*resnet50"):
        StageEncoder(DenseNet121(spatial_dims=2, in_channels=1, out_channels=2))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="spatial_dims=2"):
        StageEncoder(resnet18(n_input_channels=1))
    with pytest.raises(ValueError, match=r"2 channels.*takes 3"):
        StageEncoder(small_resnet())(torch.rand(1, 2, 32, 32))


@pytest.mark.parametrize(("name", "last"), [("resnet18", "bn2"), ("resnet34", "bn2"), ("resnet50", "bn3")])
def test_every_residual_branch_starts_at_zero_and_again_when_the_weights_are_drawn(name: str, last: str) -> None:
    encoder = StageEncoder(resnet(name), zero_init_residual=True)
    zeros = {f"layer{s}.{b}.{last}.weight" for s in (1, 2, 3, 4) for b in range(shape_called(name).layers[s - 1])}
    for _ in range(2):
        state = encoder.backbone.state_dict()
        assert {key for key, value in state.items() if key.endswith("weight") and not bool(value.any())} == zeros
        draw_weights(encoder, seed=7)
    images = torch.rand(2, 1, 32, 32)
    block = encoder.backbone.layer1[1].eval()  # without a shortcut of its own: an identity
    with torch.no_grad():
        maps = encoder.eval()(images).stages[0]
        assert torch.equal(block(maps), maps)
