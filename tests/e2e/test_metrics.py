"""Metrics of a real stack, compared with what was done to it."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from tests.conftest import require
from tests.support.containers import ROOT
from tests.support.pictures import picture
from tests.support.plain_http import PLAIN
from tests.support.polling import finished_job, ready, wait_for
from tests.support.services import MilvusLite, Prometheus, Stack, Valkey, free_port, promtool
from tests.support.services.prometheus import scraping

Values = dict[tuple[str, tuple[str, ...]], float]

COLOURS = ("red", "green", "blue")
# Of the rounds that Prometheus watches.
LATER = (("yellow", "cyan"), ("purple", "pink"), ("brown", "black"))
BIND = "GLIMPSE_METRICS_BIND"
DASHBOARD = json.loads((ROOT / "docker" / "grafana" / "dashboards" / "glimpse.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
# Nothing is repeated here.
MAY_BE_EMPTY = {"Repeated attempts"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose workers serve metrics, after an ingest, failures and searches."""
    require(Valkey)
    require(MilvusLite)
    settings = {"GLIMPSE_MODEL": "hashing", "GLIMPSE_LEASE_S": "3", "GLIMPSE_BATCH_MAX": "8"}
    stack = Stack(tmp_path_factory.mktemp("metrics"), settings)
    for worker in (stack.search_worker, stack.ingest_worker):
        worker.settings[BIND] = str(free_port())
    with stack:
        ready(stack.client)
        yield stack


@pytest.fixture(scope="module")
def sent(stack: Stack) -> int:
    """Upload pictures, one of them broken and one twice, and search; return the bytes sent."""
    return upload_and_search(stack, COLOURS)


