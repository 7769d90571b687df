"""How to compress: everything a caller may choose, in one frozen value."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from arzip.errors import UnsupportedInput

__all__ = ["LEVELS", "Settings"]

LEVELS = range(1, 10)


def _silent(count: int) -> None:
    """No progress."""


@dataclass(frozen=True)
class Settings:
    """What the command line and the library hand to `arzip.archive`.

    Only `level`, `model`, `pcm`, `adapt` and `lanes` can change an archive's bytes; decoding needs no setting.
    """

    level: int = 5  # 1 fastest .. 9 smallest
    model: str | None = None  # id or folder; None chooses by measuring
    pcm: str | None = None  # layout of raw samples, such as s16le,2
    adapt: bool = True  # False: trained nets alone, without the adaptive engine
    lanes: int | None = None  # None: by the block's length
    device: str = "auto"  # "auto" takes a GPU where there is one
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    limit: int = 1 << 34  # symbols that an archive may declare before it is refused
    progress: Callable[[int], None] = _silent  # called with bytes done

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise UnsupportedInput(f"level {self.level} does not exist; use 1 (fastest) to 9 (smallest)")
        if self.threads < 1:
            raise UnsupportedInput("at least one thread is needed")
        if self.lanes is not None and not 1 <= self.lanes <= 64:
            raise UnsupportedInput(f"{self.lanes} lanes are not possible; use 1 to 64")
