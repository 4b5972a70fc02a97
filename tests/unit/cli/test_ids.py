"""Beginnings of IDs as arguments, and `glimpse show`, `open` and `stats`."""

from __future__ import annotations

import io
import json
from collections import Counter

import pytest

from cli.main import run
from glimpse_client import Glimpse
from tests.support.inline import Inline
from tests.support.pictures import image_id, picture

pytestmark = pytest.mark.usefixtures("server")

RED = image_id(picture("red"))


@pytest.fixture
def ids(inline: Inline) -> list[str]:
    """Upload the red picture and 16 others, so that two IDs begin with the same digit."""
    client = inline.app.test_client()
    made = [picture("red"), *(picture(f"#00{number:02x}00") for number in range(16))]
    for data in made:
        files = {"file": (io.BytesIO(data), "sea/a.png"), "metadata": '{"tags": ["warm"]}'}
        client.post("/v1/images", data=files)
    return [image_id(data) for data in made]


def common_digit(ids: list[str]) -> str:
    (digit, _), *_ = Counter(each[0] for each in ids).most_common()
    return digit


def jobs() -> list[str]:
    with Glimpse.from_environ() as client:
        return [job.id for job in client.jobs()]


def test_the_beginning_of_an_id_will_do(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    short = RED[:8]
    assert run(["edit", short, "--set", "album=x", "--json"]) == 0
    assert run(["tag", short, "+dog", "--json"]) == 0
    assert run(["refresh", short, "--json"]) == 0
    capsys.readouterr()
    assert run(["search", "--like", f"{short}:0.5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hits"][0]["id"] == RED
    assert run(["delete", short]) == 0
    assert capsys.readouterr().out == f"deleted {RED}\n"
    job = jobs()[0]
    assert run(["status", job[:8], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == job
    assert run(["cancel", job[:8]]) == 0


def test_an_ambiguous_beginning_names_the_candidates(
    ids: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cli.arguments.image_id._DIGITS_MIN", 1)
    for digit, command, found in (
        (common_digit(ids), "delete", ids),
        (common_digit(jobs()), "cancel", jobs()),
    ):
        assert run([command, digit]) == 1
        captured = capsys.readouterr()
        assert f"begin with {digit}:" in captured.err
        named = [line.split()[0] for line in captured.err.splitlines()[1:]]
        assert len(named) > 1
        assert set(named) <= {each for each in found if each[0] == digit} | {"…"}
        assert captured.out == ""


@pytest.mark.parametrize("command", ["delete", "edit --set a=b", "show", "status", "cancel"])
def test_an_unknown_beginning_is_an_error(
    command: str, ids: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = "0123456"
    assert not any(each.startswith(unknown) for each in ids)
    assert run([*command.split(), unknown]) == 1
    assert f"begins with {unknown}" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "cancel", "webhooks show", "webhooks replay"])
@pytest.mark.parametrize("malformed", ["abc", "red.png", "a/b", "4" * 33])
def test_what_is_no_id_of_a_job_is_refused(
    command: str, malformed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command.split(), malformed]) == 2
    assert f"'{malformed}' is not a job ID (32 hexadecimal digits" in capsys.readouterr().err


def test_an_id_longer_than_that_of_a_job_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "4" * 33]) == 1
    assert "There is no job whose ID begins with 444" in capsys.readouterr().err


def test_an_image_is_shown(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", RED[:8]]) == 0
    facts = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert (facts["id"], facts["file"], facts["tags"]) == (RED, "sea/a.png", "warm")
    assert "camera" not in facts
    assert run(["show", RED, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == RED


def test_a_job_is_shown(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    job = jobs()[0]
    for given in (job, job[:12]):
        assert run(["show", given]) == 0
        assert "succeeded: 1 of 1 done" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "query"),
    [
        ([], ""),
        ([RED[:8]], f"?image={RED}"),
        (["a white dog"], "?q=a+white+dog"),
        (["cafe"], "?q=cafe"),
    ],
)
def test_an_address_is_printed_in_a_pipe(
    given: list[str], query: str, ids: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["open", *given]) == 0
    assert capsys.readouterr().out == f"http://127.0.0.1/{query}\n"


def test_a_terminal_opens_the_browser(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    assert run(["open", "snow"]) == 0
    assert opened == ["http://127.0.0.1/?q=snow"]
    assert capsys.readouterr().out == ""


def test_everything_is_counted(ids: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stats"]) == 0
    counts = dict(line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert counts == {"images": "17", "tags": "1", "unfinished jobs": "0", "dead letters": "0"}
    assert run(["stats", "--json"]) == 0
    counted = {"images": 17, "tags": 1, "unfinished_jobs": 0, "dead_letters": 0}
    assert json.loads(capsys.readouterr().out) == counted
