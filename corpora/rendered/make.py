"""Renders the small pictures of this folder: lit spheres over a textured floor, with camera noise. Own work, CC0.

python corpora/rendered/make.py
"""

from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 96


def render(seed: int) -> np.ndarray:
    """One picture, uint8 [96, 96, 3]."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    floor = 0.45 + 0.2 * np.sin(random.uniform(8, 40) * x + 3 * y) * np.cos(random.uniform(8, 40) * y)
    light = random.uniform(-1, 1, 2)
    picture = floor[..., None] * random.uniform(0.4, 1.0, 3)
    for _ in range(random.integers(3, 7)):
        centre, radius = random.uniform(0.1, 0.9, 2), random.uniform(0.08, 0.3)
        dx, dy = (x - centre[0]) / radius, (y - centre[1]) / radius
        height = 1 - dx**2 - dy**2
        shade = 0.25 + 0.6 * np.sqrt(np.maximum(height, 0)) + 0.2 * (light[0] * dx + light[1] * dy)
        ball = shade[..., None] * random.uniform(0.2, 1.0, 3)
        cover = np.clip(height * 12, 0, 1)[..., None]
        picture = picture * (1 - cover) + ball * cover
    noisy = 255 * picture + random.normal(0, random.uniform(0.5, 3), picture.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    for number in range(5, 13):  # number 10 is the one whose name holds it out for validation
        Image.fromarray(render(number)).save(Path(__file__).parent / f"rendered-{number}.png", optimize=True)
