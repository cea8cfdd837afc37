"""Frames of HTTP/2, right and wrong ones, in the order of RFC 9113 and RFC 7541: those that h2spec sends, and heads that would be
another request where they are written down as HTTP/1.1.

Each case is a function that gives back what is wrong, or nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable

from fleet.certificates import Authority
from fleet.edge import Plan, edge, server, table
from fleet.frames import (
    ACK, COMPRESSION, CONTINUATION, DATA, END_HEADERS, END_STREAM, FLOW_CONTROL, FRAME_SIZE, GET, GOAWAY, HEADERS, PADDED, PING, POST,
    PREFACE, PRIORITISED, PRIORITY, PROTOCOL, PUSH_PROMISE, REFUSED, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, Client,
    connection, raw,
)  # fmt: skip
from fleet.pool import Pool, pool
from results import Results, version

Problem = str | None
# What no known difference excuses.
HARM = "harm"
Case = Callable[[Client], Awaitable[Problem]]
CASES: dict[str, Case] = {}
# Heads that must not reach the pool, whatever the client hears.
MALFORMED: set[str] = set()

GENERIC = "the engine (h2) says PROTOCOL_ERROR for every fault of a frame's or a block's form; the stream or connection ends all the same"
KNOWN = {
    "3.4 no settings behind the preface": "the engine (h2) takes other frames before the first SETTINGS",
    "4.3 a block that is none": GENERIC,
    "5.1 data after the end": GENERIC,
    "6.3 PRIORITY of another length": GENERIC,
    "6.4 RST_STREAM of another length": GENERIC,
    "6.5 acknowledged SETTINGS with values": GENERIC,
    "6.5 SETTINGS of another length": GENERIC,
    "6.5.2 a window over the largest": GENERIC,
    "6.7 PING of another length": GENERIC,
    "6.9 WINDOW_UPDATE of another length": GENERIC,
    "HPACK 2.3.3 an index beyond the table": GENERIC,
    "HPACK 2.3.3 a name beyond the table": GENERIC,
    "HPACK 4.2 a table's size behind fields": GENERIC,
    "HPACK 5.2 padding of more than 7 bits": GENERIC,
    "HPACK 5.2 padding of zeros": GENERIC,
    "HPACK 5.2 the end of Huffman's string in it": GENERIC,
    "HPACK 6.1 index 0": GENERIC,
    "HPACK 6.3 a table over its size": GENERIC,
    "8.1 a pseudo header in trailers": "trailers are left out, and a body whose trailers are malformed ends with them",
    "8.3.1 :path with a fragment": "the engine cuts a fragment off before anything is decided ([requests.md](requests.md))",
}


def case(section: str, malformed: bool = False) -> Callable[[Case], Case]:
    """A case of a section, named by its function."""

    def keep(function: Case) -> Case:
        name = f"{section} {function.__name__.replace('_', ' ')}"
        CASES[name] = function
        if malformed:
            MALFORMED.add(name)
        return function

    return keep


async def ends(client: Client, *codes: int) -> Problem:
    """The connection ends, by a GOAWAY of one of these codes or without a word."""
    await client.hear_until(lambda: client.heard.closed)
    code = client.heard.goaway()
    if not client.heard.closed:
        return f"the connection stays open (GOAWAY {code})"
    return None if code is None or code in codes else f"GOAWAY {code}, not {codes}"


async def resets(client: Client, stream: int, *codes: int, answers: bool = False) -> Problem:
    """The stream ends with one of these codes; or the connection does; or, where that will do, an answer of 400 comes."""
    heard = client.heard
    await client.hear_until(lambda: heard.closed or heard.goaway() is not None or heard.reset(stream) is not None or stream in client.ended)
    code = heard.reset(stream) if heard.reset(stream) is not None else heard.goaway()
    if code is not None:
        return None if code in codes else f"code {code}, not {codes}"
    if heard.closed or (answers and client.statuses.get(stream) == 400):
        return None
    return f"no error; status {client.statuses.get(stream)}"


async def lives(client: Client) -> Problem:
    """The connection goes on."""
    return None if await client.lives() else f"the connection is dead (GOAWAY {client.heard.goaway()})"


async def answers(client: Client, stream: int, status: int = 200) -> Problem:
    """A whole answer comes."""
    if await client.answered(stream, status):
        return None
    return f"status {client.statuses.get(stream)}, reset {client.heard.reset(stream)}, GOAWAY {client.heard.goaway()}"


# 3 Starting HTTP/2


@case("3.4")
async def a_preface_that_is_none(client: Client) -> Problem:
    client.send(b"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n")
    return await ends(client, PROTOCOL)


@case("3.4")
async def no_settings_behind_the_preface(client: Client) -> Problem:
    client.send(PREFACE, raw(PING, 0, 0, bytes(8)))
    return await ends(client, PROTOCOL)


# Those that send the preface themselves.
BARE = set(CASES)

# 4 Frames


@case("4.1")
async def a_frame_of_an_unknown_kind_is_ignored(client: Client) -> Problem:
    client.send(raw(0x16, 0, 0, bytes(8)))
    return await lives(client)


@case("4.1")
async def an_unknown_flag_is_ignored(client: Client) -> Problem:
    client.send(raw(PING, 0x16, 0, b"unknown!"))
    await client.hear_until(lambda: client.heard.pong(b"unknown!"))
    return await lives(client)


@case("4.1")
async def the_reserved_bit_is_ignored(client: Client) -> Problem:
    client.send(raw(PING, 0, 1 << 31, b"reserved"))
    return None if await client.hear_until(lambda: client.heard.pong(b"reserved")) else "no PING"


@case("4.2")
async def data_of_the_largest_size(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(DATA, END_STREAM, 1, bytes(16384)))
    return await answers(client, 1)


@case("4.2")
async def data_over_the_largest_size(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(DATA, END_STREAM, 1, bytes(16385)))
    return await resets(client, 1, FRAME_SIZE)


@case("4.2")
async def headers_over_the_largest_size(client: Client) -> Problem:
    head = client.head([*GET, ("x-long", "x" * 16384)])
    client.send(raw(HEADERS, END_HEADERS | END_STREAM, 1, head))
    return await ends(client, FRAME_SIZE)


@case("4.3")
async def a_block_that_is_none(client: Client) -> Problem:
    client.send(raw(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x02\x03abc\xff"))
    return await ends(client, COMPRESSION)


@case("4.3")
async def priority_in_a_block(client: Client) -> Problem:
    client.send(raw(HEADERS, END_STREAM, 1, client.head(GET)), raw(PRIORITY, 0, 1, bytes(5)))
    return await ends(client, PROTOCOL)


@case("4.3")
async def headers_of_another_stream_in_a_block(client: Client) -> Problem:
    client.send(raw(HEADERS, END_STREAM, 1, client.head(GET)), raw(HEADERS, END_HEADERS | END_STREAM, 3, client.head(GET)))
    return await ends(client, PROTOCOL)


# 5 Streams


def on_an_idle_stream(kind: str, frame: bytes) -> None:
    """A case for a frame on a stream that nobody has opened."""

    async def sends(client: Client) -> Problem:
        client.send(frame)
        return await ends(client, PROTOCOL)

    CASES[f"5.1 {kind} on an idle stream"] = sends


on_an_idle_stream("DATA", raw(DATA, END_STREAM, 1, b"x"))
on_an_idle_stream("RST_STREAM", raw(RST_STREAM, 0, 1, bytes(4)))
on_an_idle_stream("WINDOW_UPDATE", raw(WINDOW_UPDATE, 0, 1, (100).to_bytes(4, "big")))
on_an_idle_stream("CONTINUATION", raw(CONTINUATION, END_HEADERS, 1, b"\x82"))


@case("5.1")
async def data_after_the_end(client: Client) -> Problem:
    client.send(client.request(1), raw(DATA, END_STREAM, 1, b"x"))
    return await resets(client, 1, STREAM_CLOSED)


@case("5.1")
async def headers_after_the_end(client: Client) -> Problem:
    client.send(client.request(1), client.request(1))
    return await resets(client, 1, STREAM_CLOSED, PROTOCOL)


@case("5.1")
async def continuation_after_the_end(client: Client) -> Problem:
    client.send(client.request(1), raw(CONTINUATION, END_HEADERS, 1, client.head(GET)))
    return await ends(client, STREAM_CLOSED, PROTOCOL)


@case("5.1")
async def data_after_a_reset(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(RST_STREAM, 0, 1, (8).to_bytes(4, "big")), raw(DATA, END_STREAM, 1, b"x"))
    # It may have been on its way: to ignore it will do as well.
    return await lives(client) if await client.lives() else await ends(client, STREAM_CLOSED)


@case("5.1")
async def headers_after_a_reset(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(RST_STREAM, 0, 1, (8).to_bytes(4, "big")), client.request(1))
    return await lives(client) if await client.lives() else await ends(client, STREAM_CLOSED, PROTOCOL)


@case("5.1")
async def data_when_all_is_over(client: Client) -> Problem:
    client.send(client.request(1))
    await client.answered(1)
    client.send(raw(DATA, END_STREAM, 1, b"x"))
    return await resets_or_ends(client, 1)


@case("5.1")
async def headers_when_all_is_over(client: Client) -> Problem:
    client.send(client.request(1))
    await client.answered(1)
    client.send(client.request(1))
    return await resets_or_ends(client, 1)


async def resets_or_ends(client: Client, stream: int) -> Problem:
    """An error of the stream or of the connection, for a stream that is over."""
    heard = client.heard
    await client.hear_until(lambda: heard.closed or heard.goaway() is not None or heard.reset(stream) is not None)
    code = heard.reset(stream) if heard.reset(stream) is not None else heard.goaway()
    return None if heard.closed or code in (STREAM_CLOSED, PROTOCOL) else f"code {code}"


@case("5.1.1")
async def a_stream_of_an_even_number(client: Client) -> Problem:
    client.send(client.request(2))
    return await ends(client, PROTOCOL)


@case("5.1.1")
async def a_stream_of_a_smaller_number(client: Client) -> Problem:
    client.send(client.request(5))
    await client.answered(5)
    client.send(client.request(3))
    return await ends(client, PROTOCOL, STREAM_CLOSED)


@case("5.1.2")
async def more_streams_than_may_be(client: Client) -> Problem:
    allowed = next(frame.settings[3] for frame in client.heard.frames if frame.type == SETTINGS and 3 in getattr(frame, "settings", {}))
    for number in range(allowed + 1):
        client.send(client.request(2 * number + 1, POST, 0))
    return await resets(client, 2 * allowed + 1, REFUSED, PROTOCOL)


@case("5.4.1")
async def the_connection_is_closed_after_its_error(client: Client) -> Problem:
    client.send(raw(PING, 0, 3, bytes(8)))
    return await ends(client, PROTOCOL)


@case("5.5")
async def an_unknown_frame_in_a_block(client: Client) -> Problem:
    client.send(raw(HEADERS, END_STREAM, 1, client.head(GET)), raw(0x16, 0, 0, bytes(8)))
    return await ends(client, PROTOCOL)


# 6 Frames


def connection_error(name: str, code: int, *frames: bytes) -> None:
    """A case for frames that end the connection."""

    async def sends(client: Client) -> Problem:
        client.send(*frames)
        return await ends(client, code)

    CASES[name] = sends


def stream_error(name: str, code: int, *frames: bytes, open_stream: bool = True) -> None:
    """A case for frames that end stream 1, which is open before them."""

    async def sends(client: Client) -> Problem:
        if open_stream:
            client.send(client.request(1, POST, 0))
        client.send(*frames)
        return await resets(client, 1, code)

    CASES[name] = sends


connection_error("6.1 DATA on stream 0", PROTOCOL, raw(DATA, END_STREAM, 0, b"x"))
stream_error("6.1 padding longer than DATA", PROTOCOL, raw(DATA, END_STREAM | PADDED, 1, b"\x06abcd"))
connection_error("6.2 HEADERS on stream 0", PROTOCOL, raw(HEADERS, END_HEADERS | END_STREAM, 0, b"\x82"))
connection_error("6.2 padding longer than HEADERS", PROTOCOL, raw(HEADERS, END_HEADERS | END_STREAM | PADDED, 1, b"\x21\x82\x86"))
connection_error("6.3 PRIORITY on stream 0", PROTOCOL, raw(PRIORITY, 0, 0, bytes(5)))
stream_error("6.3 PRIORITY of another length", FRAME_SIZE, raw(PRIORITY, 0, 1, bytes(4)))
connection_error("6.4 RST_STREAM on stream 0", PROTOCOL, raw(RST_STREAM, 0, 0, bytes(4)))
stream_error("6.4 RST_STREAM of another length", FRAME_SIZE, raw(RST_STREAM, 0, 1, bytes(3)))
connection_error("6.5 acknowledged SETTINGS with values", FRAME_SIZE, raw(SETTINGS, ACK, 0, bytes(6)))
connection_error("6.5 SETTINGS on a stream", PROTOCOL, raw(SETTINGS, 0, 1, bytes(6)))
connection_error("6.5 SETTINGS of another length", FRAME_SIZE, raw(SETTINGS, 0, 0, bytes(3)))


def setting(kind: int, value: int) -> bytes:
    """One setting."""
    return raw(SETTINGS, 0, 0, kind.to_bytes(2, "big") + value.to_bytes(4, "big"))


connection_error("6.5.2 ENABLE_PUSH that is neither 0 nor 1", PROTOCOL, setting(2, 2))
connection_error("6.5.2 a window over the largest", FLOW_CONTROL, setting(4, 1 << 31))
connection_error("6.5.2 frames below the smallest size", PROTOCOL, setting(5, 16383))
connection_error("6.5.2 frames over the largest size", PROTOCOL, setting(5, 1 << 24))


@case("6.5.2")
async def an_unknown_setting_is_ignored(client: Client) -> Problem:
    client.send(setting(0xFF, 1))
    return await lives(client)


@case("6.5.3")
async def settings_are_acknowledged(client: Client) -> Problem:
    client.send(setting(3, 100))
    acks = lambda: sum(frame.type == SETTINGS and "ACK" in frame.flags for frame in client.heard.frames)  # noqa: E731
    return None if await client.hear_until(lambda: acks() == 2) else "no acknowledgement"


@case("6.7")
async def a_ping_is_answered(client: Client) -> Problem:
    return await lives(client)


@case("6.7")
async def an_answer_to_a_ping_is_not_answered(client: Client) -> Problem:
    client.send(raw(PING, ACK, 0, b"answered"))
    alive = await lives(client)
    return "a PING came" if client.heard.pong(b"answered") else alive


connection_error("6.7 PING on a stream", PROTOCOL, raw(PING, 0, 1, bytes(8)))
connection_error("6.7 PING of another length", FRAME_SIZE, raw(PING, 0, 0, bytes(6)))
connection_error("6.8 GOAWAY on a stream", PROTOCOL, raw(GOAWAY, 0, 1, bytes(8)))
connection_error("6.9 WINDOW_UPDATE by nothing", PROTOCOL, raw(WINDOW_UPDATE, 0, 0, bytes(4)))
stream_error("6.9 WINDOW_UPDATE of a stream by nothing", PROTOCOL, raw(WINDOW_UPDATE, 0, 1, bytes(4)))
connection_error("6.9 WINDOW_UPDATE of another length", FRAME_SIZE, raw(WINDOW_UPDATE, 0, 0, bytes(3)))
MOST = ((1 << 31) - 1).to_bytes(4, "big")
connection_error("6.9.1 a window beyond its end", FLOW_CONTROL, raw(WINDOW_UPDATE, 0, 0, MOST), raw(WINDOW_UPDATE, 0, 0, MOST))
stream_error("6.9.1 a window of a stream beyond its end", FLOW_CONTROL, raw(WINDOW_UPDATE, 0, 1, MOST), raw(WINDOW_UPDATE, 0, 1, MOST))

# The edge's own answer to a path of dots has a body.
WITH_BODY = [*GET[:2], (":path", "/../"), GET[3]]


@case("6.9.1")
async def no_more_data_than_the_window_lets(client: Client) -> Problem:
    client.send(setting(4, 1), client.request(1, WITH_BODY))
    await client.hear_until(lambda: client.received.get(1, 0) >= 1)
    if await client.hear_until(lambda: client.received.get(1, 0) > 1, 0.3):
        return f"{client.received[1]} bytes"
    client.send(raw(WINDOW_UPDATE, 0, 1, (10000).to_bytes(4, "big")))
    return await answers(client, 1, 400)


@case("6.9.2")
async def a_window_below_nothing(client: Client) -> Problem:
    client.send(setting(4, 3), client.request(1, WITH_BODY))
    await client.hear_until(lambda: client.received.get(1, 0) >= 3)
    client.send(setting(4, 2), raw(WINDOW_UPDATE, 0, 1, (2).to_bytes(4, "big")))
    if not await client.hear_until(lambda: client.received.get(1, 0) == 4):
        return f"{client.received} bytes"
    client.send(raw(WINDOW_UPDATE, 0, 1, (10000).to_bytes(4, "big")))
    return await answers(client, 1, 400)


@case("6.10")
async def several_continuations(client: Client) -> Problem:
    block = client.head(GET)
    middle = raw(CONTINUATION, 0, 1, block[1:5])
    client.send(raw(HEADERS, END_STREAM, 1, block[:1]), middle, raw(CONTINUATION, END_HEADERS, 1, block[5:]))
    return await answers(client, 1)


connection_error("6.10 CONTINUATION on stream 0", PROTOCOL, raw(CONTINUATION, END_HEADERS, 0, b"\x82"))


@case("6.10")
async def data_in_a_block(client: Client) -> Problem:
    client.send(raw(HEADERS, 0, 1, client.head(POST)), raw(DATA, END_STREAM, 1, b"x"))
    return await ends(client, PROTOCOL)


@case("6.10")
async def continuation_behind_a_whole_block(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(CONTINUATION, END_HEADERS, 1, client.head(GET)))
    return await ends(client, PROTOCOL)


@case("6.10")
async def continuation_behind_data(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(DATA, 0, 1, b"x"), raw(CONTINUATION, END_HEADERS, 1, client.head(GET)))
    return await ends(client, PROTOCOL)


@case("7")
async def an_unknown_error_code_of_a_stream(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(RST_STREAM, 0, 1, (0xFF).to_bytes(4, "big")))
    return await lives(client)


# 8 Requests


@case("8.1")
async def a_request_with_a_body(client: Client) -> Problem:
    client.send(client.request(1, [*POST, ("content-length", "4")], 0), raw(DATA, 0, 1, b"ab"), raw(DATA, END_STREAM, 1, b"cd"))
    return await answers(client, 1)


@case("8.1")
async def a_request_with_trailers(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(DATA, 0, 1, b"ab"), client.request(1, [("x-trailer", "x")]))
    return await answers(client, 1)


@case("8.1")
async def many_requests_at_once(client: Client) -> Problem:
    client.send(*(client.request(stream) for stream in range(1, 61, 2)))
    for stream in range(1, 61, 2):
        if problem := await answers(client, stream):
            return problem
    return None


@case("8.1", malformed=True)
async def headers_that_end_nothing_behind_a_head(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), client.request(1, [("x-trailer", "x")], 0))
    return await resets(client, 1, PROTOCOL)


def malformed(name: str, headers: list[tuple[str | bytes, str | bytes]]) -> None:
    """A case for a head that is none."""

    async def sends(client: Client) -> Problem:
        client.send(client.request(1, headers))
        return await resets(client, 1, PROTOCOL, answers=True)

    CASES[name] = sends
    MALFORMED.add(name)


def with_header(name: str | bytes, value: str | bytes) -> list[tuple[str | bytes, str | bytes]]:
    """A head with one field more."""
    return [*GET, (name, value)]


def instead(name: str, value: str | bytes | None) -> list[tuple[str | bytes, str | bytes]]:
    """A head with another value of a pseudo-header, or without it."""
    return [(key, value if key == name else old) for key, old in GET if value is not None or key != name]


CRLF = "x\r\nHost: other.test\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: conformance.test"
for title, head in {
    "8.2.1 a name in capitals": with_header("X-Capital", "x"),
    "8.2.1 a name with a space": with_header("x space", "x"),
    "8.2.1 a name with a colon": with_header("x:y", "x"),
    "8.2.1 a name with a line's end": with_header("x\r\ny", "x"),
    "8.2.1 an empty name": with_header("", "x"),
    "8.2.1 a value with a line's end": with_header("x", CRLF),
    "8.2.1 a value with LF": with_header("x", "a\nTransfer-Encoding: chunked"),
    "8.2.1 a value with CR": with_header("x", "a\rb"),
    "8.2.1 a value with NUL": with_header("x", "a\0b"),
    "8.2.2 Connection": with_header("connection", "keep-alive"),
    "8.2.2 Transfer-Encoding": with_header("transfer-encoding", "chunked"),
    "8.2.2 Keep-Alive": with_header("keep-alive", "timeout=5"),
    "8.2.2 Proxy-Connection": with_header("proxy-connection", "keep-alive"),
    "8.2.2 Upgrade": with_header("upgrade", "websocket"),
    "8.2.2 TE that is not trailers": with_header("te", "trailers, deflate"),
    "8.3 an unknown pseudo-header": [*GET, (":test", "ok")],
    "8.3 a pseudo-header of answers": [*GET, (":status", "200")],
    "8.3 a pseudo-header behind a field": [*GET[:3], ("x", "x"), GET[3]],
    "8.3.1 an empty :path": instead(":path", ""),
    "8.3.1 no :method": instead(":method", None),
    "8.3.1 no :scheme": instead(":scheme", None),
    "8.3.1 no :path": instead(":path", None),
    "8.3.1 :method twice": [*GET[:1], *GET],
    "8.3.1 :scheme twice": [*GET[:2], *GET[1:]],
    "8.3.1 :path twice": [*GET[:3], *GET[2:]],
    "8.3.1 :authority twice": [*GET, GET[3]],
    "8.3.1 no host at all": GET[:3],
    "8.3.1 another Host": with_header("host", "other.test"),
    "8.3.1 :authority with a user": instead(":authority", "user@conformance.test"),
    "8.3.1 :authority with a line's end": instead(":authority", "conformance.test\r\nX: y"),
    "8.3.1 :authority with a space": instead(":authority", "conformance.test x"),
    "8.3.1 :path without a slash": instead(":path", "a"),
    "8.3.1 :path with a line's end": instead(":path", "/ HTTP/1.1\r\nHost: conformance.test\r\n\r\nGET /smuggled"),
    "8.3.1 :path with a space": instead(":path", "/a b HTTP/1.1"),
    "8.3.1 :path with a tab": instead(":path", "/a\tb"),
    "8.1 a pseudo header in trailers": "trailers are left out, and a body whose trailers are malformed ends with them",
    "8.3.1 :path with a fragment": instead(":path", "/a#b"),
    "8.3.1 :path with dots": instead(":path", "/a/../b"),
    "8.3.1 :method with a space": instead(":method", "GET /smuggled HTTP/1.1\r\nX: "),
    "8.1.1 Content-Length twice": [*GET, ("content-length", "0"), ("content-length", "1")],
    "8.1.1 Content-Length that is no number": with_header("content-length", "+1"),
    "8.5 CONNECT with a path": instead(":method", "CONNECT"),
}.items():
    malformed(title, head)


def of_another_length(name: str, said: str, *data: bytes) -> None:
    """A case for a body that is not as long as it says."""

    async def sends(client: Client) -> Problem:
        frames = [raw(DATA, END_STREAM if part is data[-1] else 0, 1, part) for part in data]
        client.send(client.request(1, [*POST, ("content-length", said)], 0), *frames)
        return await resets(client, 1, PROTOCOL, answers=True)

    CASES[name] = sends
    MALFORMED.add(name)


of_another_length("8.1.1 a body longer than it says", "1", b"test")
of_another_length("8.1.1 a body shorter than it says", "9", b"test")
of_another_length("8.1.1 a body longer than it says, in two frames", "5", b"test", b"more")
of_another_length("8.1.1 a body that hides a request", "0", b"GET /smuggled HTTP/1.1\r\nHost: conformance.test\r\n\r\n")


@case("8.1", malformed=True)
async def a_pseudo_header_in_trailers(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(DATA, 0, 1, b"x"), client.request(1, [(":method", "POST")]))
    return await resets(client, 1, PROTOCOL)


@case("8.4")
async def a_push_from_the_client(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(PUSH_PROMISE, END_HEADERS, 1, (2).to_bytes(4, "big") + client.head(GET)))
    return await ends(client, PROTOCOL)


@case("5.3 (RFC 7540)")
async def a_stream_that_depends_on_itself(client: Client) -> Problem:
    dependency = (1).to_bytes(4, "big") + b"\x10"
    client.send(raw(HEADERS, END_HEADERS | END_STREAM | PRIORITISED, 1, dependency + client.head(GET)))
    # RFC 9113 has no priorities any more: to take no notice will do as well.
    return None if await client.answered(1) else await resets(client, 1, PROTOCOL)


# HPACK


def compression_error(name: str, block: bytes) -> None:
    """A case for a block that cannot be read."""
    connection_error(name, COMPRESSION, raw(HEADERS, END_HEADERS | END_STREAM, 1, block))


PLAIN = b"\x82\x86\x84\x41\x01a"
compression_error("HPACK 2.3.3 an index beyond the table", PLAIN + b"\xff\x80\x01")
compression_error("HPACK 2.3.3 a name beyond the table", PLAIN + b"\x7f\x80\x01\x01x")
compression_error("HPACK 4.2 a table's size behind fields", PLAIN + b"\x20")
compression_error("HPACK 5.2 padding of more than 7 bits", PLAIN + b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff")
compression_error("HPACK 5.2 padding of zeros", PLAIN + b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90")
compression_error("HPACK 5.2 the end of Huffman's string in it", PLAIN + b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f")
compression_error("HPACK 6.1 index 0", PLAIN + b"\x80")
compression_error("HPACK 6.3 a table over its size", b"\x3f\xe1\xff\x03" + PLAIN)


async def play(name: str, function: Case, port: int, records: Pool, tls: object) -> Problem:
    """Runs a case on a connection of its own."""
    before = len(records.requests)
    async with connection(port, tls, greet=name not in BARE) as client:  # type: ignore[arg-type]
        try:
            problem = await function(client)
        except AssertionError as error:
            return str(error)
    came = records.requests[before:]
    if any(request.target == "/smuggled" for request in came):
        return f"{HARM}: a request was smuggled"
    if "trailers" in name and any(request.body not in (b"x", b"ab") for request in came):
        return f"{HARM}: a body was lost"
    if name in MALFORMED and came:
        return f"it reached the pool: {[(request.method, request.target, request.headers, request.body) for request in came]}"
    return problem


async def run() -> Results:
    """Plays all cases without TLS, and again with it."""
    results = Results("HTTP/2: frames and heads", f"cases after h2spec's list, by {version('hyperframe')} and {version('hpack')}")
    authority = Authority()
    tls = authority.client("h2")
    listeners = {"plain": "http2: true", "tls": "tls: {certificate: edge.pem, key: edge.key}"}
    async with pool() as records, edge(Plan(table(server(records.port)), listeners, files=authority.files())) as running:
        for listener, context in (("plain", None), ("tls", tls)):
            for name, function in CASES.items():
                assert inspect.iscoroutinefunction(function)
                problem = await play(name, function, running.port(listener), records, context)
                title = f"{name} ({listener})"
                if problem and name in KNOWN and not problem.startswith(HARM):
                    results.differs(title, KNOWN[name])
                else:
                    results.check(title, problem)
    return results
