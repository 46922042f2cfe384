"""The server's settings, each declared once: its name, default, bounds and help text.

`Settings` is the declaration. `OPTIONS` is the same as rows, from which the command line, the environment and the reference
page are made: field `rate_limit` is `--rate-limit` and `TABLEHOUSE_RATE_LIMIT`. `load` puts the three sources together.
Pure: opens no file and no socket; who uses a path finds out whether it is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

ENV_PREFIX: Final = "TABLEHOUSE_"
DEFAULT_MAX_BODY: Final = 64 * 1024 * 1024


class ConfigError(Exception):
    """A setting that cannot be used: says which one, what was given, and what would be right."""


class RateLimit(Struct, frozen=True):
    """Requests per second one token may make; the burst is one second's worth."""

    reads: float
    writes: float

    def __str__(self) -> str:
        return f"{self.reads:g},{self.writes:g}"


RATE_LIMITS: Final[Mapping[str, RateLimit | None]] = {
    "softr-free": RateLimit(10, 10),
    "softr-paid": RateLimit(20, 20),
    "softr-2026": RateLimit(40, 30),
    "default": RateLimit(2000, 1000),
    "off": None,
}
"""The rate limits that have a name (contract §2); `off` is no limit."""

LogLevel = Literal["debug", "info", "warning", "error"]
# Bounds that msgspec checks; the prose of each setting says them again for people.
_Text = Annotated[str, Meta(min_length=1)]
_Port = Annotated[int, Meta(ge=0, le=65535)]
_Processes = Annotated[int, Meta(ge=1, le=256)]
_Positive = Annotated[int, Meta(ge=1)]
# SQLite holds 2,000 columns in a table. A text field takes two (its own and its folded text), a record itself six, and a field that
# changes its type has its old and new ones side by side: 2 × 990 + 6 + 2.
_Fields = Annotated[int, Meta(ge=1, le=990)]
_Token = Annotated[str, Meta(pattern=r"^pat_[A-Za-z0-9]{40}$")]


class _Says(Struct, frozen=True):
    """What is declared of a setting besides its name, type and default."""

    help: str
    values: str
    """Which values are right, as the end of a sentence."""
    cli: bool = True
    secret: bool = False
    flag: str | None = None
    """The command line's option, where it is not the setting's name: one that may be given several times is in the singular."""


