from __future__ import annotations

import math

import pytest
import torch

from monai_mocoi.losses import KnownValuesLoss, classification_loss
from monai_mocoi.losses.classification import WeightedClassLoss
from tests.support.processes import in_processes


def data(count: int, classes: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return 3 * torch.randn(count, classes, generator=torch.Generator().manual_seed(count), dtype=dtype)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("count", "classes"), [(1, 1), (1, 3), (7, 2), (8, 14)])
def test_multilabel_is_the_mean_binary_cross_entropy_positives_weighted(
    count: int, classes: int, weighted: bool
) -> None:
    logits = data(count, classes)
    labels = (data(count + 50, classes)[:count] > 0).double()
    weights = torch.arange(1, classes + 1, dtype=torch.float64) / 2 if weighted else None
    total = 0.0
    for i in range(count):
        for c in range(classes):
            p = 1 / (1 + math.exp(-logits[i, c].item()))
            weight = 1 if weights is None else weights[c].item()
            total -= weight * math.log(p) if labels[i, c] else math.log(1 - p)
    loss = classification_loss("multilabel", weights)(logits, labels)
    assert loss.item() == pytest.approx(total / (count * classes), rel=1e-9)


def some_known(count: int, classes: int) -> torch.Tensor:
    labels = (data(count + 50, classes)[:count] > 0).double()
    return torch.where(data(count + 90, classes)[:count] > 1, -1.0, labels)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("count", "classes"), [(3, 1), (7, 2), (8, 14)])
def test_what_is_not_known_takes_no_part_in_the_mean(count: int, classes: int, weighted: bool) -> None:
    logits, labels = data(count, classes).requires_grad_(), some_known(count, classes)
    weights = torch.arange(1, classes + 1, dtype=torch.float64) / 2 if weighted else None
    terms = []
    for i in range(count):
        for c in range(classes):
            if labels[i, c] >= 0:
                p = 1 / (1 + math.exp(-logits[i, c].item()))
                weight = 1 if weights is None else weights[c].item()
                terms.append(-weight * math.log(p) if labels[i, c] else -math.log(1 - p))
    assert 0 < len(terms) < count * classes
    loss = classification_loss("multilabel", weights, some_unknown=True)(logits, labels)
    assert loss.item() == pytest.approx(sum(terms) / len(terms), rel=1e-9)
    loss.backward()
    assert torch.equal(logits.grad == 0, labels < 0)


def test_with_all_known_it_is_the_plain_loss_which_is_taken_then() -> None:
    logits, labels = data(8, 3), (data(58, 3)[:8] > 0).double()
    weights = torch.tensor([1.0, 3.0, 0.5], dtype=torch.float64)
    plain, masked = (classification_loss("multilabel", weights, some_unknown=some) for some in (False, True))
    assert type(plain) is torch.nn.BCEWithLogitsLoss
    assert type(masked) is KnownValuesLoss
    assert masked(logits, labels).item() == pytest.approx(plain(logits, labels).item(), rel=1e-12)
    assert type(classification_loss("multiclass", some_unknown=True)) is torch.nn.CrossEntropyLoss


def test_a_batch_of_which_nothing_is_known_teaches_nothing() -> None:
    logits = data(4, 3).requires_grad_()
    loss = KnownValuesLoss()(logits, torch.full((4, 3), -1.0, dtype=torch.float64))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


def test_a_logit_that_is_not_finite_shows_though_its_label_is_not_known() -> None:
    logits, labels = data(4, 3), some_known(4, 3)
    logits[labels < 0] = float("nan")
    assert KnownValuesLoss()(logits, labels).isnan()


def unevenly() -> tuple[torch.Tensor, torch.Tensor]:
    """Eight images, of which the second half has nearly nothing known."""
    logits, labels = data(8, 3), some_known(8, 3)
    labels[:4] = labels[:4].abs()
    labels[4:] = -1
    labels[5, 1] = 1
    return logits, labels


