"""A client of HTTP/2 that sends whatever frames it is told to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hpack import Decoder, Encoder
from hyperframe.exceptions import HyperframeError
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, RstStreamFrame, SettingsFrame

from fleet.edge import HOST

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PATIENCE = 2.0

NO_ERROR, PROTOCOL, INTERNAL, FLOW_CONTROL, _, STREAM_CLOSED, FRAME_SIZE, REFUSED, CANCEL, COMPRESSION = range(10)
CALM = 11

Headers = list[tuple[str | bytes, str | bytes]]
GET: Headers = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "conformance.test")]
POST: Headers = [(":method", "POST"), *GET[1:]]


def raw(kind: int, flags: int, stream: int, payload: bytes = b"", length: int | None = None) -> bytes:
    """A frame from its parts, right or wrong."""
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, PADDED, PRIORITISED, ACK = 0x1, 0x4, 0x8, 0x20, 0x1


@dataclass
class Heard:
    """What the other side has said."""

    frames: list[Frame] = field(default_factory=list)
    closed: bool = False

    def goaway(self) -> int | None:
        """The code of its GOAWAY."""
        return next((frame.error_code for frame in self.frames if isinstance(frame, GoAwayFrame)), None)

    def reset(self, stream: int) -> int | None:
        """The code with which it has reset a stream."""
        found = (frame for frame in self.frames if isinstance(frame, RstStreamFrame) and frame.stream_id == stream)
        return next((frame.error_code for frame in found), None)

    def pong(self, payload: bytes) -> bool:
        """Whether it has answered a PING."""
        return any(
            isinstance(frame, PingFrame) and "ACK" in frame.flags and frame.opaque_data == payload
            for frame in self.frames
        )


class Client:
    """A connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.encoder, self._decoder = Encoder(), Decoder()
        self.heard = Heard()
        self.statuses: dict[int, int] = {}
        self.ended: set[int] = set()
        self.received: dict[int, int] = {}

    def send(self, *parts: bytes) -> None:
        """Sends frames."""
        if not self.heard.closed:
            self.writer.write(b"".join(parts))

    def head(self, headers: Iterable[tuple[str | bytes, str | bytes]]) -> bytes:
        """The block of a head."""
        return self.encoder.encode(list(headers), huffman=False)

    def request(
        self, stream: int, headers: Iterable[tuple[str | bytes, str | bytes]] = GET, flags: int = END_STREAM
    ) -> bytes:
        """The frame of a head."""
        return raw(HEADERS, END_HEADERS | flags, stream, self.head(headers))

    async def hear_until(self, done: object, patience: float = PATIENCE) -> bool:
        """Reads until a condition holds, or the connection ends, or it takes too long; gives back whether it holds."""
        assert callable(done)
        try:
            async with asyncio.timeout(patience):
                while not done():
                    if self.heard.closed:
                        return done()
                    await self._frame()
        except TimeoutError:
            pass
        return done()

    async def _frame(self) -> None:
        try:
            head = await self.reader.readexactly(9)
            frame, length = Frame.parse_frame_header(memoryview(head))
            payload = await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, OSError):
            self.heard.closed = True
            return
        try:
            frame.parse_body(memoryview(payload))
        except HyperframeError as error:
            raise AssertionError(f"the edge sent a frame that is none: {error}") from error
        self.heard.frames.append(frame)
        if isinstance(frame, HeadersFrame):
            headers: dict[object, object] = dict(self._decoder.decode(frame.data))
            if ":status" in headers:
                self.statuses[frame.stream_id] = int(str(headers[":status"]))
        elif isinstance(frame, DataFrame):
            self.received[frame.stream_id] = self.received.get(frame.stream_id, 0) + len(frame.data)
        elif isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
            self.send(raw(SETTINGS, ACK, 0))
        if "END_STREAM" in frame.flags:
            self.ended.add(frame.stream_id)

    async def lives(self) -> bool:
        """Whether a PING is answered."""
        payload = b"homeward"
        self.send(raw(PING, 0, 0, payload))
        return await self.hear_until(lambda: self.heard.pong(payload))

    async def answered(self, stream: int, status: int = 200) -> bool:
        """Whether a request gets this answer, whole."""
        await self.hear_until(lambda: stream in self.ended or self.heard.reset(stream) is not None)
        return self.statuses.get(stream) == status


@asynccontextmanager
async def connection(
    port: int, tls: ssl.SSLContext | None = None, settings: bytes = b"", greet: bool = True
) -> AsyncIterator[Client]:
    """A connection on which the prefaces have been exchanged, where it greets."""
    name = "conformance.test" if tls else None
    reader, writer = await asyncio.open_connection(HOST, port, ssl=tls, server_hostname=name)
    client = Client(reader, writer)
    try:
        if greet:
            client.send(PREFACE, raw(SETTINGS, 0, 0, settings))
            greeted = lambda: any(
                isinstance(frame, SettingsFrame) and "ACK" in frame.flags for frame in client.heard.frames
            )
            if not await client.hear_until(greeted):
                raise AssertionError("the edge does not answer the preface")
        yield client
    finally:
        writer.close()
