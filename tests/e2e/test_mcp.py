"""`glimpse mcp` as a program: over stdio, and over HTTP with the keys of two tenants."""

from __future__ import annotations

import base64
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from mcp import StdioServerParameters
from PIL import Image

from common.keys.redis import RedisKeys
from common.keys.token import issue
from common.redis.client import connect
from glimpse_client import Glimpse
from tests.support.mcp_calls import answer, call_all, content_of, refusal, tools
from tests.support.pictures import image_id, picture
from tests.support.plain_http import PLAIN
from tests.support.services import Stack
from tests.support.services.glimpse import GlimpseProcess
from tests.support.services.ports import free_port

RED = image_id(picture("red"))


class McpServer(GlimpseProcess):
    """`glimpse mcp --http`."""

    name = "mcp"
    forked_from = "cli"

    def __init__(self, folder: Path, api_url: str, own_key: str) -> None:
        # Its own key must not be used for others.
        super().__init__(folder, {"GLIMPSE_URL": api_url, "GLIMPSE_API_KEY": own_key})
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/mcp"

    def command(self) -> list[str]:
        own = [sys.executable, "-m", "cli", "mcp", "--http", "--write"]
        return [*own, "--port", str(self.port), "--allow-host", "pictures.example.org"]

    def answers(self) -> bool:
        try:
            return httpx.get(self.url, **PLAIN).status_code == 401
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module", autouse=True)
def _red(shared_stack: Stack, api_key: str) -> None:
    with Glimpse(shared_stack.api.url, api_key) as client:
        client.wait(client.upload(("red.png", picture("red")), tags=["mcp"]))


@pytest.fixture(scope="module")
def other_key(shared_stack: Stack) -> str:
    """A key of another tenant that only reads."""
    token, key = issue("mcp_other", "test", ["read"], time.time())
    with connect(shared_stack.redis.url) as redis:
        RedisKeys(redis).add(key)
    return token.text


