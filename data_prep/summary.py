"""What a preparation prints at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def print_table(table: Mapping[str, Mapping[str, int]], splits: Mapping[str, Sequence[str]]) -> None:
    """Print how many images with each label each split has.

    Args:
        table: images by split and label.
        splits: the images of each split.
    """
    labels = list(next(iter(table.values())))
    width = max([20, *(len(label) + 2 for label in labels)])
    rows = [(label, [own[label] for own in table.values()]) for label in labels]
    for row, cells in [("images with", splits), *rows, ("all", map(len, splits.values()))]:
        print(f"{row:<{width}}" + "".join(f"{cell:>12}" for cell in cells))


def print_left_out(exclusions: Mapping[str, Sequence[str]]) -> None:
    """Print how many images were left out, by reason."""
    for reason, names in exclusions.items():
        print(f"left out, {reason}: {len(names)} (listed in manifest.json)")
