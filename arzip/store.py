"""Trained models by id or folder: find, load, fingerprint, refuse.

    models/<id>/  weights.safetensors  integer tensors, and no others
                  recipe.toml          how to train it again; names the family and its architecture
                  card.md, results.json

A fingerprint is the first 4 bytes of a SHA-256 over family, architecture and tensors. A stream carries it, so a model
with other weights is refused before anything is decoded. A published id never changes its weights.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from arzip.errors import ModelError
from arzip.exact.small_gru import SmallGRU, small_gru
from arzip.exact.small_net import SmallNet, small_net
from arzip.mixing.byte_road import EngineModel
from arzip.mixing.byte_state import Primer
from arzip.mixing.priming import unpacked
from arzip.recipe import Recipe, read_recipe

__all__ = ["FINGERPRINT", "Loaded", "adopt_members", "begin", "find", "fingerprint", "load", "model_folders", "save"]

FINGERPRINT = 4  # bytes
_GUIDED = "guided_net"  # the family of nets that the picture engine takes
_TEXT_NET = "text_net"  # the family of nets that read along with the byte engine
_PRIMER = "primer"  # the family of what is no net, but tables for the byte engine
_WEIGHTS, _RECIPE = "weights.safetensors", "recipe.toml"


@dataclass(frozen=True)
class Loaded:
    """A frozen model. Its net is placed on an engine when it is first asked for: what does without starts sooner."""

    id: str
    family: str
    kind: str
    fingerprint: bytes
    small: SmallNet | None  # what the picture engine takes, of nets that are made for it
    primer: Primer | None  # what the byte engine begins with
    gru: SmallGRU | None  # what reads along with the byte engine
    _made: Callable[[], tuple[Any, Any]]

    @property
    def joins(self) -> bool:
        """Whether an engine takes it as one opinion among its own."""
        return self.small is not None or self.gru is not None

    @property
    def net(self) -> Any:
        """The net, placed; None of a model without."""
        return self._made()[0]

    @property
    def causal(self) -> Any:
        """What codes symbols of `kind`."""
        return self._made()[1]


def model_folders() -> list[Path]:
    """Folders that hold models by id: the user's own (ARZIP_MODELS), then those that came with arzip."""
    here = Path(__file__).resolve().parent
    own = [Path(p) for p in os.environ.get("ARZIP_MODELS", "").split(os.pathsep) if p]
    return [p for p in (*own, here / "_models", here.parent / "models") if p.is_dir()]


def find(name: str) -> Path:
    """The folder of a model, given its id or a path; raises ModelError."""
    if os.sep in name or (Path(name) / _WEIGHTS).is_file():
        if (Path(name) / _WEIGHTS).is_file():
            return Path(name)
        raise ModelError(f"{name}: no {_WEIGHTS} there; name a model's folder or an id (`arzip models` lists them)")
    for folder in model_folders():
        if (folder / name / _WEIGHTS).is_file():
            return folder / name
    raise ModelError(
        f"model {name!r} is not installed; `arzip models` lists what is, ARZIP_MODELS names more folders to look in"
    )


