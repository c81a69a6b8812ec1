"""Which PostgreSQL the tests of version 17 run with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools import newer


def install(root: Path, *versions: str) -> None:
    for version in versions:
        (root / version / "bin").mkdir(parents=True)
        (root / version / "bin" / "initdb").touch()


def test_the_newest_one_that_is_installed(tmp_path: Path) -> None:
    install(tmp_path, "9", "15", "17", "18")
    (tmp_path / "19").mkdir()  # without programs
    assert newer.installed(17, tmp_path) == tmp_path / "18" / "bin"


def test_an_older_one_is_none(tmp_path: Path) -> None:
    install(tmp_path, "9", "15")
    assert newer.installed(17, tmp_path) is None
    assert newer.installed(17, tmp_path / "nowhere") is None


def test_otherwise_a_copy_of_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "packages" / "of_a_wheel"
    (package / "pginstall" / "bin").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "pginstall" / "bin" / "initdb").touch()
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setattr(newer, "WHEEL", package.name)
    monkeypatch.setattr(newer, "installed", lambda _: None)
    for _ in range(2):
        found = newer.programs(17, tmp_path)
        assert found == tmp_path / "of_a_wheel" / "bin"
        assert (found / "initdb").exists()


def test_without_either_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newer, "WHEEL", "no_such_package_here")
    monkeypatch.setattr(newer, "installed", lambda _: None)
    assert newer.programs(17, tmp_path) is None
