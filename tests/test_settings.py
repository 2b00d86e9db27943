"""Settings: what is accepted, what is refused and in which words."""

import os
from pathlib import Path

import pytest

from streams.settings import InvalidSettings, load, show


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start from an environment and a directory without settings."""
    for name in list(os.environ):
        if name.startswith("CLOSEKNIT_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def problems() -> list[str]:
    with pytest.raises(InvalidSettings) as caught:
        load()
    return caught.value.problems


def test_defaults_are_valid_and_name_everything_after_the_app() -> None:
    """Without any setting there is a usable one."""
    settings = load()
    assert settings.broker == "127.0.0.1:9092"
    assert settings.topics == {
        "like": "likes",
        "reply": "replies",
        "follow": "follows",
        "share": "shares",
    }
    assert (settings.changelog, settings.dead_letters) == (
        "closeknit-changelog",
        "closeknit-dead-letters",
    )


def test_environment_wins_over_file_and_file_over_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each source in its order, and `show` says which it was."""
    Path("closeknit.toml").write_text('app = "file"\npartitions = 6\n')
    monkeypatch.setenv("CLOSEKNIT_APP", "variable")
    settings = load()
    assert (settings.app, settings.partitions, settings.clock) == ("variable", 6, "wall")
    origins = {setting.name: setting.origin for setting in show(settings)}
    assert origins["app"] == "CLOSEKNIT_APP"
    assert origins["partitions"] == "partitions in closeknit.toml"
    assert origins["clock"] == "default"


def test_every_problem_is_listed_at_once_with_name_value_and_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody should have to mend settings one by one."""
    (tmp_path / "closeknit.toml").write_text('clock = "sundial"\nhttp_prot = 1\n')
    (tmp_path / "accounts.csv").write_text("id,name\nbad id,x\nacme,Acme\nacme,Again\n")
    monkeypatch.setenv("CLOSEKNIT_BROKER", "nowhere")
    monkeypatch.setenv("CLOSEKNIT_PARTITIONS", "0")
    monkeypatch.setenv("CLOSEKNIT_MAX_AHEAD", "soon")
    monkeypatch.setenv("CLOSEKNIT_ACCOUNTS", "accounts.csv")
    monkeypatch.setenv("CLOSEKNIT_IGNORE", "missing.txt")
    monkeypatch.setenv("CLOSEKNIT_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("CLOSEKNIT_HEARTBEAT_INTERVAL", "40s")
    monkeypatch.setenv("CLOSEKNIT_STALL_TIMEOUT", "1m")
    found = problems()
    for expected in (
        "http_prot in closeknit.toml is not a setting; did you mean http_port?",
        "CLOSEKNIT_BROKER = 'nowhere': must be \"host:port\"",
        "CLOSEKNIT_PARTITIONS = '0': must be a whole number, from 1 to 10000",
        'clock in closeknit.toml = \'sundial\': must be "event" or "wall"',
        "CLOSEKNIT_MAX_AHEAD = 'soon': must be seconds",
        "CLOSEKNIT_ACCOUNTS: accounts.csv line 2: the id holds U+0020",
        "CLOSEKNIT_ACCOUNTS: accounts.csv line 4: the account acme is there twice",
        "CLOSEKNIT_IGNORE: missing.txt cannot be read",
        "CLOSEKNIT_HEARTBEAT_INTERVAL: 40 s is more than a third of session_timeout (45 s)",
        "CLOSEKNIT_STALL_TIMEOUT: 60 s is not longer than transaction_timeout (60 s)",
        "CLOSEKNIT_SASL_MECHANISM: security_protocol SASL_SSL needs it",
        "CLOSEKNIT_SASL_USERNAME: security_protocol SASL_SSL needs it",
        "CLOSEKNIT_SASL_PASSWORD: security_protocol SASL_SSL needs it",
    ):
        assert any(problem.startswith(expected) for problem in found), expected
    assert len(found) == 13


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90.0),  # a plain number is seconds
        ("90s", 90.0),
        ("500ms", 0.5),
        ("1.5h", 5400.0),
        ("2 d", 172_800.0),
    ],
)
def test_durations_have_units(text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """People write durations, programs compute with seconds."""
    monkeypatch.setenv("CLOSEKNIT_MAX_AHEAD", text)
    assert load().max_ahead == seconds
    assert load().rules.max_ahead_ms == seconds * 1000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP", "no spaces"),  # becomes part of topic names
        ("APP", ".."),  # Kafka forbids it
        ("TOPIC_PREFIX", "a/b"),
        ("BROKER", "host:0"),  # no such port
        ("BROKER", "host:9092,"),  # a trailing comma names an empty server
        ("HALF_LIFE_DAYS", "0"),  # strength would be 0/0
        ("WEIGHT_LIKE", "nan"),
        ("WEIGHT_LIKE", "-1"),
        ("MAX_AHEAD", "-5s"),
        ("MAX_INVALID_PERCENT", "101"),
        ("MAX_INVALID_WINDOW", "0"),
        ("DEAD_LETTER_BYTES", "-1"),  # 0 is no limit
        ("STATE_FORMAT", "99"),  # nobody could read it
        ("CLOCK", "Event"),
    ],
)
def test_values_out_of_bounds_are_refused(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One problem, and it names the variable."""
    monkeypatch.setenv(f"CLOSEKNIT_{name}", value)
    (problem,) = problems()
    assert problem.startswith(f"CLOSEKNIT_{name} = {value!r}: must ")


