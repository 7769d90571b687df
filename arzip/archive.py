"""The whole road on one page: a file to an archive and back.

    compress     bytes -> formats -> parts -> blocks -> frames -> container
    decompress   bytes <- formats <- parts <- blocks <- frames <- container

What the sections of the container hold (varints and byte strings, see `container.Fields`):

    H  number of the format, number of parts, for each its kind, depth, shape, block, model id and fingerprint, then
       the coded side data; absent for plain bytes
    F  road, symbols in the block, CRC-32 of the block's bytes, payload; the blocks of the parts in order
    E  length of the original, BLAKE2b-8 of the original

The blocks of a part are coded independently, so they go through a pool of threads in both directions, in order.
"""

from __future__ import annotations

import hashlib
import math
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from arzip import roads
from arzip.blocks import Grid, block_grid
from arzip.container import Fields, SectionWriter, pack, read_sections, recover_sections
from arzip.errors import CorruptArchive, LimitExceeded
from arzip.formats import FORMATS, RAW, raw, rebuild, recognised, take_apart
from arzip.formats.base import Parsed
from arzip.outcome import Frame, Report
from arzip.settings import Settings
from arzip.store import FINGERPRINT
from arzip.streams import DIGEST, Checked, Counted
from arzip.symbols import KINDS, Symbols

__all__ = ["Report", "compress_stream", "decode_frame", "decompress_stream", "described_part", "parts_of"]

PIECE = 16 << 20  # bytes of a stream that are read at once, two blocks; as many are held while these are coded
FORMAT_LIMIT = 1 << 30  # larger files are streamed as bytes, never taken apart
DECLARED_LIMIT = 1 << 36  # symbols in one part
Given = TypeVar("Given")
Made = TypeVar("Made")


# ------------------------------------------------------------------------------------------------------- compress


def compress_stream(source: BinaryIO, sink: BinaryIO, settings: Settings) -> Report:
    """Reads all of `source`, writes an archive to `sink`; neither needs to be seekable."""
    started = time.monotonic()
    report = Report()
    digest = hashlib.blake2b(digest_size=DIGEST)
    writer = SectionWriter(sink)
    head = source.read(PIECE)
    number, parsed, note, head = _opened(head, source, settings)
    if note:
        report.notes.append(note)
    with _pool(settings.threads) as pool:
        if parsed is not None:
            digest.update(head)
            report.bytes_in = len(head)
            _write_parts(writer, number, parsed, settings, pool, report)
        else:
            pieces = _pieces([head], source)
            del head  # a piece is not kept longer than its blocks
            blocks = _stream_blocks(pieces, settings, digest, report)
            _write_frames(writer, blocks, roads.Bytes(settings), pool, settings, report)
    writer.end(pack(report.bytes_in) + digest.digest())
    report.bytes_out = writer.written
    report.seconds = time.monotonic() - started
    return report


def _opened(head: bytes, source: BinaryIO, settings: Settings) -> tuple[int, Parsed | None, str | None, bytes]:
    """What `take_apart` makes of a file that a format or a model wants whole; and what was read of it."""
    if not recognised(head) and settings.model is None and settings.pcm is None:
        return RAW, None, None, head
    if len(head) == PIECE:
        head = _whole(head, source)
    if len(head) > FORMAT_LIMIT:
        return RAW, None, f"larger than {FORMAT_LIMIT >> 20} MiB; kept as bytes", head
    return *parts_of(head, settings), head


def parts_of(data: bytes, settings: Settings) -> tuple[int, Parsed | None, str | None]:
    """What `take_apart` makes of a whole file for a model that was asked for, if any."""
    kind = roads.asked_kind(settings)
    number, parsed, note = take_apart(data, kind=kind, layout=settings.pcm, nested=kind is None)
    if parsed is None and settings.model is not None:
        parsed = raw.parse(data)
    return number, parsed, note


def _whole(head: bytes, source: BinaryIO) -> bytes:
    """All of the source up to the limit and one byte more; read again where it can be, which spares a copy."""
    if source.seekable():
        source.seek(-len(head), 1)
        return source.read(FORMAT_LIMIT + 1)
    return head + source.read(FORMAT_LIMIT + 1 - len(head))


def _pieces(first: list[bytes], source: BinaryIO) -> Iterator[bytes]:
    while piece := first.pop() if first else source.read(PIECE):
        yield piece


def _stream_blocks(pieces: Iterable[bytes], settings: Settings, digest: Any, report: Report) -> Iterator[NDArray[Any]]:
    for piece in pieces:
        digest.update(piece)
        report.bytes_in += len(piece)
        array = np.frombuffer(piece, np.uint8)
        yield from block_grid(Symbols("bytes", array), settings).blocks(array)


