"""The byte engine: both directions agree, it learns, and a real coder gives the bytes back."""

import constriction
import numpy as np
import pytest

from arzip.errors import UnsupportedInput
from arzip.mixing.byte_engine import ByteEngine

BERNOULLI = constriction.stream.model.Bernoulli(perfect=False)
PROSE = (
    b"It was the cook's opinion that the kettle had never been right since the mason's boy had borrowed it. "
    b"The mason's boy held that the kettle was as good as any kettle in the village, and better than the cook's "
    b"opinion. Between the two of them the tea was late, the bread was cold, and the cat had the butter.\n"
)


def source(kind: str, size: int) -> np.ndarray:
    """A block of one kind of data."""
    rng = np.random.default_rng(size)
    if kind == "zeros":
        return np.zeros(size, np.uint8)
    if kind == "random":
        return rng.integers(0, 256, size, np.uint8)
    if kind == "periodic":
        return np.resize(rng.integers(0, 256, 13, np.uint8), size)
    if kind == "text":
        words = PROSE.split()
        text = b" ".join(words[k] for k in rng.integers(0, len(words), size // 3 + 2))
        return np.frombuffer(text[:size], np.uint8).copy()
    records = np.zeros((size // 12 + 1, 12), np.uint8)
    records[:, 0] = np.arange(len(records)) & 255
    records[:, 4] = rng.integers(0, 3, len(records))
    records[:, 7:9] = (7, 200)
    return records.ravel()[:size].copy()


def decisions(symbols: np.ndarray, lanes: int) -> np.ndarray:
    """The bits of a block in the order of the engine, by a plain reading of its definition."""
    length = -(-len(symbols) // lanes)
    fronts = [list(range(t, len(symbols), length)) for t in range(length)]
    bits = [int(symbols[n]) >> (7 - b) & 1 for front in fronts for b in range(8) for n in front]
    return np.array(bits, np.int32)


def probabilities(engine: ByteEngine, symbols: np.ndarray, priors: np.ndarray | None = None) -> np.ndarray:
    """All of them, from pieces of an odd size; the bits beside them are checked."""
    pieces = list(engine.predictions(symbols, priors, fronts=77))
    bits = np.concatenate([b for _, b in pieces]) if pieces else np.zeros(0, np.int32)
    assert np.array_equal(bits, decisions(symbols, len(engine._out)))
    return np.concatenate([p for p, _ in pieces]) if pieces else np.zeros(0, np.int32)


def cost(symbols: np.ndarray, lanes: int, priors: np.ndarray | None = None) -> float:
    """Ideal code length of a block in bytes."""
    engine = ByteEngine(len(symbols), lanes=lanes, priors=0 if priors is None else len(priors))
    p = probabilities(engine, symbols, priors)
    assert ((p >= 256) & (p <= 65535 * 256) & (p % 256 == 0)).all()
    bits = decisions(symbols, lanes)
    return float(-np.log2(np.where(bits == 1, p, (1 << 24) - p) / (1 << 24)).sum() / 8)


def some_priors(count: int, decided: int) -> np.ndarray:
    """Opinions of no worth."""
    rng = np.random.default_rng(count)
    priors = np.empty((count, 2, decided), np.int32)
    priors[:, 0] = rng.integers(1, 65536, (count, decided))
    priors[:, 1] = rng.integers(0, 64, (count, decided))
    return priors


def assert_parity(symbols: np.ndarray, lanes: int, count: int = 0) -> None:
    """Step by step gives exactly the probabilities of the whole block, and the block itself."""
    bits = decisions(symbols, lanes)
    priors = some_priors(count, len(bits))
    whole = probabilities(ByteEngine(len(symbols), lanes=lanes, priors=count), symbols, priors if count else None)
    assert len(whole) == len(bits) == 8 * len(symbols)
    engine = ByteEngine(len(symbols), lanes=lanes, priors=count)
    place = 0
    while (p := engine.predict(priors[:, :, place : place + lanes] if count else None)) is not None:
        assert np.array_equal(p, whole[place : place + len(p)])
        engine.observe(bits[place : place + len(p)])
        place += len(p)
    assert place == len(bits)
    assert np.array_equal(engine.symbols, symbols)


@pytest.mark.parametrize("lanes", [1, 2, 3, 8, 32])
@pytest.mark.parametrize("kind", ["zeros", "random", "periodic", "text", "records"])
def test_directions_agree(kind: str, lanes: int) -> None:
    """Lengths are chosen so that lanes end raggedly."""
    assert_parity(source(kind, 2999), lanes)


@pytest.mark.parametrize(("size", "lanes"), [(0, 1), (0, 8), (1, 1), (1, 8), (2, 8), (7, 3), (9, 8), (33, 32)])
def test_directions_agree_on_tiny_blocks(size: int, lanes: int) -> None:
    """Some lanes are empty."""
    assert_parity(source("text", size), lanes)
    assert_parity(source("text", size), lanes, 1)


@pytest.mark.parametrize("lanes", [1, 3, 32])
@pytest.mark.parametrize("count", [1, 2])
def test_directions_agree_with_priors(count: int, lanes: int) -> None:
    """Priors enter both directions alike."""
    assert_parity(source("text", 1501), lanes, count)


def test_predictions_do_not_see_the_future() -> None:
    """What comes later changes nothing before it, in any lane."""
    symbols = source("text", 4000)
    other = symbols.copy()
    lanes, front = 4, 700
    for lane in range(lanes):
        other[lane * 1000 + front : (lane + 1) * 1000] ^= 0x55
    first = probabilities(ByteEngine(4000, lanes=lanes), symbols)
    second = probabilities(ByteEngine(4000, lanes=lanes), other)
    known = front * 8 * lanes
    assert np.array_equal(first[: known + lanes], second[: known + lanes])
    assert not np.array_equal(first[known:], second[known:])


def test_decisions_walk_the_fronts() -> None:
    """Front by front, bit by bit, lane by lane."""
    symbols = np.array([0x80, 0x01, 0xFF], np.uint8)  # lanes: [80, 01], [FF]
    expected = [1, 1] + [0, 1] * 7 + [0] * 7 + [1]
    assert decisions(symbols, 2).tolist() == expected


@pytest.mark.parametrize("lanes", [1, 8])
def test_predictable_data_gets_cheap(lanes: int) -> None:
    """Zeros, periods and records nearly vanish; noise costs what it is; text is far below order 0."""
    assert cost(source("zeros", 20000), lanes) < 60
    assert cost(source("periodic", 20000), lanes) < 200
    assert cost(source("records", 20000), lanes) < 1200
    assert cost(source("random", 5000), lanes) < 5000 * 1.03
    assert cost(source("text", 20000), lanes) < 20000 * 0.29


def test_prose_repeated_is_matched() -> None:
    """The second copy of a passage is almost free, even when another lane has seen it."""
    once = np.frombuffer(PROSE, np.uint8)
    assert cost(np.tile(once, 8), 1) < cost(once, 1) + 60
    assert cost(np.tile(once, 8), 2) < cost(once, 1) * 2 + 120


def test_a_good_prior_pays() -> None:
    """A prior that knows the bits most of the time is believed; a useless one costs little."""
    symbols = source("text", 8000)
    bits = decisions(symbols, 4)
    rng = np.random.default_rng(0)
    truth = np.where(rng.random(len(bits)) < 0.97, bits, 1 - bits)
    knowing = np.stack([np.where(truth == 1, 63000, 2500), np.full(len(bits), 5)])[None].astype(np.int32)
    alone = cost(symbols, 4)
    assert cost(symbols, 4, knowing) < alone * 0.8
    assert cost(symbols, 4, some_priors(1, len(bits))) < alone * 1.05


def test_one_bucket_only_costs_size() -> None:
    """With every context in the same bucket the engine still works and both directions agree."""
    symbols = source("text", 1200)
    bits = decisions(symbols, 3)
    whole = probabilities(ByteEngine(1200, lanes=3, bucket_bits=0), symbols)
    engine = ByteEngine(1200, lanes=3, bucket_bits=0)
    place = 0
    while (p := engine.predict()) is not None:
        assert np.array_equal(p, whole[place : place + len(p)])
        engine.observe(bits[place : place + len(p)])
        place += len(p)


@pytest.mark.parametrize("lanes", [1, 4])
def test_round_trip_through_the_coder(lanes: int) -> None:
    """A real range coder decodes the block from what was encoded, within 8 bytes of the ideal length."""
    symbols = np.frombuffer(PROSE * 3, np.uint8)
    encoder = constriction.stream.queue.RangeEncoder()
    expected = probabilities(ByteEngine(len(symbols), lanes=lanes), symbols)
    encoder.encode(decisions(symbols, lanes), BERNOULLI, expected / (1 << 24))
    words = encoder.get_compressed()
    assert 4 * len(words) < cost(symbols, lanes) + 8
    decoder = constriction.stream.queue.RangeDecoder(words)
    engine = ByteEngine(len(symbols), lanes=lanes)
    while (p := engine.predict()) is not None:
        engine.observe(decoder.decode(BERNOULLI, p / (1 << 24)))
    assert engine.symbols.tobytes() == PROSE * 3


def test_probabilities_are_pinned() -> None:
    """The engine's numbers are part of the stream format."""
    p = probabilities(ByteEngine(len(PROSE), lanes=2), np.frombuffer(PROSE, np.uint8)).astype(np.int64) >> 8
    assert int((p * (1 + np.arange(len(p)) % 9973)).sum()) == 86089600818


def test_bad_arguments_are_refused() -> None:
    """Errors come before any work."""
    for wrong in ({"lanes": 0}, {"lanes": 5000}, {"lanes": 1, "priors": 9}, {"lanes": 1, "bucket_bits": 40}):
        with pytest.raises(UnsupportedInput):
            ByteEngine(10, **wrong)
    with pytest.raises(UnsupportedInput):
        ByteEngine(1 << 40, lanes=1)
    with pytest.raises(UnsupportedInput):
        probabilities(ByteEngine(10, lanes=1), np.zeros(9, np.uint8))
    with pytest.raises(UnsupportedInput):
        probabilities(ByteEngine(10, lanes=1, priors=1), np.zeros(10, np.uint8))
    with pytest.raises(UnsupportedInput):
        probabilities(ByteEngine(1, lanes=1, priors=1), np.zeros(1, np.uint8), np.full((1, 2, 8), 65536, np.int32))
    engine = ByteEngine(10, lanes=2)
    again = engine.predict().copy()
    assert np.array_equal(engine.predict(), again)
    with pytest.raises(UnsupportedInput):
        engine.observe(np.zeros(3, np.int32))
    with pytest.raises(UnsupportedInput):
        ByteEngine(10, lanes=2, priors=1).predict(np.ones((1, 2, 1), np.int32))
