"""HAProxy 2.8.0, which hangs, is refused by the template and by the packages; other versions are
not. The version of HAProxy decides on what it reads of haproxy.cfg.
"""

from __future__ import annotations

import re
import subprocess

import pytest
from paf_haproxy.cli.checks_node import HANGS

from tests.tools import ROOT, TEMPLATE

CONDITION = re.compile(r"\.if version_(atleast|before)\((\d+)\.(\d+)\.(\d+)\)")
ALERT = "HAProxy 2.8.0 hangs: install a later 2.8, or another branch (docs/compatibility.md)"
OPTION = "tune.lua.bool-sample-conversion normal"
GOOD = [(2, 4, 0), (2, 6, 12), (2, 8, 1), (2, 8, 16), (3, 0, 11), (3, 1, 0), (3, 2, 26), (3, 5, 0)]


def read_by(version: tuple[int, int, int]) -> list[str]:
    """Returns the lines of the template that a version of HAProxy does not skip."""
    read: list[str] = []
    taken: list[bool] = []
    for line in TEMPLATE.read_text().splitlines():
        if line.startswith(".if"):
            found = CONDITION.fullmatch(line)
            assert found, line
            at_least = version >= tuple(map(int, found.groups()[1:]))
            taken.append(at_least if found[1] == "atleast" else not at_least)
        elif line == ".endif":
            taken.pop()
        elif all(taken):
            read.append(line.strip())
    assert not taken
    return read


@pytest.mark.parametrize("version", GOOD)
def test_other_versions_are_not_refused(version: tuple[int, int, int]) -> None:
    read = read_by(version)
    assert not [line for line in read if line.startswith(".alert")]
    assert (OPTION in read) == (version >= (3, 2, 0)), "an option that is not known is an error"


def test_the_template_refuses_it() -> None:
    read = read_by((2, 8, 0))
    assert HANGS == (2, 8, 0)
    assert f'.alert "{ALERT}"' in read
    assert read.index(f'.alert "{ALERT}"') < read.index("global")


def test_the_option_comes_before_the_first_lua_file() -> None:
    """Otherwise HAProxy ignores it, with a warning."""
    read = read_by((3, 2, 26))
    assert read.index(OPTION) < next(i for i, line in enumerate(read) if "lua-load" in line)


def relations() -> list[list[tuple[str, str]]]:
    """Returns the versions of haproxy that the Debian package depends on: (operator, version) of
    each alternative, by clause.
    """
    control = (ROOT / "debian" / "control").read_text()
    depends = re.search(r"^Depends: (.*(?:\n .*)*)", control, re.MULTILINE)
    assert depends
    clauses = [clause.strip() for clause in depends[1].split(",")]
    return [
        re.findall(r"haproxy \((\S+) (\S+)\)", clause)
        for clause in clauses
        if clause.startswith("haproxy ")
    ]


def installable(version: str) -> bool:
    """Returns whether the Debian package can be installed beside a version of haproxy."""

    def holds(operator: str, least: str) -> bool:
        words = ["dpkg", "--compare-versions", version, operator, least]
        return subprocess.run(words, check=False).returncode == 0

    return all(any(holds(*one) for one in clause) for clause in relations())


@pytest.mark.parametrize("version", ["2.8.0-1", "2.8.0-1~bpo12+1", "2.8.0-1ppa1~jammy", "2.2.9-2"])
def test_the_debian_package_refuses(version: str) -> None:
    assert not installable(version)


@pytest.mark.parametrize(
    "version",
    ["2.4.24-0ubuntu0.22.04.1", "2.6.12-1+deb12u4", "2.8.1-1~bpo12+1", "3.0.11-1", "3.2.26-1"],
)
def test_the_debian_package_accepts(version: str) -> None:
    assert len(relations()) == 2
    assert installable(version)


def test_the_rpm_refuses_it() -> None:
    """A version without a release stands for all its releases."""
    spec = (ROOT / "rpm" / "paf-haproxy.spec").read_text()
    assert re.findall(r"^Conflicts: +haproxy = (\S+)$", spec, re.MULTILINE) == ["2.8.0"]