def _write_parts(
    writer: SectionWriter, number: int, parsed: Parsed, settings: Settings, pool: ThreadPoolExecutor, report: Report
) -> None:
    planned = []
    head = pack(number, len(parsed.parts))
    for symbols in parsed.parts:
        road, grid = roads.plan(symbols, settings)
        planned.append((symbols, grid, road))
        shape = symbols.array.shape
        # One block for the whole part is the common case of small files and needs no shape of its own.
        block = grid.block if any(b < n for b, n in zip(grid.block, shape, strict=True)) else ()
        head += pack(KINDS.index(symbols.kind), symbols.depth, len(shape), *shape, len(block), *block)
        head += pack(road.model.id.encode()) + road.model.fingerprint if road.model else pack(b"")
    side = roads.pack_side(parsed.side, settings)
    report.side = len(side)
    writer.section("H", head + side)
    for symbols, grid, road in planned:
        _write_frames(writer, grid.blocks(symbols.array), road, pool, settings, report)


def _write_frames(
    writer: SectionWriter,
    blocks: Iterable[NDArray[Any]],
    road: roads.Road,
    pool: ThreadPoolExecutor,
    settings: Settings,
    report: Report,
) -> None:
    for block, coded in _ordered(pool, lambda block: (block, road.encode(block)), blocks, settings.threads):
        check = zlib.crc32(_plain(block)).to_bytes(4, "little")
        writer.section("F", pack(coded.road, block.size) + check + coded.payload)
        report.dims += block.size
        report.ideal_bits += coded.ideal_bits
        report.frames.append(Frame(coded.road, len(coded.payload), coded.ideal_bits))
        report.roads[coded.label] = report.roads.get(coded.label, 0) + block.size
        settings.progress(block.nbytes)


# ----------------------------------------------------------------------------------------------------- decompress


def decompress_stream(source: BinaryIO, sink: BinaryIO, settings: Settings, *, recover: bool = False) -> Report:
    """Reads one archive, writes the original; raises CorruptArchive, ModelError or LimitExceeded.

    With `recover`, damaged frames become zeros and are listed in the report's `lost`.
    """
    started = time.monotonic()
    report = Report()
    out = Checked(sink)
    if recover:
        data = source.read()
        report.bytes_in = len(data)
        sections = recover_sections(data)
    else:
        counted = Counted(source)
        sections = read_sections(counted)  # type: ignore[arg-type]
    walk = _Walk(sections, settings, report, recover)
    with _pool(settings.threads) as pool:
        for block in walk.plain_blocks(pool):
            out.write(_plain(block))
        if walk.head is not None:
            for piece in walk.rebuilt(pool):
                out.write(piece)
    report.bytes_out = out.count
    if walk.end is None:
        if not recover:
            raise CorruptArchive("the archive is truncated: its end is missing (try --recover)")
        report.lost.append("the end of the archive")
    elif walk.end != (out.count, out.digest.digest()) and not report.lost:
        raise CorruptArchive("what was decoded differs from what was compressed: its checksum does not match")
    if not recover:
        report.bytes_in = counted.count
    report.seconds = time.monotonic() - started
    return report


