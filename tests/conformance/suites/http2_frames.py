"""Frames of HTTP/2, right and wrong ones, in the order of RFC 9113: those that h2spec sends."""

from __future__ import annotations

from fleet.frames import (
    ACK,
    COMPRESSION,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL,
    FRAME_SIZE,
    GET,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    POST,
    PREFACE,
    PRIORITY,
    PROTOCOL,
    REFUSED,
    RST_STREAM,
    SETTINGS,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    Client,
    raw,
)
from fleet.http2_cases import GENERIC, Cases, Problem, answers, ends, lives, resets, resets_or_ends
from hyperframe.frame import SettingsFrame
from results import Results

CASES = Cases(
    {
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
    }
)

# 3 Starting HTTP/2


@CASES.case("3.4", bare=True)
async def a_preface_that_is_none(client: Client) -> Problem:
    client.send(b"PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n")
    return await ends(client, PROTOCOL)


@CASES.case("3.4", bare=True)
async def no_settings_behind_the_preface(client: Client) -> Problem:
    client.send(PREFACE, raw(PING, 0, 0, bytes(8)))
    return await ends(client, PROTOCOL)


# 4 Frames


@CASES.case("4.1")
async def a_frame_of_an_unknown_kind_is_ignored(client: Client) -> Problem:
    client.send(raw(0x16, 0, 0, bytes(8)))
    return await lives(client)


@CASES.case("4.1")
async def an_unknown_flag_is_ignored(client: Client) -> Problem:
    client.send(raw(PING, 0x16, 0, b"unknown!"))
    await client.hear_until(lambda: client.heard.pong(b"unknown!"))
    return await lives(client)


@CASES.case("4.1")
async def the_reserved_bit_is_ignored(client: Client) -> Problem:
    client.send(raw(PING, 0, 1 << 31, b"reserved"))
    return None if await client.hear_until(lambda: client.heard.pong(b"reserved")) else "no PING"


@CASES.case("4.2")
async def data_of_the_largest_size(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(DATA, END_STREAM, 1, bytes(16384)))
    return await answers(client, 1)


@CASES.case("4.2")
async def data_over_the_largest_size(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(DATA, END_STREAM, 1, bytes(16385)))
    return await resets(client, 1, FRAME_SIZE)


@CASES.case("4.2")
async def headers_over_the_largest_size(client: Client) -> Problem:
    head = client.head([*GET, ("x-long", "x" * 16384)])
    client.send(raw(HEADERS, END_HEADERS | END_STREAM, 1, head))
    return await ends(client, FRAME_SIZE)


@CASES.case("4.3")
async def a_block_that_is_none(client: Client) -> Problem:
    client.send(raw(HEADERS, END_HEADERS | END_STREAM, 1, b"\x00\x02\x03abc\xff"))
    return await ends(client, COMPRESSION)


@CASES.case("4.3")
async def priority_in_a_block(client: Client) -> Problem:
    client.send(raw(HEADERS, END_STREAM, 1, client.head(GET)), raw(PRIORITY, 0, 1, bytes(5)))
    return await ends(client, PROTOCOL)


@CASES.case("4.3")
async def headers_of_another_stream_in_a_block(client: Client) -> Problem:
    client.send(
        raw(HEADERS, END_STREAM, 1, client.head(GET)), raw(HEADERS, END_HEADERS | END_STREAM, 3, client.head(GET))
    )
    return await ends(client, PROTOCOL)


# 5 Streams


def on_an_idle_stream(kind: str, frame: bytes) -> None:
    """A case for a frame on a stream that nobody has opened."""

    async def sends(client: Client) -> Problem:
        client.send(frame)
        return await ends(client, PROTOCOL)

    CASES.add(f"5.1 {kind} on an idle stream", sends)


on_an_idle_stream("DATA", raw(DATA, END_STREAM, 1, b"x"))
on_an_idle_stream("RST_STREAM", raw(RST_STREAM, 0, 1, bytes(4)))
on_an_idle_stream("WINDOW_UPDATE", raw(WINDOW_UPDATE, 0, 1, (100).to_bytes(4, "big")))
on_an_idle_stream("CONTINUATION", raw(CONTINUATION, END_HEADERS, 1, b"\x82"))


@CASES.case("5.1")
async def data_after_the_end(client: Client) -> Problem:
    client.send(client.request(1), raw(DATA, END_STREAM, 1, b"x"))
    return await resets(client, 1, STREAM_CLOSED)


@CASES.case("5.1")
async def headers_after_the_end(client: Client) -> Problem:
    client.send(client.request(1), client.request(1))
    return await resets(client, 1, STREAM_CLOSED, PROTOCOL)


@CASES.case("5.1")
async def continuation_after_the_end(client: Client) -> Problem:
    client.send(client.request(1), raw(CONTINUATION, END_HEADERS, 1, client.head(GET)))
    return await ends(client, STREAM_CLOSED, PROTOCOL)


