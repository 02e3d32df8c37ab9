"""Strategies of hypothesis for files that were damaged, or written to do harm."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

ATOMS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just(10**400))
JSON = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
NASTY_JSON = st.sampled_from(
    [b"[" * 2_000, b'{"a":' * 2_000, b"9" * 6_000, b"NaN", b"1e999", b'{"a":1,"a":2}', b"", b"\xff", b"\xef\xbb\xbf{}"]
)
"""What JSON parsers of Python and others treat in ways that one would not guess."""


@st.composite
def damaged_bytes(draw: st.DrawFn, valid: bytes) -> bytes:
    """A file of which parts are cut off, overwritten, doubled or replaced; or any bytes."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=300))
    data = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(len(data) - 1, 0)))
        stop = start + draw(st.integers(0, 40))
        kind = draw(st.sampled_from(["cut", "flip", "replace", "double", "drop"]))
        if kind == "cut":
            del data[start:]
        elif kind == "flip" and data:
            data[start] ^= 1 << draw(st.integers(0, 7))
        elif kind == "replace":
            data[start:stop] = draw(st.binary(max_size=40))
        elif kind == "double":
            data[start:start] = data[start:stop]
        elif kind == "drop":
            del data[start:stop]
    return bytes(data)


@st.composite
def damaged_json(draw: st.DrawFn, valid: Any) -> bytes:
    """A JSON file in which a few values are replaced or left out; or damaged as bytes; or any JSON."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(damaged_bytes(json.dumps(valid).encode()))
    if kind == 1:
        return draw(NASTY_JSON | JSON.map(lambda value: json.dumps(value).encode()))
    content = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(content))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        if draw(st.booleans()):
            holder[key] = draw(JSON)
        else:
            del holder[key]
    return json.dumps(content).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """All pairs of a list or an object within a value, and an index or a key."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])
