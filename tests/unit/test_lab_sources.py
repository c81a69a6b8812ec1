"""The image is built from the host's Debian sources, and from nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from paf_lab import package, sources
from paf_lab.errors import LabError

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates trixie
Components: main contrib
Signed-By: /usr/share/keyrings/a.gpg
Check-Valid-Until: no

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main
"""
LINES = """\
deb cdrom:[Debian GNU/Linux 12]/ bookworm main
deb [signed-by=/k.gpg arch=amd64] http://mirror.example/debian bookworm-security main # why
deb-src http://mirror.example/debian bookworm main
# deb http://mirror.example/debian bookworm main
deb http://other.example/apt bookworm-pgdg main
deb\thttp://mirror.example/debian   bookworm  main
"""


def write(apt: Path, name: str, text: str) -> None:
    file = apt / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_deb822(tmp_path: Path) -> None:
    write(tmp_path, "sources.list.d/debian.sources", DEB822)
    options = "[signed-by=/usr/share/keyrings/a.gpg check-valid-until=no]"
    assert sources.find("bookworm", tmp_path) == [
        f"deb {options} http://mirror.example/debian bookworm main contrib",
        f"deb {options} http://mirror.example/debian bookworm-updates main contrib",
    ]


def test_one_line_format(tmp_path: Path) -> None:
    write(tmp_path, "sources.list", LINES)
    assert sources.find("bookworm", tmp_path) == [
        "deb [signed-by=/k.gpg arch=amd64] http://mirror.example/debian bookworm-security main",
        "deb\thttp://mirror.example/debian   bookworm  main",
    ]


def test_other_repositories_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, "sources.list.d/other.list", "deb http://other.example/apt bookworm-x main\n")
    with pytest.raises(LabError, match="no apt source of the host offers bookworm"):
        sources.find("bookworm", tmp_path)


def test_a_suite_of_the_same_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "sources.list", LINES)
    monkeypatch.setattr(sources, "_own_suite", lambda: "bookworm")
    assert sources.find("forky", tmp_path) == [
        "deb [signed-by=/k.gpg arch=amd64] http://mirror.example/debian forky-security main",
        "deb\thttp://mirror.example/debian   forky  main",
    ]
    monkeypatch.setattr(sources, "_own_suite", lambda: "")
    with pytest.raises(LabError, match="no apt source of the host offers forky"):
        sources.find("forky", tmp_path)


def test_a_key_inside_the_stanza_is_refused(tmp_path: Path) -> None:
    key = "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n"
    text = f"Types: deb\nURIs: http://m.example/\nSuites: bookworm\nComponents: main\n{key}"
    write(tmp_path, "sources.list.d/debian.sources", text)
    with pytest.raises(LabError, match="put the key in a file"):
        sources.find("bookworm", tmp_path)


def test_figures_are_no_source_of_the_package() -> None:
    """`lab compare` writes some between two labs that it builds of the package."""
    names = {path.name for path in package.sources()}
    assert {"growth.md.j2", "compared.py", "role.lua"} <= names
    assert not {"growth.json", "growth.png", "growth.md", "compared.json"} & names
