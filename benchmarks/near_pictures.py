"""How well the audit's picture descriptors tell copies from strangers, on folders of published names.

Usage: ``python -m benchmarks.near_pictures FOLDER [FOLDER ...]``

Two files of one name (in two folders, at any size) are copies; two of one patient (what stands before the name's first
underscore) are follow-ups; all other pairs are strangers. Then one folder's images are altered, and compared with the
originals. Two correlations: of the whole pictures, and of their middles. A pair is found if both reach their limit.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from monai_mocoi.data.audit_report import NEAR_CORRELATION, NEAR_IN_THE_MIDDLE
from monai_mocoi.data.fingerprint import fingerprint
from monai_mocoi.transforms import read_image


def descriptors(picture: Image.Image) -> np.ndarray:
    """(2, 256): of the whole and of the middle."""
    return fingerprint(np.asarray(picture, dtype=np.float32)[None] / np.float32(255))[1].astype(np.float64)


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def trimmed(picture: Image.Image, share: float) -> Image.Image:
    return ImageOps.crop(picture, round(picture.width * share))


ALTERED = {
    "half the size": lambda p: p.resize((p.width // 2, p.height // 2), Image.Resampling.BILINEAR),
    "stretched by 5/4": lambda p: p.resize((p.width, p.height * 5 // 4), Image.Resampling.BILINEAR),
    "JPEG, quality 30": lambda p: jpeg(p, 30),
    "half the contrast": lambda p: p.point(lambda v: 64 + v // 2),
    "gamma 0.8": lambda p: p.point(lambda v: round(255 * (v / 255) ** 0.8)),
    "gamma 0.6": lambda p: p.point(lambda v: round(255 * (v / 255) ** 0.6)),
    "turned by 1 degree": lambda p: p.rotate(1, Image.Resampling.BILINEAR),
    "1 % cut off all round": lambda p: trimmed(p, 0.01),
    "2 % cut off all round": lambda p: trimmed(p, 0.02),
    "histogram equalised": ImageOps.equalize,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    files = [path for folder in parser.parse_args().folders for path in sorted(folder.glob("*.png"))]
    pictures = [Image.fromarray(np.rint(read_image(path, 1)[0] * 255).astype(np.uint8)) for path in files]
    own = np.array([descriptors(picture) for picture in pictures])
    first, second = np.triu_indices(len(files), 1)
    correlation = np.stack([(own[:, part] @ own[:, part].T)[first, second] for part in (0, 1)])
    names = np.array([path.name for path in files])
    patients = np.array([name.split("_")[0] for name in names])
    copies = names[first] == names[second]
    follow_ups = (patients[first] == patients[second]) & ~copies
    print(f"limits: {NEAR_CORRELATION} of the whole, {NEAR_IN_THE_MIDDLE} of the middle")
    report("copies", correlation[:, copies])
    report("follow-ups", correlation[:, follow_ups])
    report("strangers", correlation[:, ~copies & ~follow_ups])
    for name, alter in ALTERED.items():
        altered = np.array([descriptors(alter(picture)) for picture in pictures[::4]])
        report(name, (own[::4] * altered).sum(2).T)


def report(name: str, values: np.ndarray) -> None:
    """``values``: (2, pairs)."""
    if not values.size:
        return
    alike = values >= np.array([[NEAR_CORRELATION], [NEAR_IN_THE_MIDDLE]])
    print(
        f"{name:<24}{values.shape[1]:>9} pairs, {alike.all(0).sum():>4} found, {alike[0].sum():>4} by the whole alone"
    )
    for part, of_part in zip(("whole", "middle"), values, strict=True):
        top = " ".join(f"{value:.3f}" for value in np.sort(of_part)[:-4:-1])
        print(f"{'':<24}{part:>9}: lowest {of_part.min():.4f}, highest {top}")


if __name__ == "__main__":
    main()
