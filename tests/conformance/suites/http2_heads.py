"""Requests of HTTP/2, in the order of RFC 9113 and RFC 7541: those that h2spec sends, and heads that would be another
request where they are written down as HTTP/1.1.
"""

from __future__ import annotations

from fleet.frames import (
    COMPRESSION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GET,
    HEADERS,
    POST,
    PRIORITISED,
    PROTOCOL,
    PUSH_PROMISE,
    Client,
    raw,
)
from fleet.http2_cases import GENERIC, Cases, Problem, answers, ends, resets
from results import Results

CASES = Cases(
    {
        "HPACK 2.3.3 an index beyond the table": GENERIC,
        "HPACK 2.3.3 a name beyond the table": GENERIC,
        "HPACK 4.2 a table's size behind fields": GENERIC,
        "HPACK 5.2 padding of more than 7 bits": GENERIC,
        "HPACK 5.2 padding of zeros": GENERIC,
        "HPACK 5.2 the end of Huffman's string in it": GENERIC,
        "HPACK 6.1 index 0": GENERIC,
        "HPACK 6.3 a table over its size": GENERIC,
        "8.1 a pseudo header in trailers": "trailers are left out; a body whose trailers are malformed ends with them",
        "8.3.1 :path with a fragment": "a fragment is cut off before anything is decided ([requests.md](requests.md))",
    }
)

# 8 Requests


@CASES.case("8.1")
async def a_request_with_a_body(client: Client) -> Problem:
    client.send(
        client.request(1, [*POST, ("content-length", "4")], 0), raw(DATA, 0, 1, b"ab"), raw(DATA, END_STREAM, 1, b"cd")
    )
    return await answers(client, 1)


@CASES.case("8.1")
async def a_request_with_trailers(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(DATA, 0, 1, b"ab"), client.request(1, [("x-trailer", "x")]))
    return await answers(client, 1)


@CASES.case("8.1")
async def many_requests_at_once(client: Client) -> Problem:
    client.send(*(client.request(stream) for stream in range(1, 61, 2)))
    for stream in range(1, 61, 2):
        if problem := await answers(client, stream):
            return problem
    return None


@CASES.case("8.1", malformed=True)
async def headers_that_end_nothing_behind_a_head(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), client.request(1, [("x-trailer", "x")], 0))
    return await resets(client, 1, PROTOCOL)


def malformed(name: str, headers: list[tuple[str | bytes, str | bytes]]) -> None:
    """A case for a head that is none."""

    async def sends(client: Client) -> Problem:
        client.send(client.request(1, headers))
        return await resets(client, 1, PROTOCOL, answers=True)

    CASES.add(name, sends, malformed=True)


def with_header(name: str | bytes, value: str | bytes) -> list[tuple[str | bytes, str | bytes]]:
    """A head with one field more."""
    return [*GET, (name, value)]


def instead(name: str, value: str | bytes | None) -> list[tuple[str | bytes, str | bytes]]:
    """A head with another value of a pseudo-header, or without it."""
    return [
        (key, old if key != name or value is None else value) for key, old in GET if value is not None or key != name
    ]


CRLF = "x\r\nHost: other.test\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: conformance.test"
HEADS: dict[str, list[tuple[str | bytes, str | bytes]]] = {
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
    "8.3.1 :path with a fragment": instead(":path", "/a#b"),
    "8.3.1 :path with dots": instead(":path", "/a/../b"),
    "8.3.1 :method with a space": instead(":method", "GET /smuggled HTTP/1.1\r\nX: "),
    "8.1.1 Content-Length twice": [*GET, ("content-length", "0"), ("content-length", "1")],
    "8.1.1 Content-Length that is no number": with_header("content-length", "+1"),
    "8.5 CONNECT with a path": instead(":method", "CONNECT"),
}
for title, head in HEADS.items():
    malformed(title, head)


def of_another_length(name: str, said: str, *data: bytes) -> None:
    """A case for a body that is not as long as it says."""

    async def sends(client: Client) -> Problem:
        frames = [raw(DATA, END_STREAM if part is data[-1] else 0, 1, part) for part in data]
        client.send(client.request(1, [*POST, ("content-length", said)], 0), *frames)
        return await resets(client, 1, PROTOCOL, answers=True)

    CASES.add(name, sends, malformed=True)


of_another_length("8.1.1 a body longer than it says", "1", b"test")
of_another_length("8.1.1 a body shorter than it says", "9", b"test")
of_another_length("8.1.1 a body longer than it says, in two frames", "5", b"test", b"more")
of_another_length("8.1.1 a body that hides a request", "0", b"GET /smuggled HTTP/1.1\r\nHost: conformance.test\r\n\r\n")


@CASES.case("8.1", malformed=True)
async def a_pseudo_header_in_trailers(client: Client) -> Problem:
    client.send(client.request(1, POST, 0), raw(DATA, 0, 1, b"x"), client.request(1, [(":method", "POST")]))
    return await resets(client, 1, PROTOCOL)


@CASES.case("8.4")
async def a_push_from_the_client(client: Client) -> Problem:
    client.send(
        client.request(1, POST, 0), raw(PUSH_PROMISE, END_HEADERS, 1, (2).to_bytes(4, "big") + client.head(GET))
    )
    return await ends(client, PROTOCOL)


@CASES.case("5.3 (RFC 7540)")
async def a_stream_that_depends_on_itself(client: Client) -> Problem:
    dependency = (1).to_bytes(4, "big") + b"\x10"
    client.send(raw(HEADERS, END_HEADERS | END_STREAM | PRIORITISED, 1, dependency + client.head(GET)))
    # RFC 9113 has no priorities any more: to take no notice will do as well.
    return None if await client.answered(1) else await resets(client, 1, PROTOCOL)


# HPACK


def compression_error(name: str, block: bytes) -> None:
    """A case for a block that cannot be read."""
    CASES.connection_error(name, COMPRESSION, raw(HEADERS, END_HEADERS | END_STREAM, 1, block))


PLAIN = b"\x82\x86\x84\x41\x01a"
compression_error("HPACK 2.3.3 an index beyond the table", PLAIN + b"\xff\x80\x01")
compression_error("HPACK 2.3.3 a name beyond the table", PLAIN + b"\x7f\x80\x01\x01x")
compression_error("HPACK 4.2 a table's size behind fields", PLAIN + b"\x20")
compression_error("HPACK 5.2 padding of more than 7 bits", PLAIN + b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff")
compression_error("HPACK 5.2 padding of zeros", PLAIN + b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90")
compression_error(
    "HPACK 5.2 the end of Huffman's string in it",
    PLAIN + b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f",
)
compression_error("HPACK 6.1 index 0", PLAIN + b"\x80")
compression_error("HPACK 6.3 a table over its size", b"\x3f\xe1\xff\x03" + PLAIN)


async def run() -> Results:
    """Plays all cases."""
    return await CASES.run("HTTP/2: requests")
