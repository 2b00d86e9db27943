"""`closeknit source …`: what a person can get wrong before a source runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.cli.source.mastodon import TOKEN

HERE = ["--instance", "mastodon.example"]


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["--instance", "http://mastodon.example"], {TOKEN: "t"}, "everybody can read it"),
        (["--instance", "ftp://mastodon.example"], {TOKEN: "t"}, "is no address"),
        (["--instance", "https://"], {TOKEN: "t"}, "is no address"),
        (HERE, {}, "there is no token in CLOSEKNIT_MASTODON_TOKEN: make one"),
        (HERE, {TOKEN: "my secret"}, "has spaces, or more than one line"),
        ([*HERE, "--token-file", "missing"], {}, "cannot be read from missing: No such file"),
        ([*HERE, "--token-file", "empty"], {TOKEN: "t"}, "there is no token in empty"),
        ([*HERE, "--name", "My Source"], {TOKEN: "t"}, "a name has letters"),
        ([*HERE, "--lists-every", "1"], {TOKEN: "t"}, "--lists-every"),
    ],
)
def test_what_mastodon_needs_is_asked_for_and_no_token_is_repeated(
    arguments: list[str],
    environment: Mapping[str, str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With status 2, before anything is connected to."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").touch()
    result = CliRunner(env={TOKEN: None, **environment}).invoke(
        main, ["source", "mastodon", *arguments]
    )
    assert result.exit_code == 2
    assert said in result.output
    assert "secret" not in result.output
