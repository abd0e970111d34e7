"""Circle through the edge of a lit piece: random trials, then robust least squares."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 0.01  # distance from the circle, as a share of the lit part's longer side, that counts as on it
_TRIALS = 500
_OUTSIDE = 0.05  # share of the edge that may lie outside the disc: the notch that marks a camera's upright
_ON_CIRCLE = 0.1  # share of the edge that must be on the circle
_ARC_DEGREES = 25  # and over how many degrees, all arcs together; two corners of a disc cut on all sides give 32


@dataclass(frozen=True)
class Disc:
    """Where the fundus is, in pixels; the centre of the picture's first pixel is (0.5, 0.5), and it may lie outside.

    ``edge_seen``: whether it was measured at the disc's edge. False: the retina fills the picture; then the square
    around the disc is the lit part's own, its longer side from end to end.
    """

    row: float
    column: float
    radius: float
    edge_seen: bool = True


def fit_disc(points: NDArray[np.float64], height: float, width: float) -> Disc | None:
    """Fit the disc to edge points of a lit piece of some height and width; None if too few of them are on a circle.

    Among the circles through random triples of points (fixed seed: the same picture gives the same disc) that leave at
    most a twentieth of the edge outside, the one with the most points on it is taken, and fitted to these by robust
    least squares. Straight cuts and the notch of a camera's mask are not on the circle and do not move it.
    """
    if len(points) < _ON_CIRCLE * 2 * (height + width):
        return None
    tolerance = max(1.0, TOLERANCE * max(height, width))
    # A disc holds all that is lit, and at the largest is the circle around its box: cut on all sides.
    circle, on = _best_supported(points, tolerance, 0.45 * max(height, width), 0.55 * float(np.hypot(height, width)))
    if on.sum() < _ON_CIRCLE * len(points):
        return None
    points = points[on]
    from scipy import optimize

    fit = optimize.least_squares(
        lambda c: np.hypot(points[:, 0] - c[0], points[:, 1] - c[1]) - c[2],
        circle,
        loss="soft_l1",
        f_scale=tolerance / 2,
    )
    row, column, radius = map(float, fit.x)
    angles = np.degrees(np.arctan2(points[:, 0] - row, points[:, 1] - column))
    if 5 * len(np.unique(np.floor(angles / 5))) < _ARC_DEGREES:
        return None
    return Disc(row, column, radius)


def edge_points(lit: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return (points, 2) row and column of both ends of each row and column of the piece, where they are no cut."""
    points = []
    for swap, mask in ((False, lit), (True, lit.T)):
        lines = np.flatnonzero(mask.any(1))
        length = mask.shape[1]
        first = mask[lines].argmax(1)
        last = length - mask[lines, ::-1].argmax(1)
        for ends, kept in ((first, first > 1), (last, last < length - 1)):
            along = np.stack([lines[kept] + 0.5, ends[kept].astype(float)], 1)
            points.append(along[:, ::-1] if swap else along)
    return np.concatenate(points)


def _best_supported(
    points: NDArray[np.float64], tolerance: float, smallest: float, largest: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return (row, column, radius) of the circle with the most points on it, and which these are: none if none fits."""
    a, b, c = points[np.random.RandomState(0).randint(len(points), size=(3, _TRIALS))]
    # The centre is as far from a as from b and from c: two linear equations.
    u, v = b - a, c - a
    twice = 2 * (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    apart = np.abs(twice) > 1e-6  # not in one line
    u, v, a, twice = u[apart], v[apart], a[apart], twice[apart, None]
    uu, vv = (u**2).sum(1), (v**2).sum(1)
    offset = np.stack([v[:, 1] * uu - u[:, 1] * vv, u[:, 0] * vv - v[:, 0] * uu], 1) / twice
    radius = np.hypot(offset[:, 0], offset[:, 1])
    possible = (radius >= smallest) & (radius <= largest)
    centre, radius = (a + offset)[possible], radius[possible]
    beyond = np.hypot(points[:, 0] - centre[:, :1], points[:, 1] - centre[:, 1:]) - radius[:, None]
    on = np.abs(beyond) <= tolerance
    on[(beyond > tolerance).mean(1) > _OUTSIDE] = False
    if not on.any():
        return np.zeros(3), np.zeros(len(points), bool)
    best = on.sum(1).argmax()
    return np.array([*centre[best], radius[best]]), on[best]
