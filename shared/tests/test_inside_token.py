"""Where the inside token comes from, who shows it, and that no message carries it."""

from __future__ import annotations

from pathlib import Path

import pytest

from facepipe.domain.errors import MisconfiguredError
from facepipe.make_secrets import ACCESS_TOKEN, HOLDERS, Vault
from facepipe.system.inside_token import InsideToken
from facepipe.system.settings import AccessSettings, Settings

TOKEN = "opensesame-" * 3


def test_the_token_is_the_one_that_is_set_else_that_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")

    assert Settings(access=AccessSettings(token=TOKEN[::-1], token_file=file)).inside_token == (
        InsideToken(TOKEN[::-1])
    )
    assert Settings(access=AccessSettings(token_file=file)).inside_token == InsideToken(TOKEN)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff\xfe", "it is not text"),
        (b"short", "at least 16"),
        (b"two words of some length", "no space"),
        ("für immer und immer".encode(), "ASCII"),
    ],
)
def test_a_file_without_a_token_that_can_be_used_is_told(
    content: bytes | None, complaint: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(MisconfiguredError, match=complaint) as told:
        InsideToken.read("", file)
    assert "short" not in str(told.value)


def test_no_token_at_all_is_told_with_what_to_do() -> None:
    with pytest.raises(MisconfiguredError, match="FACEPIPE_ACCESS_TOKEN_FILE"):
        InsideToken.read("", None)


def test_nothing_that_is_printed_shows_it() -> None:
    settings = Settings(access=AccessSettings(token=TOKEN))

    assert TOKEN not in f"{settings!r} {settings} {settings.inside_token!r}"


@pytest.mark.parametrize(
    ("shown", "is_in"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer  {TOKEN}", True),
        (f"Bearer {TOKEN}".encode(), True),
        (f"Bearer {TOKEN}x", False),
        (f"Bearer {TOKEN[:-1]}", False),
        (f"Basic {TOKEN}", False),
        (TOKEN, False),
        ("Bearer ", False),
        ("Bearer \udcff", False),
        (b"Bearer \xff", False),
        ("", False),
    ],
)
def test_who_shows_the_token_and_nobody_else_is_an_insider(shown: str | bytes, is_in: bool) -> None:
    assert InsideToken(TOKEN).is_shown_by(shown) is is_in


def test_a_token_is_made_once_and_everybody_has_it_alone(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "secrets")

    token = vault.share_token()

    files = [vault.path(who, ACCESS_TOKEN) for who in HOLDERS]
    assert len(token.value) >= 32
    assert {InsideToken.read("", file).value for file in files} == {token.value}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert vault.share_token() == token
    # When one is lost it comes back, when all are they are made anew, and a chosen one replaces all
    files[0].unlink()
    assert vault.share_token() == token
    for file in files:
        file.unlink()
    assert vault.share_token() != token
    assert vault.share_token(TOKEN).value == InsideToken.read("", files[0]).value == TOKEN


def test_a_chosen_token_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    token = vault.share_token()

    with pytest.raises(MisconfiguredError):
        vault.share_token("short")
    assert vault.share_token() == token
