"""The host's own apt sources and settings, for the image. No mirror is named anywhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from .errors import LabError
from .shell import run

APT = Path("/etc/apt")
SHORT = {"architectures": "arch", "languages": "lang", "targets": "target"}
"""Fields of deb822 that have another name in the one-line format."""


def find(suite: str, apt: Path = APT) -> list[str]:
    """Returns the host's Debian sources of a suite, its updates and security, as mmdebstrap
    takes them: lines of a sources.list. Other repositories have no place in the image.

    A suite that the host has no sources of is taken from the mirror of the host's own one.
    """
    found = _of(suite, apt)
    if not found and (own := _own_suite()) not in ("", suite):
        found = [re.sub(rf"(?<=\s){own}(?=[\s-])", suite, line) for line in _of(own, apt)]
    if not found:
        raise LabError(f"no apt source of the host offers {suite}: add one in {apt}/sources.list.d")
    return found


def _own_suite() -> str:
    """Returns the name of the Debian that runs here."""
    lines = Path("/etc/os-release").read_text().splitlines()
    names = [line.partition("=")[2] for line in lines if line.startswith("VERSION_CODENAME=")]
    return names[0] if names else ""


def _of(suite: str, apt: Path) -> list[str]:
    wanted = {suite, f"{suite}-updates", f"{suite}-security"}
    found: list[str] = []
    folder = apt / "sources.list.d"
    for file in [apt / "sources.list", *sorted(folder.glob("*.list"))]:
        if file.exists():
            found += _lines(file.read_text(errors="replace"), wanted)
    for file in sorted(folder.glob("*.sources")):
        found += _stanzas(file.read_text(errors="replace"), wanted)
    return found


def _lines(text: str, wanted: set[str]) -> Iterator[str]:
    """Yields the lines of the one-line format that offer one of the suites."""
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        found = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s", line)
        if found and found["suite"] in wanted and not found["uri"].startswith("cdrom:"):
            yield line


def _stanzas(text: str, wanted: set[str]) -> Iterator[str]:
    """Yields what stanzas in deb822 format offer of the suites, in the one-line format."""
    for stanza in "\n".join(_without_comments(text)).split("\n\n"):
        fields = _fields(stanza)
        if "deb" not in fields.pop("types", "").split():
            continue
        if fields.pop("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        uris = fields.pop("uris", "").split()
        suites = [suite for suite in fields.pop("suites", "").split() if suite in wanted]
        components = " ".join(fields.pop("components", "").split())
        if suites and "BEGIN PGP" in fields.get("signed-by", ""):
            raise LabError("an apt source of the host has its key inside: put the key in a file")
        options = " ".join(
            f"{SHORT.get(name, name)}={','.join(value.split())}" for name, value in fields.items()
        )
        where = f"[{options}] " if options else ""
        for uri in uris:
            for suite in suites:
                yield f"deb {where}{uri} {suite} {components}"


def _without_comments(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.startswith("#"):
            yield line.rstrip()


def _fields(stanza: str) -> dict[str, str]:
    """Returns the fields of a deb822 stanza by their names in small letters."""
    fields: dict[str, str] = {}
    last = ""
    for line in stanza.splitlines():
        if line[:1] in (" ", "\t"):
            fields[last] = fields.get(last, "") + "\n" + line
        elif ":" in line:
            name, _, value = line.partition(":")
            last = name.strip().lower()
            fields[last] = value.strip()
    return fields


def apt_options() -> list[str]:
    """Returns the host's own settings for reaching its mirror (proxy, dates, retries)."""
    lines = run(["apt-config", "dump"]).stdout.splitlines()
    return [line for line in lines if line.startswith("Acquire::") and '""' not in line]
