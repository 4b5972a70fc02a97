"""Everything is destroyed, and comes back from a backup that was made while it was used."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from common.dead_letters.redis import RedisDeadLetters
from common.keys.redis import RedisKeys
from common.keys.token import issue
from common.quotas.redis import RedisQuotas
from common.redis.client import connect
from tests.conftest import require
from tests.support.letters import letter_about
from tests.support.pictures import image_id, picture
from tests.support.plain_http import PLAIN
from tests.support.polling import finished_job, ready, wait_for
from tests.support.services import MilvusLite, SeaweedFS, Stack, Valkey
from tests.support.services.forked import run_command, stand_in
from tests.support.services.glimpse_up import GlimpseUp
from tests.support.services.seaweedfs import BUCKET

TENANTS = ("acme", "globex")
LETTER = picture("black", (30, 30))
SETTINGS = {"GLIMPSE_MODEL": "hashing", "GLIMPSE_KEY_CACHE_S": "0"}


class Used:
    """A stack with the pictures of two tenants, and a key of each."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.keys: dict[str, str] = {}
        self._fill_redis()
        for number, tenant in enumerate(TENANTS):
            pictures = {
                f"{tenant}/{each}.png": picture((each, 90 * number, 200), (90, 60))
                for each in range(60)
            }
            self.upload(tenant, pictures)

    def _fill_redis(self) -> None:
        stack = self.stack
        with connect(stack.redis.url) as redis:
            for tenant in TENANTS:
                token, key = issue(tenant, "first", ["read", "write"], now=1.0)
                RedisKeys(redis).add(key)
                self.keys[tenant] = token.text
            token, revoked = issue("acme", "revoked", ["read"], now=1.0)
            RedisKeys(redis).add(revoked)
            RedisKeys(redis).revoke(revoked.id, 2.0)
            self.keys["revoked"] = token.text
            RedisQuotas(redis).put("globex", 1000)
            letter = letter_about(image_id(LETTER), tenant="acme", filename="bad.png")
            RedisDeadLetters(redis).put([letter])
        original = Path(stack.settings["GLIMPSE_BLOBS_DIR"]) / "acme" / "originals"
        target = original / image_id(LETTER)[:2] / image_id(LETTER)
        target.parent.mkdir(parents=True)
        target.write_bytes(LETTER)

    def upload(self, tenant: str, pictures: Mapping[str, bytes]) -> None:
        with client(self.stack, self.keys[tenant]) as http:
            known = json.dumps({"tags": [tenant, "holiday"], "album": "Crete"})
            files = [("file", each) for each in pictures.items()]
            sent = http.post("/v1/images", data={"metadata": known}, files=files)
            job = finished_job(http, sent.raise_for_status().json()["links"]["self"])
            assert job["state"] == "succeeded", job


def client(stack: Stack, key: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=stack.api.url, headers=headers, timeout=60, **PLAIN)


def seen(stack: Stack, keys: Mapping[str, str]) -> dict[str, Any]:
    """Return what the two tenants get to see."""
    found: dict[str, Any] = {}
    for tenant in TENANTS:
        with client(stack, keys[tenant]) as http:
            listed = http.get("/v1/images?limit=200").raise_for_status().json()["images"]
            last = listed[-1]["id"]
            queries: list[dict[str, Any]] = [
                {"text": "blue", "top_k": 200},
                {"image_id": last, "top_k": 200},
                {"text": "red", "filter": {"tags": {"any": [tenant]}}, "top_k": 200},
            ]
            searches = [search(http, body) for body in queries]
            thumbnail = http.get(f"/v1/images/{last}/thumbnail?size=150").raise_for_status()
            found[tenant] = {
                "listed": listed,
                "by name": http.get("/v1/images?sort=filename&limit=7").json()["images"],
                "tags": http.get("/v1/tags").raise_for_status().json(),
                "searches": searches,
                "bytes": http.get(f"/v1/images/{last}/content").raise_for_status().content,
                "thumbnail": thumbnail.headers["Content-Type"],
                "letters": http.get("/v1/dead-letters").raise_for_status().json(),
            }
    return found


