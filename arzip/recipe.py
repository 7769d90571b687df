"""A recipe: everything needed to train a model again, as one flat TOML file of at most 40 lines.

    id = "photo-1"              the published name; its folder is models/<id>/
    net = "local_pixelcnn"      a key of arzip.nets.NETS
    corpus = "images-train"     a folder of corpora/
    seed = 1
    begin = "photo-0"           optional: the model, an id or a folder, whose weights training starts from
    [architecture]              keyword arguments of the net
    [data]                      keyword arguments of the corpus' sampler
    [schedule]                  cycles, batch, rate, warmup, validate_every; where they help: decay, epsilon,
                                optimizer, precision; none for a primer, which reads its texts once

Unknown keys are errors, and nothing on the command line changes the model.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from arzip.errors import UnsupportedInput

__all__ = ["Recipe", "Schedule", "read_recipe"]


_CHOICES = {"optimizer": ("adam", "muon"), "precision": ("float32", "bfloat16")}


@dataclass(frozen=True)
class Schedule:
    """In every cycle a linear warm-up, then cosine decay to zero, from half the rate of the cycle before.

    Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) moves the matrices of hidden layers along
    orthogonal directions, as far as Adam would; all other parameters are Adam's.
    """

    cycles: list[int]  # steps of each
    batch: int  # samples a step, over all processes
    rate: float  # peak learning rate
    warmup: int  # steps
    validate_every: int  # steps; a checkpoint is written then
    decay: float = 0.0  # of the weights in every step, times the rate (Loshchilov & Hutter 2019)
    epsilon: float = 1e-8  # of Adam; a larger one keeps weights of rare inputs, whose gradients are small, from moving
    optimizer: Literal["adam", "muon"] = "adam"
    precision: Literal["float32", "bfloat16"] = "float32"  # of products while training, where the processor has both

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return sum(self.cycles)


@dataclass(frozen=True)
class Recipe:
    """A parsed recipe; `digest` identifies its text."""

    id: str
    net: str
    corpus: str
    seed: int
    architecture: dict[str, Any]
    data: dict[str, Any]
    schedule: Schedule
    digest: str
    begin: str | None = None


def read_recipe(path: Path) -> Recipe:
    """Reads and checks a recipe; raises UnsupportedInput naming the file and the key."""
    try:
        text = path.read_bytes()
        raw = tomllib.loads(text.decode())
    except OSError as error:
        raise UnsupportedInput(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnsupportedInput(f"{path}: not TOML: {error}") from error
    if raw.get("net") == "primer":
        raw.setdefault("schedule", {"cycles": [], "batch": 0, "rate": 0.0, "warmup": 0, "validate_every": 0})
    values = _checked(path, "recipe", raw, [f for f in fields(Recipe) if f.name != "digest"])
    schedule = _checked(path, "schedule", values.pop("schedule"), fields(Schedule))
    for key, known in _CHOICES.items():
        if schedule.get(key, known[0]) not in known:
            raise UnsupportedInput(f"{path}: {key} {schedule[key]!r} in schedule; known are {', '.join(known)}")
    return Recipe(**values, schedule=Schedule(**schedule), digest=hashlib.sha256(text).hexdigest()[:16])


def _checked(path: Path, table: str, values: Any, wanted: Sequence[Field[Any]]) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise UnsupportedInput(f"{path}: [{table}] must be a table")
    known, needed = {f.name for f in wanted}, {f.name for f in wanted if f.default is MISSING}
    unknown, missing = sorted(set(values) - known), sorted(needed - set(values))
    if unknown:
        raise UnsupportedInput(f"{path}: unknown key {unknown[0]!r} in {table}; known are {', '.join(sorted(known))}")
    if missing:
        raise UnsupportedInput(f"{path}: {table} lacks the key {missing[0]!r}")
    return dict(values)
