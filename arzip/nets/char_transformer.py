"""A Transformer decoder over bytes: blocks of `transformer`, a softmax over the next byte.

    h_t = E_1[x_{t-1}] + E_2[x_{t-2}] + E_3[x_{t-3}],   p(x_t | x_<t) = softmax(V norm(blocks(h)_t) + b)

(Vaswani et al. 2017 [1].) The tables of the last three bytes spare the first layers the search for their neighbours.
Attention knows only distances, so a window of W positions may lie anywhere in a text: while a text is read, keys and
values of the last W are kept; when they are full the older half is dropped, and each byte sees between W / 2 and W
earlier ones (those of the older half through what they had seen, as in Transformer-XL, Dai et al. 2019 [2]).

The text is cut into lanes as in `char_rnn`, and both directions walk the same way.

[1] https://arxiv.org/abs/1706.03762  [2] https://arxiv.org/abs/1901.02860
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.causal import Prediction
from arzip.errors import ModelError
from arzip.exact.fixed import wide
from arzip.exact.layers import Embedding, Layer
from arzip.exact.norm import RMSNorm
from arzip.exact.product import Product
from arzip.exact.rows import softmax_rows
from arzip.nets.char_rnn import ALPHABET
from arzip.nets.token_net import BRANCH, OPERAND, STREAM
from arzip.nets.transformer import Block

__all__ = ["CharTransformer"]

_EMBEDDED = wide(BRANCH.point)
_OUTPUT = wide(5)  # octaves, as `softmax_rows` takes them
_SEEN = 3  # bytes whose tables are summed
_NONE = ALPHABET  # stands before the first byte


class CharTransformer(Layer):
    """`layers` blocks on a stream of `width`; `window` positions, an even number, are kept."""

    def __init__(
        self, *, width: int, layers: int, heads: int, key: int, inner: int, window: int, dropout: float
    ) -> None:
        super().__init__()
        if window % 2 or width % heads or layers > 12:
            raise ModelError(
                f"a window of {window} has no half, {heads} heads do not share a width of {width}, or {layers} layers "
                "are beyond 12"
            )
        self.window = window
        self.embeddings = nn.ModuleList(Embedding(ALPHABET + 1, width, target=_EMBEDDED) for _ in range(_SEEN))
        self.blocks = nn.ModuleList(Block(width, heads, key, inner, (1, window), dropout) for _ in range(layers))
        self.norm = RMSNorm(width, source=STREAM, target=OPERAND)
        self.output = Product(width, ALPHABET, source=OPERAND, target=_OUTPUT, length=self.norm.length, gain=0.3)
        with torch.no_grad():
            for k, embedding in enumerate(self.embeddings):
                embedding.get_parameter("table").mul_(0.5**k)

    def matrices(self) -> list[nn.Parameter]:
        """The weights of the blocks."""
        return [m.weight for m in self.blocks.modules() if isinstance(m, Product)]

    def bits(self, x: Tensor) -> Tensor:
        """Training reading: the code length in bits of all of x [T, L], each column a text; T up to the window."""
        padded = nn.functional.pad(x.t(), (_SEEN, 0), value=_NONE)
        h = sum(self.embeddings[k](padded[:, _SEEN - 1 - k : padded.shape[1] - 1 - k]) for k in range(_SEEN))
        for block in self.blocks:
            h = block(h)
        with torch.autocast(x.device.type, enabled=False):  # logits want all bits
            octaves = self.output(self.norm(h)).flatten(0, 1)
        nats = nn.functional.cross_entropy(octaves * math.log(2), x.t().reshape(-1), reduction="sum")
        return nats / math.log(2)

    def walk(self, lanes: int) -> Walk:
        """Exact reading, one byte of each lane at a time."""
        return Walk(self, lanes)


class Walk:
    """The last bytes of all lanes, the keys and values of a window, and the logits of each lane's next byte."""

    def __init__(self, net: CharTransformer, lanes: int) -> None:
        self._net, self._at = net, 0
        self._caches = [block.attention.start(lanes) for block in net.blocks]  # type: ignore[operator,union-attr]
        self._last = torch.full((lanes, _SEEN), _NONE, device=net.engine.device)
        self._read()

    def _read(self) -> None:
        net = self._net
        if self._at == net.window:
            self._at //= 2
            for cache in self._caches:
                for kept in (cache.keys, cache.values):
                    kept[:, : self._at] = kept[:, self._at :]
        h = torch.stack([table.whole(self._last[:, k]) for k, table in enumerate(net.embeddings)]).sum(dim=0)  # type: ignore[operator]
        h = h.to(torch.float32)[:, None]
        for block, cache in zip(net.blocks, self._caches, strict=True):
            h = block.advance(cache, h, self._at)  # type: ignore[operator]
        self._logits = net.output.whole(net.norm.whole(h[:, 0])).to(torch.int32).cpu().numpy()
        self._at += 1

    def rows(self, lanes: int) -> Prediction:
        """Of the first `lanes` lanes, int32 [lanes, 256]."""
        rows = np.empty((lanes, ALPHABET), dtype=np.int32)
        softmax_rows(np.ascontiguousarray(self._logits[:lanes]), rows)
        return rows

    def observe(self, x: NDArray[np.int32]) -> None:
        """The byte of every lane."""
        known = torch.from_numpy(x).to(self._last)[:, None]
        self._last = torch.cat([known, self._last[:, :-1]], dim=1)
        self._read()
