"""One walk over the plain bytes that turns tokens into notes on wrong predictions, and notes back into tokens.

    walk(..., encoding=1): tokens in, notes out            walk(..., encoding=0): notes in, tokens out

Both directions are the same loop. A note is a row (RUN right predictions before it, KIND, VALUE, PLACE):

    KIND      VALUE                                        PLACE
    LITERAL   0                                            0                       a literal where a match was predicted
    NEAR      longest match here - length                  nearer candidates of that length that were passed over
    SAME      length - 3                                   0                       predicted distance, other length
    FAR       length - 3                                   distance - 1

*Longest match* and *candidates* are those of a chain over all positions with the same three bytes, cut after `WALK`
steps. A stored block hides its tokens; there the prediction stands for them, because the sizes of zlib's blocks follow
from it.
"""

# mypy: allow-untyped-defs, no-check-untyped-defs
from __future__ import annotations

import numpy as np

from arzip.compiled import allocating
from arzip.formats.deflate.bits import grown, grown_rows
from arzip.formats.deflate.chains import match_length
from arzip.formats.deflate.matcher import (
    CHAIN,
    FORGETFUL,
    GOOD,
    IDLE,
    MODE,
    NICE,
    OPTIMAL,
    SHORTEST,
    TOKEN_LIMIT,
    TOLD,
    accept,
    begin_block,
    predict,
    start_cursor,
)
from arzip.formats.deflate.optimal import link_all, plan_block, plan_told
from arzip.formats.deflate.tables import ODD_LENGTH
from arzip.formats.deflate.tokens import BYTES, COLUMNS, FINAL, KIND, TOKENS

__all__ = ["EXPLICIT", "NOTE_FIELDS", "SIZE_COLUMNS", "walk"]

RUN, NOTE, VALUE, PLACE, NOTE_FIELDS = 0, 1, 2, 3, 4
LITERAL, NEAR, SAME, FAR = 0, 1, 2, 3
DAMAGED, IMPATIENT = 1, 2
WALK = 512  # candidates of the note chain looked at before a distance is spelled out

# Columns of `sizes`: what is known of a block before its tokens are. KIND, FINAL and BYTES are those of `blocks`.
EXPLICIT = 4  # 1: the block has BYTES bytes; 0: it ends where the prediction says
SIZE_COLUMNS = 5


@allocating
def _enter_all(plain, until, head, link, entered):
    """Enter the positions up to and with `until` into the note chain; the number of positions entered."""
    until = min(until, plain.shape[0] - 3)
    while entered <= until:
        value = np.int64(plain[entered]) << 16 | np.int64(plain[entered + 1]) << 8 | np.int64(plain[entered + 2])
        slot = (value * 40503 >> 4) & 0x7FFF
        link[entered & 0x7FFF] = head[slot]
        head[slot] = entered
        entered += 1
    return entered


@allocating
def _longest(plain, position, link):
    """The longest match at an entered `position` within the walk, or 0."""
    most = min(plain.shape[0] - position, 258)
    best = np.int64(0)
    if most < 3:
        return best
    candidate = np.int64(link[position & 0x7FFF])
    last = position
    for _ in range(WALK):
        if candidate < 0 or candidate >= last or position - candidate > 32768 or best >= most:
            break
        if plain[candidate + best] == plain[position + best]:
            best = max(best, match_length(plain, candidate, position, most))
        last = candidate
        candidate = np.int64(link[candidate & 0x7FFF])
    return best


@allocating
def _place(plain, position, length, distance, wanted, link):
    """Count the candidates with `length` bytes in common, nearest first.

    With a distance: its place, or -1. With a distance of 0: the distance at the place `wanted`, or -1.
    """
    if plain.shape[0] - position < max(length, 3):
        return np.int64(-1)
    candidate = np.int64(link[position & 0x7FFF])
    last = position
    passed = np.int64(0)
    for _ in range(WALK):
        if candidate < 0 or candidate >= last or position - candidate > 32768:
            break
        if match_length(plain, candidate, position, length) == length:
            if position - candidate == distance:
                return passed
            if distance == 0 and passed == wanted:
                return position - candidate
            passed += 1
        last = candidate
        candidate = np.int64(link[candidate & 0x7FFF])
    return np.int64(-1)


