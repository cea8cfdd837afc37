"""Checks the dashboards of conf/grafana: their form, and that every query of theirs returns data.

A Prometheus (Debian's) with the rules of conf/prometheus scrapes a demo and two edges whose pools, tables and visitors have
faults. Grafana itself is not needed: its variables are put in as it does, and its queries are asked as it asks them.

    tests/operations/dashboards.py target/debug/homeward
"""

import json
import pathlib
import re
import sys
import tempfile
import time
import urllib.parse

from world import ADDRESS, World, free_ports, get, until

DASHBOARDS = pathlib.Path("conf/grafana/dashboards")
#: What Grafana's core can draw, and the units of its that the dashboards use.
KINDS = {"row", "stat", "table", "timeseries", "heatmap"}
UNITS = {"reqps", "percentunit", "s", "none", "short", "cps", "ops"}
#: How long all queries together get until each has returned something.
PATIENCE = 120


def check_form(file, dashboard, problem):
    """Whether Grafana would take it, and a reader understand it."""
    ids, boxes = set(), []
    for panel in dashboard["panels"]:
        where = f"{file}: {panel.get('title')!r}"
        if panel["type"] not in KINDS:
            problem(f"{where}: {panel['type']} is no panel of Grafana's core")
        if panel["id"] in ids:
            problem(f"{where}: its id is taken")
        ids.add(panel["id"])
        box = panel["gridPos"]
        if box["x"] < 0 or box["x"] + box["w"] > 24:
            problem(f"{where}: it does not fit into 24 columns")
        for title, other in boxes:
            apart = (box["x"] >= other["x"] + other["w"] or other["x"] >= box["x"] + box["w"]
                     or box["y"] >= other["y"] + other["h"] or other["y"] >= box["y"] + box["h"])
            if not apart:
                problem(f"{where}: it lies on {title!r}")
        boxes.append((panel["title"], box))
        if panel["type"] == "row":
            continue
        if len(panel.get("description", "")) < 10:
            problem(f"{where}: it has no description")
        if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
            problem(f"{where}: its unit is none that is known")
        letters = [target["refId"] for target in panel["targets"]]
        if not letters or len(set(letters)) != len(letters):
            problem(f"{where}: its queries need letters of their own")
        for target in [panel, *panel["targets"]]:
            if target["datasource"] != {"type": "prometheus", "uid": "${datasource}"}:
                problem(f"{where}: its data source is not the variable")
    named = set(re.findall(r"\$(?:\{)?([a-z]\w*)", json.dumps(dashboard["panels"]) + json.dumps(dashboard["annotations"])))
    known = {variable["name"] for variable in dashboard["templating"]["list"]}
    if named - known:
        problem(f"{file}: unknown variables {named - known}")
    if known - named:
        problem(f"{file}: unused variables {known - named}")


def queries(file, dashboard, values):
    """(where, expression, whether it is asked for one moment only) of all panels and annotations."""
    def put_in(expression):
        for name, value in values.items():
            expression = re.sub(rf"\$\{{{name}\}}|\${name}\b", value, expression)
        expression = expression.replace("$__rate_interval", "20s").replace("$__interval", "5s")
        assert "$" not in expression, expression
        return expression

    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"{file}: {panel['title']} {target['refId']}", put_in(target["expr"]), target["instant"]
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            yield f"{file}: annotation {annotation['name']}", put_in(annotation["expr"]), False


class Prometheus:
    """A Prometheus of our own on a free port."""

    def __init__(self, world, directory, edges):
        self.port, = free_ports(1)
        rules = [str(rule.resolve()) for rule in sorted(pathlib.Path("conf/prometheus/rules").glob("*.yaml"))]
        config = directory / "prometheus.yaml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": rules,
            "scrape_configs": [{
                "job_name": "homeward",
                "static_configs": [{"targets": [f"{ADDRESS}:{port}" for port in edges]}],
            }],
        }))
        world.start("prometheus", "prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/tsdb",
                    f"--web.listen-address={ADDRESS}:{self.port}")
        until("Prometheus", lambda: get(self.port, "/-/ready")[0] == 200)

    def ask(self, expression, instant):
        """The series of an expression, as Grafana would get them. What is no number is no data."""
        now = time.time()
        asked = {"query": expression}
        asked |= {"time": now} if instant else {"start": now - 60, "end": now, "step": 5}
        verb = "query" if instant else "query_range"
        status, text = get(self.port, f"/api/v1/{verb}?" + urllib.parse.urlencode(asked))
        if status != 200:
            raise SystemExit(f"Prometheus refuses {expression}: {text}")
        result = json.loads(text)["data"]["result"]
        points = [point for series in result for point in (series.get("values") or [series["value"]])]
        return [series for series in result if any(value != "NaN" for _, value in points)]

    def values(self, definition):
        """What a variable of a dashboard may be."""
        expression, label = re.fullmatch(r"label_values\((.*), (\w+)\)", definition).groups()
        return sorted({series["metric"][label] for series in self.ask(expression, True)})


def main(program):
    problems = []
    dashboards = {file.name: json.loads(file.read_text()) for file in sorted(DASHBOARDS.glob("*.json"))}
    for name, dashboard in dashboards.items():
        check_form(name, dashboard, problems.append)
    if problems:
        raise SystemExit("\n".join(problems))

    with tempfile.TemporaryDirectory() as directory, World(pathlib.Path(program).resolve(), directory) as stage:
        directory = pathlib.Path(directory)
        admins = [stage.start_demo(), *stage.start_edges()]
        prometheus = Prometheus(stage, directory, admins)
        stage.visit()
        until("a first scrape", lambda: len(prometheus.ask("homeward_ready == 1", True)) == len(admins))

        # What the annotations show: a table that is new, and one that is refused; the latter stays.
        stage.write_table("east", "# saved once more\n")
        until("the new table", lambda: '"unchanged"} 0' not in get(admins[1], "/metrics")[1]
              or 'result="applied"} 2' in get(admins[1], "/metrics")[1])
        stage.write_table("west", "no_such_key: 1\n")

        asked = []
        for name, dashboard in dashboards.items():
            variables = [v for v in dashboard["templating"]["list"] if v["type"] == "query"]
            choices = [{}]
            for variable in variables:
                values = prometheus.values(variable["definition"])
                if not values:
                    raise SystemExit(f"{name}: the variable {variable['name']} has no values")
                # One that may be all is all; of others, the region with most to show.
                chosen = ".*" if variable["includeAll"] else ("west" if "west" in values else values[0])
                choices = [choice | {variable["name"]: chosen} for choice in choices]
            asked += queries(name, dashboard, choices[0])

        began, empty = time.monotonic(), asked
        while empty and time.monotonic() - began < PATIENCE:
            time.sleep(1)
            empty = [query for query in empty if not prometheus.ask(query[1], query[2])]
        for where, expression, _ in empty:
            problems.append(f"{where}: no data for {expression}")
        failing = [rule["name"] for group in json.loads(get(prometheus.port, "/api/v1/rules")[1])["data"]["groups"]
                   for rule in group["rules"] if rule["health"] != "ok"]
        problems += [f"the rule {name} cannot be evaluated" for name in failing]
        took = time.monotonic() - began
    if problems:
        raise SystemExit("\n".join(problems))
    panels = sum(len([panel for panel in dashboard["panels"] if panel["type"] != "row"]) for dashboard in dashboards.values())
    print(f"{len(dashboards)} dashboards, {panels} panels, {len(asked)} queries: all have returned data, after {took:.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
