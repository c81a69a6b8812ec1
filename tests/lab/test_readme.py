"""README.md's commands: each is run here as it stands, or by whoever is named."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import xml.etree.ElementTree as ET

import pytest

from paf_lab import handbook
from paf_lab.layout import REPO
from paf_lab.node import named
from tests.tools.waiting import eventually

from .conftest import LAB, lab

pytestmark = pytest.mark.lab

README = (REPO / "README.md").read_text()
PROGRAMS = ("make", "systemctl", "pcs", "paf-haproxy", "lab", ".")
ELSEWHERE = {
    "make demo": "`lab up` and `lab drill switchover`, see test_lab.py; timed in results",
    "make test": "runs this",
    "make deb": "its dpkg-buildpackage makes what each `lab up` installs",
    "pcs cluster cib ha": "with a longer name, before the commands between",
    "pcs cluster cib-push ha diff-against=ha.before": "each `lab up`, by 90-push.sh",
    "systemctl disable --now haproxy": "docs/operations.md, typed by test_typed.py",
    ". .venv/bin/activate": "is for people: the tests call .venv/bin/lab",
    "lab drill switchover --repeat 10": "test_lab.py, once; ten times in results",
    "lab drill poweroff --json /tmp/poweroff.json": "test_lab.py",
    "lab drill --short": "test_lab.py, one by one",
    "lab bench notify": "results",
    "lab bench beside CHECKOUT": "results",
    "lab drill blast": "results",
    "lab drill drivers": "results",
    "lab drill sweep worker": "people: it takes an hour",
    "lab drill --control --all": "people: it takes half an hour",
    "lab soak --hours 4": "people; make soak",
    "lab up --topology vip": "results",
    "lab up --topology documented": "test_typed.py",
    "lab migrate vip": "results",
    "lab down": "test_lab.py",
    "lab up": "every test of this directory",
    "lab drill switchover --inventory machines.ini": "test_lab.py, with another file's name",
    "lab drill poweroff --inventory machines.ini --yes-break srv1": "test_lab.py",
}
"""Commands that no test of this file runs, and who does."""
RUN: set[str] = set()


@pytest.fixture(scope="module", autouse=True)
def the_lab_is_up() -> None:
    """Whatever tests before these have done to it."""
    lab("up", timeout=900)


def commands() -> list[str]:
    """Returns the page's commands, without their comments."""
    found = []
    for block in handbook.blocks(README):
        for line in block.text.replace("\\\n", " ").splitlines():
            command = " ".join(re.split(r"\s+#", line)[0].split())
            if command.split(" ")[0] in PROGRAMS:
                found.append(command)
    return found


def run(*starts: str) -> list[str]:
    """Returns the commands that begin so, which whoever asks is about to run."""
    found = [command for command in commands() if command.startswith(starts)]
    assert len(found) >= len(starts), f"README.md does not say {' or '.join(starts)}"
    RUN.update(found)
    return found


def on(node: str, text: str) -> str:
    return named(node).run("bash", "-ec", text, timeout=120).stdout


def own(command: str) -> list[str]:
    """Returns the words of a command of the lab's, with the lab of this tree."""
    assert command.startswith("lab ")
    return [LAB, *command.split()[1:]]


def test_the_resource_is_what_the_lab_runs() -> None:
    """The pcs commands, typed into a copy of the cluster that has no HAProxy."""
    typed = run(*(f"pcs -f ha {each}" for each in ("resource", "constraint", "property")))
    copy = "/root/readme.cib"
    on("srv1", f"pcs cluster cib {copy} && pcs -f {copy} resource delete haproxy 2>&1")
    assert not ET.fromstring(on("srv1", f"cat {copy}")).findall(".//primitive[@id='haproxy']")
    for command in typed:
        on("srv1", command.replace("-f ha ", f"-f {copy} ", 1))
    on("srv1", f"crm_verify --xml-file {copy}")
    said, there = (ET.fromstring(on("srv1", text)) for text in (f"cat {copy}", "cibadmin --query"))
    for path in (
        ".//primitive[@id='haproxy']//op[@name='monitor']",
        ".//primitive[@id='haproxy']//op[@name='notify']",
        ".//clone[@id='haproxy-clone']/meta_attributes/nvpair",
        ".//primitive[@id='haproxy']/meta_attributes/nvpair",
        ".//rsc_colocation",
        ".//rsc_order",
        ".//crm_config//nvpair[@name='load-threshold']",
    ):
        one = sorted(map(meaning, said.findall(path)))
        other = sorted(meaning(turned(element)) for element in there.findall(path))
        assert one and one == other, path


