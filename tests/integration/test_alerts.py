"""The rules of alerts: they are sound, tested one by one, and each has its runbook."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import pytest
import yaml

from tests.conftest import require
from tests.support.containers import ROOT
from tests.support.services import Prometheus, promtool

RULES, CASES = ROOT / "docker" / "alerts.yml", ROOT / "docker" / "alerts_test.yml"
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for group in yaml.safe_load(RULES.read_text())["groups"]
    for rule in group["rules"]
}


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "--syntax-only", "docker/prometheus.yml"),
        ("check", "rules", "--lint-fatal", str(RULES)),
        ("test", "rules", str(CASES)),
    ],
)
def test_promtool_is_content(arguments: tuple[str, ...]) -> None:
    require(Prometheus)
    run = promtool(*arguments)
    assert run.returncode == 0, run.stdout + run.stderr


def test_each_alert_is_seen_to_fire_and_not_to_fire() -> None:
    fires: dict[str, set[bool]] = defaultdict(set)
    for case in yaml.safe_load(CASES.read_text())["tests"]:
        for each in case["alert_rule_test"]:
            fires[each["alertname"]].add("exp_alerts" in each)
    assert set(fires) == set(ALERTS)
    # A skewed clock has a series beside it that is not.
    assert {name for name, seen in fires.items() if len(seen) == 1} == {"GlimpseClockSkew"}


def test_each_alert_has_a_runbook_and_a_severity() -> None:
    text = (ROOT / "docs" / "runbooks.md").read_text()
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    assert list(sections) == list(ALERTS)
    for name, rule in ALERTS.items():
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"].endswith(".")
        assert re.search(r"^1\. ", sections[name], re.MULTILINE), name


def test_alerts_ask_only_for_documented_metrics() -> None:
    documented = set(re.findall(r"`(glimpse_\w+)", (ROOT / "docs" / "operations.md").read_text()))
    for rule in ALERTS.values():
        asked = re.findall(r"\bglimpse_\w+", rule["expr"])
        assert {name.removesuffix("_bucket") for name in asked} <= documented
