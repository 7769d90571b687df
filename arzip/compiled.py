"""How the adaptive engines are compiled: exact (no fast math), without the interpreter lock, cached on disk.

`inlined` is for what runs in every bit's inner loop: its callers absorb it. `Integer` and `Real` are 64-bit scalars in
compiled code, where the types of Python and NumPy are the same thing. Functions of these two kinds may not allocate or
keep an array: reference counting is left out, which would cost a quarter of the time (atomic increments in the inner
loops). `allocating` is for those that do.

numba calls what it cached fresh as long as the function's own file is what it was. Functions and constants from other
files are compiled in, though, so here the contents of all files that a file imports, near or far, are part of its
stamp: else a new version could go on reading archives with an old one's arithmetic.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable
from functools import cache, cached_property, update_wrapper
from pathlib import Path
from typing import Any, TypeAlias

from numba import njit
from numba.core import caching as untyped_caching
from numba.core.runtime.nrt import rtsys

__all__ = ["Integer", "Real", "allocating", "compiled", "inlined", "stamp"]

Integer: TypeAlias = Any
Real: TypeAlias = Any

_FunctionCache: Any = untyped_caching.FunctionCache
_HOME = Path(__file__).resolve().parent
_IMPORT = re.compile(rb"^from arzip(\.[\w.]+)? import ([\w, ]+|\([^)]*\))", re.MULTILINE)


@cache
def _read(path: Path) -> tuple[bytes, frozenset[Path]]:
    """A file's contents, and the files of arzip that it imports as it is loaded."""
    text = path.read_bytes()
    found = set()
    for package, names in _IMPORT.findall(text):
        folder = _HOME.joinpath(*package.decode().split(".")[1:])
        inside = [folder / name for name in re.findall(r"\w+", names.decode())]
        found |= {place.with_suffix(".py") for place in (folder, *inside)}
    return text, frozenset(place for place in found if place.is_file())


@cache
def stamp(path: Path) -> str:
    """Of a file and of all that it imports from arzip, near or far."""
    pending, seen = [path], {path}
    while pending:
        new = _read(pending.pop())[1] - seen
        seen |= new
        pending += new
    contents = (_read(each)[0] for each in sorted(seen))
    return hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents)).hexdigest()


class _Cache(_FunctionCache):  # type: ignore[misc]
    """numba's cache, but that reading from it does not prepare the compiler first, which takes longer than all else."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


class _Later:
    """A function that numba is shown when it is first called, or met in another that is being compiled.

    A dispatcher takes half a millisecond to make, and most of hundreds are never asked for: what the disk keeps of a
    function contains all that it calls. To numba, this is the dispatcher.
    """

    def __init__(self, function: Callable[..., Any], kept: bool, options: dict[str, Any]) -> None:
        update_wrapper(self, function)
        self._kept, self._options = kept, options

    @cached_property
    def _dispatcher(self) -> Any:
        function: Any = self.__wrapped__
        dispatcher: Any = njit(nogil=True, **self._options)(function)
        if self._kept:
            dispatcher._cache = _Cache(function)
            dispatcher._cache._cache_file._source_stamp = stamp(Path(inspect.getfile(function)).resolve())
        return dispatcher

    def __call__(self, *arguments: Any) -> Any:
        return self._dispatcher(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dispatcher, name)


def _compiler(*, kept: bool, **options: Any) -> Any:
    """Compiles when first called; what is kept is on disk then, for the next process."""
    return lambda function: _Later(function, kept, options)


allocating = _compiler(kept=True)
compiled = _compiler(kept=True, _nrt=False)
inlined = _compiler(kept=False, _nrt=False, forceinline=True)
