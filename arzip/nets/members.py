"""What nets made of published models share: members must be the right ones, and are asked once while shares learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from arzip.errors import ModelError

__all__ = ["Asked", "checked_marks"]


def checked_marks(marks: Sequence[bytes], made_with: Tensor | None, names: Sequence[str], what: str) -> Tensor:
    """The members' fingerprints, uint8 [K, 4]; raises ModelError where `what` was made with others."""
    found = torch.tensor([list(mark) for mark in marks], dtype=torch.uint8)
    if made_with is not None and not torch.equal(found, made_with):
        raise ModelError(f"the {what} was made with other weights of {', '.join(names)}")
    return found


class Asked:
    """What members say of examples, by `ask` of uint8 [N, D]: each is asked about once, for members do not learn."""

    def __init__(self, ask: Callable[[NDArray[np.uint8]], NDArray[Any]]) -> None:
        self._ask = ask
        self._answers: dict[bytes, NDArray[Any]] = {}

    def __call__(self, x: Tensor) -> Tensor:
        """The answers about examples [N, D], [N, ...]."""
        examples = x.to(torch.uint8).numpy()
        keys = [row.tobytes() for row in examples]
        new = {key: n for n, key in enumerate(keys) if key not in self._answers}
        if new:
            self._answers.update(zip(new, self._ask(examples[list(new.values())]), strict=True))
        return torch.from_numpy(np.stack([self._answers[key] for key in keys])).float()
