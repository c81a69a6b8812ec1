"""This project on three blank Debian nodes, typed as docs/operations.md says."""

from __future__ import annotations

import re
import shlex
import shutil

from .. import agent, cluster, handbook, package
from ..errors import LabError
from ..handbook import Block
from ..image import BLANK
from ..layout import DATABASE_NODES, REPO
from ..node import NODES, Node, named
from ..scripts import passwords
from ..shell import together
from .base import Step
from .ours import PafHaproxy

SECTION = "Install"
BEGUN = "typing-begun"
"""A file beside a node's disk for as long as the page is being typed: no command goes twice."""
VERSION = re.compile(r"\((.+?)\)")
TYPED_WITHIN = 600.0  # s


class Documented(PafHaproxy):
    """The lab does no more than a site would: it has a fence agent, a package, and passwords."""

    name = "documented"
    summary = "paf-haproxy on blank Debian nodes, typed as docs/operations.md says"
    image = BLANK
    provisioned = False

    def half_built(self) -> bool:
        return any((node.directory / BEGUN).exists() for node in NODES)

    def build(self, step: Step) -> None:
        if cluster.joined():
            with step("cluster start"):
                cluster.start()
        else:
            with step("fence agent and package"):
                together(bring, NODES)
            for block in handbook.blocks():
                if block.section == SECTION:
                    with step(block.intro.rpartition(". ")[2]):
                        type_block(block)
            for node in NODES:
                (node.directory / BEGUN).unlink()
        with step("primary, standbys, clients' way to them"):
            self.await_whole()


def type_block(block: Block) -> None:
    """Does on the nodes what the page says. Raises LabError if a command fails."""
    nodes = [named(name) for name in block.where(DATABASE_NODES)]
    if block.file:
        together(lambda node: _write(node, block), NODES)
    else:
        together(lambda node: node.run("bash", "-ec", block.text, timeout=TYPED_WITHIN), nodes)


def bring(node: Node) -> None:
    """What a site has before it begins."""
    (node.directory / BEGUN).touch()
    fence = node.root / agent.FENCE
    shutil.copy(REPO / "provision" / "fence_paf_lab", fence)
    fence.chmod(0o755)
    bring_package(node)


def bring_package(node: Node) -> None:
    """Puts the package where the page says that it is: into root's home."""
    found = VERSION.search((REPO / "debian" / "changelog").read_text())
    version = found[1] if found else ""
    shutil.copy(package.build(), node.root / "root" / f"paf-haproxy_{version}_all.deb")


def _write(node: Node, block: Block) -> None:
    """Writes a file with the variables that the page names, and values of our own for the nodes,
    the passwords and the fence agent.
    """
    values = {
        **stated(block.text),
        "NODES": " ".join(DATABASE_NODES),
        **passwords(),
        "FENCE_AGENT": "fence_paf_lab",
        "FENCE_OPTIONS": "",
    }
    names = re.findall(r"\b([A-Z_]+)=", block.text)
    if strangers := set(names) - set(values):
        raise LabError(f"the page names {min(strangers)}, and the lab has no value for it")
    file = node.root / block.file.lstrip("/")
    file.touch(mode=0o600)
    file.write_text("".join(f"export {name}={shlex.quote(values[name])}\n" for name in names))


def stated(text: str) -> dict[str, str]:
    """Returns the variables to which a page gives a value, and not only dots. Pure."""
    words = [word.partition("=") for line in text.splitlines() for word in shlex.split(line)]
    return {name: value for name, equals, value in words if equals and "..." not in value}
