"""PROXY protocol headers as the specification has them, and as another library writes and reads them."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from fleet.edge import HOST, Edge, Plan, edge, server, table
from fleet.pool import Pool, pool
from proxyprotocol.result import (
    ProxyResult,
    ProxyResultIPv4,
    ProxyResultIPv6,
    ProxyResultLocal,
    ProxyResultUnix,
    ProxyResultUnknown,
)
from proxyprotocol.tlv import ProxyProtocolSSLTLV, ProxyProtocolTLV
from proxyprotocol.v1 import ProxyProtocolV1
from proxyprotocol.v2 import ProxyProtocolV2
from results import Results, version

# How many random headers of each version are sent.
COUNT = 500
LONG = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
INET = bytes([192, 0, 2, 1, 198, 51, 100, 2, 0xDC, 0x04, 0x01, 0xBB])

# Whose a connection is then, or that it is closed; the peer's own is that of the test.
PEER, CLOSED = HOST, None
Vector = tuple[str, bytes, str | None]

# Sections 2.1 and 2.2 of the specification, and what its sample code refuses.
VECTORS: list[Vector] = [
    ("v1: the example", b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", "192.168.0.1"),
    ("v1: the longest TCP4", b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255"),
    ("v1: the longest TCP6", f"PROXY TCP6 {LONG} {LONG} 65535 65535\r\n".encode(), LONG),
    ("v1: UNKNOWN, short", b"PROXY UNKNOWN\r\n", PEER),
    ("v1: UNKNOWN, the longest line of all", f"PROXY UNKNOWN {LONG} {LONG} 65535 65535\r\n".encode(), PEER),
    ("v1: no CR LF within 107 bytes", b"PROXY UNKNOWN " + b"x" * 94 + b"\r\n", CLOSED),
    ("v1: a line that ends with LF", b"PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\n", CLOSED),
    ("v1: a port too large", b"PROXY TCP4 192.168.0.1 192.168.0.11 65536 443\r\n", CLOSED),
    ("v1: no ports", b"PROXY TCP4 192.168.0.1 192.168.0.11\r\n", CLOSED),
    ("v1: two spaces", b"PROXY  TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", CLOSED),
    ("v1: an address of another family", b"PROXY TCP4 ::1 ::1 56324 443\r\n", CLOSED),
    ("v1: a family in small letters", b"PROXY tcp4 192.168.0.1 192.168.0.11 56324 443\r\n", CLOSED),
    ("v2: LOCAL without addresses", SIGNATURE + b"\x20\x00\x00\x00", PEER),
    ("v2: LOCAL with addresses, which do not count", SIGNATURE + b"\x20\x11\x00\x0c" + INET, PEER),
    ("v2: PROXY, TCP over IPv4", SIGNATURE + b"\x21\x11\x00\x0c" + INET, "192.0.2.1"),
    (
        "v2: PROXY, TCP over IPv6",
        SIGNATURE + b"\x21\x21\x00\x24" + b"\x20\x01\x0d\xb8" + bytes(11) + b"\x07" + bytes(15) + b"\x01\0\x50\1\xbb",
        "2001:db8::7",
    ),
    ("v2: PROXY, UDP over IPv4", SIGNATURE + b"\x21\x12\x00\x0c" + INET, PEER),
    ("v2: PROXY, a UNIX stream", SIGNATURE + b"\x21\x31\x00\xd8" + b"/a".ljust(108, b"\0") * 2, PEER),
    ("v2: PROXY, UNSPEC", SIGNATURE + b"\x21\x00\x00\x00", PEER),
    (
        "v2: values behind the addresses are skipped",
        SIGNATURE + b"\x21\x11\x00\x13" + INET + b"\xe0\x00\x04abcd",
        "192.0.2.1",
    ),
    ("v2: an empty value", SIGNATURE + b"\x21\x11\x00\x0f" + INET + b"\x04\x00\x00", "192.0.2.1"),
    ("v2: another version", SIGNATURE + b"\x31\x11\x00\x0c" + INET, CLOSED),
    ("v2: another command", SIGNATURE + b"\x22\x11\x00\x0c" + INET, CLOSED),
    ("v2: addresses shorter than their family", SIGNATURE + b"\x21\x11\x00\x0b" + INET[:11], CLOSED),
    ("v2: a value longer than the header", SIGNATURE + b"\x21\x11\x00\x0f" + INET + b"\x04\x00\x09", CLOSED),
    ("v2: a checksum that is wrong", SIGNATURE + b"\x21\x11\x00\x13" + INET + b"\x03\x00\x04abcd", CLOSED),
    ("a connection without a header", b"", CLOSED),
    ("a header twice", b"PROXY UNKNOWN\r\n" * 2, CLOSED),
]


async def told(running: Edge, records: Pool, header: bytes, in_pieces: bool = False) -> str | None:
    """Whose the app is told that a request is, on a connection that begins with `header`."""
    before = len(records.requests)
    reader, writer = await asyncio.open_connection(HOST, running.port())
    request = header + b"GET / HTTP/1.1\r\nHost: conformance.test\r\nConnection: close\r\n\r\n"
    try:
        for piece in [request[at : at + 1] for at in range(len(request))] if in_pieces else [request]:
            writer.write(piece)
            await writer.drain()
            if in_pieces:
                await asyncio.sleep(0)
        async with asyncio.timeout(5):
            answer = await reader.read()
    except ConnectionError:
        answer = b""
    writer.close()
    if not answer.startswith(b"HTTP/1.1 200"):
        return CLOSED
    return (records.requests[before].header("x-forwarded-for") or b"").decode()


def addresses(chance: random.Random) -> tuple[ProxyResult, str]:
    """A random pair of addresses with what is behind them, and whose the connection is."""
    port = lambda: chance.randrange(1, 65536)
    name = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz.", k=chance.randrange(1, 60)))
    values = ProxyProtocolTLV(
        alpn=chance.choice([None, b"h2", b"http/1.1"]),
        authority=chance.choice([None, name]),
        unique_id=chance.choice([None, chance.randbytes(chance.randrange(1, 129))]),
        netns=chance.choice([None, name]),
        ssl=chance.choice([None, ProxyProtocolSSLTLV(has_ssl=True, version="TLSv1.3", cn=name, cipher="AES")]),
        init=chance.choice([{}, {chance.randrange(0xE0, 0x100): chance.randbytes(chance.randrange(100))}]),
    )
    match chance.randrange(7):
        case 0:
            return ProxyResultLocal(tlv=values), PEER
        case 1:
            return ProxyResultUnknown(tlv=values), PEER
        case 2:
            return ProxyResultUnix("/run/a", "/run/b", protocol=socket.SOCK_STREAM, tlv=values), PEER
        case 3 | 4:
            four = [IPv4Address(chance.randrange(1 << 32)) for _ in range(2)]
            return ProxyResultIPv4((four[0], port()), (four[1], port()), protocol=socket.SOCK_STREAM, tlv=values), str(
                four[0]
            )
        case _:
            # An IPv4 address in IPv6's clothes is that IPv4 address.
            six = [IPv6Address(chance.randrange(1 << 125, 1 << 126)) for _ in range(2)]
            return ProxyResultIPv6((six[0], port()), (six[1], port()), protocol=socket.SOCK_STREAM, tlv=values), str(
                six[0]
            )


def headers(chance: random.Random) -> Iterator[tuple[str, bytes, str]]:
    """Random headers as the library writes them."""
    for number in range(COUNT):
        result, whose = addresses(chance)
        yield f"v2 #{number}", ProxyProtocolV2().pack(result), whose
    number = 0
    while number < COUNT:
        result, whose = addresses(chance)
        if isinstance(result, ProxyResultIPv4 | ProxyResultIPv6):
            yield f"v1 #{number}", ProxyProtocolV1().pack(result), whose
            number += 1


async def run() -> Results:
    """Sends headers to an edge; and has it send some to a pool."""
    results = Results("PROXY protocol", f"the specification's examples; {version('proxy-protocol')}")
    settings = "trusted_proxies: [127.0.0.1]\n"
    listeners = {"plain": "proxy_protocol: true"}
    async with pool() as records, edge(Plan(table(server(records.port)), listeners, settings)) as running:
        for name, header, whose in VECTORS:
            for in_pieces in (False, True):
                got = await told(running, records, header, in_pieces)
                title = name + (", byte by byte" if in_pieces else "")
                results.check(title, None if got == whose else f"{got}, not {whose}")
        for name, header, whose in headers(random.Random(1)):
            got = await told(running, records, header)
            results.check(
                f"written by proxy-protocol: {name}", None if got == whose else f"{got}, not {whose}: {header!r}"
            )
    for kind, reads in (("v1", ProxyProtocolV1()), ("v2", ProxyProtocolV2())):
        await sent(results, kind, reads, settings)
    return results


async def sent(results: Results, kind: str, reads: ProxyProtocolV1 | ProxyProtocolV2, settings: str) -> None:
    """Has the edge write headers to a pool, for the library to read."""
    got: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            got.append(await reader.readuntil(b"\r\n\r\n" if kind == "v1" else b"HTTP/1.1\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    chance = random.Random(2)
    async with await asyncio.start_server(answer, HOST, 0) as app:
        pool_ = server(app.sockets[0].getsockname()[1], f", proxy_protocol: {kind}")
        async with edge(Plan(table(pool_), {"plain": "proxy_protocol: true"}, settings)) as running:
            for number in range(100):
                result, whose = addresses(chance)
                reader, writer = await asyncio.open_connection(HOST, running.port())
                writer.write(
                    ProxyProtocolV2().pack(result)
                    + b"GET / HTTP/1.1\r\nHost: conformance.test\r\nConnection: close\r\n\r\n"
                )
                answered = await reader.read()
                writer.close()
                header = got[-1] if got else b""
                end = header.find(b"\r\n") + 2 if kind == "v1" else 16 + int.from_bytes(header[14:16], "big")
                read = reads.unpack(header[:end])
                source = str(read.source[0]) if isinstance(read, ProxyResultIPv4 | ProxyResultIPv6) else None
                fine = answered.startswith(b"HTTP/1.1 200") and source == whose and header[end:].startswith(b"GET / ")
                results.check(
                    f"read by proxy-protocol: {kind} #{number}", None if fine else f"{read}, not {whose}: {header!r}"
                )
