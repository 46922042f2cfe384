"""Settings: three sources, bounds, messages, secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tablehouse.config import OPTIONS, RATE_LIMITS, ConfigError, Option, RateLimit, Settings, load, parse_rate_limit, strangers

TOKEN = "pat_" + "a" * 40


def test_defaults() -> None:
    settings = load({}, {})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.data, settings.workers) == ("127.0.0.1", 8787, Path("data"), 1)
    assert settings.rate_limit == RateLimit(2000, 1000)
    assert settings.max_body == 64 * 1024 * 1024
    assert (settings.max_databases, settings.max_tables, settings.max_fields, settings.max_choices) == (1000, 512, 512, 512)


def test_what_is_given_beats_the_environment_which_beats_the_default() -> None:
    environment = {"TABLEHOUSE_PORT": "1000", "TABLEHOUSE_WORKERS": "3", "TABLEHOUSE_HOST": ""}
    settings = load({"port": "2000", "workers": None}, environment)
    assert (settings.port, settings.workers, settings.host) == (2000, 3, "127.0.0.1")


def test_values_may_be_text_or_have_their_type_already() -> None:
    plain = load({"port": 0, "data": Path("x"), "demo": True, "rate_limit": RateLimit(1, 2), "cors_origins": ("https://a",)}, {})
    text = load({"port": "0", "data": "x", "demo": "yes", "rate_limit": "1,2", "cors_origins": "https://a"}, {})
    assert plain == text


@pytest.mark.parametrize(
    ("text", "limit"),
    [*RATE_LIMITS.items(), ("200,100", RateLimit(200, 100)), (" 0.5 , 2 ", RateLimit(0.5, 2)), ("OFF", None)],
)
def test_rate_limits(text: str, limit: RateLimit | None) -> None:
    assert parse_rate_limit(text) == limit
    assert load({"rate_limit": text}, {}).rate_limit == limit


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("max_body", "1000", 1000),
        ("max_body", "64MB", 64 * 1024**2),
        ("quota_bytes", "20 GiB", 20 * 1024**3),
        ("quota_bytes", "1t", 1024**4),
        ("quota_records", "5", 5),
        ("demo", "off", False),
        ("demo", "TRUE", True),
        ("log_format", "Console", "console"),
        ("public_url", "https://t.example.com/base/", "https://t.example.com/base"),
        ("cors_origins", "https://A.example.com , http://localhost:3000/", ("https://a.example.com", "http://localhost:3000")),
        ("cors_origins", "*", ("*",)),
        ("allow_fetch_hosts", "Files.LAN , 10.0.0.5:8080,[FD00:0::5]:443", ("files.lan", "10.0.0.5:8080", "[fd00::5]:443")),
        ("allow_fetch_hosts", "bücher.lan.", ("xn--bcher-kva.lan",)),
        ("admin_token", TOKEN, TOKEN),
    ],
)
def test_text_forms(name: str, text: str, value: object) -> None:
    assert getattr(load({name: text}, {}), name) == value


@pytest.mark.parametrize(
    ("name", "text", "right"),
    [
        ("port", "70000", "a whole number from 0 to 65535"),
        ("port", "-1", "a whole number from 0 to 65535"),
        ("port", "http", "a whole number from 0 to 65535"),
        ("host", " ", "an IP address or a host name"),
        ("data", "", "a directory"),
        ("workers", "0", "a whole number from 1 to 256"),
        ("threads", "1.5", "a whole number from 1 to 256"),
        ("rate_limit", "fast", "softr-free, softr-paid, softr-2026, default, off"),
        ("rate_limit", "1,2,3", "like 200,100"),
        ("rate_limit", "0,1", "like 200,100"),
        ("rate_limit", "nan,1", "like 200,100"),
        ("rate_limit", "1", "like 200,100"),
        ("demo", "maybe", "true or false"),
        ("log_format", "xml", "json or console"),
        ("log_level", "loud", "debug, info, warning or error"),
        ("max_body", "64 parsecs", "a number of bytes"),
        ("max_body", "0", "a number of bytes"),
        ("quota_records", "0", "a whole number from 1 on"),
        ("max_fields", "2000", "a whole number from 1 to "),
        ("public_url", "example.com", "https://"),
        ("public_url", "ftp://example.com", "https://"),
        ("cors_origins", "example.com", "origins like https://"),
        ("cors_origins", "https://example.com/path", "origins like https://"),
        ("allow_fetch_hosts", "http://files.lan", "hosts or addresses like files"),
        ("allow_fetch_hosts", "files.lan/path", "hosts or addresses like files"),
        ("allow_fetch_hosts", "*.lan", "hosts or addresses like files"),
        ("allow_fetch_hosts", "me@files.lan", "hosts or addresses like files"),
        ("allow_fetch_hosts", "files.lan:99999", "hosts or addresses like files"),
    ],
)
def test_wrong_values_are_named_with_what_would_be_right(name: str, text: str, right: str) -> None:
    option = next(option for option in OPTIONS if option.name == name)
    with pytest.raises(ConfigError) as given:
        load({name: text}, {})
    assert str(option.flag) in str(given.value)
    assert repr(text) in str(given.value)
    assert right in str(given.value)
    if text:  # an empty variable counts as not set
        with pytest.raises(ConfigError, match=option.env):
            load({}, {option.env: text})


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(ConfigError, match="--tls-key is missing"):
        load({"tls_cert": "cert.pem"}, {})
    with pytest.raises(ConfigError, match="--tls-cert is missing"):
        load({}, {"TABLEHOUSE_TLS_KEY": "key.pem"})
    assert load({"tls_cert": "cert.pem", "tls_key": "key.pem"}, {}).tls_cert == Path("cert.pem")


def test_secrets_are_shown_nowhere() -> None:
    url = "postgresql://user:hunter2@host/name"
    settings = load({"database_url": url}, {"TABLEHOUSE_ADMIN_TOKEN": TOKEN})
    assert (settings.admin_token, settings.database_url) == (TOKEN, url)
    for shown in (repr(settings), str(settings), f"{settings}", str(settings.__rich_repr__())):
        assert TOKEN not in shown
        assert "hunter2" not in shown
    with pytest.raises(ConfigError) as given:
        load({}, {"TABLEHOUSE_ADMIN_TOKEN": "hunter2"})
    assert "hunter2" not in str(given.value)


def test_the_admin_token_has_no_flag() -> None:
    assert [option.name for option in OPTIONS if option.flag is None] == ["admin_token"]


def test_every_option_says_what_it_is() -> None:
    for option in OPTIONS:
        assert option.help.endswith("."), option.name
        assert option.values
        assert option.env == f"TABLEHOUSE_{option.name.upper()}"


@pytest.mark.parametrize("option", [option for option in OPTIONS if option.default_text], ids=lambda option: str(option.name))
def test_the_default_as_text_reads_as_the_default(option: Option) -> None:
    assert getattr(load({option.name: option.default_text}, {}), option.name) == option.default


def test_misspelt_variables_are_found() -> None:
    assert strangers({"TABLEHOUSE_PROT": "1", "TABLEHOUSE_PORT": "1", "TABLEHOUSE_TOKEN": "x", "HOME": "/"}) == ["TABLEHOUSE_PROT"]
