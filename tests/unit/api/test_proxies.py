"""The API behind proxies: whose headers it believes, and the path at which it is published."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Response, request
from flask.testing import FlaskClient

from api.openapi.routes import OPERATIONS
from api.pages.assets import load_docs, load_page
from common.errors import InvalidSettings
from common.settings import load_settings
from tests.support.inline import Inline, start_inline

Start = Callable[..., Inline]
FORGED = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Prefix": "/forged"}


@pytest.fixture
def start() -> Iterator[Start]:
    """Start an API with settings."""
    started: list[Inline] = []

    def begin(**settings: str) -> Inline:
        given = {f"GLIMPSE_{name.upper()}": value for name, value in settings.items()}
        started.append(start_inline(load_settings(given)))
        return started[-1]

    yield begin
    for inline in started:
        inline.close()


def seen(inline: Inline, headers: dict[str, str]) -> tuple[str | None, str, str]:
    """Return the address, scheme and host that the API sees."""
    inline.app.add_url_rule("/seen", "seen", lambda: f"{request.remote_addr} {request.host_url}")
    client = FlaskClient(inline.app, Response)
    address, url = client.get("/seen", headers=headers).text.split()
    scheme, _, host = url.partition("://")
    return address, scheme, host.rstrip("/")


def test_by_default_no_proxy_is_believed(start: Start) -> None:
    headers = {**FORGED, "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    assert seen(start(open_to="network"), headers) == ("127.0.0.1", "http", "localhost")
    client = start().app.test_client()
    response = client.post("/v1/searches", json={"text": "a dog"}, headers={"Host": "x"} | headers)
    assert response.status_code == 403
    assert "forged" not in client.get("/", headers=headers).text


def test_the_api_tells_an_admin_how_a_request_reached_it(start: Start) -> None:
    client = start(proxy_hops="1", open_to="network").app.test_client()
    direct = client.get("/v1/connection").json
    assert direct == {"address": "127.0.0.1", "forwarded": 0, "proxy_hops": 1}
    headers = {"X-Forwarded-For": "203.0.113.5, 198.51.100.9"}
    relayed = client.get("/v1/connection", headers=headers).json
    assert relayed == {"address": "198.51.100.9", "forwarded": 2, "proxy_hops": 1}


@pytest.mark.parametrize(("hops", "address"), [("1", "198.51.100.9"), ("2", "203.0.113.5")])
def test_as_many_proxies_are_believed_as_there_are(start: Start, hops: str, address: str) -> None:
    headers = {
        "X-Forwarded-For": "192.0.2.1, 203.0.113.5, 198.51.100.9",
        "X-Forwarded-Proto": "https, https",
        "X-Forwarded-Host": "photos.example, photos.example",
    }
    assert seen(start(proxy_hops=hops, open_to="network"), headers) == (
        address,
        "https",
        "photos.example",
    )


@pytest.mark.parametrize("header", ["For", "Host", "Proto", "Prefix"])
def test_a_request_through_a_proxy_is_never_local(start: Start, header: str) -> None:
    forwarded = {"For": "127.0.0.1", "Host": "localhost", "Proto": "http", "Prefix": "/x"}
    headers = {f"X-Forwarded-{header}": forwarded[header]}
    response = start(proxy_hops="1").app.test_client().get("/v1/jobs", headers=headers)
    assert (response.status_code, response.get_json()["code"]) == (403, "no_keys")


# How a proxy may pass on GET /photos/v1/…: with its path, without it, or without it in a header.
WAYS: dict[str, tuple[dict[str, str], str, dict[str, str]]] = {
    "kept": ({"path_prefix": "/photos"}, "/photos", {}),
    "removed": ({"path_prefix": "/photos"}, "", {}),
    "told": ({"proxy_hops": "1"}, "", {"X-Forwarded-Prefix": "/photos"}),
    "forged": ({"path_prefix": "/photos", "proxy_hops": "1"}, "", {"X-Forwarded-Prefix": "/x"}),
}


@pytest.fixture(params=WAYS)
def get(start: Start, request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Send a request to an API that is published at /photos."""
    settings, before, headers = WAYS[request.param]
    client = start(open_to="network", **settings).app.test_client()

    def send(path: str, method: str = "GET", **content: Any) -> Any:
        return client.open(before + path, method=method, headers=headers, **content)

    return send


def test_links_and_locations_begin_with_the_path(get: Callable[..., Any]) -> None:
    response = get("/v1/searches", "POST", json={"text": "a dog"})
    assert response.headers["Location"].startswith("/photos/v1/searches/")
    assert response.get_json()["links"]["self"] == response.headers["Location"]
    assert get(response.headers["Location"].removeprefix("/photos")).status_code == 200


@pytest.mark.parametrize("page", ["/", "/docs"])
def test_a_page_names_its_files_below_the_path(get: Callable[..., Any], page: str) -> None:
    html = get(page).text
    places = re.findall(r'(?:href|src)="(/[^"]+)"', html)
    assert len(places) >= 4
    for place in places:
        assert place.startswith("/photos/"), place
        assert get(place.removeprefix("/photos")).status_code == 200, place
    assert "{" not in re.sub(r"<(script|style).*?</\1>", "", html)