@CASES.case("5.1")
async def data_after_a_reset(client: Client) -> Problem:
    client.send(
        client.request(1, POST, 0), raw(RST_STREAM, 0, 1, (8).to_bytes(4, "big")), raw(DATA, END_STREAM, 1, b"x")
    )
    # It may have been on its way: to ignore it will do as well.
    return await lives(client) if await client.lives() else await ends(client, STREAM_CLOSED)


@CASES.case("5.1")
async def headers_after_a_reset(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(RST_STREAM, 0, 1, (8).to_bytes(4, "big")), client.request(1))
    return await lives(client) if await client.lives() else await ends(client, STREAM_CLOSED, PROTOCOL)


@CASES.case("5.1")
async def data_when_all_is_over(client: Client) -> Problem:
    client.send(client.request(1))
    await client.answered(1)
    client.send(raw(DATA, END_STREAM, 1, b"x"))
    return await resets_or_ends(client, 1)


@CASES.case("5.1")
async def headers_when_all_is_over(client: Client) -> Problem:
    client.send(client.request(1))
    await client.answered(1)
    client.send(client.request(1))
    return await resets_or_ends(client, 1)


@CASES.case("5.1.1")
async def a_stream_of_an_even_number(client: Client) -> Problem:
    client.send(client.request(2))
    return await ends(client, PROTOCOL)


@CASES.case("5.1.1")
async def a_stream_of_a_smaller_number(client: Client) -> Problem:
    client.send(client.request(5))
    await client.answered(5)
    client.send(client.request(3))
    return await ends(client, PROTOCOL, STREAM_CLOSED)


@CASES.case("5.1.2")
async def more_streams_than_may_be(client: Client) -> Problem:
    said = [frame.settings for frame in client.heard.frames if isinstance(frame, SettingsFrame)]
    allowed = next(settings[3] for settings in said if 3 in settings)
    for number in range(allowed + 1):
        client.send(client.request(2 * number + 1, POST, 0))
    return await resets(client, 2 * allowed + 1, REFUSED, PROTOCOL)


@CASES.case("5.4.1")
async def the_connection_is_closed_after_its_error(client: Client) -> Problem:
    client.send(raw(PING, 0, 3, bytes(8)))
    return await ends(client, PROTOCOL)


@CASES.case("5.5")
async def an_unknown_frame_in_a_block(client: Client) -> Problem:
    client.send(raw(HEADERS, END_STREAM, 1, client.head(GET)), raw(0x16, 0, 0, bytes(8)))
    return await ends(client, PROTOCOL)


# 6 Frames


CASES.connection_error("6.1 DATA on stream 0", PROTOCOL, raw(DATA, END_STREAM, 0, b"x"))
CASES.stream_error("6.1 padding longer than DATA", PROTOCOL, raw(DATA, END_STREAM | PADDED, 1, b"\x06abcd"))
CASES.connection_error("6.2 HEADERS on stream 0", PROTOCOL, raw(HEADERS, END_HEADERS | END_STREAM, 0, b"\x82"))
CASES.connection_error(
    "6.2 padding longer than HEADERS", PROTOCOL, raw(HEADERS, END_HEADERS | END_STREAM | PADDED, 1, b"\x21\x82\x86")
)
CASES.connection_error("6.3 PRIORITY on stream 0", PROTOCOL, raw(PRIORITY, 0, 0, bytes(5)))
CASES.stream_error("6.3 PRIORITY of another length", FRAME_SIZE, raw(PRIORITY, 0, 1, bytes(4)))
CASES.connection_error("6.4 RST_STREAM on stream 0", PROTOCOL, raw(RST_STREAM, 0, 0, bytes(4)))
CASES.stream_error("6.4 RST_STREAM of another length", FRAME_SIZE, raw(RST_STREAM, 0, 1, bytes(3)))
CASES.connection_error("6.5 acknowledged SETTINGS with values", FRAME_SIZE, raw(SETTINGS, ACK, 0, bytes(6)))
CASES.connection_error("6.5 SETTINGS on a stream", PROTOCOL, raw(SETTINGS, 0, 1, bytes(6)))
CASES.connection_error("6.5 SETTINGS of another length", FRAME_SIZE, raw(SETTINGS, 0, 0, bytes(3)))


def setting(kind: int, value: int) -> bytes:
    """One setting."""
    return raw(SETTINGS, 0, 0, kind.to_bytes(2, "big") + value.to_bytes(4, "big"))


CASES.connection_error("6.5.2 ENABLE_PUSH that is neither 0 nor 1", PROTOCOL, setting(2, 2))
CASES.connection_error("6.5.2 a window over the largest", FLOW_CONTROL, setting(4, 1 << 31))
CASES.connection_error("6.5.2 frames below the smallest size", PROTOCOL, setting(5, 16383))
CASES.connection_error("6.5.2 frames over the largest size", PROTOCOL, setting(5, 1 << 24))


@CASES.case("6.5.2")
async def an_unknown_setting_is_ignored(client: Client) -> Problem:
    client.send(setting(0xFF, 1))
    return await lives(client)


