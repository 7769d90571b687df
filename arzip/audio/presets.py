"""How much the audio engine computes, by preset; the number is written in every frame, so a preset never changes.

A *line* is a least-squares predictor: taps on the channel's own past, taps on the partner channel, samples between
solutions, memory (the factor by which old samples fade). A *cascade* starts from what one line leaves over: stages of
normalised LMS filters, each of (own taps, partner's taps, step), where each predicts what the one before left. *Blends*
are least-squares mixtures of all of them, one per memory.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PRESETS", "Preset", "preset_of"]

Stage = tuple[int, int, float]  # all taps in multiples of 8


@dataclass(frozen=True)
class Preset:
    """The predictors of one preset; see the module's docstring."""

    lines: tuple[tuple[int, int, int, float], ...]
    cascades: tuple[tuple[int, tuple[Stage, ...]], ...]
    blends: tuple[float, ...]
    experts: bool = True  # whether every partial prediction speaks in the mixing, or only the first and the last

    @property
    def stages(self) -> int:
        """Stages of all cascades."""
        return sum(len(stages) for _, stages in self.cascades)


_LONG = ((1024, 32, 0.1), (256, 32, 0.1), (16, 16, 0.1))
_MIDDLE = ((256, 32, 0.1), (32, 16, 0.1))
_SHORT = ((32, 0, 0.1), (16, 0, 0.5))
PRESETS = {
    1: Preset(((16, 8, 16, 0.9985),), ((0, ((256, 32, 0.1), (16, 0, 0.1))),), (0.999,), experts=False),
    2: Preset(
        ((24, 8, 8, 0.9995), (16, 8, 8, 0.998)),
        ((0, ((512, 32, 0.1), (32, 16, 0.1), (16, 16, 0.1))),),
        (0.999,),
    ),
    3: Preset(((32, 16, 8, 0.9995), (24, 8, 8, 0.998)), ((0, _LONG), (1, _SHORT)), (0.999, 0.9998)),
    4: Preset(
        ((32, 16, 4, 0.9998), (32, 16, 4, 0.999), (16, 8, 4, 0.998)),
        ((0, _LONG), (1, _MIDDLE), (2, _SHORT)),
        (0.999, 0.9998),
    ),
    5: Preset(
        ((32, 16, 2, 0.9999), (32, 16, 2, 0.9995), (24, 8, 2, 0.998), (16, 8, 1, 0.995)),
        ((0, ((2048, 32, 0.1), (256, 32, 0.1), (16, 16, 0.1))), (1, _LONG), (2, (*_MIDDLE, (16, 0, 0.5)))),
        (0.998, 0.9995, 0.9999),
    ),
}
_OF_LEVEL = (1, 1, 2, 2, 3, 3, 4, 4, 5)


def preset_of(level: int) -> int:
    """The preset of a level 1 .. 9."""
    return _OF_LEVEL[level - 1]
