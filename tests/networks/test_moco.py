from __future__ import annotations

import copy

import pytest
import torch

from monai_mocoi.networks import BarlowProjector, MoCo, MoCoOutput, StageEncoder, unwrap_moco
from tests.networks.small import small_moco, small_resnet, views


def state_of(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


def test_output_by_hand() -> None:
    moco = small_moco("map", momentum=0.9).double()
    moco.queue.enqueue(torch.nn.functional.normalize(torch.rand(10, 12, dtype=torch.float64), dim=1), torch.arange(10))
    query_view, key_view = (v.double() for v in views(4))
    twin = copy.deepcopy(moco)
    output = moco(query_view, key_view, torch.tensor([0, 5, 20, 21]))

    twin.update_key_encoder()
    encoded = twin.query_encoder(query_view), twin.key_encoder(key_view)
    query = torch.nn.functional.normalize(twin.query_head(encoded[0].embedding), dim=1)
    key = torch.nn.functional.normalize(twin.key_head(encoded[1].embedding), dim=1)
    torch.testing.assert_close(output.query, query)
    torch.testing.assert_close(output.key, key)
    torch.testing.assert_close(output.positive, (query * key).sum(1))
    torch.testing.assert_close(output.negative, query @ twin.queue.keys.T)
    assert output.mask[:, :10].logical_not().nonzero().tolist() == [[0, 0], [1, 5]]
    assert not output.mask[:, 10:].any()
    for stage, (q, k) in enumerate(zip(output.stages_query, output.stages_key, strict=True)):
        torch.testing.assert_close(q, twin.stage_heads[stage].pool(encoded[0].stages[stage]))
        torch.testing.assert_close(k, twin.stage_heads[stage].pool(encoded[1].stages[stage]))
        torch.testing.assert_close(output.pooled_stages[stage], encoded[0].stages[stage].mean((2, 3)))
    torch.testing.assert_close(moco.queue.keys[10:14], key)
    assert moco.queue.images[10:14].tolist() == [0, 5, 20, 21]


def test_key_encoder_moves_by_parameters_only_and_before_its_pass() -> None:
    moco = small_moco(momentum=0.75)
    with torch.no_grad():
        for parameter in (*moco.query_encoder.parameters(), *moco.query_head.parameters()):
            parameter.add_(1)
    before = [p.clone() for p in (*moco.key_encoder.parameters(), *moco.key_head.parameters())]
    running = moco.key_encoder.backbone.bn1.running_mean.clone()
    moco.update_key_encoder()
    for old, new in zip(before, (*moco.key_encoder.parameters(), *moco.key_head.parameters()), strict=True):
        torch.testing.assert_close(new, old + 0.25)
    assert torch.equal(running, moco.key_encoder.backbone.bn1.running_mean)
    assert not any(p.requires_grad for p in moco.key_encoder.parameters())


def test_a5_nothing_moves_outside_training() -> None:
    moco = small_moco("barlow", bn_splits=2)
    with torch.no_grad():
        for parameter in moco.query_encoder.parameters():
            parameter.mul_(1.1)  # so that a moving average would show
    before = state_of(moco.eval())
    with torch.no_grad():
        moco(*views(4), torch.arange(4))
        moco.embed(views(4)[0])
    for name, value in moco.state_dict().items():
        assert torch.equal(before[name], value), name


def test_gradients_reach_the_query_encoder_and_the_heads_but_not_the_key_encoder() -> None:
    moco = small_moco("barlow")
    output: MoCoOutput = moco(*views(4), torch.arange(4))
    sum((q * k).sum() for q, k in zip(output.stages_query, output.stages_key, strict=True)).backward()
    assert moco.query_encoder.backbone.conv1.weight.grad is not None
    assert all(p.grad is None for p in moco.key_encoder.parameters())
    moco.zero_grad()
    output = moco(*views(4), torch.arange(4))
    sum(k.square().sum() for k in output.stages_key).backward()
    head = moco.stage_heads[0]
    assert isinstance(head, BarlowProjector)
    assert head.projector[0].weight.grad is not None  # both views train the projector
    trained = [p for p in moco.query_encoder.parameters() if p.grad is not None and p.grad.any()]
    assert trained == []  # but the key view trains no encoder


@pytest.mark.parametrize("count", [8, 7])
def test_b3_everything_is_put_back_in_order_after_the_split_batch_norm(count: int) -> None:
    """Each part must have the statistics of the shuffled parts, and each row must stand at its image's place."""
    moco = small_moco("barlow", bn_splits=2).double()
    query_view, key_view = (v.double() for v in views(count))
    twin = copy.deepcopy(moco)
    output = moco(query_view, key_view, torch.arange(count))
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1 * 1_000_003))
    assert order.tolist() != list(range(count))
    keys: dict[int, torch.Tensor] = {}
    pooled: list[dict[int, torch.Tensor]] = [{}, {}, {}, {}]
    for part in order.tensor_split(2):
        encoded = twin.key_encoder(key_view[part])
        vectors = torch.nn.functional.normalize(twin.key_head(encoded.embedding), dim=1)
        for row, image in enumerate(part.tolist()):
            keys[image] = vectors[row]
            for stage in range(4):
                pooled[stage][image] = encoded.stages[stage][row].mean((1, 2))
    torch.testing.assert_close(output.key, torch.stack([keys[i] for i in range(count)]))
    for stage in range(4):
        rows = torch.stack([pooled[stage][i] for i in range(count)])
        projected = torch.cat([twin.stage_heads[stage](part) for part in rows.tensor_split(2)])
        torch.testing.assert_close(output.stages_key[stage], projected)


