"""`glimpse webhooks` and the client's calls about webhooks, against the whole API."""

from __future__ import annotations

import json

import httpx
import pytest

from cli.main import run
from common.webhooks.base import Attempt
from glimpse_client import Glimpse, NotThere, RequestRefused
from tests.support.inline import Inline
from tests.support.letters import letter_about
from tests.support.pictures import image_id, picture

URL = "https://example.com/hook"
RED = picture("red")
SENT = Attempt(at=1.5, ms=12, status=204)
REFUSED = Attempt(at=2.5, ms=34, error="No connection: Connection refused.")


@pytest.fixture
def glimpse(server: Inline) -> Glimpse:
    return Glimpse("http://127.0.0.1", transport=httpx.WSGITransport(server.app))


@pytest.fixture
def jobs(server: Inline, glimpse: Glimpse) -> list[str]:
    """Two jobs: the first one's delivery failed, the second one's was delivered."""
    glimpse.rotate_webhook_secret()
    jobs = []
    for attempt, state in ((REFUSED, "failed"), (SENT, "delivered")):
        jobs.append(glimpse.refresh(callback_url=URL).id)
        claim = server.webhooks.claim(10**10, 1)
        assert claim is not None
        server.webhooks.settle(claim, attempt, state)  # type: ignore[arg-type]
    return jobs


def test_deliveries_are_listed(jobs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["webhooks", "list"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert sorted([row[0], *row[2:]] for row in rows) == sorted(
        [
            [jobs[0], "failed", "1", "No connection: Connection refused.", URL],
            [jobs[1], "delivered", "1", "204", URL],
        ]
    )
    assert run(["webhooks", "list", "--state", "failed", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["deliveries"]
    assert found["id"] == jobs[0]


def test_no_deliveries(server: Inline, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["webhooks", "list"]) == 0
    assert capsys.readouterr().err == "No deliveries found.\n"


def test_a_delivery_is_shown_and_replayed(
    jobs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["webhooks", "show", jobs[0][:12]]) == 0
    shown = capsys.readouterr()
    assert shown.out.split("\t")[1:] == ["34", "No connection: Connection refused.\n"]
    assert shown.err == "failed\n"
    assert run(["webhooks", "replay", *jobs]) == 0
    assert capsys.readouterr().out.splitlines() == jobs
    assert run(["webhooks", "show", jobs[1], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "pending"
    assert run(["webhooks", "show", jobs[1]]) == 0
    assert capsys.readouterr().err.startswith("pending, next attempt 20")


def test_a_secret_is_created_and_rotated(
    server: Inline, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["webhooks", "secret"]) == 0
    first = capsys.readouterr()
    assert first.out.startswith("whsec_")
    assert first.err == ""
    assert run(["webhooks", "secret"]) == 0
    second = capsys.readouterr()
    assert second.out != first.out
    assert second.err.startswith("The secret before it stays valid until 20")


def test_the_client_gives_a_url_with_every_job(server: Inline, glimpse: Glimpse) -> None:
    with pytest.raises(RequestRefused) as refused:
        glimpse.upload(("red.png", RED), callback_url=URL)
    assert refused.value.code == "no_webhook_secret"
    secret = glimpse.rotate_webhook_secret()
    assert secret.secret.startswith("whsec_")
    first = glimpse.upload(("red.png", RED), callback_url=URL)
    letters = server.app.extensions["glimpse"].dead_letters
    letters.put([letter_about(image_id(RED), job_id=first.id)])
    with glimpse.open_job(callback_url=URL) as opened:
        opened.upload(("red.png", RED))
    ids = [
        first.id,
        opened.id,
        glimpse.edit(filter={}, add_tags="x", callback_url=URL).id,
        glimpse.refresh(callback_url=URL).id,
        glimpse.replay(image_id(RED), callback_url=URL).id,
    ]
    assert sorted(each.id for each in glimpse.deliveries()) == sorted(ids)
    assert {each.url for each in glimpse.deliveries("pending")} == {URL}
    assert glimpse.delivery(first).state == glimpse.replay_delivery(first.id).state == "pending"
    with pytest.raises(NotThere):
        glimpse.delivery("0" * 32)
