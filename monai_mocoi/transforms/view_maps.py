"""Geometry of views as affine maps: where in its image each view lies, in coordinates without a size.

A picture runs from -1 to 1 along x and along y, from edge to edge: the coordinates of ``torch``'s ``affine_grid`` with
``align_corners=False``.
"""

import numpy as np

from monai_mocoi.transforms.resample import ImageMaps
from monai_mocoi.transforms.view_plan import ViewPlan


def view_maps(plan: ViewPlan, drawn: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Affine maps from views to their images, and to what they were cut from on the way.

    ``(x, y)`` of a view lies at ``map @ (x, y, 1)`` of the picture. A rotation after a crop turns the cut-out part,
    whose surroundings are black even where the image goes on. So there is a map to each picture from which a resampling
    reads, and a view shows what lies inside all of them; the last one is the image.

    Args:
        plan: of the transform that made the views.
        drawn: (views, N, numbers), see :meth:`~monai_mocoi.transforms.view_plan.ViewPlan.draw`.
        shape: of the images, (C, H, W).

    Returns:
        float32 (views, N, pictures, 2, 3); without a geometric step one map, which leaves everything where it is.
    """
    views, samples = drawn.shape[:2]
    together = np.tile(np.eye(3), (views * samples, 1, 1))
    found = []
    for maps, before, after in reversed(list(plan.geometries(drawn.reshape(views * samples, -1), shape))):
        together = _without_size(maps, before, after) @ together
        found.append(together)
    result = np.stack(found or [together], axis=1)[:, :, :2]
    return result.reshape(views, samples, -1, 2, 3).astype(np.float32)


def _without_size(maps: ImageMaps, before: tuple[int, ...], after: tuple[int, ...]) -> np.ndarray:
    """Maps (N, 3, 3) of pictures that run from -1 to 1; theirs count pixels. Shapes (C, H, W) of image and view."""
    half_image, half_view = np.array(before[:0:-1]) / 2, np.array(after[:0:-1]) / 2  # (x, y)
    result = np.tile(np.eye(3), (len(maps.shift), 1, 1))
    result[:, :2, :2] = maps.linear * half_view / half_image[:, None]
    result[:, :2, 2] = (maps.linear @ half_view + maps.shift) / half_image - 1
    return result
