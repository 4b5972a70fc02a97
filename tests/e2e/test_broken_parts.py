"""Every call while a part is broken: it responds promptly with a problem, never a 500."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from common.dead_letters.redis import RedisDeadLetters
from common.redis.client import connect
from tests.conftest import require
from tests.support.letters import letter_about
from tests.support.pictures import image_id, picture
from tests.support.polling import finished_job, ready, wait_for
from tests.support.services import MilvusLite, Stack, Valkey
from tests.support.walk import HANGS_AFTER_S, Walk

DATA = picture("red")
ID = image_id(DATA)

# Operations that need only the API process.
# (`service_connection` needs the keys too, which the API remembers for some seconds.)
ALWAYS = {"service_healthz", "service_metrics", "documents_openapi", "documents_docs", "web_index"}
# Operations that need a search worker and Milvus.
CATALOG = {
    *("images_index", "images_check", "images_show", "images_change", "images_delete"),
    *("tags_index",),
    *("models_index", "models_use", "models_drop"),
}
# Operations that read or write records and queues in Redis.
RECORDS = {
    *("images_upload", "images_refresh", "images_edit"),
    *("jobs_index", "jobs_show", "jobs_create", "jobs_complete", "jobs_cancel", "jobs_items"),
    *("searches_create", "searches_show", "searches_contact_sheet"),
    *("dead_letters_index", "dead_letters_replay", "dead_letters_remove"),
    *("webhooks_index", "webhooks_show", "webhooks_replay", "webhooks_rotate"),
    *("models_show_reindex", "models_start_reindex", "models_cancel_reindex", "embeddings_create"),
}

Break = Callable[[Stack], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    require(Valkey)
    require(MilvusLite)
    settings = {
        "GLIMPSE_MODEL": "hashing",
        "GLIMPSE_RETRY_S": "0.5",
        "GLIMPSE_RETRY_S_MAX": "2",
        # Less than the walk waits for a response.
        "GLIMPSE_WAIT_S_MAX": "3",
    }
    with Stack(tmp_path_factory.mktemp("stack"), settings) as stack:
        yield stack


@pytest.fixture
def walk(stack: Stack) -> Walk:
    """A walk over existing resources: an image, its job, a search, and a dead letter."""
    ready(stack.client)
    image = {"content": DATA, "headers": {"Content-Type": "image/png"}}
    job = stack.client.post("/v1/images", **image).raise_for_status().json()  # type: ignore[arg-type]
    finished_job(stack.client, job["links"]["self"])
    search = stack.client.post(
        "/v1/searches", json={"text": "red"}, headers={"Prefer": "wait=20"}
    ).json()
    keep_letter(stack, job["id"])
    document = stack.client.get("/openapi.json").json()
    known = {"image_id": ID, "job_id": job["id"], "search_id": search["id"]}
    return Walk(stack.api.url, document, known)


def keep_letter(stack: Stack, job_id: str) -> None:
    with connect(stack.redis.url) as client:
        RedisDeadLetters(client).put([letter_about(ID, job_id=job_id)])


@contextmanager
def redis_dead(stack: Stack) -> Iterator[None]:
    stack.redis.kill()
    yield
    stack.redis.start()


@contextmanager
def redis_hanging(stack: Stack) -> Iterator[None]:
    stack.redis.suspend()
    yield
    stack.redis.resume()


@contextmanager
def milvus_dead(stack: Stack) -> Iterator[None]:
    stack.milvus.kill()
    yield
    stack.milvus.start()


@contextmanager
def milvus_hanging(stack: Stack) -> Iterator[None]:
    stack.milvus.suspend()
    yield
    stack.milvus.resume()


@contextmanager
def no_workers(stack: Stack) -> Iterator[None]:
    for worker in (stack.search_worker, stack.ingest_worker):
        worker.kill()
    # Wait for their heartbeats to expire; until then the API considers them alive.
    wait_for(
        lambda: stack.client.get("/readyz?for=all").status_code == 503, 30, "readiness to turn red"
    )
    yield
    for worker in (stack.search_worker, stack.ingest_worker):
        worker.start()


@contextmanager
def blobs_gone(stack: Stack) -> Iterator[None]:
    with replaced(folder(stack), by_a_file=True):
        yield


@contextmanager
def blobs_absent(stack: Stack) -> Iterator[None]:
    aside = folder(stack).with_name("aside")
    folder(stack).rename(aside)
    yield
    assert not folder(stack).exists()
    aside.rename(folder(stack))


@contextmanager
def blobs_not_writable(stack: Stack) -> Iterator[None]:
    # Permissions do not restrict root, which tests often run as.
    with replaced(folder(stack) / "incoming", by_a_file=True):
        yield


@contextmanager
def blobs_not_readable(stack: Stack) -> Iterator[None]:
    with replaced(folder(stack) / "default" / "originals" / ID[:2] / ID, by_a_file=False):
        yield


def folder(stack: Stack) -> Path:
    return Path(stack.settings["GLIMPSE_BLOBS_DIR"])


@contextmanager
def replaced(path: Path, *, by_a_file: bool) -> Iterator[None]:
    """Replace a file by a folder, or a folder by a file, during the block."""
    aside = path.with_name(f"{path.name}.aside")
    path.rename(aside)
    path.touch() if by_a_file else path.mkdir()
    yield
    path.unlink() if by_a_file else path.rmdir()
    aside.rename(path)


@pytest.mark.parametrize(
    ("broken", "missed"),
    [
        (redis_dead, {*CATALOG, *RECORDS, "service_readyz"}),
        (redis_hanging, {*CATALOG, *RECORDS, "service_readyz"}),
        (milvus_dead, CATALOG),
        (milvus_hanging, CATALOG),
        (no_workers, {*CATALOG, "embeddings_create"}),
        (blobs_gone, {"images_upload", "images_content", "images_thumbnail"}),
        (blobs_absent, {"images_upload"}),
        (blobs_not_writable, {"images_upload"}),
        (blobs_not_readable, {"images_content"}),
    ],
)
def test_every_call_says_what_is_missing(
    stack: Stack, walk: Walk, broken: Break, missed: set[str]
) -> None:
    with broken(stack):
        responses = walk.responses()
    for name, response in responses.items():
        assert_well_told(walk, name, response)
    told = {name for name, response in responses.items() if response.status_code == 503}
    assert missed <= told
    assert not told & ALWAYS
    assert stack.api.traceback == ""


def assert_well_told(walk: Walk, name: str, response: httpx.Response) -> None:
    kind = response.headers.get("Content-Type", "")
    assert response.headers["X-Request-ID"], name
    assert "Traceback" not in response.text, name
    if response.status_code < 400:
        assert "html" not in kind or name in ("web_index", "documents_docs"), name
        return
    assert kind == "application/problem+json", name
    if name in ("models_start_reindex", "jobs_complete") and response.status_code == 409:
        # The only model is active; the job was never open.
        return
    assert response.status_code in (404, 503), f"{name}: {response.text}"
    assert response.json()["code"] in walk.codes, name
    assert (response.status_code == 503) == ("Retry-After" in response.headers), name


def test_the_sheet_of_a_search_that_nobody_takes_is_not_waited_for(stack: Stack) -> None:
    ready(stack.client)
    with no_workers(stack), httpx.Client(base_url=stack.api.url, timeout=HANGS_AFTER_S) as client:
        search = client.post("/v1/searches", json={"text": "red"}).json()
        response = client.get(search["links"]["contact_sheet"])
    assert (response.status_code, response.json()["code"]) == (503, "worker_unavailable")
    assert response.headers["Retry-After"]
