"""The faults of one burst: each in a thread of its own, so that a slow one delays no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import LabError
from . import faults
from .scene import LOOK_EVERY, Scene
from .schedule import Entry

CALLED_OFF = "the burst was called off"


@dataclass(frozen=True)
class Outcome:
    """What became of a fault. skipped: why it was not brought about; '' if it was."""

    entry: Entry
    skipped: str

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self.entry), "skipped": self.skipped}


def run(entries: Sequence[Entry], scene: Scene) -> tuple[Outcome, ...]:
    """Brings the faults about at their times and takes them back. Returns when all are over; those
    whose node is not there are still to be undone (Scene.not_undone).

    If it is interrupted, it takes the faults back that have begun, and raises.
    """
    began, off = time.monotonic(), threading.Event()

    def one(entry: Entry) -> Outcome:
        if off.wait(max(0.0, began + entry.at - time.monotonic())):
            return Outcome(entry, CALLED_OFF)
        skipped = ""
        try:
            faults.begin(scene, entry)
            off.wait(entry.seconds)
        except LabError as error:
            skipped = str(error)
            scene.say(f"{entry.fault} left out: {skipped}")
        finally:
            faults.end(scene, entry)
        return Outcome(entry, skipped)

    with ThreadPoolExecutor(max_workers=max(1, len(entries))) as pool:
        running: list[Future[Outcome]] = [pool.submit(one, entry) for entry in entries]
        try:
            while not all(each.done() for each in running):
                scene.rest(LOOK_EVERY)
        finally:
            off.set()
    return tuple(each.result() for each in running)
