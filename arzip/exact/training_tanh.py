"""tanh for the compiled loops that train: a ratio of polynomials, for vector instructions know no libraries here."""

from __future__ import annotations

import numpy as np

from arzip.compiled import Real, inlined

__all__ = ["tanh"]

_END = np.float32(7.9)  # tanh is 1 in fp32 beyond it
# tanh(x) = x P(x^2) / Q(x^2), the minimax ratio of degrees 13 and 6 that Eigen uses; 2 units in the last place.
_P6, _P5, _P4 = np.float32(-2.76076847742355e-16), np.float32(2.00018790482477e-13), np.float32(-8.60467152213735e-11)
_P3, _P2, _P1 = np.float32(5.12229709037114e-08), np.float32(1.48572235717979e-05), np.float32(6.37261928875436e-04)
_P0 = np.float32(4.89352455891786e-03)
_Q3, _Q2, _Q1 = np.float32(1.19825839466702e-06), np.float32(1.18534705686654e-04), np.float32(2.26843463243900e-03)
_Q0 = np.float32(4.89352518554385e-03)


@inlined
def tanh(x: Real) -> Real:
    """Of a float32."""
    x = min(max(x, -_END), _END)
    s = x * x
    p = (((((_P6 * s + _P5) * s + _P4) * s + _P3) * s + _P2) * s + _P1) * s + _P0
    q = ((_Q3 * s + _Q2) * s + _Q1) * s + _Q0
    # Not "/", whose check for zero would keep vector instructions away.
    return np.divide(x * p, q)
