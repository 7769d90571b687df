"""How the adaptive engines are compiled: exact (no fast math), without the interpreter lock, cached on disk.

`inlined` is for what runs in every bit's inner loop: its callers absorb it. `Integer` and `Real` are 64-bit scalars in
compiled code, where the types of Python and NumPy are the same thing. Nothing here may allocate or keep an
array: reference counting is left out, which would cost a quarter of the time (atomic increments in the inner loops).
"""

from typing import Any, TypeAlias

from numba import njit

__all__ = ["Integer", "Real", "compiled", "inlined"]

Integer: TypeAlias = Any
Real: TypeAlias = Any

compiled: Any = njit(cache=True, nogil=True, _nrt=False)  # type: ignore[call-overload]
inlined: Any = njit(cache=True, nogil=True, _nrt=False, forceinline=True)  # type: ignore[call-overload]
