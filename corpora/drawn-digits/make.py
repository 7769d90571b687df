"""Draws the corpus: digits of 12x12 bits, strokes of seven segments with bent corners, moved, slanted and flawed.

Run it anywhere to get the same file again: only integers of numpy's PCG64 are used.
"""

from pathlib import Path

import numpy as np

SIDE = 12
# Segments as (y0, x0, y1, x1) in a cell of 8 by 4: top, upper right, lower right, bottom, lower left, upper left, and
# the middle.
SEGMENTS = [(0, 0, 0, 4), (0, 4, 4, 4), (4, 4, 8, 4), (8, 0, 8, 4), (4, 0, 8, 0), (0, 0, 4, 0), (4, 0, 4, 4)]
DIGITS = ["012345", "12", "01346", "01236", "1256", "02356", "023456", "012", "0123456", "012356"]


def draw(random: np.random.Generator) -> np.ndarray:
    """One digit, uint8 [144]."""
    picture = np.zeros((SIDE, SIDE), dtype=np.uint8)
    top, left, slant, thick = random.integers(1, 3), random.integers(2, 5), random.integers(0, 3), random.integers(0, 2)
    for segment in DIGITS[random.integers(0, 10)]:
        y0, x0, y1, x1 = SEGMENTS[int(segment)]
        for step in range(9):
            y, x = y0 + (y1 - y0) * step // 8, x0 + (x1 - x0) * step // 8
            x += slant * (8 - y) // 8
            picture[top + y, left + x : left + x + 1 + thick] = 1
    flaws = random.integers(0, 1000, (SIDE, SIDE)) < 10
    return (picture ^ flaws).astype(np.uint8).ravel()


def main() -> None:
    random = np.random.Generator(np.random.PCG64(7))
    parts = {
        name: np.stack([draw(random) for _ in range(n)]) for name, n in (("train", 2000), ("valid", 500), ("test", 500))
    }
    packed = {name: np.packbits(x, axis=1) for name, x in parts.items()}
    np.savez_compressed(Path(__file__).with_name("drawn-digits.npz"), width=SIDE * SIDE, **packed)


if __name__ == "__main__":
    main()
