"""The RPMs of `make rpm` have what the Debian package has, and the SELinux policy of rpm/."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from paf_lab import package
from tests.tools import ROOT

VERSION = re.compile(r"^Version: +(\S+)$", re.MULTILINE)
ONLY_DEB = {
    "/etc/needrestart/conf.d/paf-haproxy.conf",
    "/usr/share/doc/paf-haproxy/changelog.gz",
    "/usr/share/doc/paf-haproxy/copyright",
    "/usr/share/doc/paf-haproxy/examples/alerts.yml",
    "/usr/share/doc/paf-haproxy/examples/grafana.json",
    "/usr/share/doc/paf-haproxy/examples/prometheus.yml",
    "/usr/share/python3/runtime.d/paf-haproxy.rtupdate",
}
ONLY_RPM = {
    "/usr/lib/firewalld/services/paf-haproxy-nodes.xml",
    "/usr/lib/firewalld/services/paf-haproxy.xml",
    "/usr/share/licenses/paf-haproxy/LICENSE",
    "/usr/share/selinux/packages/targeted/paf_haproxy.pp",
}
DATABASE = re.compile(r"/\.?rpm(db)?/")
"""Where rpm notes what it has installed."""
SCRIPTS = "/usr/share/paf-haproxy/pcs-scripts/"


def run(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree, in a directory named as the RPM wants it."""
    place = tmp_path_factory.mktemp("packages")
    for path in [*package.sources(), *(ROOT / "rpm").iterdir()]:
        path = path.relative_to(ROOT) if path.is_absolute() else path
        target = place / f"paf-haproxy-{version()}" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, target)
    return place


def version() -> str:
    found = VERSION.search((ROOT / "rpm" / "paf-haproxy.spec").read_text())
    assert found
    return found[1]


@pytest.fixture(scope="module")
def rpm(place: Path) -> Path:
    """What the three RPMs install."""
    name = f"paf-haproxy-{version()}"
    (place / "SOURCES").mkdir()
    run("tar", "czf", f"SOURCES/{name}.tar.gz", name, cwd=place)
    spec = f"{name}/rpm/paf-haproxy.spec"
    run("rpmbuild", "-bb", "--nodeps", "--define", f"_topdir {place}", spec, cwd=place)
    made = sorted((place / "RPMS" / "noarch").glob("*.rpm"))
    assert len(made) == 3
    root = place / "rpm"
    for each in made:
        words = ("--nodeps", "--noscripts", "--ignorearch", "--ignoreos")
        run("rpm", "--root", root, "-i", *words, each, cwd=place)
    return root


@pytest.fixture(scope="module")
def deb(place: Path) -> Path:
    """What the Debian package installs."""
    tree = place / f"paf-haproxy-{version()}"
    run("dpkg-buildpackage", "-us", "-uc", "-b", "-d", cwd=tree)
    (made,) = place.glob("*.deb")
    run("dpkg-deb", "--extract", made, place / "deb", cwd=place)
    return place / "deb"


def files(root: Path) -> dict[str, Path]:
    """Returns the files below a directory by their names on a machine. Byte code, and rpm's own
    database, do not count.
    """
    found = {}
    for path in root.rglob("*"):
        name = f"/{path.relative_to(root)}".replace(f"paf-haproxy-{version()}", "paf-haproxy")
        if path.is_file() and "__pycache__" not in path.parts and not DATABASE.search(name):
            man_or_doc = re.search(r"/(man\d|doc)/", name)
            found[name.removesuffix(".gz") if man_or_doc and name not in ONLY_DEB else name] = path
    return found


def test_both_have_the_same_files(rpm: Path, deb: Path) -> None:
    ours, theirs = set(files(rpm)), set(files(deb))
    assert ours - theirs == ONLY_RPM
    assert theirs - ours == ONLY_DEB


def test_the_files_have_the_same_content(rpm: Path, deb: Path) -> None:
    """Byte for byte, without the first line of scripts: the packages start bash differently."""
    ours, theirs = files(rpm), files(deb)
    names = [name for name in ours.keys() & theirs.keys() if "/doc/" not in name]
    names = [name for name in names if theirs[name].suffix != ".gz"]
    assert len(names) > 100
    for name in names:
        first, second = ours[name].read_bytes(), theirs[name].read_bytes()
        if name.startswith(SCRIPTS):
            first, second = (text.partition(b"\n")[2] for text in (first, second))
        assert first == second, name
        assert ours[name].stat().st_mode == theirs[name].stat().st_mode, name


def test_pages_that_a_page_leads_to_are_in_the_package(deb: Path) -> None:
    """Of those that an administrator reads first."""
    docs = {name.rpartition("/doc/paf-haproxy/")[2] for name in files(deb) if "/doc/" in name}
    for page in ("fencing.md", "el.md", "ansible.md", "cold-start.md", "rollback.md"):
        assert page in docs


def test_the_policy_has_rules_and_types_for_files(rpm: Path) -> None:
    policy = files(rpm)["/usr/share/selinux/packages/targeted/paf_haproxy.pp"].read_bytes()
    rules = (ROOT / "rpm" / "paf_haproxy.fc").read_text().splitlines()
    contexts = [line.encode() for line in rules if not line.startswith("#")]
    assert len(contexts) == 2
    for line in contexts:
        assert line in policy


def test_the_table_has_the_types_of_the_policy() -> None:
    policy = (ROOT / "rpm" / "paf_haproxy.te").read_text()
    rows = re.findall(r"^\| .* \| (.*) \| paf_haproxy", (ROOT / "docs" / "el.md").read_text(), re.M)
    named = {name for row in rows for name in row.split(", ")}
    allowed = " ".join(re.findall(r"^allow haproxy_t (.*?):", policy, re.MULTILINE))
    assert set(re.findall(r"\w+_t\b", allowed)) - {"postgresql_t"} == named
