"""Which machines are drilled instead of the lab's: an INI file.

# Where the cluster differs from the lab's: fields of paf_lab/access.py and
# paf_lab/drill/settings.py, and bars. slowness: how many times slower its machines are.
[cluster]
pgport = 5434
ratio = 1.6

# A section for each node with PostgreSQL. address: what that answers with. ssh: the words that
# reach the node as root, without a password. The others: commands of this machine, for the
# drills that need them.
[srv1]
address = 192.168.122.51
ssh = root@srv1
power_off = virsh destroy srv1
power_on = virsh start srv1
cut_off = virsh domif-setlink srv1 52:54:00:00:00:51 down
plug_in = virsh domif-setlink srv1 52:54:00:00:00:51 up
"""

from __future__ import annotations

import configparser
import shlex
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from .drill.settings import Bars, Settings
from .errors import LabError
from .remote import Remote

CLUSTER = "cluster"
ORDERS = ("power_off", "power_on", "cut_off", "plug_in")
KEYS = ("address", "ssh", *ORDERS)


def load(file: Path) -> tuple[list[Remote], Settings]:
    """Returns the machines and what a drill assumes of their cluster.

    Raises LabError that says in one line what is wrong with the file.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(file.read_text(), str(file))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise LabError(f"inventory {file}: {' '.join(str(error).split())}") from error
    names = [name for name in parser.sections() if name != CLUSTER]
    if len(names) < 2:
        raise LabError(f"inventory {file}: name two nodes at least, each in a section: [srv1]")
    table = parser[CLUSTER] if parser.has_section(CLUSTER) else {}
    settings = _settings(file, table)
    machines = [_machine(file, name, parser[name], settings.slowness) for name in names]
    return machines, settings


def _machine(file: Path, name: str, section: Mapping[str, str], slowness: float) -> Remote:
    where = f"inventory {file}: [{name}]"
    if unknown := sorted(set(section) - set(KEYS)):
        raise LabError(f"{where}: unknown key {unknown[0]}: there are {', '.join(KEYS)}")
    for key in ("address", "ssh"):
        if not section.get(key):
            raise LabError(f"{where}: {key} is missing")
    try:
        words = shlex.split(section["ssh"])
    except ValueError as error:
        raise LabError(f"{where}: ssh: {error}") from error
    orders = {key: section[key] for key in ORDERS if key in section}
    return Remote(name, section["address"], words, orders, slowness)


def _settings(file: Path, section: Mapping[str, str]) -> Settings:
    kinds = {
        field.name: type(field.default)
        for kind in (Settings, Bars)
        for field in fields(kind)
        if isinstance(field.default, (int, float, str))
    }
    values: dict[str, Any] = {}
    for key, text in section.items():
        if key not in kinds:
            known = ", ".join(sorted(kinds))
            raise LabError(f"inventory {file}: [{CLUSTER}]: unknown key {key}: there are {known}")
        try:
            values[key] = kinds[key](text)
        except ValueError as error:
            raise LabError(f"inventory {file}: [{CLUSTER}]: {key} = {text}: {error}") from error
    bars = {field.name: values.pop(field.name) for field in fields(Bars) if field.name in values}
    return Settings(**values, bars=Bars(**bars))
