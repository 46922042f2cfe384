"""docs/operations.md and what is shipped for operators name only what there is: settings, commands and their options, metrics, files, messages."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
from prometheus_client.parser import text_string_to_metric_families

from tablehouse.cli.main import app
from tablehouse.config import OPTIONS
from tablehouse.http.metrics import Metrics
from tests import citus
from tests.architecture.sources import ROOT, modules

PAGE = ROOT / "docs" / "operations.md"
TEXT = PAGE.read_text(encoding="utf-8")
SHIPPED = ["Containerfile", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "deploy").iterdir())]

FLAGS = {option.flag for option in OPTIONS if option.flag}
VARIABLES = {option.env for option in OPTIONS} | {"TABLEHOUSE_TOKEN", "TABLEHOUSE_URL", citus.GIVEN}


def commands(command: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], set[str]]:
    """The words of every command -> its options."""
    found = {path: {name for parameter in command.params for name in parameter.opts}}
    for name, inner in getattr(command, "commands", {}).items():
        found |= commands(inner, (*path, name))
    return found


COMMANDS = commands(typer.main.get_command(app))
OF_ANY_COMMAND = set().union(*COMMANDS.values())
OF_OTHERS = {"--require-hashes", "--no-deps", "--system", "--home-dir", "--shell", "--now", "--stop-timeout", "--name", "--time", "--no-cache-dir"} | {
    "--format", "--no-owner", "--no-privileges", "--file", "--table", "--schema", "--exit-on-error", "--dbname", "--uid", "--no-create-home",
}  # fmt: skip
"""Options of pip, useradd, systemctl, podman, pg_dump and pg_restore."""


def shipped(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def shell_lines() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("name", ["docs/operations.md", *SHIPPED])
def test_every_setting_and_option_is_there(name: str) -> None:
    text = shipped(name)
    assert set(re.findall(r"TABLEHOUSE_[A-Z_]+", text)) - VARIABLES == set()
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - FLAGS - OF_ANY_COMMAND - OF_OTHERS == set()


def test_every_command_line_could_be_typed() -> None:
    seen = 0
    for line in shell_lines():
        words = shlex.split(line, comments=True)
        if "tablehouse" not in words or (words[0] in {"podman", "useradd"} and words[1] != "exec"):
            continue
        rest = words[len(words) - words[::-1].index("tablehouse") :] if words[0] == "podman" else words[words.index("tablehouse") + 1 :]
        path = tuple(word for word in rest[:2] if not word.startswith("-"))
        known = path if path in COMMANDS else path[:1]
        if words[0] not in {"tablehouse", "podman"}:
            continue
        assert known in COMMANDS, line
        assert {word for word in rest if word.startswith("--")} <= COMMANDS[known], line
        seen += 1
    assert seen >= 8


def test_every_metric_is_there() -> None:
    metrics = Metrics()
    metrics.started()
    metrics.answered("GET", "/x", 200, 0.1)
    metrics.commit(1)
    families = text_string_to_metric_families(metrics.render().decode())
    there = {sample.name: set(sample.labels) for family in families for sample in family.samples if sample.name.startswith("tablehouse_")}
    named = set(re.findall(r"\btablehouse_[a-z_]+", TEXT))
    assert named - there.keys() == set()
    ours = {name for name in there if not name.endswith(("_created", "_sum", "_count"))}
    assert ours - named == set(), "a metric that the page does not explain"
    for name, labels in re.findall(r"(tablehouse_[a-z_]+)\{([^}]*)\}", TEXT):
        assert set(re.findall(r"[a-z]+(?=\s*[,=}]|$)", re.sub(r'"[^"]*"', "", labels))) <= there[name], (name, labels)


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", TEXT)
    assert links
    assert [link for link in links if not (PAGE.parent / link).exists()] == []
    headings = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^## (.*)$", TEXT, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) - headings == set()
    for name in ("README.md", "docs/architecture.md"):
        assert "operations.md" in shipped(name)


def test_every_message_is_said_somewhere() -> None:
    """The left column of the table of troubles: each piece of a message between dots stands in the code."""
    sources = re.sub(r'"\s*\n\s*f?"', "", "\n".join(module.text for module in modules("src")))
    table = TEXT.partition("## When something is wrong")[2]
    messages = [message for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for message in re.findall(r"`([^`]*)`", row)]
    assert len(messages) >= 5
    for message in messages:
        for piece in re.split(r"…|,", message):
            assert piece.strip() in sources, piece


def test_what_the_container_file_copies_is_there() -> None:
    text = shipped("Containerfile")
    copied = [word for line in re.findall(r"^COPY (?!--)(.*)$", text, re.MULTILINE) for word in line.split()[:-1]]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert 'ENTRYPOINT ["tablehouse"]' in text
    assert ("serve",) in COMMANDS
    # What the package's build reads besides its sources.
    built = {"README.md", "LICENSE", "pyproject.toml", "src"}
    assert built <= set(copied)


def test_the_units_are_well_formed() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd here")
    units = [str(ROOT / name) for name in SHIPPED if name.endswith((".service", ".timer"))]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, timeout=60, check=False)
    # The program is not installed where the unit says; nothing else may be said.
    faults = [line for line in done.stderr.splitlines() if "is not executable" not in line and "deploy/" in line]
    assert faults == [], done.stderr


def test_the_backup_unit_says_where_and_keeps_what_the_page_says() -> None:
    text = shipped("deploy/tablehouse-backup.service")
    line = re.search(r"^ExecStart=/bin/sh -c '(.*)'$", text, re.MULTILINE)
    assert line
    command = line[1].replace("$$", "$").replace("%%", "%")
    words = shlex.split(command)
    assert words[1:3] == ["/opt/tablehouse/bin/tablehouse", "backup"]
    assert {word for word in words if word.startswith("--")} <= COMMANDS["backup",]
    assert "-mtime +30" in text
    assert "thirty days" in TEXT


def test_the_example_of_nginx_is_read_by_nginx(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    openssl = shutil.which("openssl")
    if nginx is None or openssl is None:
        pytest.skip("no nginx or no openssl here")
    subject = ["-subj", "/CN=tables.example.com"]
    subprocess.run(
        [
            openssl,
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            tmp_path / "key.pem",
            "-out",
            tmp_path / "cert.pem",
            *subject,
        ],
        check=True,
        capture_output=True,
    )
    site = shipped("deploy/nginx.conf")
    for name, file in (("fullchain.pem", "cert.pem"), ("privkey.pem", "key.pem")):
        site = site.replace(f"/etc/letsencrypt/live/tables.example.com/{name}", str(tmp_path / file))
    (tmp_path / "site.conf").write_text(site)
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid; events {{}} http {{ access_log off; include {tmp_path}/site.conf; }}")
    done = subprocess.run(
        [nginx, "-t", "-q", "-c", tmp_path / "nginx.conf", "-e", tmp_path / "error.log"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
