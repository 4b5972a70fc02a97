"""`glimpse search` against the whole of Glimpse in one process."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from werkzeug.serving import make_server

from cli.main import run
from cli.search import show_hits
from cli.terminal.table import print_rows
from common.images.photo_info import Location, PhotoInfo
from glimpse_client.answers import Hit, Search
from tests.support.archives import archive_of
from tests.support.inline import Inline
from tests.support.pictures import COLOURS, image_id, picture

RED, BLUE = (image_id(picture(colour)) for colour in ("red", "blue"))


@pytest.fixture(autouse=True)
def _server(inline: Inline, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    client = inline.app.test_client()
    for tag, colours in (("warm", ("red", "yellow")), ("cold", COLOURS)):
        files = [(io.BytesIO(picture(colour)), f"{colour}.png") for colour in colours]
        client.post("/v1/images", data={"file": files, "metadata": json.dumps({"tags": [tag]})})
    server = make_server("127.0.0.1", 0, inline.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("GLIMPSE_URL", f"http://127.0.0.1:{server.server_port}")
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def found(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert run(["search", *arguments]) == 0
    return [line.split("\t")[2] for line in capsys.readouterr().out.splitlines()]


def test_a_text_is_looked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert found(capsys, "something red", "--top-k", "2")[0] == "red.png"


def test_a_picture_is_looked_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "query.jpg"
    file.write_bytes(picture("blue", (300, 200), "JPEG"))
    assert found(capsys, "--image", str(file))[0] == "blue.png"
    both = found(capsys, "red", "--image", str(file), "--top-k", "2")
    assert set(both) == {"red.png", "blue.png"}


def test_what_is_like_one_image_and_unlike_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert found(capsys, "--like", RED)[0] == "red.png"
    assert found(capsys, "--like", f"{RED}:0.2", "--like", BLUE)[0] == "blue.png"
    away = found(capsys, "red", "--unlike", f"{BLUE}:2", "--not", "green:3")
    assert set(away[-2:]) == {"blue.png", "green.png"}


def test_only_images_of_the_tag_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(found(capsys, "blue", "--tag", "warm")) == {"red.png", "yellow.png"}
    # The second upload of two of the pictures added its tag.
    both = found(capsys, "blue", "--tag", "warm", "--tag", "cold")
    assert set(both) == {"red.png", "yellow.png"}
    with pytest.raises(SystemExit, match="1"):
        run(["search", "blue", "--tag", "warm", "--tag", "lukewarm"])
    assert "--tag" in capsys.readouterr().err


def test_hits_may_be_passed_over_and_must_score(capsys: pytest.CaptureFixture[str]) -> None:
    whole = found(capsys, "white")
    assert found(capsys, "white", "--offset", "2", "--top-k", "2") == whole[2:4]
    assert found(capsys, "--like", RED, "--min-score", "0.999") == ["red.png"]


def test_an_offset_beyond_the_hits_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1"):
        run(["search", "red", "--offset", "100"])
    assert "no more than 100 hits" in capsys.readouterr().err


def test_near_duplicates_are_one_hit(capsys: pytest.CaptureFixture[str], inline: Inline) -> None:
    twin = {"file": (io.BytesIO(picture("red", (20, 15))), "twin.png")}
    inline.app.test_client().post("/v1/images", data=twin)
    pair = {"red.png", "twin.png"}
    assert set(found(capsys, "red", "--top-k", "2")) == pair
    assert len(pair & set(found(capsys, "red", "--group-duplicates", "0.99"))) == 1


def test_near_duplicates_are_listed_below_their_hit(
    capsys: pytest.CaptureFixture[str], inline: Inline
) -> None:
    twin = picture("red", (20, 15))
    inline.app.test_client().post("/v1/images", data={"file": (io.BytesIO(twin), "twin.png")})
    assert run(["search", "--like", RED, "-k", "1", "--group-duplicates", "auto"]) == 0
    hit, member = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert {hit[3], member[3]} == {RED, image_id(twin)}
    assert (hit[0], member[0], member[2][:2]) == ("1", "", "  ")


def test_auto_needs_a_threshold(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "red", "--min-score", "auto"]) == 3
    assert "GLIMPSE_NOISE_TEXT" in capsys.readouterr().err


def test_a_sheet_is_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found(capsys, "red", "--sheet", str(tmp_path / "sheet.png"))
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert (sheet.format, sheet.size) == ("PNG", (750, 300))
    found(capsys, "red", "-o", str(tmp_path / "sheet.JPG"))
    with Image.open(tmp_path / "sheet.JPG") as sheet:
        assert (sheet.format, sheet.size) == ("JPEG", (750, 300))


def test_hits_have_their_ids_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "red", "-k", "1"]) == 0
    assert capsys.readouterr().out.split("\t")[2:] == ["red.png", f"{RED}\n"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Nothing to search for"),
        (["--tag", "warm"], "Nothing to search for"),
        (["--like", "abc"], "is not an image ID"),
        (["--like", f"{RED}:x"], "--like': the weight 'x' is not a number from 0 to 100"),
        (["--like", f"{RED}:"], "the weight '' is not"),
        (["--unlike", f"{RED}:-1"], "the weight '-1' is not"),
        (["--not", "snow:900"], "--not': the weight '900' is not a number from 0 to 100"),
        (["red", "--tag", ""], "--tag': '' is not a tag"),
        (["red", "--min-score", "autp"], "'autp' is neither a number from -1 to 1 nor auto"),
        (["red", "--min-score", "nan"], "'nan' is neither"),
        (["red", "--group-duplicates", "autoo"], "neither a number from 0.5 to 1 nor auto"),
        (["--not", " :2"], "text is empty"),
        (["--image", "/nowhere.jpg"], "/nowhere.jpg"),
        (["--image", __file__, "--image", __file__], "--image can be given once"),
        (["red", "--sheet", "sheet.gif"], "must end in .png, .jpg, .jpeg"),
        (["red", "--min-score", "2"], "--min-score"),
        (["red", "--offset", "-1"], "--offset"),
        (["red", "--group-duplicates", "0.1"], "--group-duplicates"),
    ],
)
def test_what_cannot_be_asked_is_told(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(["search", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "code"), [(b"no picture", "not_an_image"), (picture()[:60], "truncated")]
)
def test_a_file_that_is_no_picture_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, data: bytes, code: str
) -> None:
    file = tmp_path / "query.png"
    file.write_bytes(data)
    assert run(["search", "--image", str(file)]) == 3
    assert code in capsys.readouterr().err


def test_terms_that_cancel_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["search", "--like", RED, "--unlike", f"{RED}:1"]) == 3
    assert "cancel" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["{}"], ["dog", "--not", "{}:2"], ["dog", "--tag", "{}"]])
def test_what_is_no_utf_8_is_refused_in_a_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    # Python passes undecodable bytes of an argument on as surrogates.
    latin = b"caf\xe9".decode(errors="surrogateescape")
    assert run(["search", *(argument.format(latin) for argument in arguments)]) == 2
    assert "caf\\xe9" in capsys.readouterr().err


def test_a_dry_run_lists_what_would_be_sent(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, inline: Inline
) -> None:
    for name in ("a.jpg", "b.png", "c.txt", "old/d.jpg"):
        (tmp_path / "trip" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "trip" / name).write_bytes(picture("white"))
    arguments = ["ingest", str(tmp_path / "trip"), "--exclude", "old", "--dry-run", "--verbose"]
    assert run(arguments) == 0
    captured = capsys.readouterr()
    assert captured.out == "trip/a.jpg\ntrip/b.png\n"
    assert captured.err == "Skipped old\nSkipped c.txt\nSkipped 1 .txt, 1 excluded.\n"
    assert len(found(capsys, "white", "--top-k", "50")) == len(COLOURS)


def test_a_quiet_upload_says_only_what_failed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "whole.png").write_bytes(picture("red"))
    assert run(["ingest", "-q", str(tmp_path / "whole.png")]) == 0
    assert capsys.readouterr() == ("", "")
    (tmp_path / "broken.png").write_bytes(picture("red")[:60])
    with pytest.raises(SystemExit, match="1"):
        run(["ingest", "-q", str(tmp_path)])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "broken.png: truncated: " in captured.err


def test_what_cannot_be_seen_is_escaped_in_messages(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    odd = tmp_path / "a\n\x1b[31mb.jpg"
    odd.write_bytes(b"no picture")
    with pytest.raises(SystemExit):
        run(["ingest", str(odd)])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 2
    empty = tmp_path / "none\x1b[2J"
    empty.mkdir()
    assert run(["ingest", str(empty)]) != 0
    assert "none\\x1b[2J" in capsys.readouterr().err
    assert run(["ingest", f"{tmp_path}/\x1b[31mabsent"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_only_pictures_that_meet_all_conditions_are_found(
    capsys: pytest.CaptureFixture[str], inline: Inline
) -> None:
    taken_in(inline, RED, "2024-05-01T12:00:00", 48.137, 11.575)
    taken_in(inline, BLUE, "2024-06-01T12:00:00", -33.857, 151.215)
    assert found(capsys, "red", "--camera", "CANON", "--near", "-33.86,151.21,5") == ["blue.png"]
    assert found(capsys, "blue", "--taken-before", "2024-06-01") == ["red.png"]
    assert found(capsys, "red", "--taken-after", "2024-06-01T12:00:00Z") == ["blue.png"]
    assert found(capsys, "red", "--taken-after", "2024-05-01T14:00+02:00", "--tag", "warm") == [
        "red.png"
    ]
    with pytest.raises(SystemExit, match="1"):
        run(["search", "blue", "--camera", "Nikon"])
    assert "--near" in capsys.readouterr().err


def taken_in(inline: Inline, image: str, taken_at: str, latitude: float, longitude: float) -> None:
    """Add photo info to an indexed image."""
    row = inline.store.rows("default", [image])[image]
    place = Location(latitude=latitude, longitude=longitude)
    photo = PhotoInfo(taken_at=taken_at, camera="Canon EOS 5D", location=place)
    inline.store.upsert([replace(row, record=row.record.model_copy(update={"photo": photo}))])


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--taken-after", "yesterday", "such as 2026-01-31"),
        ("--near", "48.14,11.58", "LATITUDE,LONGITUDE,KM"),
        ("--near", "91,11.58,5", "a latitude from -90 to 90"),
        ("--near", "48.14,nan,5", "a longitude from -180 to 180"),
        ("--near", "48.14,11.58,0", "more than 0 km"),
    ],
)
def test_a_condition_that_cannot_be_read_is_refused(
    capsys: pytest.CaptureFixture[str], option: str, value: str, message: str
) -> None:
    assert run(["search", "red", option, value]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_what_an_archive_skipped_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "album.txz"
    files = [("1.txt", b"1"), ("2.TXT", b"2"), ("@eaDir/a.png", b"3"), ("a.png", picture("#123"))]
    file.write_bytes(archive_of(files, "xz"))
    assert run(["ingest", "--json", str(file)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["indexed"], told["skipped"]) == (1, {".txt": 2, "@eaDir/": 1})
    assert run(["status", *told["jobs"]]) == 0
    assert "Skipped 2 .txt, 1 @eaDir/." in capsys.readouterr().out
    assert run(["ingest", str(file)]) == 0
    assert "Skipped 2 .txt, 1 @eaDir/." in capsys.readouterr().out


def test_names_from_a_server_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    hit = Hit(id="0" * 64, score=0.5, filename="a\x1b[31m.jpg", rank=1)
    show_hits(Search(id="1", state="succeeded", hits=(hit,)))
    print_rows([["a\x1b[31m"]], ["name"])
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.count("\\x1b[31m") == 2


def test_a_terminal_says_of_how_many_pictures_these_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "120")
    said = f"These are 2 of {len(COLOURS)}; see more with --top-k.\n"
    for options, expected in (
        (["-k", "2"], said),
        (["-k", "1", "--tag", "warm"], "These are 1 of 2; see more with --top-k.\n"),
        (["-k", "2", "--tag", "warm"], ""),
        (["-k", "2", "--min-score", "-1"], ""),
    ):
        assert run(["search", "red", *options]) == 0
        assert capsys.readouterr().err == expected
    monkeypatch.delenv("TTY_COMPATIBLE")
    assert run(["search", "red", "-k", "2"]) == 0
    assert capsys.readouterr().err == ""