def fingerprint(family: str, architecture: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> bytes:
    """See the module's docstring; tensors are integer arrays by name."""
    digest = hashlib.sha256(json.dumps([family, architecture], sort_keys=True).encode())
    for name in sorted(tensors):
        array = np.ascontiguousarray(tensors[name])
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.digest()[:FINGERPRINT]


_COUNTING = {"histogram": 0, "order-1": 1, "order-2": 2}  # adaptive models that need no weights


def _counting(name: str) -> Loaded:
    from arzip.nets.counting import Counting

    mark = hashlib.sha256(f"counting {_COUNTING[name]} version 1".encode()).digest()[:FINGERPRINT]
    made = None, Counting(_COUNTING[name])
    return Loaded(name, "counting", "bytes", mark, None, None, None, lambda: made)


def _tensors(folder: Path) -> dict[str, NDArray[Any]]:
    """A model's integer tensors by name; raises ModelError."""
    try:
        return load_file(folder / _WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise ModelError(f"{folder}: cannot be loaded ({error})") from error


@lru_cache(maxsize=16)
def _load(folder: Path, engine: str | None, device: str) -> Loaded:
    """Reads a model's folder; all that is wrong with it is found here."""
    recipe = read_recipe(folder / _RECIPE)
    tensors = _tensors(folder)
    mark = fingerprint(recipe.net, recipe.architecture, tensors)
    if recipe.net == _PRIMER:
        primer = unpacked(tensors, bucket_bits=int(recipe.architecture["bucket_bits"]))
        model = None, EngineModel(1, primer)
        return Loaded(recipe.id, recipe.net, "bytes", mark, None, primer, None, lambda: model)
    made = lru_cache(maxsize=1)(lambda: _placed(folder, recipe, tensors, engine, device))
    if recipe.net == _GUIDED:
        small = small_net(tensors, planes=3, depth=int(recipe.architecture["depth"]))
        return Loaded(recipe.id, recipe.net, "image", mark, small, None, None, made)
    if recipe.net == _TEXT_NET:
        return Loaded(recipe.id, recipe.net, "bytes", mark, None, None, small_gru(tensors), made)
    made()
    from arzip.nets import NETS

    return Loaded(recipe.id, recipe.net, NETS[recipe.net].kind, mark, None, None, None, made)


def _placed(
    folder: Path, recipe: Recipe, tensors: dict[str, NDArray[Any]], engine: str | None, device: str
) -> tuple[Any, Any]:
    """The net of a folder on an engine, and the causal model that codes with it."""
    import torch

    from arzip.exact.engine import Engine, best_engine
    from arzip.nets import NETS

    if recipe.net not in NETS:
        raise ModelError(f"{folder}: family {recipe.net!r} is unknown to this version of arzip")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    engine = engine or best_engine(device).kind
    family = NETS[recipe.net]
    buffers = {name: torch.from_numpy(array) for name, array in tensors.items()}
    try:
        with torch.device("meta"):
            net = family.net(**recipe.architecture)
        expected = dict(net.named_buffers())
        if {n: (t.shape, t.dtype) for n, t in buffers.items()} != {n: (t.shape, t.dtype) for n, t in expected.items()}:
            raise ModelError(f"{folder}: the weights do not belong to the architecture in {_RECIPE}")
        net.load_state_dict(buffers, strict=False, assign=True)
    except (ValueError, TypeError) as error:
        raise ModelError(f"{folder}: cannot be loaded ({error})") from error
    net.check()
    if hasattr(net, "adopt"):
        adopt_members(net, engine, device, fresh=False)
    net.place(Engine(engine, device))
    return net, family.causal(net)


def adopt_members(net: Any, engine: str, device: str, *, fresh: bool) -> None:
    """Gives an ensemble the models that it names; raises ModelError for one that is missing or has other weights."""
    members = [load(name, device=device, engine=engine) for name in net.names]
    net.adopt([member.net for member in members], [member.fingerprint for member in members], fresh=fresh)


def load(name: str, *, device: str = "cpu", expected: bytes | None = None, engine: str | None = None) -> Loaded:
    """A model by id or path, checked and ready; raises ModelError.

    Args:
        device: "auto", "cpu" or a CUDA device.
        expected: the fingerprint that a stream was made with.
        engine: "int8" or "fp32"; None takes the faster one of the device. Both give the same bits.
    """
    if name in _COUNTING:
        return _checked(_counting(name), name, expected)
    return _checked(_load(find(name).resolve(), engine, device), name, expected)


def _checked(model: Loaded, name: str, expected: bytes | None) -> Loaded:
    if expected is not None and model.fingerprint != expected:
        raise ModelError(
            f"model {name!r} here is {model.fingerprint.hex()}, the archive was made with {expected.hex()}: "
            "install the model it was made with, or name its folder with --model"
        )
    return model


def begin(net: Any, name: str) -> None:
    """Gives a net that is to be trained the weights of a model of its architecture; raises ModelError.

    Of a net with a part that is named `beginning`, that part gets them. It may have what the model lacks: last inputs,
    which count for nothing at first, and last `layers` or `blocks`, which stay as they were made. A net of tokens may
    have another margin and other phases, see `TokenNet.adopted`.
    """
    import torch

    folder = find(name)
    net = getattr(net, "beginning", net)
    tensors = {n: torch.from_numpy(array) for n, array in _tensors(folder).items()}
    own = dict(net.named_buffers())
    for n in [n for n in own if n.endswith("weight_q") and n in tensors and len(tensors[n]) < len(own[n])]:
        tensors[n] = torch.nn.functional.pad(tensors[n], (0, 0, 0, len(own[n]) - len(tensors[n])))
    if hasattr(net, "adopted"):
        net.adopted(tensors, read_recipe(folder / _RECIPE).architecture)
    added = {n.rpartition(".")[0] for n in own if n.startswith(("layers.", "blocks.")) and n not in tensors}
    shapes = {n: t.shape for n, t in own.items() if n.rpartition(".")[0] not in added}
    if {n: t.shape for n, t in tensors.items()} != shapes:
        raise ModelError(f"{folder}: training cannot begin there, its weights belong to another architecture")
    net.load_state_dict(tensors, strict=False)
    with torch.no_grad():
        made = {n: p.clone() for n, p in net.named_parameters() if n.rpartition(".")[0] in added}
        for parameter in net.parameters():
            parameter.fill_(torch.nan)
        net.thaw()
        for n, parameter in net.named_parameters():
            parameter.copy_(made.get(n, parameter))
    if any(bool(parameter.isnan().any()) for parameter in net.parameters()):
        raise ModelError(f"{folder}: training cannot begin there, {type(net).__name__} does not go on from integers")


def save(net: Any, folder: Path) -> None:
    """Writes the integer buffers of a frozen net."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: buffer.contiguous().cpu() for name, buffer in net.named_buffers()}, folder / _WEIGHTS)
