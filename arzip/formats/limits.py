"""How much a file may hold: the limits that stop bombs, the same for all formats.

A file may expand to 32 MiB and a hundred times its size, never beyond 512 MiB (taking it
apart needs about eight times as much memory); what expands further is nearly empty, so
it loses little by staying closed, and would take hours to be coded symbol by symbol.
"""

from __future__ import annotations

__all__ = ["room_for"]

MOST = 1 << 29  # bytes
ALWAYS = 32 << 20
RATIO = 100


def room_for(size: int) -> int:
    """The bytes that a file of `size` bytes may hold."""
    return min(MOST, ALWAYS + RATIO * size)
