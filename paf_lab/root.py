"""The files of a node: its image, and above it what the node itself has written."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from . import container, disk, image
from .layout import ADDRESSES, APP, PREFIX, SINK, STATE
from .shell import run

NOT_FOR_THE_SINK = ("pcsd.service", "pcsd-ruby.service")


class Root:
    """directory: everything that the node has written. mount: the root of the container."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.directory = STATE / name
        self.mount = self.directory / "root"

    @property
    def image(self) -> Path | None:
        """The image on which the node stands, or None while it has nothing of its own."""
        link = self.directory / "image"
        if link.is_symlink() and link.exists():
            return link.resolve()
        return image.mounted().get(self.mount)

    def lay_out(self, base: Path) -> None:
        """Mounts the node's root: its image below (base if it has none yet), its writes above."""
        upper, work = self.directory / "upper", self.directory / "work"
        if self.image is None:
            self.remove()  # the node's own writes belong to an image that is gone
        base = self.image or base
        self.directory.mkdir(parents=True, exist_ok=True)
        link = self.directory / "image"
        if not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(base)
        for path in (upper, work, self.mount):
            path.mkdir(parents=True, exist_ok=True)
        if not os.path.ismount(self.mount):
            options = f"lowerdir={base},upperdir={upper},workdir={work}"
            run(["mount", "-t", "overlay", f"{PREFIX}{self.name}", "-o", options, str(self.mount)])
        with_disk = self.name not in (SINK, APP) and disk.usable(self.mount)
        if with_disk and container.leader(self.name) is None:
            disk.attach(self.directory / "postgresql.ext4", self.mount)
        self._configure()

    def _configure(self) -> None:
        """Writes the names of the nodes, and keeps the services of pcsd off the log sink."""
        (self.mount / "etc/hostname").write_text(self.name + "\n")
        hosts = ["127.0.0.1 localhost", *(f"{ip} {name}" for name, ip in ADDRESSES.items())]
        (self.mount / "etc/hosts").write_text("\n".join(hosts) + "\n")
        for unit in NOT_FOR_THE_SINK if self.name == SINK else ():
            link = self.mount / "etc/systemd/system" / unit
            if not link.is_symlink():
                link.symlink_to("/dev/null")

    def remove(self) -> None:
        """Takes away what is left of a node that does not run."""
        disk.speed_up(self.name)
        disk.detach(self.mount)
        while os.path.ismount(self.mount):
            if run(["umount", str(self.mount)], check=False).returncode:
                run(["umount", "--lazy", str(self.mount)])  # somebody's shell is in there
        shutil.rmtree(self.directory, ignore_errors=True)
