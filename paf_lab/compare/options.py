"""The options of `lab compare` that change what every trial is like. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..drill.settings import Settings


@dataclass(frozen=True)
class Options:
    """fencing_delay: s that it takes to cut a node's power. pooled: with sessions through PgBouncer
    where a topology has it. rate: requests a s and node that do not wait for answers; 0: none.
    slower: s that clients of each second trial wait after a failed attempt; 0: no such trials.
    """

    fencing_delay: float = 0
    pooled: bool = False
    rate: float = 0
    slower: float = 0

    def settings(self, usual: Settings, pooler_port: int) -> Settings:
        """Returns with which settings clients work. pooler_port: 0 if there is no PgBouncer."""
        found = usual
        if self.pooled:
            found = replace(found, pooler_port=pooler_port).with_pooled()
        return found.with_open_loop(self.rate) if self.rate else found

    def variants(self, settings: Settings, number: int) -> list[Settings]:
        """Returns the settings of all trials of a number; which comes first alternates."""
        if not self.slower:
            return [settings]
        both = [settings, replace(settings, retry_pause=self.slower)]
        return both if number % 2 else both[::-1]

    def words(self) -> list[str]:
        """Returns the options as they are typed."""
        found = ["--fencing-delay", f"{self.fencing_delay:g}"] if self.fencing_delay else []
        found += ["--pooled"] if self.pooled else []
        found += ["--open-loop", f"{self.rate:g}"] if self.rate else []
        return found + (["--slower-clients", f"{self.slower:g}"] if self.slower else [])

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """What is measured of a topology. rest: also what it costs at rest. directory: of records."""

    drills: Sequence[str]
    repeat: int
    rest: bool
    options: Options
    directory: Path


def command(
    names: Sequence[str], drills: Sequence[str] | None, repeat: int, options: Options, rest: bool
) -> str:
    """Returns the command that was typed, without its files. drills: None for all. rest: whether it
    also measured what a topology costs at rest.
    """
    words = ["lab", "compare", *names]
    words += ["--drills", ",".join(drills)] if drills is not None else []
    words += ["--repeat", str(repeat), *options.words()]
    return " ".join(words if rest else [*words, "--no-steady"])
