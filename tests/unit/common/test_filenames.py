"""File names, as they are displayed."""

from __future__ import annotations

import pytest

from common.images.filenames import FILENAME_CHARACTERS_MAX, clean_filename, names_a_picture


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("photos/a.jpg", "photos/a.jpg"),
        (" a\r\nSet-Cookie: x.jpg ", "aSet-Cookie: x.jpg"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("a\u2028b\u061cc\x85d\ud800e", "abcde"),
        ("Żółw 🐢.jpg", "Żółw 🐢.jpg"),
        ("b" + "a" * 2000 + ".png", "a" * (FILENAME_CHARACTERS_MAX - 4) + ".png"),
    ],
)
def test_a_clean_name_keeps_what_can_be_shown(name: str, clean: str) -> None:
    assert clean_filename(name) == clean


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.JPG", True),
        ("b/a.webp", True),
        ("a.jpg/b", False),
        (".jpg", False),
        ("a.HEIC", True),
        ("a.mp4", False),
    ],
)
def test_a_picture_is_known_by_the_end_of_its_name(name: str, expected: bool) -> None:
    assert names_a_picture(name) is expected