def test_secrets_come_from_files_too_and_are_never_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A password is used, and masked wherever settings are printed."""
    Path("password").write_text("hunter2\n")
    monkeypatch.setenv("CLOSEKNIT_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("CLOSEKNIT_SASL_MECHANISM", "PLAIN")
    monkeypatch.setenv("CLOSEKNIT_SASL_USERNAME", "ada")
    monkeypatch.setenv("CLOSEKNIT_SASL_PASSWORD_FILE", "password")
    settings = load()
    assert settings.connection()["sasl_plain_password"] == "hunter2"
    assert "hunter2" not in f"{settings!r} {show(settings)!r}"
    monkeypatch.setenv("CLOSEKNIT_SASL_PASSWORD", "other")
    assert problems() == [
        "CLOSEKNIT_SASL_PASSWORD and CLOSEKNIT_SASL_PASSWORD_FILE are both set: remove one"
    ]
    monkeypatch.delenv("CLOSEKNIT_SASL_PASSWORD")
    monkeypatch.setenv("CLOSEKNIT_SASL_PASSWORD_FILE", "nothing-here")
    assert any("'nothing-here': cannot be read" in problem for problem in problems())


@pytest.mark.parametrize(
    ("protocol", "name", "value", "says"),
    [
        ("PLAINTEXT", "SASL_USERNAME", "ada", "PLAINTEXT does not log in"),
        ("PLAINTEXT", "SASL_PASSWORD", "hunter2", "PLAINTEXT does not log in"),
        ("SSL", "SASL_MECHANISM", "PLAIN", "SECURITY_PROTOCOL=SASL_SSL"),
        ("PLAINTEXT", "SSL_CERTFILE", "own.pem", "SECURITY_PROTOCOL=SSL"),
    ],
)
def test_a_log_in_or_certificate_that_would_not_be_used_is_a_problem(
    protocol: str, name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sets it believes that it protects; a password is not repeated."""
    monkeypatch.setenv("CLOSEKNIT_SECURITY_PROTOCOL", protocol)
    Path("own.pem").touch()
    monkeypatch.setenv(f"CLOSEKNIT_{name}", value)
    (found,) = problems()
    assert found.startswith(f"CLOSEKNIT_{name}: ")
    assert says in found
    assert "hunter2" not in found


