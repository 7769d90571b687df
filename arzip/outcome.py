"""What was done to a file, in figures: sizes, roads, frames, notes."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Frame", "Report"]


@dataclass(frozen=True)
class Frame:
    """The road one block took, the bytes of its payload, and its model's code length in bits."""

    road: int
    payload: int
    ideal_bits: float


@dataclass
class Report:
    """What was done; sizes in bytes, `dims` symbols coded, `ideal_bits` the models' own code length."""

    bytes_in: int = 0
    bytes_out: int = 0
    dims: int = 0
    ideal_bits: float = 0.0
    roads: dict[str, int] = field(default_factory=dict)  # label -> symbols
    frames: list[Frame] = field(default_factory=list)  # in order, when compressing
    side: int = 0  # bytes of coded side data
    notes: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # what recovery could not read
    seconds: float = 0.0

    @property
    def model(self) -> str:
        """The road that took the most symbols."""
        return max(self.roads, key=lambda name: self.roads[name], default="stored")
