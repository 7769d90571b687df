"""Subjects through arzip and its peers: one worker process per tool, runs of all tools in turn, medians, rows.

`compare`, `report` and `bench` all measure with this one function, so that they cannot disagree.
"""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from arzip.bench.peers import BINDINGS, Peer
from arzip.bench.programs import PROGRAMS
from arzip.bench.subjects import Subject
from arzip.bench.worker import ARZIP, write_medium
from arzip.errors import UnsupportedInput
from arzip.settings import Settings

__all__ = ["NET_ALONE", "Bench", "Plan", "Row", "Variant", "variants"]


@dataclass(frozen=True)
class Variant:
    """arzip with certain settings, and what to call it."""

    name: str
    level: int = 5
    model: str | None = None
    adapt: bool = True

    def settings(self, threads: int) -> Settings:
        """What to hand to `arzip.archive`."""
        return Settings(level=self.level, model=self.model, adapt=self.adapt, threads=threads)


NET_ALONE = Variant("arzip --no-adapt", adapt=False)


def variants(levels: Iterable[int], models: Iterable[str], *, net_alone: bool) -> tuple[Variant, ...]:
    """arzip at each level, with each model, and with trained nets alone."""
    made = [Variant(f"arzip -{level}", level) for level in levels]
    made += [Variant(f"arzip --model {Path(model).name}", model=model) for model in models]
    return (*made, NET_ALONE) if net_alone else tuple(made)


@dataclass(frozen=True)
class Row:
    """One tool on one file. Sizes in bytes, times in seconds, medians over `runs`; `remark` says what went wrong."""

    name: str
    ours: bool
    bytes: int | None = None
    bits_per_dim: float | None = None
    encode: float = 0.0
    decode: float = 0.0
    encode_cpu: float = 0.0
    decode_cpu: float = 0.0
    peak_mib: float = 0.0
    runs: int = 0
    road: str = ""
    remark: str = ""

    @property
    def failed(self) -> bool:
        """Whether there is no size to show."""
        return self.bytes is None


@dataclass(frozen=True)
class Plan:
    """What to measure on every file: variants of arzip, peers by name (None: all that there are), runs, threads."""

    tools: tuple[Variant, ...]
    peers: tuple[str, ...] | None = None
    runs: int = 1
    threads: int = 1


def _chosen_peers(names: tuple[str, ...] | None) -> list[Peer]:
    """Peers by name; all bindings and the programs on the PATH when none is named. Raises UnsupportedInput."""
    if names is None:
        return [*BINDINGS, *(peer for peer in PROGRAMS if peer.installed)]
    known = {peer.name: peer for peer in (*BINDINGS, *PROGRAMS)}
    for name in names:
        if name not in known:
            raise UnsupportedInput(f"there is no peer {name!r}; the peers are {', '.join(known)}")
    return [known[name] for name in names]


class Bench:
    """Workers, one per tool, alive as long as the block of a `with`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._peers = _chosen_peers(plan.peers)
        self._workers: dict[str, _Worker] = {}

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for worker in self._workers.values():
            worker.close()

    def rows(self, subject: Subject) -> list[Row]:
        """A row for each variant of arzip and each peer that takes such a file; every decode was compared."""
        media = subject.medium
        with tempfile.TemporaryDirectory() as name:
            places = {takes: Path(name) / takes for takes in media}
            for takes, place in places.items():
                write_medium(takes, media[takes], place)
            jobs: dict[str, tuple[bool, dict[str, Any]]] = {}
            for variant in self.plan.tools:
                chosen = {**asdict(variant), "threads": self.plan.threads}
                del chosen["name"]
                job = {"tool": ARZIP, "kind": subject.kind, "settings": chosen, "medium": str(places["file"])}
                jobs[variant.name] = True, job
            for peer in self._peers:
                if peer.takes in media:
                    jobs[peer.name] = False, {"tool": peer.name, "medium": str(places[peer.takes])}
            results: dict[str, list[dict[str, Any]]] = {tool: [] for tool in jobs}
            for _ in range(self.plan.runs):
                for tool, (_, job) in jobs.items():
                    if not any(result["remark"] for result in results[tool]):
                        results[tool].append(self._run(tool, job))
        rows = [_row(tool, jobs[tool][0], results[tool]) for tool in jobs]
        if subject.path.suffix.lower() in (".png", ".flac") and subject.kind in ("image", "audio"):
            given = f"{subject.path.suffix[1:].upper()} as given"
            rows.append(Row(given, False, len(subject.data), runs=1))
        dims = max(subject.dims, 1)
        return [row if row.bytes is None else replace(row, bits_per_dim=round(8 * row.bytes / dims, 6)) for row in rows]

    def _run(self, tool: str, job: dict[str, Any]) -> dict[str, Any]:
        # Variants of arzip share a worker; a program's peak is told from its worker's only while that is new.
        name = job["tool"]
        worker = self._workers.setdefault(name, _Worker())
        result = worker.ask(job)
        if any(peer.name == name and peer.is_program for peer in self._peers):
            self._workers.pop(name).close()
        return result


def _row(name: str, ours: bool, results: list[dict[str, Any]]) -> Row:
    wrong = next((result["remark"] for result in results if result["remark"]), "")
    sizes = {result.get("bytes") for result in results}
    if not wrong and len(sizes) > 1:
        wrong = "failed: another size in every run"
    if wrong:
        return Row(name, ours, remark=wrong)
    middle = {
        key: round(statistics.median(result[key] for result in results), 6)
        for key in ("encode", "decode", "encode_cpu", "decode_cpu")
    }
    peak = round(max(result["peak_mib"] for result in results), 1)
    return Row(name, ours, sizes.pop(), peak_mib=peak, runs=len(results), road=results[0].get("road", ""), **middle)


class _Worker:
    """A running `arzip.bench.worker`; started anew after a crash."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        """What the worker measured, or a remark that it crashed."""
        if self._process is None:
            words = [sys.executable, "-m", "arzip.bench.worker"]
            self._process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if answer:
            result: dict[str, Any] = json.loads(answer)
            return result
        code = self._process.wait()
        self.close()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return {"remark": f"failed: crashed ({how})"}

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            for stream in (self._process.stdin, self._process.stdout):
                # What a dead worker has not read cannot be delivered any more.
                with suppress(BrokenPipeError):
                    if stream is not None:
                        stream.close()
            self._process.wait()
            self._process = None