def half_of_it(rank: int) -> tuple[float, torch.Tensor]:
    logits, labels = (part.chunk(2)[rank].clone() for part in unevenly())
    loss = KnownValuesLoss(torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64))(logits.requires_grad_(), labels)
    loss.backward()
    return loss.item(), logits.grad


def test_two_processes_with_unequal_shares_of_what_is_known_equal_one() -> None:
    logits, labels = unevenly()
    loss = KnownValuesLoss(torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64))(logits.requires_grad_(), labels)
    loss.backward()
    (first, first_grad), (second, second_grad) = in_processes(half_of_it, 2)
    assert first != pytest.approx(second)
    assert (first + second) / 2 == pytest.approx(loss.item(), rel=1e-12)  # as the losses of processes are told
    torch.testing.assert_close(torch.cat([first_grad, second_grad]) / 2, logits.grad)  # as their gradients are averaged


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("count", "classes"), [(1, 2), (7, 3), (8, 5)])
def test_multiclass_is_the_mean_cross_entropy_weighted_by_the_true_class(
    count: int, classes: int, weighted: bool
) -> None:
    logits = data(count, classes)
    labels = torch.arange(count) % classes
    weights = torch.arange(1, classes + 1, dtype=torch.float64) / 2 if weighted else None
    total = mass = 0.0
    for i, label in enumerate(labels.tolist()):
        exponentials = [math.exp(v) for v in logits[i].tolist()]
        weight = 1 if weights is None else weights[label].item()
        total -= weight * math.log(exponentials[label] / sum(exponentials))
        mass += weight
    assert classification_loss("multiclass", weights)(logits, labels).item() == pytest.approx(total / mass, rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_with_weights_it_is_torchs_own_in_one_process(dtype: torch.dtype) -> None:
    labels, weights = torch.arange(7) % 3, torch.tensor([1.0, 9.0, 0.5])
    found = []
    for loss in (WeightedClassLoss(weights), torch.nn.CrossEntropyLoss(weight=weights)):
        logits = data(7, 3).to(dtype).requires_grad_()
        value = loss.to(dtype)(logits, labels)
        value.backward()
        found.append((value, logits.grad))
    torch.testing.assert_close(*found)


RARE = torch.tensor([0, 0, 0, 0, 1, 1, 0, 1])
"""Classes of eight images: the second process has the rare one."""


def half_of_the_classes(rank: int) -> tuple[float, torch.Tensor]:
    logits, labels = data(8, 2).chunk(2)[rank].clone().requires_grad_(), RARE.chunk(2)[rank]
    loss = classification_loss("multiclass", torch.tensor([1.0, 9.0], dtype=torch.float64))(logits, labels)
    loss.backward()
    return loss.item(), logits.grad


@pytest.mark.slow
def test_two_processes_with_unequal_classes_equal_one() -> None:
    logits = data(8, 2).requires_grad_()
    loss = classification_loss("multiclass", torch.tensor([1.0, 9.0], dtype=torch.float64))(logits, RARE)
    loss.backward()
    (first, first_grad), (second, second_grad) = in_processes(half_of_the_classes, 2)
    assert (first + second) / 2 == pytest.approx(loss.item(), rel=1e-12)
    torch.testing.assert_close(torch.cat([first_grad, second_grad]) / 2, logits.grad)


def test_weights_go_to_the_device_with_the_loss() -> None:
    for kind in ("multilabel", "multiclass"):
        weights = torch.tensor([1.0, 2.0])
        kept = list(classification_loss(kind, weights).buffers())
        assert any(torch.equal(buffer, weights) for buffer in kept)


def test_an_unknown_kind_is_refused_and_the_older_name_accepted() -> None:
    assert type(classification_loss("softmax")) is torch.nn.CrossEntropyLoss
    with pytest.raises(ValueError, match="binary"):
        classification_loss("binary")