class Settings(Struct, frozen=True, kw_only=True):
    """Everything `tablehouse serve` can be told."""

    host: Annotated[_Text, _Says("Address to listen on.", "an IP address or a host name")] = "127.0.0.1"
    port: Annotated[_Port, _Says("Port to listen on; 0 takes a free one and logs it.", "a whole number from 0 to 65535")] = 8787
    data: Annotated[Path, _Says("Directory that holds the data; made when it is missing.", "a directory")] = Path("data")
    database_url: Annotated[
        str | None,
        _Says(
            "SQL server that holds the data, instead of files in the data directory.",
            "an address like postgresql://user:password@host/name",
            secret=True,
        ),
    ] = None
    database_connections: Annotated[
        _Positive,
        _Says(
            "Connections to the SQL server that one server process opens at most; further requests wait for one.",
            "a whole number from 1 on",
        ),
    ] = 16
    files_url: Annotated[
        str | None,
        _Says(
            "Bucket that holds attached files, instead of the data directory; credentials come from the environment, as the cloud's own tools read them.",
            "an address like s3://bucket/prefix, gs://bucket/prefix or az://container/prefix",
        ),
    ] = None
    workers: Annotated[_Processes, _Says("Server processes.", "a whole number from 1 to 256")] = 1
    threads: Annotated[
        _Processes, _Says("Requests without a body that one server process works on at a time.", "a whole number from 1 to 256")
    ] = 8
    rate_limit: Annotated[
        RateLimit | None,
        _Says(
            "Reads and writes per second of one token, unless the token has its own: a preset, or two numbers like 200,100.",
            f"one of {', '.join(RATE_LIMITS)}, or reads,writes per second like 200,100",
        ),
    ] = RATE_LIMITS["default"]
    demo: Annotated[bool, _Says("Start with a small example database when there is none yet.", "true or false")] = False
    tls_cert: Annotated[Path | None, _Says("Certificate chain (PEM); with --tls-key the server speaks HTTPS.", "a PEM file")] = None
    tls_key: Annotated[Path | None, _Says("Private key (PEM) of the certificate.", "a PEM file")] = None
    public_url: Annotated[
        str | None,
        _Says("Address under which clients reach the server, for links in answers.", "an address like https://tables.example.com"),
    ] = None
    quota_records: Annotated[
        _Positive | None, _Says("Most records in one database; no quota when left out.", "a whole number from 1 on")
    ] = None
    quota_bytes: Annotated[
        _Positive | None,
        _Says("Most bytes of attachments in one workspace; no quota when left out.", "a number of bytes, or like 500MB or 20GB"),
    ] = None
    cors_origins: Annotated[
        tuple[str, ...],
        _Says(
            "Web origins whose pages may call the API from a browser, comma-separated; * for all.",
            "origins like https://app.example.com, or *",
        ),
    ] = ()
    allow_fetch_hosts: Annotated[
        tuple[str, ...],
        _Says(
            "Hosts that files may be fetched from although they are not on the public internet, comma-separated or the option repeated.",
            "hosts or addresses like files.example.lan, 10.0.0.5:8080 or [fd00::5]:443",
            flag="--allow-fetch-host",
        ),
    ] = ()
    fetch_timeout: Annotated[
        _Positive,
        _Says(
            "Seconds that one request may wait for all files that it names by their addresses; a single file has 20.",
            "a whole number of seconds from 1 on",
        ),
    ] = 60
    log_format: Annotated[
        Literal["json", "console"], _Says("Form of the log on standard error: json for machines, console for people.", "json or console")
    ] = "json"
    log_level: Annotated[LogLevel, _Says("Least important lines that are logged.", "debug, info, warning or error")] = "info"
    max_body: Annotated[_Positive, _Says("Largest request body.", "a number of bytes, or like 64MB")] = DEFAULT_MAX_BODY
    max_databases: Annotated[_Positive, _Says("Most databases in one workspace.", "a whole number from 1 on")] = 1_000
    max_tables: Annotated[_Positive, _Says("Most tables in one database.", "a whole number from 1 on")] = 512
    max_fields: Annotated[_Fields, _Says("Most fields in one table.", "a whole number from 1 to 990")] = 512
    max_choices: Annotated[_Positive, _Says("Most choices in one select field.", "a whole number from 1 on")] = 512
    max_views: Annotated[_Positive, _Says("Most views of one table.", "a whole number from 1 on")] = 512
    statement_timeout: Annotated[
        _Positive, _Says("Seconds that a search may take before it is stopped and answered 503.", "a whole number of seconds from 1 on")
    ] = 30
    slow_statement: Annotated[
        _Positive,
        _Says("Milliseconds from which on a search is logged with the database's plan for it.", "a whole number of milliseconds from 1 on"),
    ] = 1_000
    auto_index: Annotated[
        Literal["on", "off", "eager"],
        _Says(
            "Whether the server builds indexes for slow searches of large tables by itself; eager: at once, for every search of any table.",
            "on, off or eager",
        ),
    ] = "on"
    job_records: Annotated[
        _Positive,
        _Says(
            "Records of a table, and links that lead from them, from which on the cells of a new or changed computed field are filled by a job, not in the request.",
            "a whole number from 1 on",
        ),
    ] = 20_000
    lease_seconds: Annotated[
        _Positive,
        _Says(
            "Seconds without a sign of life after which another server process takes over what one was doing in the background.",
            "a whole number of seconds from 1 on",
        ),
    ] = 15
    admin_token: Annotated[
        _Token | None,
        _Says(
            "Token of the first administrator, for a server that is set up without anyone at the keyboard.",
            "pat_ and 40 letters and digits",
            cli=False,
            secret=True,
        ),
    ] = None

    def __repr__(self) -> str:
        shown = ((option.name, getattr(self, option.name), option.secret) for option in OPTIONS)
        return (
            f"Settings({', '.join(f'{name}=…' if secret and value is not None else f'{name}={value!r}' for name, value, secret in shown)})"
        )

    def __rich_repr__(self) -> Any:
        return [repr(self)]  # msgspec's own would print every value, the secrets too


class Option(Struct, frozen=True):
    """One setting as a row: what the command line, the environment and the reference page need of it."""

    name: str
    help: str
    values: str
    default: Any
    type: Any
    secret: bool
    flag: str | None
    """The command line's option; None when only the environment may set it (its value would show in process lists)."""
    repeated: bool
    """Whether the option may be given several times, each with one of the values."""

    @property
    def env(self) -> str:
        return ENV_PREFIX + self.name.upper()

    @property
    def default_text(self) -> str:
        """The default as one would type it; empty when there is none."""
        match self.default:
            case RateLimit():
                return next(name for name, limit in RATE_LIMITS.items() if limit == self.default)
            case None | ():
                return ""
            case bool():
                return str(self.default).lower()
            case _:
                return str(self.default)


def _options() -> Iterator[Option]:
    hints = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        says = next(part for part in get_args(hints[field.name]) if isinstance(part, _Says))
        yield Option(
            name=field.name,
            help=says.help,
            values=says.values,
            default=field.default,
            type=hints[field.name],
            secret=says.secret,
            flag=(says.flag or f"--{field.name.replace('_', '-')}") if says.cli else None,
            repeated=says.flag is not None,
        )


OPTIONS: Final[tuple[Option, ...]] = tuple(_options())
"""All settings in the order of their declaration."""


