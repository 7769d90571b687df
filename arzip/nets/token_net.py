"""Nets over pictures of bits that take several neighbouring pixels at once: what the deep nets over them share.

    row of pixels    . . . . 0 1 1 0 ? ? ? ? . . .        a token: `span` pixels of a row, here 4
                                     t

    p(x) = prod over tokens t of p(x_t | x_<t),   p(x_t | x_<t) = prod over its pixels of sigmoid(z_t[node])

A token of 4 pixels has 16 values, and the net gives their joint distribution as a binary tree of 15 logits: z_t[0] for
the first pixel, z_t[1] or z_t[2] for the second when the first was 0 or 1, and so on. Nothing is lost against a net
that looks at every pixel, but the net runs once for four pixels (Image GPT [1] likewise makes one token of the three
channels of a pixel). Every logit is a sum of two parts:

    z_t = c_t + D patch_t + V norm(trunk(E patch + e)_t)       patch_t: the pixels above and left of t, as far as known

The patch replaces the slow learning of what lies where; c_t and e_t are learned for every place. The margin of the
picture, where digits are hardly ever, has no trunk: the first two terms are all. Bits that are given from the start, a
class or a smaller picture, may join the patch.

A subclass gives the trunk in two readings: `trunk`, floats, all tokens, and `start` and `advance`, integers, some
tokens of all lanes, which serves both whole pictures and the walk.

[1] Chen et al. 2020, https://cdn.openai.com/papers/Generative_Pretraining_from_Pixels_V2.pdf
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from arzip.errors import ModelError
from arzip.exact.attention import regridded
from arzip.exact.bernoulli import LOGIT, bits_of
from arzip.exact.engine import Engine
from arzip.exact.fixed import Range, rounded, wide
from arzip.exact.norm import RMSNorm
from arzip.exact.product import Product
from arzip.nets.table_model import OrderedNet, Walk
from arzip.nets.token_kernels import chosen, patches
from arzip.nets.token_phases import Phases
from arzip.nets.token_walk import PhasedWalk, TokenWalk

__all__ = ["BENDS", "BIT", "BRANCH", "OPERAND", "PROJECTED", "RECTIFIED", "STREAM", "TokenNet", "added", "limited"]

BIT = Range(0, 0, 1)
BRANCH = Range(10, -(1 << 22), 1 << 22)  # what is added to a residual stream: last layers speak up, to 1,500 and more
STREAM = Range(10, -(1 << 23), 1 << 23)
OPERAND = Range(8, -5800, 5800)  # holds what a norm of up to 512 channels gives
PROJECTED = Range(8, -4095, 4095)  # queries, keys and values
RECTIFIED = Range(6, 0, 1279)  # coarse, to leave bits to the many weights of what follows
_PICTURES = ("raster", "turned", "column", "column-turned")  # orders in which a picture is one
BENDS = 5  # what a net is told of how an example was bent


def limited(x: Tensor, target: Range) -> Tensor:
    """Training reading of a product's range: floats are clamped where integers will be; with `low = 0` a rectifier."""
    unit = 1 << target.point
    return nn.functional.hardtanh(x, target.low / unit, target.high / unit)


def added(stream: Tensor, branch: Tensor) -> Tensor:
    """Exact reading of a sum on a stream, integers in fp32 of any shapes with as many elements."""
    return (stream + branch.view(stream.shape)).clamp_(STREAM.low, STREAM.high)


