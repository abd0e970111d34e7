"""Parts of a drawn chest as relative attenuation: bones, body, vessels, infiltrates, and the film."""

import numpy as np

from monai_mocoi.demo.phantoms.chest_anatomy import Anatomy, Study
from monai_mocoi.demo.phantoms.shapes import Array, bump, cloud, softmin, step

FIELD_CM = 40.0
"""Side of the square detector in cm."""


def draw_bones(a: Anatomy, u: Array, v: Array, spine_u: Array) -> Array:
    """Ribs, clavicles, spine and humeral heads, as relative attenuation."""
    x, wall = np.abs(u), a.wall_depth(u, v)
    across = np.minimum(x / a.half_width, 1)
    cage = step(wall + 0.5, 0.8) * step(a.diaphragm + 2.5 - v, 6.0)
    ribs = np.zeros_like(u)
    for run, strength in (
        (4.0 * across**3 - 2.4 * across * (1 - across), 1.0),  # posterior: out from the spine, then down
        (4.0 + 6.5 * (1 - across), 0.6 * step(across - 0.42, 0.25)),  # anterior: back, down to the cartilage
    ):
        phase = (v - run - a.rib_start) / a.rib_spacing
        ribs = np.maximum(ribs, strength * bump((phase - np.round(phase)) * a.rib_spacing, 0.62))
    ribs *= a.rib_contrast * cage * step(x - 1.0, 1.0)

    middle = a.apex + 2.6 - a.clavicle_slope * (x - 2) + 0.5 * np.sin((x - 2) / 2.1)
    clavicles = 0.13 * bump(v - middle, 0.75) * step(x - 1.8, 0.8) * step(15.5 - x, 1.0)

    column = step(1.75 - np.abs(u - spine_u), 0.6)
    disc = v / 2.4 - np.round(v / 2.4)
    spine = column * (0.05 + 0.035 * step(0.33 - np.abs(disc), 0.2))
    spine += 0.04 * bump(u - spine_u, 0.5) * bump(disc, 0.3)  # spinous processes

    shoulder_u, shoulder_v = a.half_width + 4.2, a.apex + 4.5
    head = 0.16 * step(2.4 - np.hypot(x - shoulder_u, v - shoulder_v), 0.5)
    shaft = 0.14 * bump(x - shoulder_u - 0.9 - 0.12 * (v - shoulder_v), 1.3) * step(v - shoulder_v, 2.0)
    blade = 0.05 * step(a.half_width + 3.0 - x, 0.5) * step(x - a.half_width + 2.4 - 0.22 * (v + 5), 0.6)
    return ribs + clavicles + spine + np.maximum(head, shaft) + blade * step(6 - np.abs(v + 4), 1.5)


def draw_body(a: Anatomy, u: Array, v: Array) -> tuple[Array, Array]:
    """Trunk, shoulders and neck: distance inwards from the skin, and attenuation without lungs and bones."""
    trunk = a.half_width + a.fat - 0.06 * np.maximum(-v, 0) + 9 * step(-5.5 - v, 5.0) - np.abs(u)
    neck = 5.2 + 0.12 * a.fat - np.abs(u)
    shoulders = v - a.apex + 1.8 - 0.022 * np.maximum(np.abs(u) - 4, 0) ** 2
    depth = softmin(trunk, -softmin(-shoulders, -neck, 5.0), 2.0)
    thickness = np.sqrt(np.clip(depth / 6, 0.12, 1)) * (0.93 + 0.02 * a.fat)
    if a.breast > 0:
        fold = 6.2 - np.hypot(np.abs(u) - 0.56 * a.half_width, (v - a.breast_drop + 2) * 0.9)
        thickness += a.breast * step(fold, 1.2) * (0.6 + 0.4 * np.clip((v - a.breast_drop + 4) / 8, 0, 1))
    return depth, thickness - 0.14 * bump(u, 1.1) * step(-3.5 - v, 1.5)  # trachea


def draw_vessels(a: Anatomy, u: Array, v: Array, rng: np.random.Generator) -> Array:
    """Hila, and vessels that run out from them and thin towards the pleura."""
    size = len(u)
    from_hilum = np.hypot(np.abs(u) - 3.6, (v + 0.5) * 0.8)
    bearing = np.arctan2(v + 0.5, np.abs(u) - 3.0) + 0.7 * (u > 0) + 0.2 * cloud(rng, 12, size)
    streaks = sum(np.cos(lines * bearing + phase + twist * from_hilum) for lines, phase, twist in a.vessels)
    branches = 0.032 * np.maximum(streaks, 0) * np.exp(-from_hilum / 4.5)
    return branches + 0.16 * np.exp(-((from_hilum / 2.1) ** 2)) + 0.015 * cloud(rng, 40, size)


def draw_infiltrate(s: Study, u: Array, v: Array, rng: np.random.Generator) -> Array:
    """Share of the air that patchy, ill-defined opacities take away."""
    texture = np.clip(0.9 + 0.35 * cloud(rng, 22, len(u)), 0.2, 1.4)
    patches = [
        density * np.exp(-(((u - pu) / ru) ** 2) - ((v - pv) / rv) ** 2) for pu, pv, ru, rv, density in s.infiltrates
    ]
    return texture * np.max(patches, axis=0) if patches else np.zeros_like(u)


def expose(s: Study, attenuation: Array, x: Array, y: Array, rng: np.random.Generator) -> Array:
    """Grey values of a sum of attenuations: exposure, unevenness, noise, side marker and shutters."""
    size, contrast, level = len(x), *s.exposure
    film = 1 / (1 + np.exp(-contrast * (attenuation + s.haze * cloud(rng, 3, size) - level)))
    film += s.noise * (0.5 + film) * rng.standard_normal((size, size), dtype=np.float32)  # few rays, more noise
    mx, my = x - s.marker[0], y - s.marker[1]
    upright = np.minimum(0.25 - np.abs(mx + 0.5), 1.05 - np.abs(my))
    foot = np.minimum(0.75 - np.abs(mx), 0.25 - np.abs(my - 0.8))
    soft = max(0.25, 1.5 * FIELD_CM / size)
    film = np.maximum(film, 0.97 * step(np.maximum(upright, foot), soft))
    left, right, top, bottom = (FIELD_CM / 2 - shutter for shutter in s.shutters)
    return film * step(np.minimum(np.minimum(x + left, right - x), np.minimum(y + top, bottom - y)), 2 * soft)