def search(http: httpx.Client, body: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Return the hits, best first; Milvus orders those of equal score by when they were written."""
    answer = http.post("/v1/searches", json=body, headers={"Prefer": "wait=30"})
    hits = [(hit["id"], hit["score"]) for hit in answer.raise_for_status().json()["hits"]]
    return sorted(hits, key=lambda hit: (-hit[1], hit[0]))


def command_of(stack: Stack, *arguments: str) -> tuple[list[str], dict[str, str]]:
    return [str(stand_in()), "-m", "cli", *arguments], {**os.environ, **stack.settings}


def begin(stack: Stack, *arguments: str) -> subprocess.Popen[str]:
    command, environ = command_of(stack, *arguments)
    return subprocess.Popen(
        command,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def glimpse(stack: Stack, *arguments: str) -> tuple[int, str]:
    command, environ = command_of(stack, *arguments)
    run = run_command(command, Path.cwd(), environ, timeout_s=240)
    return run.returncode, run.stdout + run.stderr


def manifests(target: Path) -> list[Path]:
    return list((target / "backups").glob("*.json"))


def shards_and_originals(target: Path) -> set[str]:
    """Return the names of all objects but the records, which change whenever a key is used."""
    records = {json.loads(manifest.read_text())["records"] for manifest in manifests(target)}
    return {each.name for each in (target / "objects").rglob("*") if each.is_file()} - records


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Used]:
    require(Valkey)
    require(MilvusLite)
    with Stack(tmp_path_factory.mktemp("before"), SETTINGS) as stack:
        ready(stack.client)
        yield Used(stack)


def test_a_killed_backup_has_no_manifest_and_is_continued(used: Used, tmp_path: Path) -> None:
    for number in range(5):
        target = tmp_path / f"target-{number}"
        process = begin(used.stack, "backup", str(target))
        wait_for(lambda: any(target.glob("objects/*/*")), 60, "a first object")  # noqa: B023
        # Its worker ends with it.
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        if not manifests(target):
            break
    else:
        pytest.fail("Every backup was complete before it was killed.")
    status, output = glimpse(used.stack, "restore", str(target), "--check")
    assert (status, "no complete backup" in output) == (2, True)
    assert glimpse(used.stack, "backup", str(target))[0] == 0
    status, output = glimpse(used.stack, "restore", str(target), "--check")
    assert (status, "is whole" in output) == (0, True), output
    victim = max(target.glob("objects/*/*"), key=lambda path: path.stat().st_size)
    victim.chmod(0o600)
    victim.write_bytes(victim.read_bytes()[:-1])
    status, output = glimpse(used.stack, "restore", str(target), "--check")
    assert (status, f"{victim.name}. Delete" in output, "damaged" in output) == (1, True, True)


def test_from_a_folder_over_a_bucket_into_a_bucket(
    used: Used, seaweedfs: SeaweedFS, tmp_path: Path
) -> None:
    place = f"s3://{BUCKET}/backups"
    environ = seaweedfs.settings("restored")
    blobs = environ.pop("GLIMPSE_BLOBS_URL")
    used.stack.settings.update(environ)
    status, output = glimpse(used.stack, "backup", place, "--without-vectors")
    assert status == 0, output
    before = seen(used.stack, used.keys)
    with Stack(tmp_path / "after", SETTINGS | environ | {"GLIMPSE_BLOBS_URL": blobs}) as stack:
        ready(stack.client)
        status, output = glimpse(stack, "restore", place, "--rebuild")
        assert status == 0, output
        after = seen(stack, used.keys)
        for tenant in TENANTS:
            # A model's results depend on the size of a batch in their last digits.
            for there, here in zip(
                after[tenant].pop("searches"), before[tenant].pop("searches"), strict=True
            ):
                assert dict(there) == pytest.approx(dict(here), abs=1e-6)
        assert after == before
        status, output = glimpse(stack, "backup", blobs + "/backups")
        assert (status, "backup_refused" in output) == (2, True)


def test_a_stack_of_glimpse_up_is_found_by_its_data_folder(tmp_path: Path) -> None:
    require(Valkey)
    require(MilvusLite)
    pictures, target = tmp_path / "pictures", str(tmp_path / "target")
    pictures.mkdir()
    for colour in ("red", "green", "blue"):
        Image.new("RGB", (64, 48), colour).save(pictures / f"{colour}.png")
    with GlimpseUp(tmp_path) as up:
        assert up.glimpse("ingest", str(pictures)).returncode == 0
        found = up.glimpse("search", "red").stdout
        backed_up = up.glimpse("backup", target, "--data", str(up.data))
        assert "3 images" in backed_up.stdout, backed_up.stderr
        # An empty service again, which is quicker than a new one.
        ids = [image_id(file.read_bytes()) for file in pictures.iterdir()]
        assert up.glimpse("delete", *ids).returncode == 0
        assert up.glimpse("search", "red").returncode == 1
        restored = up.glimpse("restore", target, "--data", str(up.data))
        assert restored.returncode == 0, restored.stderr
        assert up.glimpse("search", "red").stdout == found


# The last one, since it leaves nothing of the service.
def test_a_service_is_destroyed_and_comes_back(used: Used, tmp_path: Path) -> None:
    target = tmp_path / "target"
    place = str(target)
    late = {f"late/{each}.png": picture((each, each, 9), (40, 40)) for each in range(40)}
    with ThreadPoolExecutor() as threads:
        uploaded = threads.submit(used.upload, "acme", late)
        status, output = glimpse(used.stack, "backup", place)
        uploaded.result()
    assert (status, len(manifests(target))) == (0, 1), output

    # The second one completes it, the third one has nothing to write, the fourth an original and a
    # shard.
    assert glimpse(used.stack, "backup", place)[0] == 0
    complete = shards_and_originals(target)
    assert "of 160 images" in glimpse(used.stack, "backup", place)[1]
    assert shards_and_originals(target) == complete
    used.upload("globex", {"last.png": picture((1, 2, 3), (20, 20))})
    assert "of 161 images" in glimpse(used.stack, "backup", place)[1]
    assert len(shards_and_originals(target) - complete) == 2
    assert glimpse(used.stack, "restore", place, "--check")[0] == 0
    status, output = glimpse(used.stack, "restore", place)
    assert (status, "restore_refused" in output, "already has" in output) == (2, True, True)

    before = seen(used.stack, used.keys)
    used.stack.stop()
    shutil.rmtree(used.stack.redis.folder.parent)
    with Stack(tmp_path / "after", SETTINGS) as stack:
        ready(stack.client)
        status, output = glimpse(stack, "restore", place)
        assert status == 0, output
        assert seen(stack, used.keys) == before
        with client(stack, used.keys["revoked"]) as http:
            assert http.get("/v1/images").status_code == 401
        with connect(stack.redis.url) as redis:
            quota = RedisQuotas(redis).find("globex")
            assert quota is not None
            assert quota.images_max == 1000
        # A restored letter is replayed from its restored original.
        with client(stack, used.keys["acme"]) as http:
            path = f"/v1/dead-letters/{image_id(LETTER)}/replay"
            sent = http.post(path).raise_for_status().json()
            assert finished_job(http, sent["links"]["self"])["indexed"] == 1