class TokenNet(OrderedNet):
    """A trunk between patches and trees.

    Args:
        span: pixels of a token; divides the columns.
        margin: rows without a trunk at the top and at the bottom, columns of them left and right (whole tokens).
        above, aside: rows above and columns to either side that a patch shows.
        near: columns to either side that it shows of the row just above; `aside` by default.
        width: channels of the residual stream.
        blind: how many of them, the first ones, see nothing of the token's own row.
        read: how many channels the trunk ends in; `width` by default.
        shown: of the given bits [N, G], which each token sees, [tokens, S]; none by default.
        phases: columns by which tokens are cut later, in each reading of a picture; one reading, by none, by default.
    """

    together = 16  # examples read at once: what they leave behind stays in the cache

    positions_q: Tensor
    bias_q: Tensor

    def __init__(
        self,
        *,
        variables: int,
        rows: int,
        order: str,
        span: int,
        margin: list[int],
        above: int,
        aside: int,
        width: int,
        near: int | None = None,
        blind: int = 0,
        read: int | None = None,
        shown: NDArray[np.int64] | None = None,
        phases: list[int] | None = None,
    ) -> None:
        super().__init__(variables, rows, order)
        columns = variables // rows
        if order not in _PICTURES or columns % span or (columns != rows and order.startswith("column")):
            raise ModelError(f"tokens of {span} pixels are not cut from {rows} rows of {columns} in order {order!r}")
        self.span, self.columns, self.tokens, self.width = span, columns, variables // span, width
        self.grid, self.inside = _inside(rows, columns // span, span, margin)
        trunk = (margin[2], columns - margin[3])
        self.phases = Phases(phases or [0], rows=rows, columns=columns, span=span, trunk=trunk)
        if shown is not None and not self.phases.alone:
            raise ModelError("given bits lie where they lie: such a net reads a picture in one phase")
        near = aside if near is None else near
        if above < 1 or near < aside:
            raise ModelError(f"a patch of {above} rows above, {aside} and at last {near} columns aside has no shape")
        self.index = _patch_index(rows, columns, span, above, aside, near)
        self.canvas = (rows + above, columns + 2 * near)  # a picture with white above and at its sides
        self.shown = shown
        if shown is not None:  # given bits lie behind the picture
            places = self.canvas[0] * self.canvas[1] + shown
            self.index = np.concatenate([self.index, places.astype(np.int32)], axis=1)
        self.frame, self.aside = (near, near, above, 0), aside
        self.nodes = nodes = (1 << span) - 1
        seen = self.index.shape[1]
        sighted = np.ones((seen, width), bool)
        own = above * (span + 2 * aside) + 2 * (near - aside)
        sighted[own : own + aside, :blind] = False
        self.first = Product(seen, width, source=BIT, target=BRANCH, mask=sighted if blind else None, gain=1.5)
        self.direct = Product(seen, nodes, source=BIT, target=LOGIT, gain=0.1)
        self.norm = RMSNorm(read or width, source=STREAM, target=OPERAND)
        self.head = Product(read or width, nodes, source=OPERAND, target=LOGIT, length=self.norm.length, gain=0.3)
        self.positions = nn.Parameter(torch.randn(self.phases.count * len(self.inside), width) * 0.3)
        self.bias = nn.Parameter(torch.full((self.phases.count * self.tokens, nodes), -1.0))
        self.bends = nn.Parameter(torch.zeros(BENDS, width))  # what training tells; nothing later
        self.register_buffer("positions_q", torch.zeros(self.positions.shape, dtype=torch.int16))
        self.register_buffer("bias_q", torch.zeros(self.bias.shape, dtype=torch.int16))

    def adopted(self, tensors: dict[str, Tensor], architecture: dict[str, Any]) -> None:
        """Changes the tables of a net of another margin and other phases to those of this one, which begins there.

        Places and distances that it did not have begin as the nearest that it had; phases as the one that does not cut
        tokens later. Of a model that does not cut such pictures into such tokens, nothing is changed.
        """
        own = {"variables": self.variables, "rows": self.rows, "span": self.span}
        if {name: architecture.get(name) for name in own} != own:
            return
        margin, had = architecture["margin"], architecture.get("phases", [0])
        grid = _inside(self.rows, self.columns // self.span, self.span, margin)[0]
        taken = [had.index(offset if offset in had else 0) for offset in self.phases.offsets]
        y, x = np.divmod(self.inside, self.columns // self.span)
        y = np.clip(y - margin[0], 0, grid[0] - 1)
        x = np.clip(x - margin[2] // self.span, 0, grid[1] - 1)
        for name, nearest in (("positions_q", y * grid[1] + x), ("bias_q", np.arange(self.tokens))):
            table = tensors[name].view(len(had), -1, tensors[name].shape[-1])
            tensors[name] = table[taken][:, torch.from_numpy(nearest)].flatten(0, 1)
        for name in tensors:
            if name.endswith("offsets_q"):
                tensors[name] = regridded(tensors[name], grid, self.grid)

    def matrices(self) -> list[nn.Parameter]:
        """The weights of the trunk."""
        products = (m for m in self.modules() if isinstance(m, Product))
        return [p.weight for p in products if p not in (self.first, self.direct, self.head)]

    def trunk(self, h: Tensor) -> Tensor:
        """Training reading, in floats, of all tokens inside the margin: [N, T, width] to [N, T, read]."""
        raise NotImplementedError

    def start(self, *shape: int) -> Any:
        """The state of `shape` = (lanes,) before the first token."""
        raise NotImplementedError

    def advance(self, state: Any, h: Tensor, first: int) -> Tensor:
        """Exact reading of tokens first .. first + t - 1 inside the margin: [N, t, width] to [N, t, read]."""
        raise NotImplementedError

    def forward(self, x: Tensor, given: Tensor | None = None) -> Tensor:
        """Logits in nats, [N, D], of x [N, D], given [N, G]; floats, without any rounding."""
        logits = []
        for k in range(self.phases.count):
            phase = torch.full((len(x),), k, device=x.device)
            frames = self.phases.framed(x, phase)
            trees, known = self.trees(frames, phase, given), frames.detach().view(-1, self.tokens, self.span).long()
            z, node = [], torch.zeros(known.shape[:2], dtype=torch.long, device=x.device)
            for pixel in range(self.span):
                z.append(trees.gather(2, node[..., None]))
                node = 2 * node + 1 + known[:, :, pixel]
            logits.append(torch.cat(z, dim=2).flatten(1))
        return self.phases.mean(logits)

    def expected_bits(self, x: Tensor, chance: Tensor, how: Tensor | None = None) -> Tensor:
        """Training reading: the code length in bits of x [N, D], its mean over all draws of the pixels of each token.

        chance [N, D] is that of each pixel to be 1, or x itself; how [N, BENDS] says how each example is bent.
        Each is read in a phase of its own.
        """
        phase = torch.randint(self.phases.count, (len(x),), device=x.device)
        frames, chances = self.phases.framed(x, phase), self.phases.framed(chance, phase)
        trees = self.trees(frames, phase, how=how).flatten(1)
        wanted, reached = [], [x.new_ones(len(x), self.tokens, 1)]  # of the nodes of each level
        for p in chances.view(-1, self.tokens, self.span, 1).unbind(2):
            wanted.append(p.expand(reached[-1].shape))
            reached.append(torch.stack([reached[-1] * (1 - p), reached[-1] * p], dim=3).flatten(2))
        return bits_of(trees, torch.cat(wanted, dim=2).flatten(1), torch.cat(reached[:-1], dim=2).flatten(1))

    def trees(self, frames: Tensor, phase: Tensor, given: Tensor | None = None, how: Tensor | None = None) -> Tensor:
        """Training reading: all tokens' logits of frames [N, D], each in its phase, int64 [N]: [N, tokens, nodes]."""
        patch = self._patches(frames.view(-1, self.rows, self.columns))
        if given is not None:
            patch = torch.cat([patch, given[:, torch.from_numpy(self.shown).to(frames.device)]], dim=2)
        inside = torch.from_numpy(self.inside).to(frames.device)
        positions = self.positions.view(self.phases.count, len(self.inside), -1)[phase]
        bias = self.bias.view(self.phases.count, self.tokens, -1)[phase]
        how = frames.new_zeros(len(frames), BENDS) if how is None else how
        h = self.trunk(self.first(patch[:, inside]) + positions + (how @ self.bends)[:, None])
        with torch.autocast(frames.device.type, enabled=False):  # logits want all bits
            trees: Tensor = (self.direct(patch) + bias).index_add(1, inside, self.head(self.norm(h)))
        return trees

    def _patches(self, pictures: Tensor) -> Tensor:
        """What all tokens see of pictures [N, rows, columns], [N, tokens, I], by overlapping views: few long copies."""
        canvas = nn.functional.pad(pictures, self.frame).contiguous()
        near, _, above, _ = self.frame
        size, stride = (len(canvas), self.rows, self.columns // self.span), canvas.stride()
        steps = (stride[0], stride[1], self.span)
        wide, left = 2 * self.aside + self.span, near - self.aside
        rows = canvas.as_strided((*size, above - 1, wide), (*steps, *stride[1:]), left)
        row = canvas.as_strided((*size, 2 * near + self.span), (*steps, 1), (above - 1) * stride[1])
        own = canvas.as_strided((*size, self.aside), (*steps, 1), above * stride[1] + left)
        return torch.cat([rows.flatten(3), row, own], dim=3).flatten(1, 2)

    def freeze(self) -> None:
        super().freeze()
        self.positions_q, self.bias_q = rounded(self.positions, wide(BRANCH.point)), rounded(self.bias, LOGIT)

    def thaw(self) -> None:
        super().thaw()
        with torch.no_grad():
            self.positions.copy_(self.positions_q / (1 << BRANCH.point))
            self.bias.copy_(self.bias_q / (1 << LOGIT.point))
            self.bends.zero_()

    def place(self, engine: Engine) -> None:
        super().place(engine)
        count, kind = self.phases.count, (engine.device, torch.float32)
        self._places = self.positions_q.view(count, -1, self.width).to(*kind)
        self._bias = self.bias_q.view(count, self.tokens, -1).to(*kind)
        self._ranks = np.full(self.tokens, -1)
        self._ranks[self.inside] = np.arange(len(self.inside))

    def read(self, state: Any, canvas: NDArray[np.uint8], first: int, count: int, phase: int = 0) -> Tensor:
        """The trees of tokens first .. first + count - 1 of all lanes: integers in fp32, [N, count, nodes].

        canvas uint8 [N, pixels + G] holds all that these tokens of a phase see; `state` all tokens before them.
        """
        lanes, device = len(canvas), self.engine.device
        seen = torch.empty(lanes, count, self.index.shape[1])
        patches(canvas, self.index, first, seen.numpy())
        seen = seen.to(device)
        nodes = self.direct.whole(seen.flatten(0, 1)).view(lanes, count, self.nodes)
        nodes += self._bias[phase, first : first + count]
        ranks = self._ranks[first : first + count]
        (inside,) = np.nonzero(ranks >= 0)
        if len(inside):
            seen = seen[:, torch.from_numpy(inside).to(device)]
            h = self.first.whole(seen.flatten(0, 1)).view(lanes, len(inside), self.width)
            rank = int(ranks[inside[0]])
            h += self._places[phase, rank : rank + len(inside)]
            h = self.norm.whole(self.advance(state, h, rank).flatten(0, 1))
            nodes[:, torch.from_numpy(inside).to(device)] += self.head.whole(h).view(lanes, len(inside), self.nodes)
        return nodes.clamp_(LOGIT.low, LOGIT.high)

    def drawn(self, x: NDArray[np.uint8], given: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Examples [N, D] as canvases [N, pixels + G]."""
        left, _, above, _ = self.frame
        canvas = np.zeros((len(x), *self.canvas), np.uint8)
        canvas[:, above:, left : left + self.columns] = x.reshape(-1, self.rows, self.columns)
        flat = canvas.reshape(len(x), self.canvas[0] * self.canvas[1])
        return flat if given is None else np.concatenate([flat, given], axis=1)

    def outputs(self, x: NDArray[np.uint8], given: NDArray[np.uint8] | None = None) -> NDArray[np.int32]:
        logits = [torch.from_numpy(self.reading(x, k, given)) for k in range(self.phases.count)]
        mean: NDArray[np.int32] = self.phases.mean(logits).numpy()
        return mean

    def reading(self, x: NDArray[np.uint8], phase: int, given: NDArray[np.uint8] | None = None) -> NDArray[np.int32]:
        """Exact reading of the frames of one phase of x [N, D]: logits int32 [N, D]."""
        frames = self.phases.framed(torch.from_numpy(x), torch.full((len(x),), phase)).numpy()
        z = np.empty(x.shape, np.int32)
        for first in range(0, len(x), self.together):
            part = slice(first, first + self.together)
            canvas = self.drawn(frames[part], None if given is None else given[part])
            nodes = self.read(self.start(len(canvas)), canvas, 0, self.tokens, phase)
            chosen(nodes.cpu().numpy(), np.ascontiguousarray(frames[part]), z[part])
        return z

    def walk(self, lanes: int, given: NDArray[np.uint8] | None = None) -> Walk:
        walks = [TokenWalk(self, lanes, given, k) for k in range(self.phases.count)]
        return walks[0] if self.phases.alone else PhasedWalk(self.phases, walks, lanes)


def _inside(rows: int, tokens: int, span: int, margin: list[int]) -> tuple[tuple[int, int], NDArray[np.int64]]:
    """How many rows and columns of tokens lie inside the margin, and which they are; raises ModelError."""
    top, bottom, left, right = margin
    if left % span or right % span or top + bottom >= rows or left + right >= tokens * span or min(margin) < 0:
        raise ModelError(f"a margin of {margin} does not leave whole tokens of {span} pixels")
    places = np.arange(rows * tokens).reshape(rows, tokens)
    places = places[top : rows - bottom, left // span : tokens - right // span]
    return (places.shape[0], places.shape[1]), places.flatten()


def _patch_index(rows: int, columns: int, span: int, above: int, aside: int, near: int) -> NDArray[np.int32]:
    """Where on the canvas the pixels lie that a token sees, int32 [tokens, I]: rows above, then left of it."""
    width, left = columns + 2 * near, near - aside
    y, x = np.arange(above - 1)[:, None], left + np.arange(2 * aside + span)[None]
    row = (above - 1) * width + np.arange(2 * near + span)
    patch = np.concatenate([(y * width + x).ravel(), row, above * width + left + np.arange(aside)])
    corner = np.arange(rows)[:, None] * width + np.arange(0, columns, span)[None]
    index: NDArray[np.int32] = (corner.reshape(-1, 1) + patch).astype(np.int32)
    return index