def turned(element: ET.Element) -> ET.Element:
    """Returns the order of the two demotes as it is without PgBouncer, which the lab has."""
    if element.get("first-action") == element.get("then-action") == "demote":
        first, then = element.attrib["first"], element.attrib["then"]
        assert first == "haproxy-clone", "70-constraints.sh turns it round for PgBouncer"
        element.attrib.update({"first": then, "then": first})
    return element


def meaning(element: ET.Element) -> tuple[tuple[str, str], ...]:
    """Returns the attributes of an element but for its name."""
    return tuple(sorted(item for item in element.attrib.items() if item[0] != "id"))


def test_the_parameters_are_described() -> None:
    (command,) = set(re.findall(r"`(pcs resource describe [^`]+)`", README))
    assert "hold_timeout: How long a new connection to prod" in on("srv1", command)


def test_looking_at_it() -> None:
    status, explain, check, clients, drain, replay = run("paf-haproxy ")
    assert "Pacemaker, PostgreSQL and every HAProxy agree." in on("srv1", status)
    assert "stdby: srv2 is in stdby on srv3" in on("srv1", explain)
    assert "srv1: " in on("srv1", check) and "nothing is wrong" in on("srv1", check)
    assert "replication" in on("srv2", clients) or "replication" in on("srv3", clients)
    on("srv1", drain)
    try:
        assert "stdby: srv2 is not in stdby on srv3" in on("srv1", explain)
    finally:
        on("srv1", drain.replace("drain", "undrain"))
    captured = REPO / "tests" / "golden" / "captured-switchover"
    first = min(captured.glob("*.env"))
    file = "/root/captured.env"
    named("srv1").run("sh", "-c", f"cat >{file}", input=first.read_text())
    assert on("srv1", replay.replace("FILE", file))


def test_the_lab() -> None:
    (status,) = run("lab status")
    assert "healthy" in subprocess.run(own(status), capture_output=True, text=True).stdout
    (shell,) = run("lab shell")
    said = subprocess.run(own(shell), input="hostname\n", capture_output=True, text=True)
    assert said.stdout == "srv2\n"
    (execute,) = re.findall(r"# or: (lab exec .+)", README)
    assert "haproxy-clone" in lab(*execute.split()[1:])
    (drills,) = run("lab drill --list")
    listed = subprocess.run(own(drills), capture_output=True, text=True).stdout.splitlines()
    (number,) = re.findall(re.escape(drills) + r".*: (\d+) drills", README)
    assert int(number) == len(listed)


def test_what_goes_on_until_it_is_interrupted() -> None:
    (forward,) = run("lab forward")
    with subprocess.Popen(own(forward), stdout=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: role("127.0.0.13") in ("standby", "production"), "srv3 tells", 30)
        finally:
            process.terminate()  # and not by SIGINT, which a job in the background ignores
            process.wait(timeout=60)
    (logs,) = run("lab logs")
    with subprocess.Popen(own(logs), stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout
        assert b" srv" in process.stdout.readline()
        os.killpg(process.pid, signal.SIGTERM)


def role(address: str) -> str:
    with socket.create_connection((address, 5431), timeout=2) as client:
        return client.makefile().read().strip()


def test_every_command_is_run_by_somebody() -> None:
    """Runs last: the tests above have noted what they ran."""
    assert set(commands()) == RUN | set(ELSEWHERE)
    assert not RUN & set(ELSEWHERE)
