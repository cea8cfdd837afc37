"""A pool that keeps every byte that comes, and answers what h11 takes for a request."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h11

from fleet.edge import HOST

LLHTTP = Path(__file__).parent.parent / "streams/llhttp.mjs"

# With the headers that scanners look for, which are an app's to say.
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n"
    b"Content-Security-Policy: default-src 'none'\r\nReferrer-Policy: no-referrer\r\n\r\n"
)


@dataclass
class Request:
    """A request as h11 read it."""

    method: str
    target: str
    headers: list[tuple[str, bytes]]
    body: bytes = b""

    def header(self, name: str) -> bytes | None:
        """The first header of this name, in lower case."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass
class Connection:
    """What came on one connection."""

    data: bytearray = field(default_factory=bytearray)
    requests: list[Request] = field(default_factory=list)
    error: str | None = None


class Pool:
    """The records of a pool."""

    def __init__(self) -> None:
        self.port = 0
        self.connections: list[Connection] = []
        # What came on all of them, in the order in which it came.
        self.requests: list[Request] = []
        self.received = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Reads and answers requests until the connection ends, or what comes is none."""
        connection, state = Connection(), h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        self.connections.append(connection)
        current: Request | None = None
        try:
            while True:
                event = state.next_event()
                if event is h11.NEED_DATA:
                    if state.they_are_waiting_for_100_continue:
                        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                        state.send(h11.InformationalResponse(status_code=100, headers=[]))
                    data = await reader.read(65536)
                    connection.data += data
                    self.received += len(data)
                    state.receive_data(data)
                    if not data and state.their_state in (h11.IDLE, h11.DONE):
                        return
                elif isinstance(event, h11.Request):
                    headers = [(name.decode(), bytes(value)) for name, value in event.headers]
                    current = Request(event.method.decode(), event.target.decode("latin1"), headers)
                elif isinstance(event, h11.Data):
                    assert current is not None
                    current.body += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    assert current is not None
                    connection.requests.append(current)
                    self.requests.append(current)
                    writer.write(ANSWER)
                    # An offer to go on with another protocol is not taken up.
                    state.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                    state.send(h11.EndOfMessage())
                    if state.our_state is not h11.DONE:
                        return
                    state.start_next_cycle()
                else:
                    return
        except h11.RemoteProtocolError as error:
            # A request that was cut is none that is wrong.
            if not reader.at_eof():
                connection.error = str(error)
        except ConnectionError:
            pass
        finally:
            writer.close()


@asynccontextmanager
async def pool() -> AsyncIterator[Pool]:
    """A pool that serves while the block runs."""
    records = Pool()
    server = await asyncio.start_server(records.serve, HOST, 0)
    records.port = server.sockets[0].getsockname()[1]
    async with server:
        yield records


async def disagreements(records: Pool, but: frozenset[str] | set[str] = frozenset()) -> list[str]:
    """Where llhttp reads the bytes of a connection otherwise than h11: in number, in bodies, or as none that is right.

    Connections with methods out of `but` are left out: llhttp knows methods by a list of its own.
    """
    connections = [each for each in records.connections if not but & {request.method for request in each.requests}]
    node = await asyncio.create_subprocess_exec(
        "node", str(LLHTTP), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    data = [bytes(connection.data) for connection in connections]
    output, _ = await node.communicate(b"".join(struct.pack("<I", len(each)) + each for each in data))
    found = []
    for connection, line in zip(connections, output.splitlines(), strict=True):
        other = json.loads(line)
        bodies = [len(request.body) for request in connection.requests]
        if connection.error or other["error"] or [body for _, body, _ in other["messages"]] != bodies:
            found.append(f"h11: {bodies}, {connection.error}; llhttp: {other}; {bytes(connection.data)!r}")
    return found
