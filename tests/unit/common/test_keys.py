"""API keys: their format, what Glimpse stores of them, and their expiry."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis.strategies import from_regex, text

from common.keys.token import Token, issue
from common.tenants import check_tenant

NOW = 1_700_000_000.0


def test_a_key_opens_what_was_made_with_it() -> None:
    token, key = issue("acme", "laptop", ["read"], NOW)
    assert re.fullmatch(r"glimpse_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", token.text)
    read = Token.read(token.text)
    assert read == token
    assert read.opens(key)


def test_another_secret_opens_nothing() -> None:
    token, key = issue("acme", "laptop", ["read"], NOW)
    other, _ = issue("acme", "laptop", ["read"], NOW)
    assert not Token(token.key_id, other.secret).opens(key)


def test_no_two_keys_are_alike() -> None:
    made = [issue("acme", "laptop", ["read"], NOW)[0] for _ in range(100)]
    assert len({token.key_id for token in made}) == len({token.secret for token in made}) == 100


def test_a_secret_is_neither_kept_nor_shown_by_accident() -> None:
    token, key = issue("acme", "laptop", ["read"], NOW)
    for shown in (key.model_dump_json(), repr(key), str(key), repr(token)):
        assert token.secret not in shown
    assert key.digest not in repr(key)


@pytest.mark.parametrize(
    "text",
    ["", "glimpse_", "glimpse_0_x", f"glimpse_{'0' * 16}_{'x' * 42}", "é" * 50, "a" * 10_000],
)
def test_what_is_no_key_is_not_read(text: str) -> None:
    assert Token.read(text) is None


def test_nothing_may_follow_a_key() -> None:
    token, _ = issue("acme", "laptop", ["read"], NOW)
    assert Token.read(token.text + "\n") is None
    assert Token.read(" " + token.text) is None


@given(text())
def test_no_other_text_opens_a_key(given_text: str) -> None:
    _, key = issue("acme", "laptop", ["read"], NOW)
    token = Token.read(given_text)
    assert token is None or not token.opens(key)


@given(from_regex(re.compile(r"glimpse_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", re.ASCII), fullmatch=True))
def test_every_text_of_a_keys_form_is_read_and_written_alike(given_text: str) -> None:
    token = Token.read(given_text)
    assert token is not None
    assert token.text == given_text


def test_a_key_ends_when_it_expires() -> None:
    _, key = issue("acme", "laptop", ["read"], NOW, expires_at=NOW + 10)
    assert key.is_valid(NOW + 9.9)
    assert not key.is_valid(NOW + 10)


@pytest.mark.parametrize("name", ["a", "acme", "0", "a_b-c", "x" * 63, "default"])
def test_a_tenants_name(name: str) -> None:
    assert check_tenant(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        "_a",
        "A",
        "a/b",
        "..",
        "a.b",
        "a b",
        "a\n",
        "ä",
        "\u0661",
        "x" * 64,
        'a" or "',
        "a*",
    ],
)
def test_what_is_no_tenants_name(name: str) -> None:
    with pytest.raises(ValueError, match="a tenant's name has"):
        check_tenant(name)
    with pytest.raises(ValueError, match="a tenant's name has"):
        issue(name, "laptop", ["read"], NOW)


@pytest.mark.parametrize("name", ["archives", "queries", "incoming", "originals", "withdrawn"])
def test_a_name_of_the_blob_folders_own_is_taken(name: str) -> None:
    with pytest.raises(ValueError, match="is reserved"):
        check_tenant(name)


def test_a_key_without_a_scope_is_refused() -> None:
    with pytest.raises(ValueError, match="scopes"):
        issue("acme", "laptop", [], NOW)
