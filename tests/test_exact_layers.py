"""Exact layers against a slow int64 reading, at the extremes of their bounds, on both engines."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arzip.errors import ModelError
from arzip.exact.combine import Chain, Gate, Residual
from arzip.exact.engine import Engine
from arzip.exact.fixed import Range, relu7, signed8, straight_through, wide
from arzip.exact.layers import Dense, Embedding, Round

ENGINES = [Engine("fp32", "cpu"), Engine("int8", "cpu")]


def oracle(dense: Dense, x: np.ndarray) -> np.ndarray:
    """clamp((W x + b + half) >> shift) in int64."""
    total = x.astype(np.int64) @ dense.weight_q.numpy().astype(np.int64).T + dense.bias_q.numpy()
    shift = dense.shift_q.numpy().astype(np.int64)
    return np.clip((total + ((1 << shift) >> 1)) >> shift, dense.target.low, dense.target.high)


def frozen(inputs: int, outputs: int, *, source: Range, target: Range, seed: int = 0) -> Dense:
    torch.manual_seed(seed)
    dense = Dense(inputs, outputs, source=source, target=target)
    with torch.no_grad():
        dense.bias.normal_()
        dense.weight[0] *= 9.0
    dense.freeze()
    return dense


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.kind)
@pytest.mark.parametrize("target", [relu7(4), signed8(3), wide(8)])
@pytest.mark.parametrize("rows", [1, 16, 33])
def test_dense_equals_the_oracle(engine: Engine, target: Range, rows: int) -> None:
    dense = frozen(37, 11, source=signed8(5), target=target)
    dense.place(engine)
    random = np.random.default_rng(rows)
    x = random.integers(-127, 128, (rows, 37))
    x[0] = 127 * np.sign(dense.weight_q[0].numpy())
    got = dense.whole(torch.from_numpy(x).to(engine.small)).numpy()
    np.testing.assert_array_equal(got, oracle(dense, x))


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.kind)
def test_dense_at_the_extremes(engine: Engine) -> None:
    """All weights and inputs at their ends: the sums that saturate 16-bit registers and come close to 2**24."""
    dense = frozen(1024, 4, source=signed8(0), target=wide(0))
    dense.weight_q = torch.full((4, 1024), -64, dtype=torch.int8)
    dense.weight_q[1] = 63
    dense.weight_q[2, ::2] = 63
    dense.bias_q = torch.tensor([8000, -8000, 0, 1], dtype=torch.int32)
    dense.shift_q = torch.tensor([9, 9, 9, 8], dtype=torch.int32)
    dense.check()
    dense.place(engine)
    for value in (-127, 127):
        x = np.full((32, 1024), value)
        x[1, ::2] = -value
        np.testing.assert_array_equal(dense.whole(torch.from_numpy(x).to(engine.small)).numpy(), oracle(dense, x))


@given(st.integers(0, 1000), st.sampled_from([relu7(4), signed8(3), wide(8)]))
@settings(max_examples=25, deadline=None)
def test_training_and_exact_readings_agree(seed: int, target: Range) -> None:
    dense = frozen(40, 9, source=signed8(5), target=target, seed=seed)
    dense.place(ENGINES[0])
    x = torch.randint(-127, 128, (21, 40), generator=torch.Generator().manual_seed(seed)).float()
    with torch.no_grad():
        trained = dense(x / 32) * (1 << target.point)
    assert torch.equal(trained, dense.whole(x).float())


@pytest.mark.parametrize("engine", ENGINES, ids=lambda e: e.kind)
def test_combinators_agree_in_all_readings(engine: Engine) -> None:
    stream, small = wide(8), relu7(4)
    torch.manual_seed(3)
    block = Chain(Round(source=stream, target=small), Dense(24, 24, source=small, target=stream))
    gate = Gate(
        Dense(24, 24, source=signed8(4), target=signed8(5)),
        Dense(24, 24, source=signed8(4), target=relu7(7)),
        shift=4,
        points=12,
        target=stream,
    )
    net = Chain(Dense(12, 24, source=signed8(5), target=stream), Residual(block, stream=stream))
    tail = Chain(Round(source=stream, target=signed8(4)), gate)
    for part in (net, tail):
        part.freeze()
        part.place(engine)
    x = torch.randint(-127, 128, (33, 12))
    whole = net.whole(x.to(engine.small))
    _, stepped = net.step(net.start(), x.to(engine.small))
    assert torch.equal(whole, stepped)
    ends, last = tail.whole(whole), tail.step(tail.start(), stepped)[1]
    assert torch.equal(ends, last)
    with torch.no_grad():
        assert torch.equal(net(x / 32) * 256, whole.float())
        assert torch.equal(tail(whole / 256) * 256, ends.float())


def test_embedding_rows_are_integers() -> None:
    table = Embedding(7, 5, target=signed8(5))
    table.freeze()
    table.place(ENGINES[1])
    x = torch.tensor([0, 6, 3])
    with torch.no_grad():
        assert torch.equal(table(x) * 32, table.whole(x).float())


def test_freezing_refuses_what_may_overflow() -> None:
    dense = Dense(4096, 2, source=signed8(0), target=wide(0))
    with torch.no_grad():
        dense.weight.fill_(0.99)
    with pytest.raises(ModelError, match=r"beyond 2\*\*24"):
        dense.freeze()


def test_a_read_net_is_checked() -> None:
    dense = frozen(8, 2, source=signed8(5), target=wide(8))
    dense.weight_q = torch.full((2, 8), 100, dtype=torch.int8)
    with pytest.raises(ModelError, match="7 bits"):
        dense.check()


def test_straight_through_passes_gradients_inside_only() -> None:
    x = torch.tensor([-10.0, 0.26, 3.0, 10.0], requires_grad=True)
    y = straight_through(x, signed8(5))
    y.sum().backward()
    assert torch.equal(y.detach(), torch.tensor([-127 / 32, 0.25, 3.0, 127 / 32]))
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 0.0]