@pytest.fixture(scope="module")
def over_http(
    shared_stack: Stack, api_key: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[McpServer]:
    with McpServer(tmp_path_factory.mktemp("mcp"), shared_stack.api.url, api_key) as server:
        yield server


def over_stdio(url: str, key: str, *options: str) -> StdioServerParameters:
    environ = {
        "PYTHONPATH": str(GlimpseProcess.root),
        "GLIMPSE_URL": url,
        "GLIMPSE_API_KEY": key,
    }
    command = ["-m", "cli", "mcp", *options]
    return StdioServerParameters(command=sys.executable, args=command, env=environ)


def test_over_stdio_pictures_are_found_seen_and_tagged(
    shared_stack: Stack, api_key: str, tmp_path: Path
) -> None:
    (tmp_path / "query.png").write_bytes(picture("red"))
    by_text, by_file, seen, tagged, record = call_all(
        over_stdio(shared_stack.api.url, api_key, "--write"),
        ("search_images", {"text": "red", "filter": {"tags": {"any": ["mcp"]}}}),
        ("search_images", {"picture_file": str(tmp_path / "query.png")}),
        ("view_image", {"id": RED}),
        ("tag_images", {"ids": [RED], "add": ["seen"]}),
        ("get_image", {"id": RED}),
    )
    for found in (by_text, by_file):
        assert [hit["id"] for hit in content_of(found)["hits"]] == [RED]
    (content,) = seen.content
    assert content.type == "image"
    with Image.open(io.BytesIO(base64.b64decode(content.data))) as thumbnail:
        assert thumbnail.format == "JPEG"
        thumbnail.load()
    assert content_of(tagged)["modified"] == 1
    assert content_of(record)["tags"] == ["mcp", "seen"]


def test_over_stdio_a_key_that_is_missing_and_a_server_that_is_gone_are_named(
    shared_stack: Stack,
) -> None:
    assert "(unauthorized): Send a key" in refusal(
        over_stdio(shared_stack.api.url, ""), "list_tags"
    )
    gone = f"http://127.0.0.1:{free_port()}"
    assert f"No server answers at {gone}" in refusal(over_stdio(gone, ""), "list_tags")


def test_over_stdio_nothing_is_changed_without_write(shared_stack: Stack, api_key: str) -> None:
    server = over_stdio(shared_stack.api.url, api_key)
    assert "tag_images" in refusal(server, "tag_images", ids=[RED], add=["unwanted"])
    with Glimpse(shared_stack.api.url, api_key) as client:
        assert "unwanted" not in client.image(RED).tags


def test_over_stdio_a_signal_ends_the_command_while_stdin_is_open(shared_stack: Stack) -> None:
    server = over_stdio(shared_stack.api.url, "")
    with subprocess.Popen(
        [server.command, *server.args],
        env={**os.environ, **(server.env or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        process.stdin.flush()
        # Now it waits for the next line.
        assert b'"id":1' in process.stdout.readline()
        process.terminate()
        assert process.wait(60) == -signal.SIGTERM


def test_over_http_each_key_sees_its_tenant(
    over_http: McpServer, api_key: str, other_key: str
) -> None:
    own, other = (over_http.url, api_key), (over_http.url, other_key)
    assert [hit["id"] for hit in answer(own, "search_images", text="red")["hits"]] == [RED]
    assert answer(other, "search_images", text="red")["hits"] == []
    assert answer(own, "list_images")["count"] == 1
    assert answer(other, "list_images") == {"images": [], "count": 0}
    assert "(not_found)" in refusal(other, "view_image", id=RED)


def test_clients_of_earlier_versions_of_the_protocol_are_served(
    shared_stack: Stack, over_http: McpServer, api_key: str
) -> None:
    for server in (over_stdio(shared_stack.api.url, api_key), (over_http.url, api_key)):
        assert "search_images" in tools(server, "legacy")


def test_over_http_a_key_needs_the_scope_of_what_it_does(
    over_http: McpServer, other_key: str
) -> None:
    server = (over_http.url, other_key)
    assert "(forbidden)" in refusal(server, "tag_images", ids=[RED], add=["seen"])


def test_over_http_a_wrong_key_is_refused(over_http: McpServer, api_key: str) -> None:
    server = (over_http.url, f"{api_key[:-1]}-")
    assert "(unauthorized): The key is wrong" in refusal(server, "list_tags")


@pytest.mark.parametrize("authorization", [None, "Basic a2V5", "Bearer", "Bearer k\xe9y"])
def test_over_http_a_key_is_required(over_http: McpServer, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    refused = httpx.post(over_http.url, json={}, headers=headers, **PLAIN)
    assert (refused.status_code, refused.json()["error"]) == (401, "unauthorized")
    assert refused.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "pictures.example.org", "Origin": "https://pictures.example.org"}, 200),
        ({"Host": "localhost:8090"}, 200),
    ],
)
def test_over_http_only_its_own_names_are_answered(
    over_http: McpServer, api_key: str, headers: dict[str, str], status: int
) -> None:
    """So that a page whose host name leads here, by DNS rebinding, gets nothing."""
    sent = {
        "Authorization": f"Bearer {api_key}",
        "Accept": "application/json, text/event-stream",
        **headers,
    }
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert httpx.post(over_http.url, json=asked, headers=sent, **PLAIN).status_code == status


def test_over_http_no_file_of_the_machine_is_read(
    over_http: McpServer, api_key: str, tmp_path: Path
) -> None:
    server = (over_http.url, api_key)
    assert "picture_file" not in tools(server)["search_images"].input_schema["properties"]
    (tmp_path / "query.png").write_bytes(picture("red"))
    refused = refusal(server, "search_images", picture_file=str(tmp_path / "query.png"))
    assert "picture_file" in refused


def test_over_http_a_port_that_is_taken_is_named(over_http: McpServer, tmp_path: Path) -> None:
    second = McpServer(tmp_path, over_http.settings["GLIMPSE_URL"], "")
    second.port = over_http.port
    with pytest.raises(RuntimeError, match="Choose another with --host and --port"):
        second.start()
