"""Every setting: its type, default, meaning, and what a refused value should have been.

An instance is always whole: `streams.settings.load` lists every problem instead of returning one
with a fault in it.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, FiniteFloat, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.events import TOPIC_OF
from streams.core.partition import Rules
from streams.core.relationship import Strength
from streams.settings.lists import Accounts, Ignored
from streams.settings.values import (
    AccountsFile,
    Addresses,
    AuthoritiesFile,
    IgnoreFile,
    ReadableFile,
    Seconds,
    TopicName,
    TopicPart,
    problem,
)

PREFIX = "CLOSEKNIT_"

_TOPIC_CHARACTERS = "letters, digits, dots, hyphens and underscores, at most 200"
_SECONDS = 'be seconds, or a number with a unit such as "500ms", "90s", "5m", "1h", "2d"'


def _setting(default: Any, meaning: str, must: str, **limits: Any) -> Any:
    """A field: `must` completes "the value must …" for the person who has to mend it."""
    must += {
        (): "",
        ("ge",): ", {ge:g} or more",
        ("gt",): ", more than {gt:g}",
        ("ge", "le"): ", from {ge:g} to {le:.0f}",
    }[tuple(limits)].format(**limits)
    return Field(default=default, description=meaning, json_schema_extra={"must": must}, **limits)


class Settings(BaseSettings):
    """What a person may choose. Environment variable: `CLOSEKNIT_` and the name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        validate_default=True,
    )

    # Where things are
    broker: Addresses = _setting(
        "127.0.0.1:9092", "Kafka bootstrap servers", 'be "host:port", several joined by commas'
    )
    app: TopicName = _setting(
        "closeknit",
        "consumer group, and first part of our topics and transactional ids",
        f"be {_TOPIC_CHARACTERS}",
    )
    topic_prefix: TopicPart = _setting(
        "", "put before likes, replies, follows and shares", f"be {_TOPIC_CHARACTERS}"
    )
    data_dir: Path = _setting(
        Path("closeknit-data"), "scratch directory of a worker", "be a directory"
    )
    http_host: str = _setting(
        "127.0.0.1", "address that /metrics, /healthz and /readyz listen on", "be an address"
    )
    http_port: int = _setting(
        9108, "port of /metrics; 0 is any free one", "be a whole number", ge=0, le=65535
    )

    source_http_port: int = _setting(
        9109,
        "port of a live source's /metrics; 0 is any free one",
        "be a whole number",
        ge=0,
        le=65535,
    )

    # Topics
    partitions: int = _setting(
        12,
        "partitions of every topic, for ever; as many workers can share the work",
        "be a whole number",
        ge=1,
        le=10_000,
    )
    replication_factor: int = _setting(
        1,
        "copies of every topic that `topics create` makes; 3 in production",
        "be a whole number",
        ge=1,
        le=32,
    )

    # What the numbers mean. A change of the last four needs `closeknit reset`.
    clock: Literal["event", "wall"] = _setting(
        "wall", "what moves time: the wall clock (live) or events (replay)", 'be "event" or "wall"'
    )
    max_ahead: Seconds = _setting(
        3600.0, "an event further in the future is a dead letter (clock=wall)", _SECONDS, ge=0
    )
    max_value_bytes: int = _setting(
        65_536,
        "a larger value is a dead letter",
        "be a whole number",
        ge=256,
        le=1_000_000,
    )
    accounts: AccountsFile = _setting(
        Accounts(), "CSV file id,name,group: accounts with their own series", "be a file"
    )
    max_accounts: int = _setting(
        500,
        "without an accounts file: accounts with their own series",
        "be a whole number",
        ge=1,
    )
    ignore: IgnoreFile = _setting(
        Ignored(), "file with one member id per line whose events are dropped", "be a file"
    )
    weight_like: FiniteFloat = _setting(1.0, "strength of a like", "be a number", ge=0)
    weight_share: FiniteFloat = _setting(2.0, "strength of a share", "be a number", ge=0)
    weight_reply: FiniteFloat = _setting(4.0, "strength of a reply", "be a number", ge=0)
    half_life_days: float = _setting(
        14.0,
        "days after which an interaction counts half in strength",
        "be a number",
        ge=0.1,
        le=36_500,
    )

    # Pace
    chunk_size: int = _setting(
        1000, "records applied in one go", "be a whole number", ge=1, le=100_000
    )
    flush_interval: Seconds = _setting(
        0.5, "time between two writes of changed relationships", _SECONDS, ge=0.01, le=60
    )
    flush_max_dirty: int = _setting(
        20_000,
        "changed relationships that cause a write before its time",
        "be a whole number",
        ge=1,
    )

    # Group membership and transactions
    session_timeout: Seconds = _setting(
        45.0, "a worker unheard of for so long has lost its partitions", _SECONDS, ge=1
    )
    heartbeat_interval: Seconds = _setting(
        3.0, "time between two signs of life to the broker", _SECONDS, gt=0
    )
    rebalance_timeout: Seconds = _setting(
        60.0, "time for every worker to join a rebalance", _SECONDS, ge=1
    )
    transaction_timeout: Seconds = _setting(
        60.0, "the broker aborts a transaction left open so long", _SECONDS, ge=1, le=900
    )
    group_instance_id: TopicPart | None = _setting(
        None,
        "a name of this worker that survives restarts (static membership)",
        f"be {_TOPIC_CHARACTERS}",
    )

    # Security
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = _setting(
        "PLAINTEXT",
        "how to speak to the brokers",
        "be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = _setting(
        None, "how to log in", "be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    )
    sasl_username: str | None = _setting(None, "user to log in as", "be a name")
    sasl_password: SecretStr | None = _setting(None, "its password", "be a password")
    ssl_cafile: AuthoritiesFile | None = _setting(
        None, "PEM file of the authorities to trust; default: the system's", "be a PEM file"
    )
    ssl_certfile: ReadableFile | None = _setting(
        None, "PEM file with our own certificate", "be a PEM file"
    )
    ssl_keyfile: ReadableFile | None = _setting(
        None, "PEM file with the key of our certificate", "be a PEM file"
    )
    ssl_password: SecretStr | None = _setting(None, "password of that key", "be a password")
    ssl_check_hostname: bool = _setting(
        True, "whether a broker's certificate must name its host", "be true or false"
    )

    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "the least important messages to log", "be debug, info, warning or error"
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    # A rule between two settings is judged at the later one, from those that are valid so far:
    # so it is listed beside every other problem.

    @field_validator("heartbeat_interval")
    @classmethod
    def _well_below_session(cls, value: float, info: ValidationInfo) -> float:
        session = info.data.get("session_timeout")
        if session is not None and value > session / 3:
            raise problem(f"{value:g} s is more than a third of session_timeout ({session:g} s)")
        return value

    @field_validator("sasl_mechanism", "sasl_username", "sasl_password")
    @classmethod
    def _needed_for_sasl(cls, value: Any, info: ValidationInfo) -> Any:
        protocol = info.data.get("security_protocol", "")
        if value is None and protocol.startswith("SASL"):
            raise problem(f"security_protocol {protocol} needs it")
        if value is not None and protocol in {"PLAINTEXT", "SSL"}:
            # Passed over in silence, this would go without a log-in that was thought to be there.
            raise problem(
                f"security_protocol {protocol} does not log in: set "
                f"{PREFIX}SECURITY_PROTOCOL=SASL_SSL (or SASL_PLAINTEXT), or remove this"
            )
        return value

    @field_validator("ssl_cafile", "ssl_certfile")
    @classmethod
    def _used_by_tls(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        protocol = info.data.get("security_protocol", "")
        if value is not None and protocol.endswith("PLAINTEXT"):
            raise problem(
                f"security_protocol {protocol} does not encrypt: set {PREFIX}SECURITY_PROTOCOL="
                f"{protocol.replace('PLAINTEXT', 'SSL')}, "
                "or remove this"
            )
        return value

    @field_validator("ssl_keyfile")
    @classmethod
    def _certificate_for_key(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and info.data.get("ssl_certfile", value) is None:
            raise problem("a key needs its certificate: set ssl_certfile too")
        return value

    @field_validator("ssl_password")
    @classmethod
    def _opens_key(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        certificate = info.data.get("ssl_certfile")
        if certificate is not None and "ssl_keyfile" in info.data:
            try:
                _load_certificate(
                    ssl.create_default_context(), certificate, info.data["ssl_keyfile"], value
                )
            except ssl.SSLError as error:
                raise problem(f"certificate and key cannot be used with it: {error}") from None
        return value

    # What the rest of the program asks for

    @property
    def topics(self) -> Mapping[str, str]:
        """Kind to source topic: like, reply, follow, share."""
        return {kind: self.topic_prefix + topic for kind, topic in TOPIC_OF.items()}

    @property
    def changelog(self) -> str:
        """The compacted topic that keeps the relationships."""
        return f"{self.app}-changelog"

    @property
    def dead_letters(self) -> str:
        """The topic that keeps what could not be applied."""
        return f"{self.app}-dead-letters"

    @property
    def sources_state(self) -> str:
        """The compacted topic in which live sources keep their cursors and memory."""
        return f"{self.app}-sources"

    @property
    def strength(self) -> Strength:
        """What an interaction weighs, and how fast that fades."""
        return Strength(self.weight_like, self.weight_share, self.weight_reply, self.half_life_days)

    @property
    def rules(self) -> Rules:
        """What the core needs to know."""
        return Rules(
            partitions=self.partitions,
            strength=self.strength,
            clock=self.clock,
            max_value_bytes=self.max_value_bytes,
            max_ahead_ms=round(self.max_ahead * 1000),
            ignored_members=self.ignore.members,
        )

    def connection(self) -> dict[str, Any]:
        """Where the brokers are and how to log in: arguments for any Kafka client we use.

        aiokafka and kafka-python share these names.
        """
        connection: dict[str, Any] = {
            "bootstrap_servers": self.broker.split(","),
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.startswith("SASL"):
            connection["sasl_mechanism"] = self.sasl_mechanism
            connection["sasl_plain_username"] = self.sasl_username
            connection["sasl_plain_password"] = _reveal(self.sasl_password)
        if self.security_protocol.endswith("SSL"):
            context = ssl.create_default_context(cafile=self.ssl_cafile)
            context.check_hostname = self.ssl_check_hostname
            if self.ssl_certfile is not None:
                _load_certificate(context, self.ssl_certfile, self.ssl_keyfile, self.ssl_password)
            connection["ssl_context"] = context
        return connection


def _load_certificate(
    context: ssl.SSLContext, certificate: Path, key: Path | None, password: SecretStr | None
) -> None:
    # With None in place of a password, OpenSSL would ask for one on the terminal.
    context.load_cert_chain(certificate, key, _reveal(password) or "")


def _reveal(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