def upload_and_search(stack: Stack, colours: Sequence[str]) -> int:
    """Do what the tests count, with pictures of these colours; return the bytes sent."""
    white = picture("white")
    broken = white[: len(white) // 2]
    uploads = [
        [("file", (f"{colour}.png", picture(colour))) for colour in colours],
        [("file", ("broken.png", broken))],
        [("file", (f"{colours[0]}.png", picture(colours[0])))],
    ]
    sent = 0
    for files in uploads:
        response = stack.client.post("/v1/images", files=files)
        sent += int(response.request.headers["Content-Length"])
        finished_job(stack.client, response.headers["Location"])
    for _ in range(2):
        answer = stack.client.post(
            "/v1/searches", json={"text": colours[0]}, headers={"Prefer": "wait=30"}
        )
        assert answer.json()["hits"][0]["filename"] == f"{colours[0]}.png"
    return sent


def text_of(stack: Stack, part: str) -> str:
    if part == "api":
        return stack.client.get("/metrics").text
    worker = {"search": stack.search_worker, "ingest": stack.ingest_worker}[part]
    address = f"http://127.0.0.1:{worker.settings[BIND]}/metrics"
    return httpx.get(address, **PLAIN).raise_for_status().text


def values(stack: Stack, part: str) -> Values:
    """Return a part's samples by name and label values, in the order of the labels' names."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in parse(text_of(stack, part))
        for sample in family.samples
    }


def test_the_ingest_worker_counts_what_it_did(stack: Stack, sent: int) -> None:
    found = values(stack, "ingest")
    assert {labels: n for (name, labels), n in found.items() if name == "glimpse_images_total"} == {
        ("", "indexed"): 3,
        ("", "duplicate"): 1,
        ("truncated", "failed"): 1,
    }
    # The duplicate is found before its bytes are read.
    assert found["glimpse_decode_seconds_count", ()] == 4
    assert found["glimpse_task_attempts_total", ("ok", "ingest.chunk")] == 3
    assert found["glimpse_task_seconds_count", ("ingest.chunk",)] == 3
    assert found["glimpse_batch_items_sum", ("writer",)] == 3
    # Probes run through the model too.
    assert found["glimpse_batch_items_sum", ("model",)] >= 3
    batches = found["glimpse_batch_wait_seconds_count", ("model",)]
    assert found["glimpse_encode_seconds_count", ("images",)] == batches
    assert 1 <= found["glimpse_store_seconds_count", ("upsert",)] <= 3
    assert found["glimpse_worker_info", ("hashing", "fp32", "ingest", "1")] == 1
    assert found["glimpse_lease_renewals_missed_total", ()] == 0
    assert found["glimpse_upkeep_found_total", ("recover",)] == 0


def test_the_search_worker_counts_what_it_did(stack: Stack, sent: int) -> None:
    found = values(stack, "search")
    assert found["glimpse_task_attempts_total", ("ok", "search.run")] == 2
    assert found["glimpse_store_seconds_count", ("search",)] == 2
    lookups = [found["glimpse_query_cache_lookups_total", (result,)] for result in ("hit", "miss")]
    assert lookups == [1, 1]
    assert found["glimpse_encode_seconds_count", ("texts",)] >= 1
    assert found["glimpse_worker_info", ("hashing", "fp32", "search", "1")] == 1


def test_the_apis_processes_add_up(stack: Stack, sent: int) -> None:
    count = 24
    for _ in range(count):
        # A connection of its own, which any of the processes may take.
        httpx.get(f"{stack.api.url}/v1/tags", **PLAIN).raise_for_status()
    stack.client.get("/v1/jobs/" + "0" * 32)
    for _ in range(8):
        text = httpx.get(f"{stack.api.url}/metrics", **PLAIN).text
        found = {
            (sample.name, tuple(sample.labels.values())): sample.value
            for family in parse(text)
            for sample in family.samples
        }
        assert found["glimpse_http_requests_total", ("GET", "/v1/tags", "200")] == count
    route = "/v1/jobs/<record_id:job_id>"
    assert found["glimpse_http_requests_total", ("GET", route, "404")] == 1
    assert found["glimpse_http_requests_total", ("POST", "/v1/images", "202")] == 3
    assert found["glimpse_http_request_seconds_count", ("POST", "/v1/searches")] == 2
    assert found["glimpse_http_request_body_bytes_total", ("POST", "/v1/images")] == sent


@pytest.mark.parametrize("part", ["api", "search", "ingest"])
def test_names_and_units_follow_prometheuss_conventions(stack: Stack, sent: int, part: str) -> None:
    require(Prometheus)
    text = text_of(stack, part)
    assert "_total" in text
    run = promtool("check", "metrics", stdin=text)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


@pytest.fixture(scope="module")
def prometheus(
    stack: Stack, sent: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """A Prometheus with the configuration in docker/, after some scrapes of the stack."""
    require(Prometheus)
    workers = (stack.search_worker, stack.ingest_worker)
    addresses = [f"127.0.0.1:{each.settings[BIND]}" for each in workers]
    config = scraping(stack.api.url.removeprefix("http://"), addresses)
    with Prometheus(tmp_path_factory.mktemp("prometheus"), config) as service:

        def scraped() -> bool:
            found = service.get("query", query="sum by (job) (sum_over_time(up[1m]) >= 3)")
            return len(found["result"]) == len(config["scrape_configs"])

        wait_for(scraped, 60, "three scrapes of each part")
        # What happens between two scrapes has a rate.
        for colours in LATER:
            upload_and_search(stack, colours)
            time.sleep(1.1)
        yield service


def test_every_part_is_scraped_and_every_rule_evaluated(prometheus: Prometheus) -> None:
    targets = prometheus.get("targets")["activeTargets"]
    jobs = sorted(each["labels"]["job"] for each in targets)
    assert jobs == ["glimpse", "glimpse-workers", "glimpse-workers"]
    assert {(each["health"], each["lastError"]) for each in targets} == {("up", "")}

    def evaluated() -> list[dict[str, str]] | None:
        rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
        return rules if all(rule["health"] != "unknown" for rule in rules) else None

    rules = wait_for(evaluated, 30, "the first evaluation of the rules")
    assert {(rule["health"], rule.get("lastError", "")) for rule in rules} == {("ok", "")}
    firing = prometheus.get("alerts")["alerts"]
    assert "GlimpseApiDown" not in {each["labels"]["alertname"] for each in firing}


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_every_panel_shows_something(prometheus: Prometheus, panel: dict[str, Any]) -> None:
    assert panel["datasource"] == {"type": "prometheus", "uid": "glimpse"}
    for target in panel["targets"]:
        query = target["expr"].replace("$__rate_interval", "1m")
        found = prometheus.get("query", query=query)["result"]
        if panel["title"] not in MAY_BE_EMPTY:
            # What a part never did, or not lately, is "NaN".
            assert any(math.isfinite(float(each["value"][1])) for each in found), (query, found)


def test_the_files_that_the_apis_processes_share_go_with_them(tmp_path: Path, stack: Stack) -> None:
    stack.api.settings["TMPDIR"] = str(tmp_path)
    stack.api.stop()
    stack.api.start()
    ready(stack.client)
    assert list(tmp_path.glob("glimpse-metrics-*/counter_*.db"))
    stack.api.stop()
    assert not list(tmp_path.glob("glimpse-metrics-*"))
    del stack.api.settings["TMPDIR"]
    stack.api.start()


# The last test, since it takes Redis away.
def test_missed_renewals_are_counted_while_redis_is_away(stack: Stack) -> None:
    stack.redis.kill()

    def missed() -> bool:
        return values(stack, "ingest")["glimpse_lease_renewals_missed_total", ()] > 0

    wait_for(missed, 60, "a missed renewal")
    found = values(stack, "api")
    assert found["glimpse_up", ()] == 0
    assert "glimpse_workers" not in {name for name, _ in found}
    # Requests are counted all the same.
    assert found["glimpse_http_requests_total", ("GET", "/healthz", "200")] > 0
    stack.redis.start()
