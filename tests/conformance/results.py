"""What a suite found, and how it is written down."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path


@dataclass
class Results:
    """The results of one suite.

    A difference is a case that ends otherwise than its suite says, for a reason that is known.
    """

    suite: str
    source: str
    cases: int = 0
    passed: int = 0
    differences: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    figures: list[str] = field(default_factory=list)

    def passes(self, _case: str) -> None:
        """A case that ends as its suite says."""
        self.cases += 1
        self.passed += 1

    def differs(self, case: str, reason: str) -> None:
        """A case that ends otherwise, as is known."""
        self.cases += 1
        self.differences[case] = reason

    def fails(self, case: str, what: str) -> None:
        """A case that ends otherwise, as nobody knew."""
        self.cases += 1
        self.failures[case] = what
        print(f"  FAILED {case}: {what}", flush=True)

    def check(self, case: str, problem: str | None) -> None:
        """A case with a problem, or none."""
        if problem is None:
            self.passes(case)
        else:
            self.fails(case, problem)

    def save(self, directory: Path, name: str) -> None:
        """Keeps the results for the page."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{name}.json").write_text(json.dumps(asdict(self), indent=1))


def version(package: str) -> str:
    """A package of PyPI with its version."""
    return f"{package} {metadata.version(package)} (PyPI)"


def page(directory: Path, names: Iterable[str]) -> str:
    """The part of the page that is made from results: a table, then what is to be said of each suite."""
    rows = ["| suite | from | cases | passed | known differences |", "|---|---|---|---|---|"]
    sections = []
    for name in names:
        file = directory / f"{name}.json"
        if not file.exists():
            continue
        results = Results(**json.loads(file.read_text()))
        counts = f"{results.cases:,} | {results.passed:,} | {len(results.differences) or ''}"
        rows.append(f"| {results.suite} | {results.source} | {counts} |")
        if not (results.differences or results.figures):
            continue
        lines = [f"\n### {results.suite}\n"]
        lines += [f"- {figure}" for figure in results.figures]
        by_reason: dict[str, list[str]] = {}
        for case, reason in results.differences.items():
            by_reason.setdefault(reason, []).append(case)
        if by_reason:
            lines += ["", "| known difference | cases |", "|---|---|"]
            lines += [
                f"| {reason} | {', '.join(_escaped(case) for case in cases)} |" for reason, cases in by_reason.items()
            ]
        sections.append("\n".join(lines))
    return "\n".join(rows) + "\n" + "\n".join(sections) + "\n"


def _escaped(case: str) -> str:
    return case.replace("|", "\\|").replace("\n", " ")
