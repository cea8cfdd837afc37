"""A client that sends raw bytes and a request behind them, and what the pool then got."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fleet.edge import HOST, Edge
from fleet.pool import Pool, Request

# How long nothing comes before the client goes on.
QUIET = 0.15

AFTER = b"GET /after HTTP/1.1\r\nHost: conformance.test\r\nConnection: close\r\n\r\n"

# A request that hides in a body.
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: conformance.test\r\n\r\n"


@dataclass
class Exchange:
    """What became of the bytes."""

    answered: bytes
    # What the pool got before the request behind was sent, and all of it.
    bytes_before: int
    requests: list[Request]

    @property
    def statuses(self) -> list[int]:
        """The status codes of the answers; bodies of the edge's own errors hold nothing that looks like one."""
        return [int(line[9:12]) for line in self.answered.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]

    @property
    def without_after(self) -> list[Request]:
        """The requests that came of the bytes themselves."""
        return [request for request in self.requests if request.target != "/after"]

    def problem(self) -> str | None:
        """What must hold for all bytes: nothing is smuggled or doubled, and the connection stays in step."""
        targets = [request.target for request in self.requests]
        after = targets.count("/after")
        if "/smuggled" in targets:
            return f"a body was taken for a request: {targets}"
        if after > 1 or (after == 1 and targets[-1] != "/after"):
            return f"the request behind came in the wrong place: {targets}"
        if after == 1 and self.statuses[-1:] != [200]:
            return f"the request behind got {self.statuses}"
        return None


async def exchange(edge: Edge, pool: Pool, data: bytes, pipelined: bool, listener: str = "plain") -> Exchange:
    """Sends `data` and a request behind it, at once or when what was sent first has got its answers."""
    requests, received = len(pool.requests), pool.received
    reader, writer = await asyncio.open_connection(HOST, edge.port(listener))
    answered, is_open = await _say(reader, writer, data + AFTER if pipelined else data)
    before = pool.received - received
    if is_open and not pipelined:
        more, _ = await _say(reader, writer, AFTER)
        answered += more
    writer.close()
    # What the edge still sends to the pool is there when it has sent something that is asked for later.
    reader, writer = await asyncio.open_connection(HOST, edge.port(listener))
    await _say(reader, writer, AFTER.replace(b"/after", b"/marker"))
    writer.close()
    seen = [request for request in pool.requests[requests:] if request.target != "/marker"]
    return Exchange(answered, before, seen)


async def _say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> tuple[bytes, bool]:
    """Writes, and reads until nothing more comes; gives back whether the connection is open still."""
    answered = b""
    try:
        writer.write(data)
        await writer.drain()
        while more := await asyncio.wait_for(reader.read(65536), QUIET):
            answered += more
        return answered, False
    except TimeoutError:
        return answered, True
    except ConnectionError:
        return answered, False
