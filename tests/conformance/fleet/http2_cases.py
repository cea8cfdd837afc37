"""Cases of HTTP/2: functions that say something on a connection and give back what is wrong, or nothing."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable

from results import Results, version

from fleet.certificates import Authority
from fleet.edge import Plan, edge, server, table
from fleet.frames import POST, PROTOCOL, STREAM_CLOSED, Client, connection
from fleet.pool import Pool, pool

Problem = str | None
Case = Callable[[Client], Awaitable[Problem]]

# What no known difference excuses.
HARM = "harm"

# The known difference of cases that end as they must, but for the code.
GENERIC = (
    "the engine (h2) says PROTOCOL_ERROR for every fault of a frame's or a block's form; the stream or connection ends "
    "all the same"
)


class Cases:
    """Cases by name, and the reasons why some end otherwise."""

    def __init__(self, known: dict[str, str]) -> None:
        self._known = known
        self._cases: dict[str, Case] = {}
        # Heads that must not reach the pool, whatever the client hears.
        self._malformed: set[str] = set()
        # Those that send the preface themselves.
        self._bare: set[str] = set()

    def add(self, name: str, function: Case, malformed: bool = False, bare: bool = False) -> None:
        """A case."""
        self._cases[name] = function
        if malformed:
            self._malformed.add(name)
        if bare:
            self._bare.add(name)

    def case(self, section: str, malformed: bool = False, bare: bool = False) -> Callable[[Case], Case]:
        """A case of a section, named by its function."""

        def keep(function: Case) -> Case:
            name = function.__name__  # type: ignore[attr-defined]
            self.add(f"{section} {name.replace('_', ' ')}", function, malformed, bare)
            return function

        return keep

    def connection_error(self, name: str, code: int, *frames: bytes) -> None:
        """A case for frames that end the connection."""

        async def sends(client: Client) -> Problem:
            client.send(*frames)
            return await ends(client, code)

        self.add(name, sends)

    def stream_error(self, name: str, code: int, *frames: bytes) -> None:
        """A case for frames that end stream 1, which is open before them."""

        async def sends(client: Client) -> Problem:
            client.send(client.request(1, POST, 0), *frames)
            return await resets(client, 1, code)

        self.add(name, sends)

    async def run(self, title: str) -> Results:
        """Plays all cases without TLS, and again with it."""
        results = Results(title, f"cases after h2spec's list, by {version('hyperframe')} and {version('hpack')}")
        authority = Authority()
        listeners = {"plain": "http2: true", "tls": "tls: {certificate: edge.pem, key: edge.key}"}
        async with (
            pool() as records,
            edge(Plan(table(server(records.port)), listeners, files=authority.files())) as running,
        ):
            for listener, tls in (("plain", None), ("tls", authority.client("h2"))):
                for name, function in self._cases.items():
                    problem = await self._play(name, function, running.port(listener), records, tls)
                    case = f"{name} ({listener})"
                    reason = self._known.get(name)
                    is_generic = problem is not None and problem.startswith(
                        (f"GOAWAY {PROTOCOL},", f"code {PROTOCOL},")
                    )
                    if problem and reason and not problem.startswith(HARM) and (reason != GENERIC or is_generic):
                        results.differs(case, reason)
                    else:
                        results.check(case, problem)
        return results

    async def _play(self, name: str, function: Case, port: int, records: Pool, tls: ssl.SSLContext | None) -> Problem:
        """Plays a case on a connection of its own."""
        before = len(records.requests)
        async with connection(port, tls, greet=name not in self._bare) as client:
            try:
                problem = await function(client)
            except AssertionError as error:
                return str(error)
        came = records.requests[before:]
        if any(request.target == "/smuggled" for request in came):
            return f"{HARM}: a request was smuggled"
        if "trailers" in name and any(request.body not in (b"x", b"ab") for request in came):
            return f"{HARM}: a body was lost"
        if name in self._malformed and came:
            told = [(request.method, request.target, request.headers, request.body) for request in came]
            return f"it reached the pool: {told}"
        return problem


async def ends(client: Client, *codes: int) -> Problem:
    """The connection ends, by a GOAWAY of one of these codes or without a word."""
    await client.hear_until(lambda: client.heard.closed)
    code = client.heard.goaway()
    if not client.heard.closed:
        return f"the connection stays open (GOAWAY {code})"
    return None if code is None or code in codes else f"GOAWAY {code}, not {codes}"


async def resets(client: Client, stream: int, *codes: int, answers: bool = False) -> Problem:
    """The stream ends with one of these codes, or the connection does; where that will do, an answer of 400 comes."""
    heard = client.heard
    await client.hear_until(
        lambda: heard.closed or heard.goaway() is not None or heard.reset(stream) is not None or stream in client.ended
    )
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


async def resets_or_ends(client: Client, stream: int) -> Problem:
    """An error of the stream or of the connection, for a stream that is over."""
    heard = client.heard
    await client.hear_until(lambda: heard.closed or heard.goaway() is not None or heard.reset(stream) is not None)
    code = heard.reset(stream) if heard.reset(stream) is not None else heard.goaway()
    return None if heard.closed or code in (STREAM_CLOSED, PROTOCOL) else f"code {code}"
