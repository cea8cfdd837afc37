"""The cases of the Autobahn test suite, played by kosoku, through an edge: against a server of the `websockets`
package, and to its client. What ends otherwise than without the edge is wrong.

Those of large fragmented messages and of compression run for minutes: AUTOBAHN=all plays all of them.
"""

from __future__ import annotations

import logging
import os

from fleet.edge import HOST, Plan, edge, server, table
from kosoku import FailureError, run_fuzzingclient, run_fuzzingserver
from results import Results, version
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import WebSocketException

SOME = [
    *(f"{number}.*" for number in (1, 2, 3, 4, 5, 6, 7, 10)),
    *("9.1.*", "9.2.*", "9.5.*", "9.6.*", "9.7.*", "9.8.*"),
    *("12.1.1", "12.1.2", "12.2.1", "12.3.1", "12.4.1", "12.5.1", "13.1.1"),
]
CASES = ["*"] if os.environ.get("AUTOBAHN") == "all" else SOME
AT_ONCE = 4

Verdicts = dict[str, tuple[str, str]]


def verdicts(results: list) -> Verdicts:
    """How each case ended."""
    return {result.case_id: (result.behavior.value, result.behavior_close.value) for result in results}


async def echo(socket: ServerConnection) -> None:
    """Gives back what comes, until the connection ends in whatever way."""
    try:
        async for message in socket:
            await socket.send(message)
    except WebSocketException:
        pass


async def of_server(port: int, cases: list[str]) -> Verdicts:
    """The verdicts on the server that is reached at this port."""
    try:
        return verdicts(await run_fuzzingclient(f"ws://{HOST}:{port}", cases, None, concurrency=AT_ONCE))
    except FailureError as failure:
        return verdicts(failure.results)


async def of_client(cases: list[str], through: bool) -> Verdicts:
    """The verdicts on the client of `websockets`, which reaches the suite's server through an edge, or not."""
    async with run_fuzzingserver(cases, host=HOST, port=0) as suite:
        if through:
            async with edge(Plan(table(server(suite.port)))) as running:
                await play(running.port())
        else:
            await play(suite.port)
        try:
            found = await suite.get_result()
        except FailureError as failure:
            found = failure.results
    return verdicts(found)


async def play(port: int) -> None:
    """Plays all cases that the suite's server has, and tells it of the end."""
    url = f"ws://{HOST}:{port}"
    async with connect(f"{url}/getCaseCount", compression=None) as socket:
        count = int(await socket.recv())
    for number in range(1, count + 1):
        try:
            async with connect(
                f"{url}/runCase?case={number}&agent=websockets",
                max_size=None,
                compression="deflate",
                ping_interval=None,
            ) as socket:
                async for message in socket:
                    await socket.send(message)
        except WebSocketException:
            pass
    async with connect(f"{url}/updateReports?agent=websockets", compression=None):
        pass


def is_good(verdict: tuple[str, str]) -> bool:
    """Whether the suite calls it a pass."""
    return verdict[0] in ("OK", "NON-STRICT", "INFORMATIONAL") and verdict[1] in ("OK", "INFORMATIONAL")


async def run() -> Results:
    """Plays the cases in both directions; those that fail are played again without an edge between."""
    results = Results("WebSocket: Autobahn's cases", f"{version('kosoku')}, {version('websockets')}")
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    async with serve(echo, HOST, 0, max_size=None, compression="deflate", ping_interval=None) as echoes:
        port = echoes.sockets[0].getsockname()[1]
        async with edge(Plan(table(server(port)))) as running:
            through = await of_server(running.port(), CASES)
        wrong = [case for case, verdict in through.items() if not is_good(verdict)]
        compare(results, "server", through, await of_server(port, wrong) if wrong else {})
    through = await of_client(CASES, through=True)
    wrong = [case for case, verdict in through.items() if not is_good(verdict)]
    compare(results, "client", through, await of_client(wrong, through=False) if wrong else {})
    return results


def compare(results: Results, side: str, through: Verdicts, without: Verdicts) -> None:
    """Takes in the verdicts of one direction."""
    good = 0
    for case, verdict in through.items():
        name = f"{case} ({side})"
        if is_good(verdict):
            good += 1
            results.passes(name)
        elif without.get(case) == verdict:
            results.differs(name, "the `websockets` package ends so without an edge too")
        else:
            results.fails(name, f"{verdict}, and without the edge {without.get(case)}")
    results.figures.append(f"{side}: {good} of {len(through)} cases are passes by the suite's own measure")
