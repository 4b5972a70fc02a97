"""Two tenants on a real stack, with API keys created by the operator."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from cli.main import run
from common.keys.token import Token
from tests.conftest import require
from tests.support.pictures import picture
from tests.support.polling import finished_job, ready, wait_for
from tests.support.services import MilvusLite, Stack, Valkey
from tests.support.services.glimpse_up import GlimpseUp

DATA = picture("red")
ID = hashlib.sha256(DATA).hexdigest()
# Seconds until every process of the API knows of a change to the keys.
KNOWN_S = 20.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    with Stack(tmp_path_factory.mktemp("stack"), {"GLIMPSE_MODEL": "hashing"}) as stack:
        ready(stack.client)
        yield stack


def client(stack: Stack, key: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=stack.api.url, headers=headers, timeout=60)


def upload(client: httpx.Client) -> dict[str, object]:
    response = client.post("/v1/images", files=[("file", ("mine.png", DATA))])
    assert response.status_code == 202, response.text
    return finished_job(client, response.headers["Location"])


def hits(client: httpx.Client, **body: object) -> list[str]:
    response = client.post("/v1/searches", json=body, headers={"Prefer": "wait=30"})
    return [hit["id"] for hit in response.raise_for_status().json()["hits"]]


def test_tenants_are_apart_and_a_revoked_key_is_out(
    stack: Stack, make_key: Callable[..., str]
) -> None:
    assert stack.client.get("/v1/jobs").status_code == 200
    acme_key, globex_key = (make_key(name, "read", "write") for name in ("acme", "globex"))
    # Each API process notices the first key separately.
    for _ in range(8):
        wait_for(
            lambda: stack.client.get("/v1/jobs").status_code == 401, KNOWN_S, "the closed service"
        )
    with client(stack, acme_key) as acme, client(stack, globex_key) as globex:
        job = upload(acme)
        assert (job["indexed"], job["duplicates"]) == (1, 0)
        assert globex.get(f"/v1/images/{ID}").status_code == 404
        assert globex.get(f"/v1/images/{ID}/content").status_code == 404
        assert globex.get(f"/v1/jobs/{job['id']}").status_code == 404
        assert hits(globex, text="red") == []
        # The same bytes are new to the other tenant.
        assert upload(globex)["indexed"] == 1
        assert upload(globex)["duplicates"] == 1
        assert hits(globex, image_id=ID) == hits(acme, image_id=ID) == [ID]
        assert globex.delete(f"/v1/images/{ID}").status_code == 204
        assert hits(globex, text="red") == []
        assert hits(acme, text="red") == [ID]
        assert acme.get(f"/v1/images/{ID}/content").content == DATA
        token = Token.read(acme_key)
        assert token is not None
        assert run(["keys", "revoke", token.key_id]) == 0
        wait_for(lambda: acme.get("/v1/jobs").status_code == 401, KNOWN_S, "the revocation")


def test_up_opens_to_other_machines_only_with_a_key(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    up = GlimpseUp(tmp_path)
    data = ["--data", str(up.data)]
    # Both in a new folder, and in one that has no keys.
    for _ in range(2):
        refused = up.glimpse("up", *data, "--port", "0", "--host", "0.0.0.0")
        assert refused.returncode == 1
        assert "glimpse keys create" in refused.stderr
        assert up.processes() == []
    with up:
        made = up.glimpse("keys", "list", *data)
        assert (made.returncode, made.stdout) == (0, "")
        create = ["keys", "create", "--tenant", "acme", "--name", "x", "--scope", "read"]
        key = up.glimpse(*create, *data).stdout.strip()
        assert Token.read(key) is not None
    up.host = "0.0.0.0"
    with up:
        jobs = f"{up.url}/v1/jobs"
        assert httpx.get(jobs).status_code == 401
        headers = {"Authorization": f"Bearer {key}"}
        assert httpx.get(jobs, headers=headers).status_code == 200
    assert up.processes() == []