def test_split_parts_hold_two_images_at_least() -> None:
    moco = small_moco("barlow", bn_splits=4)
    for count in (2, 3, 5, 7):
        assert moco(*views(count), torch.arange(count)).query.shape == (count, 12)


def test_first_step_has_no_negatives_and_later_ones_do() -> None:
    moco = small_moco(queue=6)
    images = torch.arange(4)
    assert int(moco(*views(4), images).mask.sum()) == 0
    assert int(moco(*views(4, seed=1), images + 4).mask.sum()) == 16
    output = moco(*views(4, seed=2), images + 4)
    assert int(output.mask.sum()) == 4 * 5  # the queue holds 2, 3 and 4 to 7; each query's own is masked
    assert int(moco.steps) == 3


def test_a9_paper_settings_switch_the_own_image_mask_off() -> None:
    moco = small_moco(queue=4, mask_own_image=False)
    moco(*views(4), torch.arange(4))
    assert moco(*views(4), torch.arange(4)).mask.all()


def test_a8_all_arms_start_from_the_same_weights() -> None:
    arms = [small_moco(method, zero_init_residual=True, seed=5) for method in ("moco", "map", "barlow")]
    torch.rand(7)  # what was drawn in between must not matter
    arms.append(small_moco("barlow", zero_init_residual=True, seed=5))
    for arm in arms[1:]:
        for part in ("query_encoder", "key_encoder", "query_head", "key_head"):
            for name, value in getattr(arms[0], part).state_dict().items():
                assert torch.equal(value, getattr(arm, part).state_dict()[name]), f"{part}.{name}"
    for name, value in arms[2].stage_heads.state_dict().items():
        assert torch.equal(value, arms[3].stage_heads.state_dict()[name])
    other = small_moco("moco", zero_init_residual=True, seed=6)
    assert not torch.equal(other.query_encoder.backbone.conv1.weight, arms[0].query_encoder.backbone.conv1.weight)
    assert float(arms[0].query_encoder.backbone.layer1[0].bn3.weight.abs().sum()) == 0


def test_drawing_weights_leaves_the_random_state_alone() -> None:
    torch.manual_seed(0)
    encoder, head, queue = StageEncoder(small_resnet()), torch.nn.Linear(128, 12), small_moco().queue
    state = torch.get_rng_state()
    MoCo(encoder, head, queue, seed=3)
    assert torch.equal(state, torch.get_rng_state())


def test_half_precision_ends_at_the_heads() -> None:
    moco = small_moco("barlow")
    with torch.autocast("cpu", torch.bfloat16):
        output = moco(*views(4), torch.arange(4))
    for tensor in (output.query, output.positive, output.negative, *output.stages_query, *output.stages_key):
        assert tensor.dtype == torch.float32


def test_a_batch_of_one_is_refused_where_batch_norm_needs_two() -> None:
    with pytest.raises(ValueError, match="batch_size to 2"):
        small_moco()(*views(1), torch.arange(1))
    assert small_moco(head="linear")(*views(1, size=64), torch.arange(1)).query.shape == (1, 12)
    assert small_moco().eval()(*views(1), torch.arange(1)).query.shape == (1, 12)


def test_bad_arguments_are_named() -> None:
    encoder, head, queue = StageEncoder(small_resnet()), torch.nn.Linear(128, 12), small_moco().queue
    with pytest.raises(ValueError, match=r"momentum is 1\.5"):
        MoCo(encoder, head, queue, momentum=1.5)
    with pytest.raises(ValueError, match="bn_splits is 0"):
        MoCo(encoder, head, queue, bn_splits=0)
    with pytest.raises(ValueError, match=r"1 stage heads.*4 stages"):
        MoCo(encoder, head, queue, [BarlowProjector(4)])
    with pytest.raises(TypeError, match="Linear"):
        unwrap_moco(head)
