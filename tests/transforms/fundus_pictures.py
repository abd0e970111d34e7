"""Made-up fundus photographs whose disc is known."""

from __future__ import annotations

import numpy as np


def fundus(
    rows: int,
    columns: int,
    row: float,
    column: float,
    radius: float,
    *,
    light: float = 1.0,
    background: float = 0.0,
    noise: float = 0.01,
    seed: int = 0,
) -> np.ndarray:
    """(3, rows, columns) float32: an orange disc with a smooth edge, darker outwards, one bright spot, six vessels."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns] + 0.5
    down, right = (y - row) / radius, (x - column) / radius
    away = np.hypot(down, right)
    lit = np.clip((1 - away) * radius + 0.5, 0, 1)
    shade = light * (1 - 0.4 * np.minimum(away, 1) ** 2)
    spot = np.exp(-(((down + 0.1) ** 2 + (right - 0.5) ** 2) / 0.015))
    angle = np.arctan2(down + 0.1, right - 0.5)
    vessels = (np.cos(6 * angle + 3 * away + random.uniform(0, 6)) > 0.93) * 0.25
    colour = np.stack([0.75 + 0.2 * spot, 0.4 + 0.5 * spot - vessels, 0.2 + 0.5 * spot - 0.5 * vessels])
    picture = background * (1 - lit) + np.clip(colour, 0, 1) * shade * lit
    return np.clip(picture + random.normal(0, noise, picture.shape), 0, 1).astype(np.float32)
