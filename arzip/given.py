"""What the byte engine is given to begin with, and what reads along."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Given"]


class Given(IntEnum):
    """Each on top of the one before."""

    NOTHING = 0
    PRIMER = 1
    NET = 2  # its output layer goes on learning
    LEARNING_NET = 3  # so does much of the rest, in one lane

    @property
    def reads(self) -> bool:
        """Whether a net reads along."""
        return self >= Given.NET
