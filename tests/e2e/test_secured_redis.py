"""A whole stack on Redis with TLS, as the user with the fewest rights that the docs describe."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from cli.main import run
from common.settings import load_settings
from tests.conftest import require
from tests.support.certificates import Certificates
from tests.support.pictures import image_id, picture
from tests.support.polling import finished_job, ready, wait_for
from tests.support.services import MilvusLite, Stack, TlsRedis
from tests.support.walk import Walk
from worker.runtime.queue_app import QueueApp

OPERATIONS = Path(__file__).parent.parent.parent / "docs" / "operations.md"
PASSWORD = "kaleidoscope"
# A password of the user that the tests administer Redis with.
ADMIN = "telescope"


def documented_user() -> str:
    """Return the user in the docs, with a password."""
    (rules,) = re.findall(r"^user (glimpse .*)$", OPERATIONS.read_text(), re.MULTILINE)
    return rules.replace("PASSWORD", PASSWORD)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require(TlsRedis)
    require(MilvusLite)
    folder = tmp_path_factory.mktemp("secured")
    redis = TlsRedis(folder / "redis", Certificates(folder), ADMIN, documented_user())
    settings = {
        **redis.settings,
        "GLIMPSE_REDIS_URL": redis.url.replace(f":{ADMIN}@", f"glimpse:{PASSWORD}@"),
        "GLIMPSE_MODEL": "hashing",
        "GLIMPSE_RATE_LIMIT": "10000/day",
        # A turn of the upkeep each second.
        "GLIMPSE_LEASE_S": "1",
        "GLIMPSE_LEASE_SWEEP_S": "0.2",
    }
    with Stack(folder / "stack", settings, redis=redis) as stack:
        ready(stack.client)
        yield stack


@pytest.fixture
def admin(stack: Stack) -> Iterator[Redis]:
    with stack.redis.connect() as client:
        yield client


def archive(*colours: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for colour in colours:
            file.writestr(f"{colour}.png", picture(colour))
    return out.getvalue()


def test_the_documented_rights_are_enough_for_everything(
    stack: Stack, admin: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = stack.client
    turns = int(admin.hget("glimpse:orphans", "turns") or 0)
    headers = {"Content-Type": "application/zip", "Idempotency-Key": "one"}
    upload = client.post("/v1/images", content=archive("red", "blue"), headers=headers)
    job = finished_job(client, upload.raise_for_status().headers["Location"])
    assert (job["state"], job["indexed"]) == ("succeeded", 2)
    assert "event: end" in client.get(f"{job['links']['self']}/events").text
    search = client.post("/v1/searches", json={"text": "red"}, headers={"Prefer": "wait=20"})
    assert [hit["id"] for hit in search.json()["hits"]][:1] == [image_id(picture("red"))]
    for name, value in stack.settings.items():
        monkeypatch.setenv(name, value)
    assert run(["tenants", "set", "default", "--images", "100"]) == 0
    assert run(["tenants", "list"]) == 0
    assert run(["keys", "list"]) == 0
    known = {"image_id": job["id"] * 2, "job_id": job["id"], "search_id": search.json()["id"]}
    responses = Walk(stack.api.url, client.get("/openapi.json").json(), known).responses()
    assert {name for name, response in responses.items() if response.status_code >= 500} == set()
    app = QueueApp("ingest", load_settings(stack.settings))
    assert len(app.control.ping(timeout=30, limit=2)) == 2
    app.control.enable_events()
    receiver = app.events.Receiver(
        app.connection_for_read(),
        {"worker-heartbeat": lambda _: setattr(receiver, "should_stop", True)},
    )
    # Fails if none comes.
    receiver.capture(timeout=30, wakeup=False)
    wait_for(lambda: int(admin.hget("glimpse:orphans", "turns") or 0) > turns + 1, 60, "the upkeep")
    refused = [
        entry
        for entry in admin.execute_command("ACL LOG")
        if entry["reason"] != "auth" and entry["username"] == "glimpse"
    ]
    assert refused == []


def test_every_connection_is_encrypted_and_of_the_user(stack: Stack, admin: Redis) -> None:
    # The server has no other port.
    assert admin.config_get("port") == {"port": "0"}
    users = {client["user"] for client in admin.client_list()}
    assert users == {"glimpse", "default"}
    mine = str(admin.client_info()["id"])

    def others() -> set[str]:
        return {c["id"] for c in admin.client_list() if c["user"] == "default"} - {mine}

    # A connection is the default user's until it has authenticated.
    begun = others()
    wait_for(lambda: not begun & others(), 30, "the user of each connection")
