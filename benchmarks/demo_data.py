"""How easy the generated phantoms are: single numbers, a linear classifier, and a small supervised trial.

    python -m data_prep demo --modality chest --out runs/demo-chest
    python -m benchmarks.demo_data runs/demo-chest

or the same with histology or fundus. Prints, for each finding, the area under the ROC curve (AUC) of the best single
statistic of an image over the whole folder (in its better direction), and on the test split that of a logistic
regression on principal components of the pixels and of a ResNet-50 trained from random weights on all labels of the
training split.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path

import monai
import numpy as np
import torch
import torch.nn.functional as F
from monai.networks.nets import resnet50
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from monai_mocoi.data import load_datalist
from monai_mocoi.transforms import crop_to_disc, find_disc, read_image

SIDE = 64


def load(dataset_dir):
    """Return the names of the findings and, by split, pictures (N, channels, rows, columns) and labels (N, findings).

    Of two classes, the second is the only finding. Of fundus photographs, the discs, cut out.
    """
    datalist = load_datalist(dataset_dir)
    manifest = json.loads((Path(dataset_dir) / "manifest.json").read_text(encoding="utf-8"))
    read = read_disc if manifest["source"] == "demo-fundus" else read_image
    splits = {
        split: (
            torch.from_numpy(np.stack([read(item["image"]) for item in items])),
            np.array([np.atleast_1d(item["label"]) for item in items]),
        )
        for split, items in datalist.splits().items()
    }
    findings = splits["training"][1].shape[1]
    return datalist.labels[-findings:], splits


def read_disc(path):
    picture = read_image(path)
    return crop_to_disc(picture, find_disc(picture), SIDE)


def shrink(pictures, size):
    return F.adaptive_avg_pool2d(pictures, size)


def best_statistic(pictures, labels):
    """AUC and name of the best single number for each finding."""
    planes = {"": pictures.mean(1, keepdim=True)}
    if pictures.shape[1] == 3:
        planes |= {f" of {colour}": pictures[:, i : i + 1] for i, colour in enumerate(("red", "green", "blue"))}
    numbers = {}
    for plane, values in planes.items():
        flat = values.flatten(1).numpy()
        numbers |= {f"mean{plane}": flat.mean(1), f"standard deviation{plane}": flat.std(1)}
        numbers |= {f"percentile {q}{plane}": at for q, at in enumerate(np.percentile(flat, range(101), axis=1))}
    for size in (4, 8, 16, 32):
        pixels = shrink(planes[""], size).flatten(1).numpy()
        numbers |= {f"pixel {i // size},{i % size} of {size} x {size}": pixels[:, i] for i in range(size * size)}
    areas = np.array([[roc_auc_score(own, values) for values in numbers.values()] for own in labels.T])
    areas = np.maximum(areas, 1 - areas)
    return areas.max(1), [list(numbers)[i] for i in areas.argmax(1)]


def linear(train, test, components):
    """Test scores of a logistic regression a finding on whitened principal components."""
    (x, y), (x_test, _) = train, test
    return np.stack(
        [
            make_pipeline(PCA(components, whiten=True, random_state=0), LogisticRegression(C=0.1, max_iter=3000))
            .fit(x.flatten(1).numpy(), own)
            .decision_function(x_test.flatten(1).numpy())
            for own in y.T
        ],
        axis=1,
    )


def augment(x):
    """Small random turns, shifts and magnifications, and changes of contrast and level."""
    n = len(x)
    angle, scale = 0.05 * torch.randn(n), 1 + 0.06 * torch.randn(n)
    cos, sin, shift = scale * angle.cos(), scale * angle.sin(), 0.05 * torch.randn(2, n)
    matrix = torch.stack([torch.stack([cos, -sin, shift[0]], 1), torch.stack([sin, cos, shift[1]], 1)], 1)
    x = F.grid_sample(x, F.affine_grid(matrix, x.shape, align_corners=False), "bilinear", "border", False)
    return x * (1 + 0.1 * torch.randn(n, 1, 1, 1)) + 0.1 * torch.randn(n, 1, 1, 1)


def supervised(train, test, epochs, batch_size=32, rate=1e-3):
    """Test scores of a ResNet-50 trained with a short warm-up and a cosine; seconds by the clock and of processors."""
    torch.manual_seed(0)
    (x, y), (x_test, _) = train, test
    mean, std = (measure(x, dim=(0, 2, 3), keepdim=True) for measure in (torch.mean, torch.std))
    x, x_test, y = (x - mean) / std, (x_test - mean) / std, torch.from_numpy(y).float()
    network = resnet50(
        spatial_dims=2, n_input_channels=x.shape[1], conv1_t_stride=2, bias_downsample=False, num_classes=y.shape[1]
    ).to(memory_format=torch.channels_last)
    for block in network.modules():
        if hasattr(block, "bn3"):  # zero-initialised residuals, as every arm of the project starts
            torch.nn.init.zeros_(block.bn3.weight)
    optimizer = torch.optim.AdamW(network.parameters(), rate, weight_decay=0.05)
    clock, processors, steps = time.monotonic(), time.process_time(), epochs * len(x) // batch_size
    for step in range(steps):
        passed, picked = step / steps, torch.randperm(len(x))[:batch_size]
        for group in optimizer.param_groups:
            group["lr"] = rate * min(passed / 0.05, 1) * 0.5 * (1 + np.cos(np.pi * passed))
        with torch.autocast("cpu", torch.bfloat16):
            scores = network(augment(x[picked]).contiguous(memory_format=torch.channels_last))
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(scores.float(), y[picked]).backward()
        optimizer.step()
    seconds = time.monotonic() - clock, time.process_time() - processors
    network.eval()
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        return torch.cat([network(part) for part in x_test.split(128)]).float().numpy(), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dataset_dir")
    parser.add_argument("--epochs", type=int, default=20, help="of training (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="(%(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    names, splits = load(args.dataset_dir)
    pictures, labels = (torch.cat([x for x, _ in splits.values()]), np.concatenate([y for _, y in splits.values()]))
    areas, which = best_statistic(pictures, labels)
    side = min(SIDE, pictures.shape[-1])
    small = {split: (shrink(x, side), y) for split, (x, y) in splits.items()}
    train, test = small["training"], small["test"]
    columns = {"best statistic": areas}
    for components in (50, 150):
        columns[f"PCA {components} + logistic"] = _test_areas(test, linear(train, test, components))
    scores, seconds = supervised(train, test, args.epochs)
    columns["ResNet-50"] = _test_areas(test, scores)

    print("| finding | prevalence | test positives | " + " | ".join(columns) + " | which statistic |")
    print("|---" * (len(columns) + 4) + "|")
    for i, name in enumerate(names):
        cells = " | ".join(f"{column[i]:.3f}" for column in columns.values())
        print(f"| {name} | {labels[:, i].mean():.3f} | {test[1][:, i].sum()} | {cells} | {which[i]} |")
    print("| mean | | | " + " | ".join(f"{column.mean():.3f}" for column in columns.values()) + " | |")
    print(
        f"\n{len(labels)} images; {side} x {side} pixels; {args.epochs} epochs in {seconds[0]:.0f} s "
        f"({seconds[1]:.0f} s of processor time), {args.threads} thread(s); "
        f"Python {platform.python_version()}, torch {torch.__version__}, monai {monai.__version__}"
    )


def _test_areas(test, scores):
    return np.array([roc_auc_score(test[1][:, i], scores[:, i]) for i in range(scores.shape[1])])


if __name__ == "__main__":
    main()