class _Walk:
    """One pass over an archive's sections: plain blocks as they come, or all parts of a format."""

    def __init__(self, sections: Iterator[Any], settings: Settings, report: Report, recover: bool) -> None:
        self.settings, self.report, self.recover = settings, report, recover
        self.head: Fields | None = None
        self.end: tuple[int, bytes] | None = None
        self._declared = 0
        self._sections = self._until_end(sections)
        self._next = next(self._sections, None)
        if self._next is not None and self._next.tag == "H" and self._next.body is not None:
            self.head = Fields(self._next.body)
            self._advance()

    def _until_end(self, sections: Iterator[Any]) -> Iterator[Any]:
        for section in sections:
            if section.tag == "E":
                fields = Fields(section.body)
                self.end = (fields.number(), fields.raw(DIGEST))
                return
            yield section

    def _advance(self) -> None:
        self._next = next(self._sections, None)

    def _frames(self) -> Iterator[bytes | None]:
        while self._next is not None:
            if self._next.tag != "F":
                raise CorruptArchive("the archive is damaged: its sections are out of order (try --recover)")
            body = self._next.body
            self._advance()
            yield body

    def plain_blocks(self, pool: ThreadPoolExecutor) -> Iterator[NDArray[Any]]:
        """The blocks of an archive of plain bytes; nothing for the others."""
        if self.head is None:
            road = roads.Bytes(self.settings)
            yield from self._decoded(pool, road, ((body, None) for body in self._frames()))

    def _decoded(
        self, pool: ThreadPoolExecutor, road: roads.Road, frames: Iterable[tuple[bytes | None, tuple[int, ...] | None]]
    ) -> Iterator[NDArray[Any]]:
        """Blocks in order; `frames` pairs a body with the block's shape, None for a run of bytes of any length."""

        def decode(item: tuple[bytes | None, tuple[int, ...] | None]) -> NDArray[Any] | str:
            body, shape = item
            if body is None:
                return "a damaged frame"
            try:
                return decode_frame(body, shape, road)
            except (CorruptArchive, LimitExceeded) as error:
                if self.recover:
                    return str(error)
                raise

        for (_, shape), block in _ordered(pool, lambda item: (item, decode(item)), frames, self.settings.threads):
            if isinstance(block, str):
                self.report.lost.append(f"a block of {np.prod(shape) if shape else 'unknown'} symbols: {block}")
                yield np.zeros(shape or 0, dtype=road.dtype)
                continue
            self.report.dims += block.size
            self.settings.progress(block.nbytes)
            yield block

    def rebuilt(self, pool: ThreadPoolExecutor) -> Iterator[bytes]:
        """The file of a format in pieces, from its head, parts and frames."""
        assert self.head is not None
        number, count = self.head.number(255), self.head.number(1 << 20)
        if number not in FORMATS:
            raise CorruptArchive(f"the archive uses format {number}, which this version of arzip does not know")
        described = [self._part(described_part(self.head, self.settings)) for _ in range(count)]
        side = roads.unpack_side(self.head.rest(), self.settings)
        frames = self._frames()
        for symbols, grid, road in described:
            shapes = list(grid.shapes())
            pairs = zip(islice(frames, len(shapes)), shapes, strict=False)
            grid.fill(symbols.array, self._decoded(pool, road, pairs))
        if next(frames, None) is not None:
            raise CorruptArchive("the archive is damaged: it has more frames than blocks")
        return rebuild(number, Parsed(tuple(symbols for symbols, _, _ in described), side))

    def _part(self, part: tuple[Symbols, Grid, roads.Road]) -> tuple[Symbols, Grid, roads.Road]:
        self._declared += part[0].dims
        _check_declared(self._declared, self.settings)
        return part


def _check_declared(count: int, settings: Settings) -> None:
    if count > min(DECLARED_LIMIT, settings.limit):
        raise LimitExceeded(f"the archive declares {count} symbols, more than the limit of {settings.limit}")


def described_part(fields: Fields, settings: Settings) -> tuple[Symbols, Grid, roads.Road]:
    """The next part of a head: zeros of its shape, cut, road; raises CorruptArchive, ModelError, LimitExceeded."""
    kind = KINDS[fields.number(len(KINDS) - 1)]
    depth = fields.number(32)
    shape = tuple(fields.number(DECLARED_LIMIT) for _ in range(fields.number(4)))
    block = tuple(fields.number(DECLARED_LIMIT) for _ in range(fields.number(4))) or shape
    _check_declared(math.prod(shape), settings)
    name = fields.text().decode("ascii", "replace")
    mark = fields.raw(FINGERPRINT) if name else b""
    symbols = Symbols(kind, np.zeros(shape, dtype=roads.dtype_of(kind, depth)), depth)
    return symbols, Grid(shape, block), roads.named(symbols, name, mark, settings)


def decode_frame(body: bytes, shape: tuple[int, ...] | None, road: roads.Road) -> NDArray[Any]:
    fields = Fields(body)
    code, count = fields.number(255), fields.number(roads.BLOCK_LIMIT)
    check = fields.raw(4)
    wanted = shape if shape is not None else (count,)
    if int(np.prod(wanted, dtype=np.int64)) != count:
        raise CorruptArchive("a frame holds another number of symbols than its part says: the archive is damaged")
    block = road.decode(code, fields.rest(), wanted)
    if zlib.crc32(_plain(block)).to_bytes(4, "little") != check:
        raise CorruptArchive("a frame decodes to other symbols than were coded: its checksum does not match")
    return block


# --------------------------------------------------------------------------------------------------------- shared


def _plain(block: NDArray[Any]) -> memoryview:
    """The symbols of a block as little-endian bytes, C order; the block's own memory where that is what it holds."""
    ordered = np.ascontiguousarray(block, block.dtype.newbyteorder("<"))
    return ordered.reshape(-1).view(np.uint8).data


@contextmanager
def _pool(threads: int) -> Iterator[ThreadPoolExecutor]:
    """Workers that nobody waits for when something goes wrong, an interrupt included."""
    pool = ThreadPoolExecutor(threads)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _ordered(
    pool: ThreadPoolExecutor, work: Callable[[Given], Made], items: Iterable[Given], threads: int
) -> Iterator[Made]:
    """`work` over items, several at once, results in order; never more in memory than threads to work on them."""
    waiting: list[Future[Made]] = []
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= threads:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()
    finally:
        for future in waiting:
            future.cancel()
