"""The Vagrantfile, as far as that can be seen without a virtual machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from paf_lab.layout import ADDRESSES
from tests.tools import ROOT

FILES = ("Vagrantfile", "vagrant.yml")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy, for vagrant writes where it runs."""
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "provision", tmp_path / "provision")
    return tmp_path


def vagrant(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(tree),
        "VAGRANT_HOME": str(tree / "home"),
        "VAGRANT_DEFAULT_PROVIDER": "libvirt",
        "VAGRANT_CHECKPOINT_DISABLE": "1",
    }
    command = ["/usr/bin/vagrant", *words]
    return subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, timeout=120
    )


def test_it_is_valid(tree: Path) -> None:
    done = vagrant(tree, "validate")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "validated successfully" in done.stdout


def test_a_setting_that_libvirt_does_not_know_is_found(tree: Path) -> None:
    """Else `validate` would say nothing of the machines."""
    file = tree / "Vagrantfile"
    file.write_text(file.read_text().replace("domain.watchdog", "domain.watchcat"))
    done = vagrant(tree, "validate")
    assert done.returncode != 0
    assert "watchcat" in done.stdout + done.stderr


def test_validating_makes_no_secrets(tree: Path) -> None:
    assert vagrant(tree, "validate").returncode == 0
    assert not (tree / ".vagrant" / "paf-haproxy").exists()


def test_its_machines_are_those_of_the_lab() -> None:
    text = (ROOT / "vagrant.yml").read_text()
    found = dict(re.findall(r"^ *(srv\d|log_sink): ([\d.]+)$", text, re.MULTILINE))
    assert found.pop("log_sink") == ADDRESSES["log-sink"]
    assert found == {name: address for name, address in ADDRESSES.items() if name in found}
    assert len(found) == 3


def test_what_the_provisioning_needs_is_given() -> None:
    script = (ROOT / "provision" / "vagrant-node.sh").read_text()
    needed = set(re.findall(r"\$\{?([A-Z_]+)\b", script)) - {"PGBIN", "PGDATA"}
    given = set(
        re.findall(r'^    "([A-Z_]+)" => ', (ROOT / "Vagrantfile").read_text(), re.MULTILINE)
    )
    assert needed and needed <= given


INSTALL = "install -y -q --no-install-recommends"


@pytest.mark.parametrize(
    ("package", "asked"),
    [("dpkg", ""), ("paf-none-such", f"update -q\n{INSTALL} paf-none-such\n")],
)
def test_only_what_is_missing_is_installed(tmp_path: Path, package: str, asked: str) -> None:
    """The host's dpkg is asked; its apt is another."""
    log = tmp_path / "asked"
    log.touch()
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$*" >>{log}\n')
    apt.chmod(0o755)
    script = ROOT / "provision" / "vagrant-apt.sh"
    environment = {"PATH": f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin"}
    subprocess.run(["bash", script, "bash", package], env=environment, check=True, timeout=60)
    assert log.read_text() == asked


def test_secrets_are_never_committed() -> None:
    assert "/.vagrant/" in (ROOT / ".gitignore").read_text().splitlines()