@CASES.case("6.5.3")
async def settings_are_acknowledged(client: Client) -> Problem:
    client.send(setting(3, 100))
    acks = lambda: sum(frame.type == SETTINGS and "ACK" in frame.flags for frame in client.heard.frames)
    return None if await client.hear_until(lambda: acks() == 2) else "no acknowledgement"


@CASES.case("6.7")
async def a_ping_is_answered(client: Client) -> Problem:
    return await lives(client)


@CASES.case("6.7")
async def an_answer_to_a_ping_is_not_answered(client: Client) -> Problem:
    client.send(raw(PING, ACK, 0, b"answered"))
    alive = await lives(client)
    return "a PING came" if client.heard.pong(b"answered") else alive


CASES.connection_error("6.7 PING on a stream", PROTOCOL, raw(PING, 0, 1, bytes(8)))
CASES.connection_error("6.7 PING of another length", FRAME_SIZE, raw(PING, 0, 0, bytes(6)))
CASES.connection_error("6.8 GOAWAY on a stream", PROTOCOL, raw(GOAWAY, 0, 1, bytes(8)))
CASES.connection_error("6.9 WINDOW_UPDATE by nothing", PROTOCOL, raw(WINDOW_UPDATE, 0, 0, bytes(4)))
CASES.stream_error("6.9 WINDOW_UPDATE of a stream by nothing", PROTOCOL, raw(WINDOW_UPDATE, 0, 1, bytes(4)))
CASES.connection_error("6.9 WINDOW_UPDATE of another length", FRAME_SIZE, raw(WINDOW_UPDATE, 0, 0, bytes(3)))
MOST = ((1 << 31) - 1).to_bytes(4, "big")
CASES.connection_error(
    "6.9.1 a window beyond its end", FLOW_CONTROL, raw(WINDOW_UPDATE, 0, 0, MOST), raw(WINDOW_UPDATE, 0, 0, MOST)
)
CASES.stream_error(
    "6.9.1 a window of a stream beyond its end",
    FLOW_CONTROL,
    raw(WINDOW_UPDATE, 0, 1, MOST),
    raw(WINDOW_UPDATE, 0, 1, MOST),
)

# The edge's own answer to a path of dots has a body.
WITH_BODY = [*GET[:2], (":path", "/../"), GET[3]]


@CASES.case("6.9.1")
async def no_more_data_than_the_window_lets(client: Client) -> Problem:
    client.send(setting(4, 1), client.request(1, WITH_BODY))
    await client.hear_until(lambda: client.received.get(1, 0) >= 1)
    if await client.hear_until(lambda: client.received.get(1, 0) > 1, 0.3):
        return f"{client.received[1]} bytes"
    client.send(raw(WINDOW_UPDATE, 0, 1, (10000).to_bytes(4, "big")))
    return await answers(client, 1, 400)


@CASES.case("6.9.2")
async def a_window_below_nothing(client: Client) -> Problem:
    client.send(setting(4, 3), client.request(1, WITH_BODY))
    await client.hear_until(lambda: client.received.get(1, 0) >= 3)
    client.send(setting(4, 2), raw(WINDOW_UPDATE, 0, 1, (2).to_bytes(4, "big")))
    if not await client.hear_until(lambda: client.received.get(1, 0) == 4):
        return f"{client.received} bytes"
    client.send(raw(WINDOW_UPDATE, 0, 1, (10000).to_bytes(4, "big")))
    return await answers(client, 1, 400)


@CASES.case("6.10")
async def several_continuations(client: Client) -> Problem:
    block = client.head(GET)
    middle = raw(CONTINUATION, 0, 1, block[1:5])
    client.send(raw(HEADERS, END_STREAM, 1, block[:1]), middle, raw(CONTINUATION, END_HEADERS, 1, block[5:]))
    return await answers(client, 1)


CASES.connection_error("6.10 CONTINUATION on stream 0", PROTOCOL, raw(CONTINUATION, END_HEADERS, 0, b"\x82"))


@CASES.case("6.10")
async def data_in_a_block(client: Client) -> Problem:
    client.send(raw(HEADERS, 0, 1, client.head(POST)), raw(DATA, END_STREAM, 1, b"x"))
    return await ends(client, PROTOCOL)


@CASES.case("6.10")
async def continuation_behind_a_whole_block(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(CONTINUATION, END_HEADERS, 1, client.head(GET)))
    return await ends(client, PROTOCOL)


@CASES.case("6.10")
async def continuation_behind_data(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(DATA, 0, 1, b"x"), raw(CONTINUATION, END_HEADERS, 1, client.head(GET)))
    return await ends(client, PROTOCOL)


@CASES.case("7")
async def an_unknown_error_code_of_a_stream(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(RST_STREAM, 0, 1, (0xFF).to_bytes(4, "big")))
    return await lives(client)


async def run() -> Results:
    """Plays all cases."""
    return await CASES.run("HTTP/2: frames")
