"""Which files are uploaded, and under which names."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.bulk.archives import divide
from cli.bulk.pictures import Choice, Unreadable, find_pictures
from tests.support.archives import archive_of, zip_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name in ("b/2.PNG", "a/1.jpg", "notes.txt", ".hidden.jpg", ".git/3.jpg", "4.webp"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"12345")
    return folder


def names(*paths: Path) -> list[str]:
    return [picture.name for picture in find_pictures(paths, [])]


def test_a_folder_gives_what_looks_like_a_picture_and_is_not_hidden(folder: Path) -> None:
    assert names(folder) == ["photos/4.webp", "photos/a/1.jpg", "photos/b/2.PNG"]


def test_what_is_left_out_is_counted(folder: Path) -> None:
    for name in ("b/film.MOV", "b/film 2.mov", "README", "@eaDir/1.jpg", "b/#recycle/2.jpg"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    paths: list[str] = []
    choice = Choice(on_skipped=paths.append)
    found = [picture.name for picture in find_pictures([folder], [], choice)]
    assert found == ["photos/4.webp", "photos/a/1.jpg", "photos/b/2.PNG"]
    assert choice.skipped == {".mov": 2, ".txt": 1, "README": 1, "@eaDir/": 1, "#recycle/": 1}
    left_out = {"b/film.MOV", "b/film 2.mov", "README", "@eaDir", "b/#recycle", "notes.txt"}
    assert set(paths) == left_out


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("*.webp", ["photos/a/1.jpg", "photos/b/2.PNG"]),
        ("b", ["photos/4.webp", "photos/a/1.jpg"]),
        ("a/*", ["photos/4.webp", "photos/b/2.PNG"]),
        ("photos", ["photos/4.webp", "photos/a/1.jpg", "photos/b/2.PNG"]),
    ],
)
def test_what_is_excluded_is_left_out_and_counted(
    folder: Path, pattern: str, left: list[str]
) -> None:
    choice = Choice([pattern])
    assert [picture.name for picture in find_pictures([folder], [], choice)] == left
    assert choice.skipped["excluded"] == 3 - len(left)


def test_a_file_that_is_excluded_is_sent_when_it_is_named(folder: Path) -> None:
    found = find_pictures([folder, folder / "a" / "1.jpg"], [], Choice(["a"]))
    assert [picture.name for picture in found][2:] == ["1.jpg"]


def test_links_to_folders_are_followed_once(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "5.jpg").touch()
    (folder / "z").symlink_to(tmp_path / "elsewhere")
    (folder / "zz").symlink_to(tmp_path / "elsewhere")
    (folder / "a" / "loop").symlink_to(folder)
    assert names(folder) == ["photos/4.webp", "photos/a/1.jpg", "photos/b/2.PNG", "photos/z/5.jpg"]


def test_a_file_that_is_named_is_sent_whatever_it_looks_like(folder: Path) -> None:
    assert names(folder / "notes.txt", folder / ".hidden.jpg") == ["notes.txt", ".hidden.jpg"]


def test_a_file_that_is_given_twice_is_sent_once(folder: Path) -> None:
    assert names(folder / "a" / "1.jpg", folder / "a", folder / "a") == ["1.jpg"]
    assert names(folder / "a", folder / "a" / "1.jpg", folder) == [
        "a/1.jpg",
        "photos/4.webp",
        "photos/b/2.PNG",
    ]


def test_a_file_that_a_folder_left_out_is_sent_when_it_is_named(folder: Path) -> None:
    found = names(folder, folder / "notes.txt", folder / ".hidden.jpg", folder / ".git" / "3.jpg")
    assert found[3:] == ["notes.txt", ".hidden.jpg", "3.jpg"]


def test_a_folder_is_read_when_its_turn_comes(folder: Path) -> None:
    found = find_pictures([folder], [])
    assert next(found).name == "photos/4.webp"
    (folder / "b" / "2.PNG").unlink()
    assert [picture.name for picture in found] == ["photos/a/1.jpg"]


def test_a_folder_that_cannot_be_read_does_not_stop_the_others(folder: Path) -> None:
    unreadable: list[Unreadable] = []
    found = find_pictures([folder, folder / "a" / ".."], unreadable)
    assert next(found).name == "photos/4.webp"
    (folder / "a" / "1.jpg").unlink()
    (folder / "a").rmdir()
    assert [picture.name for picture in found] == ["photos/b/2.PNG"]
    assert unreadable[0] == Unreadable("photos/a", "No such file or directory")


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.zip", "application/zip"),
        ("A.TAR", "application/x-tar"),
        ("a.tar.gz", "application/gzip"),
        ("a.tgz", "application/gzip"),
        ("a.tar.xz", "application/x-xz"),
        ("a.TXZ", "application/x-xz"),
        ("a.tbz2", "application/x-bzip2"),
        ("a.tzst", "application/zstd"),
        ("a.rar", "application/vnd.rar"),
    ],
)
def test_archives_are_told_by_their_names(tmp_path: Path, name: str, media_type: str) -> None:
    (tmp_path / name).touch()
    archives, others = divide([tmp_path / name, tmp_path / "b.jpg", tmp_path / name])
    assert [(archive.name, archive.media_type) for archive in archives] == [(name, media_type)]
    assert others == [tmp_path / "b.jpg"]


@pytest.mark.parametrize(
    ("name", "data", "media_type"),
    [
        ("album", archive_of([("a.png", b"1")], "xz"), "application/x-xz"),
        ("album.cbz", zip_of([("a.png", b"1")]), "application/zip"),
        ("setup.exe", b"MZ" + bytes(99_999) + zip_of([("a.png", b"1")]), "application/zip"),
        # Refused by the server, by name.
        ("album", b"Rar!\x1a\x07\x00", "application/zip"),
        ("notes.txt", b"text", None),
        ("empty", b"", None),
        ("a.jpg", zip_of([("a.png", b"1")]), None),
    ],
)
def test_archives_with_other_suffixes_are_told_by_their_content(
    tmp_path: Path, name: str, data: bytes, media_type: str | None
) -> None:
    (tmp_path / name).write_bytes(data)
    archives, _ = divide([tmp_path / name])
    assert [archive.media_type for archive in archives] == ([media_type] if media_type else [])


def test_a_folder_is_no_archive_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "b.zip").mkdir()
    assert divide([tmp_path / "b.zip"]) == ([], [tmp_path / "b.zip"])


def test_the_current_folder_keeps_its_own_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "a")
    assert names(Path()) == ["a/1.jpg"]
    assert names(Path("../b")) == ["b/2.PNG"]


def test_a_name_that_is_no_utf8_can_be_sent(tmp_path: Path) -> None:
    file = tmp_path / "caf\udce9.jpg"
    file.write_bytes(b"x")
    assert names(file) == ["caf\N{REPLACEMENT CHARACTER}.jpg"]
