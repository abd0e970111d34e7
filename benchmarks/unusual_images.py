"""How many pictures of another kind are noticed: the share of each set that reaches unusual_percentile 99.

    python -m benchmarks.unusual_images RUN DATASET_FOLDER NAME=IMAGES [NAME=IMAGES ...] [--most 300] [--stages]

``RUN`` is what ``finetune.json`` wrote on ``DATASET_FOLDER``. Beside the sets named (folders or lists, as
``inference.json`` takes them) stand the classifier's own test images, and these inverted, turned by 90 degrees,
mirrored, blurred, at half the contrast and in noise. The table is what inference does. ``--stages`` does the same with
the features of each stage and with other numbers of directions kept (all of them for the largest), in a second table.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import torch
from monai.networks.nets import resnet50
from monai.transforms import Compose, GaussianSmooth, NormalizeIntensityd, Rotate90
from sklearn.metrics import roc_auc_score

from monai_mocoi.analysis import pooled_features, read_typical_features
from monai_mocoi.data import ImageDataset, find_new_images, load_datalist
from monai_mocoi.metrics import fit_shrunk_gaussian, mahalanobis_distance, unusual_percentile
from monai_mocoi.networks import Classifier, StageEncoder, load_classifier, read_classifier_card
from monai_mocoi.transforms import FitSquare, FitSquared, ReadImage, RescaleIntensity

LIMIT = 99.0
RANKS = (16, 64, 256, 2048)
Change = Callable[[torch.Tensor], torch.Tensor]


def noisy(picture: torch.Tensor) -> torch.Tensor:
    """The picture with noise of standard deviation 0.1, the same every time."""
    return (picture + 0.1 * torch.randn(picture.shape, generator=torch.Generator().manual_seed(1))).clip(0, 1)


CHANGES: dict[str, Change] = {
    "own test": lambda picture: picture,
    "inverted": lambda picture: 1 - picture,
    "turned by 90 degrees": Rotate90(),
    "mirrored": lambda picture: picture.flip(-1),
    "blurred (sd 1 pixel)": GaussianSmooth(1.0),
    "half the contrast": lambda picture: 0.25 + picture / 2,
    "noise (sd 0.1)": noisy,
}


def named(words: list[str]) -> list[tuple[str, str]]:
    """NAME and IMAGES of each word."""
    return [(name, place) for name, _, place in (word.partition("=") for word in words)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("dataset")
    parser.add_argument("others", nargs="*", help="NAME=IMAGES")
    parser.add_argument("--most", type=int, default=300, help="images of a set that are looked at, evenly")
    parser.add_argument("--stages", action="store_true", help="other stages and numbers of directions as well")
    given = parser.parse_args()
    sidecar, typical = read_classifier_card(given.run), read_typical_features(given.run)
    if typical is None:
        raise SystemExit("the classifier does not say what its own images look like: train it anew")
    backbone = resnet50(spatial_dims=2, n_input_channels=3, conv1_t_stride=2, bias_downsample=False, feed_forward=False)
    network = Classifier(StageEncoder(backbone), len(sidecar["labels"]), sidecar["stage"])
    load_classifier(network, given.run)
    datalist = load_datalist(given.dataset)

    def features(items: list[dict[str, str]], change: Change = CHANGES["own test"]) -> dict[int, np.ndarray]:
        read = ReadImage(sidecar["channels"]), RescaleIntensity(sidecar["intensity"])
        fit = FitSquare(sidecar["decode_size"], sidecar["resize_mode"])
        mean, std = sidecar["mean"], sidecar["std"]
        plain = Compose(
            [
                FitSquared("image", sidecar["image_size"]),
                NormalizeIntensityd("image", mean, std, channel_wise=isinstance(mean, list)),
            ]
        )
        data = [{"patient": "unknown", **item} for item in items]
        options = {"cache": False, "on_bad_image": "skip", "max_bad_share": 1.0, "progress": False}
        dataset = ImageDataset(data, Compose([*read, fit, change]), plain, bits=sidecar["cache_bits"], **options)
        return pooled_features(network.encoder, dataset, cache=False, progress=False)

    def some(items: list[dict[str, str]]) -> list[dict[str, str]]:
        return [items[len(items) * i // given.most] for i in range(given.most)] if len(items) > given.most else items

    own_kind = {"own test": (datalist.test, CHANGES["own test"])}
    others = {name: (find_new_images(place), CHANGES["own test"]) for name, place in named(given.others)}
    changed = {name: (datalist.test, change) for name, change in CHANGES.items()}
    sets, own, stage = {}, np.zeros(0), sidecar["stage"]
    print(f"{typical.images} training, {len(typical.reference)} validation images; limit {LIMIT:g}")
    print(f"{'set':<24}{'images':>8}{'noticed':>9}{'AUC':>7}")
    for name, (items, change) in {**own_kind, **others, **changed}.items():
        sets[name] = features(some(items), change)
        distances = mahalanobis_distance(sets[name][stage], typical.gaussian)
        own = distances if name == "own test" else own
        share = (unusual_percentile(distances, typical.reference) >= LIMIT).mean()
        auc = roc_auc_score(np.repeat([0, 1], [len(own), len(distances)]), np.concatenate([own, distances]))
        print(f"{name:<24}{len(distances):>8}{share:>9.1%}{auc:>7.3f}", flush=True)
    if not given.stages:
        return
    training, validation = features(datalist.training), features(datalist.validation)
    print("\nnoticed by stage, and of stage 4 by the number of directions kept")
    ways = [(number, 256) for number in (1, 2, 3, 4)] + [(4, rank) for rank in RANKS]
    print(f"{'set':<24}" + "".join(f"{f's{number} r{rank}':>10}" for number, rank in ways))
    shares = []
    for number, rank in ways:
        gaussian = fit_shrunk_gaussian(training[number], rank)
        reference = mahalanobis_distance(validation[number], gaussian)
        shares.append(
            [
                (unusual_percentile(mahalanobis_distance(found[number], gaussian), reference) >= LIMIT).mean()
                for found in sets.values()
            ]
        )
    for name, row in zip(sets, zip(*shares, strict=True), strict=True):
        print(f"{name:<24}" + "".join(f"{share:>10.1%}" for share in row))


if __name__ == "__main__":
    main()
