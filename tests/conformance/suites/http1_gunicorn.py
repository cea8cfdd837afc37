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

PIPELINED = "a second request that is pipelined is not read: the connection ends after the first answer"
CODINGS = "codings other than `chunked` alone are refused ([requests.md](requests.md))"
LAST_CHUNK = "the last chunk ends the body; the connection is closed where no end of trailers follows"
LIMITS = "a limit of gunicorn's own, or of the case"
NO_DIGITS = "a chunk whose size line has no digits ends the body; the connection is closed ([requests.md](requests.md))"
TRAILERS = "trailers are read and left out, whatever they are called"
UNDERSCORES = "names that an app cannot tell from others for their `_` are refused"

# Cases that end otherwise than gunicorn has it, and why.
KNOWN = {
    "invalid/003c": "the method is a token, and as such passed on",
    "invalid/006": LIMITS,
    "invalid/007": LIMITS,
    "invalid/008": LIMITS,
    "invalid/010": LIMITS,
    "invalid/011": LIMITS,
    "invalid/012": LIMITS,
    "invalid/017": LIMITS,
    "invalid/limit_header_default_01": LIMITS,
    "invalid/019": "`X-Forwarded-Proto` of a client that is no trusted proxy is replaced",
    "invalid/041": "fields that decide nothing are passed on as they are, twice too",
    "invalid/chunked_09": "white space behind a chunk's size is read",
    "invalid/chunked_12": NO_DIGITS,
    "invalid/chunked_13": NO_DIGITS,
    "invalid/rfc9110_trailer_forbidden_cl_01": TRAILERS,
    "invalid/rfc9110_trailer_forbidden_host_01": TRAILERS,
    "invalid/rfc9110_trailer_forbidden_te_01": TRAILERS,
    "invalid/rfc9112_chunked_missing_final_crlf_01": LAST_CHUNK,
    "invalid/rfc9112_leading_crlf_02": "several empty lines before a request are passed over",
    "valid/005": "a fragment in the target is refused",
    "valid/014": "a quotation mark in a query is refused",
    "valid/018": PIPELINED,
    "valid/022": PIPELINED,
    "valid/023": PIPELINED,
    "valid/pp_02": PIPELINED,
    "valid/025": CODINGS,
    "valid/025_line": CODINGS,
    "valid/029": CODINGS,
    "valid/030": CODINGS,
    "valid/rfc9112_smuggle_gzip_chunked_01": CODINGS,
    "valid/rfc9112_smuggle_te_identity_chunked_01": CODINGS,
    "valid/099": "its body is shorter than its Content-Length says",
    "valid/pp_03": "a trusted proxy's connection that begins without a PROXY protocol header is closed",
    "valid/028": "white space before the colon is refused",
    "valid/040": UNDERSCORES,
    "valid/040_compat": UNDERSCORES,
    "valid/compat_obs_fold": "folded fields are refused",
    "valid/compat_obs_fold_huge": "folded fields are refused",
    "valid/rfc9112_target_absolute_userinfo_01": "a target with a user in it is refused",
    "valid/rfc9112_target_authority_connect_01": "`CONNECT` gets 405",
    "valid/rfc9112_target_authority_ipv6_01": "`CONNECT` gets 405",
}


def requests_of(file: Path) -> tuple[bytes, list[dict]]:
    """The bytes of a case and the requests that gunicorn reads in them: none where it is invalid."""
    data = file.read_bytes().replace(b"\n", b"").replace(b"\\r\\n", b"\r\n")
    data = data.replace(b"\\0", b"\0").replace(b"\\n", b"\n").replace(b"\\t", b"\t")
    data = re.sub(rb"\\x([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), data)
    if not re.search(rb"(?im)^host\s*:", data):
        # An edge serves hosts; a server has one of its own.
        data = re.sub(
            rb"\A((?:PROXY[^\r]*\r\n)?.*?\r\n)", rb"\1Host: conformance.test\r\n", data, count=1, flags=re.DOTALL
        )
    words: dict = {"uri": lambda text: text, "cfg": Settings()}
    exec(compile(file.with_suffix(".py").read_text(), file.name, "exec"), words)
    expected = words["request"]
    return data, expected if isinstance(expected, list) else [expected] if isinstance(expected, dict) else []


class Settings:
    """In place of gunicorn's settings, which some cases change."""

    def set(self, _key: str, _value: object) -> None:
        """Takes no notice."""


def plan(port: int) -> Plan:
    """An edge; cases that begin with a PROXY protocol header have a listener that believes it."""
    listeners = {"plain": "", "proxied": "proxy_protocol: true"}
    return Plan(table(server(port)), listeners, settings="trusted_proxies: [127.0.0.1]\n")


async def run() -> Results:
    """Sends each case and a request behind it."""
    results = Results("HTTP/1.1: a server's test data", f"tests of {version('gunicorn')}")
    async with pool() as records, edge(plan(records.port)) as running:
        for file in sorted(CASES.glob("*/*.http")):
            name, kind = f"{file.parent.name}/{file.stem}", file.parent.name
            data, expected = requests_of(file)
            listener = "proxied" if file.stem.startswith("pp_") else "plain"
            found = await exchange(running, records, data, False, listener)
            seen = [(request.method.upper(), request.body) for request in found.without_after]
            wanted = [(request["method"].upper(), request["body"] or b"") for request in expected]
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
        # llhttp ends where a method is not on a list of its own.
        for wrong in await disagreements(records, but={"-BL", "-BLARGH", "-bl", "-blargh"}):
            results.fails("h11 and llhttp agree", wrong)
    return results