def test_a_misspelt_variable_is_a_problem_and_a_foreign_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kubernetes sets CLOSEKNIT_SERVICE_HOST by itself; a typo must not pass in silence."""
    monkeypatch.setenv("CLOSEKNIT_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("CLOSEKNIT_PORT_9108_TCP", "tcp://10.0.0.1:9108")
    load()
    monkeypatch.setenv("CLOSEKNIT_BROKERS", "kafka:9092")
    assert problems() == ["CLOSEKNIT_BROKERS is not a setting; did you mean CLOSEKNIT_BROKER?"]


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files pass on variables that are not set as empty ones."""
    monkeypatch.setenv("CLOSEKNIT_PARTITIONS", "")
    assert load().partitions == 12


def test_a_file_that_was_asked_for_must_be_there_and_be_toml(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A default file may be missing, one that is named may not."""
    monkeypatch.setenv("CLOSEKNIT_CONFIG", "mine.toml")
    assert problems()[0].startswith("mine.toml cannot be read")
    Path("mine.toml").write_text("app = \n")
    assert problems()[0].startswith("mine.toml is not TOML: ")


def test_lists_of_accounts_and_ignored_members_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns in any order, comments and blank lines skipped, a name defaults to the id."""
    Path("accounts.csv").write_text("\ufeffname,id,group\nAcme Inc.,acme,shops\n,bolt,\n\n")
    Path("ignore.txt").write_text("# staff\nada\n\nbot-7\n")
    monkeypatch.setenv("CLOSEKNIT_ACCOUNTS", "accounts.csv")
    monkeypatch.setenv("CLOSEKNIT_IGNORE", "ignore.txt")
    settings = load()
    assert [tuple(account) for account in settings.accounts.entries] == [
        ("acme", "Acme Inc.", "shops"),
        ("bolt", "bolt", ""),
    ]
    assert settings.rules.ignored_members == {"ada", "bot-7"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name,group\nx,y\n", "line 1: the header must name the columns"),  # no id
        ("id,nmae\nx,y\n", "line 1: the header must name the columns"),  # a typo hides names
        ("id,name\na,b,c\n", "line 2: 3 cells under 2 columns"),
        ("", "line 1: the header must name the columns"),
        ('id\n"a', "not CSV"),  # an open quote
    ],
)
def test_a_faulty_accounts_file_is_refused_by_line(
    text: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message leads to the place."""
    Path("accounts.csv").write_text(text)
    monkeypatch.setenv("CLOSEKNIT_ACCOUNTS", "accounts.csv")
    (found,) = problems()
    assert problem in found


def test_tls_files_are_tried_before_anything_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong file is a problem of the settings, not of the first connection."""
    Path("not.pem").write_text("not a certificate")
    monkeypatch.setenv("CLOSEKNIT_SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("CLOSEKNIT_SSL_CAFILE", "not.pem")
    monkeypatch.setenv("CLOSEKNIT_SSL_KEYFILE", "not.pem")
    assert [problem.partition(":")[0] for problem in problems()] == [
        "CLOSEKNIT_SSL_CAFILE",
        "CLOSEKNIT_SSL_KEYFILE",
    ]
    monkeypatch.delenv("CLOSEKNIT_SSL_CAFILE")
    monkeypatch.setenv("CLOSEKNIT_SSL_CERTFILE", "not.pem")
    (problem,) = problems()
    assert problem.startswith("CLOSEKNIT_SSL_PASSWORD: certificate and key cannot be used")


def test_tls_checks_the_host_unless_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both clients get the same context."""
    assert "ssl_context" not in load().connection()
    monkeypatch.setenv("CLOSEKNIT_SECURITY_PROTOCOL", "SSL")
    assert load().connection()["ssl_context"].check_hostname is True
    monkeypatch.setenv("CLOSEKNIT_SSL_CHECK_HOSTNAME", "false")
    assert load().connection()["ssl_context"].check_hostname is False


def test_settings_cannot_be_changed() -> None:
    """What was validated stays so."""
    with pytest.raises(ValueError, match="frozen"):
        load().partitions = 3  # type: ignore[misc]
