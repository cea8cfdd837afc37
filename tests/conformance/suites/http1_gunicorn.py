"""The requests that gunicorn tests its own parser with, valid and invalid ones."""

from __future__ import annotations

import os
import re
from pathlib import Path

from fleet.edge import Plan, edge, server, table
from fleet.exchange import exchange
from fleet.pool import disagreements, pool
from results import Results, version

CASES = Path(os.environ["GUNICORN_TESTS"]) / "requests"

# Cases that end otherwise than gunicorn has it, and why.
KNOWN: dict[str, str] = {}


def requests_of(file: Path) -> tuple[bytes, list[dict]]:
    """The bytes of a case and the requests that gunicorn reads in them: none where it is invalid."""
    data = file.read_bytes().replace(b"\n", b"").replace(b"\\r\\n", b"\r\n")
    data = data.replace(b"\\0", b"\0").replace(b"\\n", b"\n").replace(b"\\t", b"\t")
    data = re.sub(rb"\\x([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), data)
    if not re.search(rb"(?im)^host\s*:", data):
        # An edge serves hosts; a server has one of its own.
        data = data.replace(b"\r\n", b"\r\nHost: conformance.test\r\n", 1)
    words: dict = {"uri": lambda text: text, "cfg": Settings()}
    exec(compile(file.with_suffix(".py").read_text(), file.name, "exec"), words)
    expected = words["request"]
    return data, expected if isinstance(expected, list) else [expected] if isinstance(expected, dict) else []


class Settings:
    """In place of gunicorn's settings, which some cases change."""

    def set(self, _key: str, _value: object) -> None:
        """Takes no notice."""


async def run() -> Results:
    """Sends each case and a request behind it."""
    results = Results("HTTP/1.1: a server's test data", f"tests of {version('gunicorn')}")
    async with pool() as records, edge(Plan(table(server(records.port)))) as running:
        for file in sorted(CASES.glob("*/*.http")):
            name, kind = f"{file.parent.name}/{file.stem}", file.parent.name
            data, expected = requests_of(file)
            found = await exchange(running, records, data, False)
            seen = [(request.method, request.body) for request in found.without_after]
            wanted = [(request["method"], request["body"]) for request in expected]
            problem = found.problem()
            if problem is None and len(seen) > max(len(wanted), 1):
                problem = f"{len(seen)} requests came of {len(wanted)}"
            if problem is None and kind == "valid" and seen and seen != wanted[: len(seen)]:
                problem = f"the pool got {seen}, not {wanted}"
            as_said = not seen if kind == "invalid" else seen == wanted
            if problem:
                results.fails(name, problem)
            elif as_said:
                results.passes(name)
            elif name in KNOWN:
                results.differs(name, KNOWN[name])
            else:
                results.fails(name, f"the pool got {seen}, not {wanted}; {found.statuses}; {data[:300]!r}")
        for wrong in await disagreements(records):
            results.fails("h11 and llhttp agree", wrong)
    return results
