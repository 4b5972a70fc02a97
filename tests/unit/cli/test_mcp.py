"""`glimpse mcp`: its tools, called by the SDK's client, against all of Glimpse in one process."""

from __future__ import annotations

import base64
import io
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp.server.mcpserver import MCPServer
from PIL import Image
from werkzeug.serving import make_server

from cli.main import run
from cli.mcp.server import new_server
from cli.service.relay import Relay
from glimpse_client import Glimpse, NotAllowed
from tests.support.inline import Inline
from tests.support.mcp_calls import answer, call, refusal, tools
from tests.support.pictures import image_id, picture

RED, BLUE = (image_id(picture(colour)) for colour in ("red", "blue"))


@pytest.fixture
def client(inline: Inline) -> Glimpse:
    client = Glimpse("http://127.0.0.1", transport=httpx.WSGITransport(inline.app))
    client.upload(("red.png", picture("red")), tags=["warm"])
    client.upload(("blue.png", picture("blue")), tags=["cold", "sea"])
    return client


@pytest.fixture
def server(client: Glimpse) -> MCPServer:
    return new_server(lambda _: client, reads_files=True, writes=True)


@pytest.fixture
def url(inline: Inline, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an API without keys, on a socket."""
    served = make_server("127.0.0.1", 0, inline.app, threaded=True)
    thread = threading.Thread(target=served.serve_forever, args=(0.01,))
    thread.start()
    url = f"http://127.0.0.1:{served.server_port}"
    monkeypatch.setenv("GLIMPSE_URL", url)
    yield url
    served.shutdown()
    thread.join()
    served.server_close()


def names(found: dict[str, Any], of: str = "hits") -> list[str]:
    return [image["filename"] for image in found[of]]


def test_words_find_images(server: MCPServer) -> None:
    found = answer(server, "search_images", text="something red")
    assert names(found) == ["red.png", "blue.png"]
    assert found["noise_threshold"] is None
    assert found["hits"][0]["id"] == RED
    assert found["hits"][0]["score"] > found["hits"][1]["score"]


def test_pictures_and_images_find_images(server: MCPServer, tmp_path: Path) -> None:
    (tmp_path / "query.png").write_bytes(picture("blue"))
    encoded = base64.b64encode(picture("blue")).decode()
    for terms in (
        {"picture": encoded},
        {"picture": f"data:image/png;base64,{encoded}"},
        {"picture_file": str(tmp_path / "query.png")},
        {"image_ids": [BLUE]},
    ):
        assert names(answer(server, "search_images", limit=1, **terms)) == ["blue.png"]


def test_a_file_may_be_in_the_home_folder(
    server: MCPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "query.png").write_bytes(picture("blue"))
    assert names(answer(server, "search_images", limit=1, picture_file="~/query.png")) == [
        "blue.png"
    ]
    assert "~nobody/x.png: No such file" in refusal(
        server, "search_images", picture_file="~nobody/x.png"
    )


def test_words_and_a_picture_are_combined(server: MCPServer) -> None:
    encoded = base64.b64encode(picture("blue")).decode()
    found = answer(server, "search_images", text="red", picture=encoded)
    # Each image is as like one term as it is unlike the other.
    assert found["hits"][0]["score"] == pytest.approx(found["hits"][1]["score"], abs=0.01)


def test_filters_and_scores_limit_a_search(server: MCPServer) -> None:
    filtered = {"filter": {"tags": {"any": ["cold"]}}}
    assert names(answer(server, "search_images", text="red", **filtered)) == ["blue.png"]
    assert names(answer(server, "search_images", text="red", min_score=0.5)) == ["red.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": "a", "filter": {"width": {"gte": "x"}}}, "(unprocessable): filter.width.gte:"),
        ({"text": "a", "min_score": "auto"}, "(no_threshold)"),
        ({}, "Give something to search for"),
        ({"picture": "no base64!"}, "picture is not base64"),
        ({"picture": "AAAA"}, "(not_an_image)"),
        ({"picture": "AAAA", "picture_file": "dog.jpg"}, "Give either picture or picture_file."),
        ({"picture_file": "/nowhere/dog.jpg"}, "/nowhere/dog.jpg: No such file"),
        ({"image_ids": ["9f86"]}, "String should match pattern"),
        ({"text": "a", "limit": 51}, "less than or equal to 50"),
        ({"text": "a", "tag": "warm"}, "Extra inputs are not permitted"),
    ],
)
def test_a_search_that_cannot_be_run_says_why(
    server: MCPServer, arguments: dict[str, Any], message: str
) -> None:
    assert message in refusal(server, "search_images", **arguments)


def test_an_image_is_seen_and_described(server: MCPServer) -> None:
    (content,) = call(server, "view_image", id=RED, size=16).content
    assert content.type == "image"
    assert content.mime_type == "image/jpeg"
    with Image.open(io.BytesIO(base64.b64decode(content.data))) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (16, 12))
    record = answer(server, "get_image", id=RED)
    assert (record["filename"], record["tags"], record["width"]) == ("red.png", ["warm"], 40)
    for tool in ("view_image", "get_image"):
        assert "(not_found)" in refusal(server, tool, id="0" * 64)


def test_images_and_tags_are_listed_and_counted(server: MCPServer) -> None:
    listed = answer(server, "list_images", sort="filename", limit=1)
    assert (names(listed, "images"), listed["count"]) == (["blue.png"], 2)
    warm = answer(server, "list_images", filter={"tags": {"any": ["warm"]}})
    assert (names(warm, "images"), warm["count"]) == (["red.png"], 1)
    assert "filter.colour" in refusal(server, "list_images", filter={"colour": "red"})
    assert answer(server, "list_tags", prefix="S") == {
        "tags": [{"tag": "sea", "count": 1}],
        "more_than": False,
    }


def test_tags_are_changed(server: MCPServer, client: Glimpse) -> None:
    tagged = answer(server, "tag_images", ids=[RED, BLUE], add=["sea"], remove=["warm"])
    assert tagged == {"state": "succeeded", "modified": 1, "unchanged": 1, "failed": []}
    assert client.image(RED).tags == ("sea",)
    partly = answer(server, "tag_images", ids=[RED, "0" * 64], add=["new"])
    assert (partly["state"], partly["modified"]) == ("partial", 1)
    assert [failed["code"] for failed in partly["failed"]] == ["not_found"]
    assert "at least one tag" in refusal(server, "tag_images", ids=[RED])


def test_nothing_is_changed_unless_that_is_asked_for(client: Glimpse, server: MCPServer) -> None:
    reading = new_server(lambda _: client, reads_files=True, writes=False)
    assert "tag_images" in refusal(reading, "tag_images", ids=[RED], add=["sea"])
    assert client.image(RED).tags == ("warm",)
    hints = {name: tool.annotations for name, tool in tools(server).items()}
    changing = {name for name, hint in hints.items() if hint and not hint.read_only_hint}
    assert changing == {"tag_images"} == tools(server).keys() - tools(reading).keys()


def test_every_argument_and_tool_is_described(server: MCPServer) -> None:
    # Their names say it all.
    described = {"add", "remove"}
    for tool in tools(server).values():
        assert tool.description
        assert "\n    " not in tool.description
        for name, argument in tool.input_schema["properties"].items():
            assert name in described or argument.get("description"), (tool.name, name)


def test_a_service_that_does_not_answer_is_named() -> None:
    gone = Glimpse("http://127.0.0.1:9")
    server = new_server(lambda _: gone, reads_files=True, writes=False)
    assert "No server answers at http://127.0.0.1:9" in refusal(server, "list_tags")


def test_over_http_the_service_must_have_keys(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mcp", "--http"]) == 1
    error = capsys.readouterr().err
    assert url in error
    assert "glimpse keys create" in error


def test_what_is_passed_on_over_http_is_never_local(url: str) -> None:
    with Glimpse(url) as direct:
        assert list(direct.images()) == []
    with pytest.raises(NotAllowed, match="no_keys"):
        list(Glimpse(url, transport=Relay("glimpse-mcp")).images())


def test_over_http_the_service_must_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GLIMPSE_URL", "http://127.0.0.1:9")
    assert run(["mcp", "--http"]) == 3
    assert "No server answers" in capsys.readouterr().err


def test_addresses_are_of_http(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["mcp", "--port", "8090"]) == 2
    assert "need --http" in capsys.readouterr().err


def test_without_the_sdk_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith(("cli.mcp.", "mcp."))]:
        if name != "cli.mcp.command":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp", None)
    assert run(["mcp"]) == 1
    assert "pip install 'glimpse[mcp]'" in capsys.readouterr().err
