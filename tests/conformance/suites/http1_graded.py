"""The graded requests inside the crate http_desync_guardian, read from where cargo has put it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import yaml
from fleet.edge import Plan, edge, server, table
from fleet.exchange import SMUGGLED, Exchange, exchange
from fleet.pool import disagreements, pool
from results import Results

CASES = Path(os.environ["GUARDIAN"]) / "tests"

# Where a request that the suite calls compliant is refused all the same: by the words of its name, and the reason.
CODINGS = "codings other than `chunked` alone are refused ([requests.md](requests.md))"
KNOWN = {
    "Correct TE OK": CODINGS,
    "identity and chunked OK": CODINGS,
    "Multiple transfer encoding headers": CODINGS,
    "TE with custom parameters": CODINGS,
    "Different Transfer-Encoding headers": CODINGS,
    "chunked;custom_param": CODINGS,
    "Compliant URL": "a target with a fragment, a backslash, `<` or `>` is refused ([requests.md](requests.md))",
    "Empty URI": "a request line without a target is refused",
}

# The longest body that is sent whole.
LONGEST = 1 << 20


def text(value: object) -> bytes:
    """A value of the YAML as bytes: its strings are bytes in disguise."""
    return str(value if value is not None else "").encode("latin1", "replace")


def requests(case: dict) -> Iterator[tuple[bytes, bytes | None]]:
    """The case as bytes, once for each way in which its body can be meant.

    With each the body that it has then, if that is sent whole.
    """
    headers = [(text(header["name"]), text(header["value"])) for header in case.get("headers") or []]
    if not any(name.strip().lower() == b"host" for name, _ in headers):
        headers.insert(0, (b"Host", b" conformance.test"))
    line = b" ".join(part for part in (text(case["method"]), text(case["uri"]), text(case["version"])) if part)
    head = line + b"\r\n" + b"".join(name + b":" + value + b"\r\n" for name, value in headers) + b"\r\n"

    lengths = [value for name, value in headers if name.strip().lower() == b"content-length"]
    is_chunked = any(
        b"chunked" in value.lower() for name, value in headers if name.strip().lower() == b"transfer-encoding"
    )
    digits = [int(value) for value in lengths if value.strip().isdigit()]
    for length in digits:
        body = (SMUGGLED * (min(length, LONGEST) // len(SMUGGLED) + 1))[:length]
        yield head + body, body if len(body) == length else None
    if is_chunked:
        yield head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED), SMUGGLED
    if not digits and not is_chunked:
        yield head, b""


def judge(case: dict, body: bytes | None, found: Exchange) -> tuple[str | None, bool]:
    """What is wrong, and whether the request came through."""
    tier, seen = case["expected"]["tier"], found.without_after
    if problem := found.problem():
        return problem, bool(seen)
    if tier == "Severe" and (seen or found.bytes_before):
        return f"a severe request reached the pool: {[request.target for request in seen]}", True
    if body is None:
        return ("a request came whole that was not sent so" if seen else None), found.bytes_before > 0
    if len(seen) > 1:
        return f"{len(seen)} requests came of one", True
    if seen and seen[0].body != body:
        return f"another body came: {seen[0].body!r}", True
    if seen and seen[0].target.encode("latin1") != text(case["uri"]).replace(b" ", b"%20"):
        return f"another target came: {seen[0].target!r}", True
    return None, bool(seen)


async def run() -> Results:
    """Sends each case, then a request behind it; once pipelined, once in turn."""
    results = Results("HTTP/1.1: graded requests", f"{Path(os.environ['GUARDIAN']).name} (crates.io)")
    grades: dict[str, list[int]] = {}
    after = 0
    async with pool() as records, edge(Plan(table(server(records.port)))) as running:
        for file in sorted(CASES.glob("*.yaml")):
            for case in yaml.safe_load(file.read_text()):
                name, tier = f"{case['name']} ({file.stem})", case["expected"]["tier"]
                problems, passed, answers = [], 0, set()
                ways = list(requests(case))
                for data, body in ways:
                    for pipelined in (False, True):
                        found = await exchange(running, records, data, pipelined)
                        problem, came = judge(case, body, found)
                        answers.update(found.statuses)
                        after += [request.target for request in found.requests].count("/after") if pipelined else 0
                        # Pipelining need not work; it must do no harm.
                        came = came and not pipelined
                        problems += [problem] if problem else []
                        passed += came
                of_grade = grades.setdefault(tier, [0, 0])
                of_grade[0] += 1
                of_grade[1] += passed > 0
                if problems:
                    results.fails(name, "; ".join(problems))
                elif tier == "Compliant" and passed < len(ways):
                    reason = next((reason for words, reason in KNOWN.items() if words in name), None)
                    results.differs(name, reason) if reason else results.fails(name, f"refused: {answers}")
                else:
                    results.passes(name)
        for wrong in await disagreements(records):
            results.fails("h11 and llhttp agree", wrong)
    for tier, (all_, passed) in sorted(grades.items()):
        results.figures.append(f"{tier}: {passed} of {all_} reach the pool")
    results.figures.append(f"{after} of the requests that were pipelined behind a case reach the pool")
    return results