def load(given: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Returns the settings: what was given (by field name, None for not given), else the environment's, else the defaults.

    Given values may be text or already of the field's type. An empty environment variable counts as not set.
    Raises ConfigError for a wrong value and for a certificate without its key.
    """
    values: dict[str, Any] = {}
    for option in OPTIONS:
        if (value := given.get(option.name)) is not None:
            values[option.name] = read(option, value, option.flag or option.name)
        elif value := environ.get(option.env):
            values[option.name] = read(option, value, option.env)
    settings = Settings(**values)
    if (settings.tls_cert is None) != (settings.tls_key is None):
        missing, there = ("--tls-key", "--tls-cert") if settings.tls_key is None else ("--tls-cert", "--tls-key")
        raise ConfigError(f"{missing} is missing: {there} was given, and HTTPS needs both.")
    return settings


def strangers(environ: Mapping[str, str]) -> list[str]:
    """Returns the variables `TABLEHOUSE_…` that are no settings, most likely misspelt ones: worth a warning."""
    known = {option.env for option in OPTIONS} | _CLIENT_ENV
    return sorted(name for name in environ if name.startswith(ENV_PREFIX) and name not in known)


_CLIENT_ENV: Final = frozenset({"TABLEHOUSE_URL", "TABLEHOUSE_TOKEN"})
"""Not the server's: the commands that talk to a running server read them."""


def read(option: Option, value: Any, source: str) -> Any:
    """Returns the value in its option's type. Raises ConfigError, naming `source` (the flag or variable it came from)."""
    try:
        plain = _reader(option)(value) if isinstance(value, str) else value
        if isinstance(plain, RateLimit | Path):
            return plain  # not msgspec's to check: made by the reader, or given as such
        return msgspec.convert(plain, option.type, strict=False, dec_hook=_path)
    except (ValueError, msgspec.ValidationError) as error:
        shown = "" if option.secret else f" is {value!r}, which"
        raise ConfigError(f"{source}{shown} cannot be used: give {option.values}.") from error


def parse_rate_limit(text: str) -> RateLimit | None:
    """Returns the limit of a preset's name or of `reads,writes` per second; None is no limit. Raises ValueError for anything else."""
    word = text.strip().lower()
    if word in RATE_LIMITS:
        return RATE_LIMITS[word]
    reads, writes = (float(part) for part in word.split(","))
    # Below one in an hour is a typing error, above a million no limit at all; nan is neither.
    if not all(1 / 3600 <= rate <= 1_000_000 for rate in (reads, writes)):
        raise ValueError(text)
    return RateLimit(reads, writes)


_SIZE: Final = re.compile(r"(\d+)\s*(?:([KMGT])I?B?|B)?", re.IGNORECASE)


def _size(text: str) -> int:
    """Returns the bytes that `64MB`, `20 GiB` or `1000` means; units are powers of 1,024."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    number, unit = match.groups()
    return int(number) << 10 * (" KMGT".index(unit.upper()) if unit else 0)


def _public_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment:
        raise ValueError(text)
    return text.rstrip("/")


def _files_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in {"s3", "s3a", "gs", "az", "abfs", "abfss"} or not url.hostname or url.username or url.password:
        raise ValueError(text)
    return text.rstrip("/")


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(part.strip().rstrip("/").lower() for part in text.split(",") if part.strip())
    for origin in origins:
        url = urlsplit(origin)
        if origin != "*" and (url.scheme not in {"http", "https"} or not url.hostname or url.path or url.query or url.username):
            raise ValueError(origin)
    return origins


def _fetch_hosts(text: str) -> tuple[str, ...]:
    """Returns each host as it is compared: lower-case and ASCII (IDNA), an IPv6 address in brackets, `:port` where one was given."""
    return tuple(_fetch_host(part.strip()) for part in text.split(",") if part.strip())


def _fetch_host(text: str) -> str:
    url = urlsplit(f"//{text}")
    if not url.hostname or url.netloc != text or "@" in text or re.search(r"[\s*\\%]", text):
        raise ValueError(text)
    host = (
        f"[{IPv6Address(url.hostname)}]" if text.startswith("[") else url.hostname.encode("idna").decode("ascii").lower().removesuffix(".")
    )
    return host if url.port is None else f"{host}:{url.port}"


def _path(type_: Any, value: Any) -> Any:
    """Returns a Path for msgspec, which does not know them."""
    if type_ is not Path or not str(value):
        raise ValueError(value)
    return Path(value)


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "rate_limit": parse_rate_limit,
    "quota_bytes": _size,
    "max_body": _size,
    "public_url": _public_url,
    "files_url": _files_url,
    "cors_origins": _origins,
    "allow_fetch_hosts": _fetch_hosts,
}
"""Settings whose text is not the plain form of their type."""


def _reader(option: Option) -> Callable[[str], Any]:
    if reader := _READERS.get(option.name):
        return reader
    base = get_args(option.type)[0]
    if get_origin(base) is Literal:
        return lambda text: text.strip().lower()
    if base is bool:
        return lambda text: {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(text.strip().lower(), text.strip().lower())
    return str.strip
