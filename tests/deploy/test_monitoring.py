"""Prometheus understands the rules; whatever they and the dashboard ask for exists."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.stack import DEPLOY, ROOT, Place
from tests.deploy.wire import request, send
from tests.support.factories import PATH, as_user

DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
ALERTS = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"][0]["rules"]
# `up` is Prometheus' own.
NAMES = re.compile(r"\b(?:social_[a-z_]+|up)\b(?=\{|\[|\))")
LABELS = re.compile(r'(\w+)(?:=~?|!~|!=)"')


def promtool(*arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
QUERIES += [rule["expr"] for rule in ALERTS]


@pytest.fixture(scope="module")
def samples(port: int, place: Place) -> dict[str, set[str]]:
    """The metrics that exist once something happened, each with its labels."""
    for headers in ({}, as_user(7), {"Authorization": "Bearer nonsense"}):
        send(port, request(f"{PATH}?user_id=7", headers=headers), address="127.0.6.1")
    [answer] = send(place.monitor_port, request("/metrics"))
    found: dict[str, set[str]] = {"up": set()}
    for line in answer.body.decode().splitlines():
        if match := re.match(r"(\w+)(?:\{(.*)\})? ", line):
            found.setdefault(match[1], set()).update(LABELS.findall(match[2] or ""))
    return found


@pytest.mark.parametrize("query", QUERIES)
def test_each_query_names_what_exists(samples: dict[str, set[str]], query: str) -> None:
    names = set(NAMES.findall(query))
    assert names
    assert names <= samples.keys()
    added_by_prometheus = {"instance", "job"}
    labels = set().union(*(samples[name] for name in names)) | added_by_prometheus
    assert set(LABELS.findall(query)) <= labels
    grouped = " ".join(re.findall(r"by \(([^)]*)\)", query))
    assert set(re.findall(r"\w+", grouped)) <= labels


def test_prometheus_understands_the_configuration() -> None:
    promtool("check", "config", str(DEPLOY / "prometheus.yml"))


def test_each_alarm_rings_when_it_should() -> None:
    promtool("test", "rules", str(Path(__file__).with_name("alerts.test.yml")))


def test_each_alarm_has_a_test_and_a_word_in_the_manual() -> None:
    tested = Path(__file__).with_name("alerts.test.yml").read_text()
    manual = (ROOT / "docs/operations.md").read_text()
    for rule in ALERTS:
        assert f"alertname: {rule['alert']}\n        exp_alerts" in tested
        assert f"`{rule['alert']}`" in manual


def test_prometheus_understands_the_dashboard_s_queries(tmp_path: Path) -> None:
    expressions = [query.replace("$__rate_interval", "5m") for query in QUERIES]
    rules = [{"record": f"query_{i}", "expr": expr} for i, expr in enumerate(expressions)]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", str(file))


def test_it_scrapes_the_monitors_port() -> None:
    config: Any = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    [job] = config["scrape_configs"]
    [target] = job["static_configs"][0]["targets"]
    assert f"listen {target};" in (DEPLOY / "nginx.conf").read_text()


def test_the_dashboard_is_one_that_grafana_can_import() -> None:
    assert DASHBOARD["uid"] == "social-associations"
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD["panels"])))
    assert used - {"__rate_interval"} <= variables