@allocating
def walk(plain, settings, encoding, lengths, distances, sizes, notes, patience, told):
    """Walk all blocks.

    plain [N] uint8; settings: see `matcher`; encoding 1 or 0; lengths, distances [T] uint16: the tokens of the blocks
    that are not stored (encoding only); sizes [B, SIZE_COLUMNS] int64: KIND, FINAL, BYTES and, for decoding, EXPLICIT,
    where rows beyond the last give way to the prediction; notes [K, NOTE_FIELDS] int64 (decoding only); told [B, 316]
    uint8: the code lengths of every block, read in mode TOLD only, where every block is explicit. Returns
    (status, lengths, distances, blocks, sizes, notes): all tokens, predicted ones for stored blocks included; blocks as
    in `tokens`, TOKENS, BYTES, KIND and FINAL set as far as known; sizes with EXPLICIT set. Status 0 is right, 1 is
    damaged input, 2 more than `patience` notes (encoding only).
    """
    size = plain.shape[0]
    heads = np.full((5, 1 << 16), -1, np.int32)
    links = np.full((5, 1 << 15), -1, np.int32)
    note_head = np.full(32768, -1, np.int32)
    note_link = np.full(32768, -1, np.int32)
    cursor = start_cursor(settings)
    entered = np.int64(0)
    capacity = lengths.shape[0] + 64 if encoding else size // 4 + 64
    out_lengths = np.zeros(capacity, np.uint16)
    out_distances = np.zeros(capacity, np.uint16)
    blocks = np.zeros((sizes.shape[0] + 16, COLUMNS), np.int64)
    out_notes = np.zeros((64, NOTE_FIELDS), np.int64)
    out_sizes = sizes.copy()
    position, source, token = np.int64(0), np.int64(0), np.int64(0)
    block, note, right = np.int64(0), np.int64(0), np.int64(0)
    if not encoding and notes.shape[0]:
        right = notes[0, RUN]
    limit = settings[TOKEN_LIMIT]
    optimal = settings[MODE] == OPTIMAL or settings[MODE] == TOLD
    advance = np.array([settings[CHAIN], settings[NICE], settings[SHORTEST], 0], np.int64)
    all_links = np.zeros((4, size if optimal else 0), np.int32)
    if optimal:
        link_all(plain, all_links)
    plan_lengths, plan_distances = np.zeros(0, np.int64), np.zeros(0, np.int64)
    final = np.int64(0)
    while not final:
        blocks = grown_rows(blocks, block + 1)
        first, start, count, explicit = token, position, np.int64(0), np.int64(0)
        kind, end = np.int64(1), np.int64(size)
        known = block < sizes.shape[0]
        if known:
            kind = sizes[block, KIND]
            end = position + sizes[block, BYTES]
            if encoding:
                final = sizes[block, FINAL]
                if kind != 0:
                    expected = sizes[block, TOKENS]
                    natural = expected == limit or (expected < limit and end == size)
                    explicit = 0 if natural and settings[MODE] != TOLD else 1
            else:
                explicit = sizes[block, EXPLICIT]
                if not explicit:
                    end = size
                    kind = np.int64(1)
            if end > size or end < position:
                return DAMAGED, out_lengths, out_distances, blocks, out_sizes, out_notes
        # An encoder that is told to flush sees nothing behind that point: no match crosses an empty stored block.
        flushed = block + 1 < sizes.shape[0] and sizes[block + 1, KIND] == 0 and sizes[block + 1, BYTES] == 0
        if encoding:
            explicit |= flushed and kind == 0
        elif flushed:
            flushed = explicit and sizes[block + 1, EXPLICIT]
        seen = plain[:end] if flushed and explicit else plain
        begin_block(plain, position, settings, cursor)
        if kind == 0 and position == end and settings[FORGETFUL]:
            heads[:] = -1
        if settings[MODE] == TOLD and (block >= told.shape[0] or not explicit) and kind != 0:
            return DAMAGED, out_lengths, out_distances, blocks, out_sizes, out_notes
        if kind == 0 and (settings[MODE] == IDLE or settings[MODE] == TOLD):
            position = end
            explicit = 1
        if optimal and end > position:
            plan_lengths = grown(plan_lengths, end - start)
            plan_distances = grown(plan_distances, end - start)
            if settings[MODE] == TOLD:
                plan_told(plain, start, end, all_links, advance, told[block], plan_lengths, plan_distances)
            else:
                chain, rounds, shorter = settings[CHAIN], settings[GOOD], settings[SHORTEST]
                plan_block(plain, start, end, all_links, chain, rounds, shorter, plan_lengths, plan_distances)
        while position < end:
            if count == limit and not explicit:
                if not encoding:
                    break
                explicit = 1
            if optimal:
                length, distance = plan_lengths[position - start], plan_distances[position - start]
            else:
                length, distance = predict(seen, position, settings, heads, links, cursor)
            if position + length > end and (explicit or kind == 0):
                length, distance = np.int64(1), np.int64(0)
                explicit = 1  # only a size that is told makes the decoder cut here, too
            if encoding and kind != 0:
                actual, actual_distance = np.int64(lengths[source]), np.int64(distances[source])
                source += 1
                if actual == length and actual_distance == distance:
                    right += 1
                else:
                    out_notes = grown_rows(out_notes, note + 1)
                    if note >= patience:
                        return IMPATIENT, out_lengths, out_distances, blocks, out_sizes, out_notes
                    row = out_notes[note]
                    note += 1
                    row[RUN] = right
                    right = 0
                    if actual == 1:
                        row[NOTE] = LITERAL
                    else:
                        row[NOTE], row[VALUE], row[PLACE] = FAR, actual - 3, actual_distance - 1
                        if actual_distance == distance:
                            row[NOTE], row[PLACE] = SAME, 0
                        elif actual != ODD_LENGTH:
                            entered = _enter_all(plain, position, note_head, note_link, entered)
                            longest = _longest(plain, position, note_link)
                            place = _place(plain, position, actual, actual_distance, np.int64(0), note_link)
                            if place >= 0 and longest >= actual:
                                row[NOTE], row[VALUE], row[PLACE] = NEAR, longest - actual, place
                    length, distance = actual, actual_distance
            elif encoding or right > 0 or note >= notes.shape[0]:
                right += 1 if encoding else -1
            else:
                row = notes[note]
                note += 1
                right = notes[note, RUN] if note < notes.shape[0] else np.int64(0)
                if row[NOTE] == LITERAL:
                    length, distance = np.int64(1), np.int64(0)
                elif row[NOTE] == NEAR:
                    entered = _enter_all(plain, position, note_head, note_link, entered)
                    length = _longest(plain, position, note_link) - row[VALUE]
                    if length < 3 or row[VALUE] < 0 or row[PLACE] < 0:
                        return DAMAGED, out_lengths, out_distances, blocks, out_sizes, out_notes
                    distance = _place(plain, position, length, np.int64(0), row[PLACE], note_link)
                else:
                    length = row[VALUE] + 3
                    if row[NOTE] == FAR:
                        distance = row[PLACE] + 1
                    elif row[NOTE] != SAME:
                        return DAMAGED, out_lengths, out_distances, blocks, out_sizes, out_notes
                    if length < 3 or length > ODD_LENGTH:
                        return DAMAGED, out_lengths, out_distances, blocks, out_sizes, out_notes
                stop = position + min(length, 258)
                if stop > end or (length > 1 and (distance < 1 or distance > 32768 or distance > position)):
                    return DAMAGED, out_lengths, out_distances, blocks, out_sizes, out_notes
            if token >= out_lengths.shape[0]:
                out_lengths = grown(out_lengths, token + 1)
                out_distances = grown(out_distances, token + 1)
            out_lengths[token] = length
            out_distances[token] = distance
            token += 1
            count += 1
            length = min(length, 258)
            accept(seen, position, length, settings, heads, links, cursor)
            position += length
        if encoding:
            out_sizes[block, EXPLICIT] = 0 if explicit == 0 and (count == limit or position == size) else 1
        elif known and sizes[block, FINAL] >= 0:
            final = sizes[block, FINAL]
        else:
            final = np.int64(1) if position == size and count < limit else np.int64(0)
        row = blocks[block]
        row[KIND], row[FINAL], row[TOKENS], row[BYTES] = kind, final, token - first, position - start
        block += 1
    status = 0 if position == size else DAMAGED
    return status, out_lengths[:token], out_distances[:token], blocks[:block], out_sizes, out_notes[:note]
