"""API keys and scopes: the scope each route needs, and who has access while no key exists."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from api.openapi.routes import OPERATIONS
from common.keys.base import Scope
from common.keys.token import Token, issue
from common.settings import load_settings
from tests.support.inline import Inline, start_inline
from tests.support.routes import Route, Target, all_routes

ROUTES_HERE = all_routes()
# Routes that need a key, except for local requests while no key exists.
GUARDED = [route for route in ROUTES_HERE if OPERATIONS[route.endpoint].scope is not None]
REFUSED = (401, 403)
# A remote caller.
FAR = {"REMOTE_ADDR": "192.0.2.7"}


def key(inline: Inline, *scopes: Scope, tenant: str = "acme", ttl_s: float | None = None) -> str:
    now = time.time()
    token, made = issue(tenant, "test", scopes, now, None if ttl_s is None else now + ttl_s)
    inline.keys.add(made)
    return token.text


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def strict() -> Iterator[Inline]:
    """A Glimpse that caches no key and treats no request as local."""
    settings = {"GLIMPSE_KEY_CACHE_S": "0", "GLIMPSE_OPEN_TO": "nobody"}
    inline = start_inline(load_settings(settings))
    yield inline
    inline.close()


def test_every_route_has_a_decision_and_every_decision_a_route() -> None:
    assert {route.endpoint for route in ROUTES_HERE} == set(OPERATIONS)


def test_a_route_without_a_decision_asks_for_admin(strict: Inline) -> None:
    strict.app.add_url_rule("/v1/forgotten", "forgotten", lambda: "done")
    # The OpenAPI document lacks this route, so use a client that does not validate against it.
    strict.app.test_client_class = FlaskClient
    client = strict.app.test_client()
    for scopes, status in ((("read", "write"), 403), (("admin",), 200)):
        made = key(strict, *scopes)  # type: ignore[arg-type]
        assert client.get("/v1/forgotten", headers=bearer(made)).status_code == status


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_without_a_key_nothing_is_done(strict: Inline, route: Route) -> None:
    key(strict, "read")
    response = route.call(strict.app.test_client(), Target())
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    if route.method != "HEAD":
        assert response.mimetype == "application/problem+json"
        assert response.get_json()["code"] == "unauthorized"


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_a_key_without_the_scope_is_refused(strict: Inline, route: Route) -> None:
    needed = OPERATIONS[route.endpoint].scope
    others: list[Scope] = [scope for scope in ("read", "write", "admin") if scope != needed]
    response = route.call(strict.app.test_client(), Target(), key(strict, *others))
    assert response.status_code == 403
    if route.method != "HEAD":
        assert response.get_json()["code"] == "forbidden"
        assert str(needed) in response.get_json()["detail"]


@pytest.mark.parametrize("route", GUARDED, ids=str)
def test_a_key_with_the_scope_gets_through(strict: Inline, route: Route) -> None:
    needed = OPERATIONS[route.endpoint].scope
    assert needed is not None
    response = route.call(strict.app.test_client(), Target(), key(strict, needed))
    assert response.status_code not in (*REFUSED, 500)
    assert "Authorization" in response.headers["Vary"]


def test_responses_name_the_scopes_of_the_key(strict: Inline) -> None:
    made = bearer(key(strict, "write", "read"))
    client = strict.app.test_client()
    for response in (client.get("/v1/jobs", headers=made), client.get("/v1/models", headers=made)):
        assert response.headers["Glimpse-Scopes"] == "read write"
    for public in (client.get("/healthz", headers=made), client.get("/v1/jobs")):
        assert "Glimpse-Scopes" not in public.headers


@pytest.mark.parametrize("route", [route for route in ROUTES_HERE if route not in GUARDED], ids=str)
def test_what_is_open_stays_open(strict: Inline, route: Route) -> None:
    key(strict, "read")
    strict.keys.is_down = True
    response = route.call(strict.app.test_client(), Target())
    assert response.status_code not in (*REFUSED, 500)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic {key}",
        "{key}",
        "Bearer {key}x",
        "Bearer {key}, Bearer {key}",
        "Bearer glimpse_0000000000000000_" + "x" * 43,
        "Bearer " + "x" * 5000,
    ],
)
def test_what_is_no_key_opens_nothing(strict: Inline, header: str) -> None:
    value = header.replace("{key}", key(strict, "read"))
    response = strict.app.test_client().get("/v1/jobs", headers={"Authorization": value})
    assert response.status_code == 401


@pytest.mark.parametrize("header", ["{key}", "Basic {key}", "Token {key}", ""])
def test_a_key_that_is_sent_in_another_way_is_told_how(strict: Inline, header: str) -> None:
    sent = {"Authorization": header.format(key=key(strict, "read"))}
    response = strict.app.test_client().get("/v1/jobs", headers=sent)
    assert (response.status_code, response.get_json()["code"]) == (401, "unauthorized")
    assert response.get_json()["detail"].startswith("Send a key as Authorization: Bearer KEY;")


def test_the_secret_of_one_key_does_not_open_another(strict: Inline) -> None:
    mine, other = Token.read(key(strict, "read")), Token.read(key(strict, "read"))
    assert mine is not None
    assert other is not None
    mixed = Token(other.key_id, mine.secret).text
    response = strict.app.test_client().get("/v1/jobs", headers=bearer(mixed))
    assert response.status_code == 401


def test_the_scheme_may_be_written_in_any_case(strict: Inline) -> None:
    made = key(strict, "read")
    response = strict.app.test_client().get("/v1/jobs", headers={"Authorization": f"bearer {made}"})
    assert response.status_code == 200


def test_a_wrong_an_expired_and_a_revoked_key_are_told_alike(strict: Inline) -> None:
    client = strict.app.test_client()
    revoked = key(strict, "read")
    token = Token.read(revoked)
    assert token is not None
    assert strict.keys.revoke(token.key_id, time.time())
    unknown = Token.make().text
    details = set()
    for each in (revoked, key(strict, "read", ttl_s=-1.0), unknown):
        response = client.get("/v1/jobs", headers=bearer(each))
        assert response.status_code == 401
        details.add(response.get_json()["detail"])
    assert len(details) == 1


def test_the_service_stays_closed_when_its_last_key_is_revoked(strict: Inline) -> None:
    token = Token.read(key(strict, "read"))
    assert token is not None
    strict.keys.revoke(token.key_id, time.time())
    assert strict.app.test_client().get("/v1/jobs").status_code == 401


def test_where_redis_is_away_nothing_is_open(inline: Inline) -> None:
    client = inline.app.test_client()
    made = key(inline, "read")
    inline.keys.is_down = True
    for headers in ({}, bearer(made)):
        response = client.get("/v1/jobs", headers=headers)
        assert (response.status_code, response.get_json()["code"]) == (503, "broker_unavailable")
        assert "Retry-After" in response.headers


def test_where_redis_is_away_metrics_tell_that_alone_to_everyone(inline: Inline) -> None:
    client = inline.app.test_client()
    made = key(inline, "admin")
    inline.keys.is_down = True
    for headers in ({}, bearer(made)):
        response = client.get("/metrics", headers=headers, environ_overrides=FAR)
        samples = [line for line in response.text.splitlines() if not line.startswith("#")]
        assert (response.status_code, samples) == (200, ["glimpse_up 0.0"])
        assert "Glimpse-Scopes" not in response.headers


def test_no_secret_reaches_an_answer_or_a_log(
    strict: Inline, caplog: pytest.LogCaptureFixture
) -> None:
    made = key(strict, "read")
    token = Token.read(made)
    assert token is not None
    client = strict.app.test_client()
    with caplog.at_level(logging.DEBUG):
        answers = [
            client.get("/v1/jobs", headers=bearer(made)),
            client.post("/v1/images", headers=bearer(made)),
            client.get("/v1/jobs", headers=bearer(made + "x")),
        ]
    assert [answer.status_code for answer in answers] == [200, 403, 401]
    for text in (caplog.text, *(f"{answer.headers} {answer.text}" for answer in answers)):
        assert token.secret not in text


def test_without_keys_this_machine_may_do_everything(client: FlaskClient) -> None:
    assert client.get("/v1/jobs").status_code == 200
    assert client.get("/v1/jobs", headers={"Authorization": "Basic eDp5"}).status_code == 200


def test_a_key_is_wrong_where_there_are_none(client: FlaskClient) -> None:
    assert client.get("/v1/jobs", headers=bearer(Token.make().text)).status_code == 401


@pytest.mark.parametrize(
    ("environ", "headers"),
    [
        (FAR, {}),
        ({"REMOTE_ADDR": ""}, {}),
        ({"REMOTE_ADDR": "::ffff:192.0.2.7"}, {}),
        ({}, {"X-Forwarded-For": "127.0.0.1"}),
        ({}, {"Forwarded": "for=127.0.0.1"}),
        ({}, {"X-Real-IP": "192.0.2.7"}),
        ({}, {"Host": "rebound.example"}),
        ({}, {"Host": "127.0.0.1.example:8000"}),
        ({}, {"Host": "[::1"}),
    ],
)
def test_without_keys_nobody_else_may_do_anything(
    client: FlaskClient, environ: dict[str, str], headers: dict[str, str]
) -> None:
    response = client.get("/v1/jobs", headers=headers, environ_overrides=environ)
    assert (response.status_code, response.get_json()["code"]) == (403, "no_keys")
    assert "glimpse keys create" in response.get_json()["detail"]
    assert client.get("/healthz", environ_overrides=environ).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_no_page_of_another_site_changes_anything(client: FlaskClient, site: str) -> None:
    headers = {"Sec-Fetch-Site": site}
    response = client.post("/v1/images", headers=headers, data={"file": "x"})
    assert response.get_json()["code"] == "no_keys"
    own = client.post("/v1/images", headers={"Sec-Fetch-Site": "same-origin"}, data={"file": "x"})
    assert own.get_json()["code"] == "unsupported_media_type"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_this_machine(client: FlaskClient, address: str) -> None:
    headers = {"Host": "[::1]:8000"}
    environ = {"REMOTE_ADDR": address}
    assert client.get("/v1/jobs", headers=headers, environ_overrides=environ).status_code == 200


def test_open_to_the_network_is_said_by_name() -> None:
    inline = start_inline(load_settings({"GLIMPSE_OPEN_TO": "network"}))
    client = inline.app.test_client()
    assert client.get("/v1/jobs", environ_overrides=FAR).status_code == 200
    inline.close()


def test_open_to_nobody_asks_for_a_key_from_the_start(strict: Inline) -> None:
    assert strict.app.test_client().get("/v1/jobs").get_json()["code"] == "no_keys"


def test_the_first_key_closes_the_service() -> None:
    inline = start_inline(load_settings({"GLIMPSE_KEY_CACHE_S": "0"}))
    client = inline.app.test_client()
    assert client.get("/v1/jobs").status_code == 200
    made = key(inline, "read")
    assert client.get("/v1/jobs").status_code == 401
    assert client.get("/v1/jobs", headers=bearer(made)).status_code == 200
    inline.close()


def test_figures_are_for_this_machine_and_for_admins(inline: Inline) -> None:
    client = inline.app.test_client()
    made = key(inline, "admin")
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", environ_overrides=FAR).status_code == 401
    far = client.get("/metrics", environ_overrides=FAR, headers=bearer(made))
    assert far.status_code == 200
    assert not re.search(r"acme|default", far.text)


def test_one_that_waits_for_a_key_is_answered_before_its_body_is_read(strict: Inline) -> None:
    key(strict, "read")
    response = strict.app.test_client().post(
        "/v1/images", data=b"\0" * 500_000, content_type="image/png"
    )
    assert response.status_code == 401
    assert not list(strict.blobs.stored())