def test_the_document_names_the_path_as_its_server(get: Callable[..., Any]) -> None:
    document = get("/openapi.json").get_json()
    assert document["servers"] == [{"url": "/photos"}]
    assert set(document) == {"openapi", "info", "tags", "paths", "components", "servers"}


def test_health_is_answered_with_and_without_the_path(start: Start) -> None:
    client = start(path_prefix="/photos").app.test_client()
    for path in ("/healthz", "/photos/healthz", "/photos", "/photos/"):
        assert client.get(path).status_code == 200, path
    assert client.get("/photosynthesis").status_code == 404
    assert client.get("/photos/nothing").get_json()["code"] == "not_found"


def test_without_a_path_the_document_names_no_server(client: FlaskClient) -> None:
    assert "servers" not in client.get("/openapi.json").get_json()


def test_a_page_is_another_one_below_another_path(start: Start) -> None:
    client = start(proxy_hops="1").app.test_client()
    first = client.get("/", headers={"X-Forwarded-Prefix": "/a"})
    known = {"X-Forwarded-Prefix": "/b", "If-None-Match": first.headers["ETag"]}
    assert client.get("/", headers=known).status_code == 200


def test_a_path_in_a_header_makes_no_markup_and_no_other_host(start: Start) -> None:
    client = start(proxy_hops="1").app.test_client()
    html = client.get("/", headers={"X-Forwarded-Prefix": '//evil.example/"><script>'}).text
    assert "<script>" not in html
    assert '"//' not in html


@pytest.mark.parametrize("path", ["/v1", "/docs/photos", "/healthz", "/assets"])
def test_a_path_of_the_api_itself_is_refused(path: str) -> None:
    with pytest.raises(InvalidSettings, match="choose another path"):
        start_inline(load_settings({"GLIMPSE_PATH_PREFIX": path}))


def test_no_file_of_a_page_names_a_path_without_the_root() -> None:
    first = {"v1", "openapi.json", "docs", "assets"}
    for page in (load_page(), load_docs()):
        for name, data in page.assets.items():
            if name.startswith("swagger"):
                continue
            for path in re.findall(r"""['"`]/([a-z0-9.]+)""", data.decode()):
                assert path not in first, f"{name}: /{path}"


ORIGIN = "https://photos.example"


@pytest.fixture
def shared(start: Start) -> Inline:
    """An API that the pages of one origin may call."""
    return start(cors_origins=f"{ORIGIN}, https://other.example", open_to="nobody")


def preflight(origin: str, method: str = "POST") -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
    }


def cors(response: Any) -> dict[str, str]:
    return {
        name.removeprefix("Access-Control-"): value
        for name, value in response.headers.items()
        if name.startswith("Access-Control-")
    }


def test_by_default_no_origin_is_answered(client: FlaskClient) -> None:
    assert cors(client.options("/v1/images", headers=preflight(ORIGIN))) == {}
    response = client.get("/v1/jobs", headers={"Origin": ORIGIN})
    assert cors(response) == {}
    assert "Origin" not in response.headers["Vary"]


def test_a_preflight_needs_no_key_and_allows_what_routes_read(shared: Inline) -> None:
    response = shared.app.test_client().options("/v1/images", headers=preflight(ORIGIN))
    assert (response.status_code, response.data) == (204, b"")
    allowed = cors(response)
    assert allowed["Allow-Origin"] == ORIGIN
    assert {"GET", "POST", "PUT", "DELETE"} <= set(allowed["Allow-Methods"].split(", "))
    headers = set(allowed["Allow-Headers"].split(", "))
    assert {"Authorization", "Content-Type", "X-Request-ID"} <= headers
    assert all(set(operation.headers) <= headers for operation in OPERATIONS.values())
    assert "Allow-Credentials" not in allowed


def test_a_page_may_read_the_headers_that_a_client_needs(shared: Inline) -> None:
    client = shared.app.test_client()
    # A refusal can be read too.
    for path, status in (("/v1/jobs", 403), ("/healthz", 200)):
        response = client.get(path, headers={"Origin": ORIGIN})
        assert response.status_code == status
        answered = cors(response)
        assert set(answered) == {"Allow-Origin", "Expose-Headers"}
        exposed = set(answered["Expose-Headers"].split(", "))
        assert {"Location", "Retry-After", "ETag", "X-Request-ID"} <= exposed
        assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://photos.example", f"{ORIGIN}.evil.example"]
)
def test_other_origins_are_not_answered(shared: Inline, origin: str) -> None:
    client = shared.app.test_client()
    response = client.options("/v1/images", headers=preflight(origin))
    assert cors(response) == {}
    assert "Origin" in response.headers["Vary"]
    assert cors(client.get("/healthz", headers={"Origin": origin})) == {}


def test_pages_and_other_options_are_as_before(shared: Inline) -> None:
    client = shared.app.test_client()
    assert cors(client.get("/", headers={"Origin": ORIGIN})) == {}
    plain = client.options("/v1/images", headers={"Origin": ORIGIN})
    assert plain.status_code == 403
