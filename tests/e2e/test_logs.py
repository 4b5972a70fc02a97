"""Logs of real processes: one id finds the lines of the API and of the workers about a request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from tests.support.pictures import image_id, picture
from tests.support.polling import finished_job, wait_for
from tests.support.services import Stack

PICTURE = picture("teal")


def about(log: Path, request: str) -> list[dict[str, Any]]:
    """The lines about a request; every line of the log must be JSON."""
    found = [json.loads(line) for line in log.read_text().splitlines()]
    return [line for line in found if line.get("request") == request]


def test_one_id_finds_the_lines_of_the_api_and_of_a_worker(
    shared_stack: Stack, tenant_client: httpx.Client, tenant: str
) -> None:
    sent = tenant_client.post("/v1/images", files={"file": ("secret-name.png", PICTURE)})
    finished_job(tenant_client, sent.headers["Location"])
    headers = {"X-Request-ID": "delete-teal"}
    path = f"/v1/images/{image_id(PICTURE)}"
    assert tenant_client.delete(path, headers=headers).status_code == 204
    (access,) = wait_for(lambda: about(shared_stack.api.log, "delete-teal"), 10, "the access log")
    shown = {name: access[name] for name in ("method", "path", "status", "level")}
    assert shown == {"method": "DELETE", "path": path, "status": 204, "level": "info"}
    (line,) = about(shared_stack.search_worker.log, "delete-teal")
    assert (line["event"], line["tenant"]) == ("catalog.deleted", tenant)
    assert line["worker"].startswith("search@")
    assert line["task"]


def test_names_of_pictures_are_not_logged(shared_stack: Stack, tenant_client: httpx.Client) -> None:
    params, headers = {"filename": "secret-name.png"}, {"Content-Type": "image/png"}
    sent = tenant_client.post("/v1/images", params=params, headers=headers, content=PICTURE)
    finished_job(tenant_client, sent.headers["Location"])
    api, workers = shared_stack.api, (shared_stack.ingest_worker, shared_stack.search_worker)
    wait_for(lambda: about(api.log, sent.headers["X-Request-ID"]), 10, "the access log")
    assert all("secret-name" not in each.log.read_text() for each in (api, *workers))
