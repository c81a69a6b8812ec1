"""Tables that fit the terminal: no word is cut, no line is longer than the terminal is wide."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Union

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

Cell = Union[str, Text]
UNWRAPPED = 22
"""The longest cell that always stays on one line, in columns: '12.345 s', '0 of 2590'."""
TEXT, TEXT_LEAST = 56, 28
"""A column with a cell longer than TEXT is not narrower than TEXT_LEAST, in columns."""
SPACE = 2  # columns between two cells
LOG_WIDTH = 120  # columns, if the output goes into a file
FIGURE = re.compile(r"([-+]?\d+(\.\d+)?( ?[a-zA-Z%/]+( \d+)?)?|never|-|)$")


def new_console(error: bool = False) -> Console:
    """Returns a console as wide as the terminal or as $COLUMNS says, and else LOG_WIDTH."""
    stream = sys.stderr if error else sys.stdout
    known = stream.isatty() or "COLUMNS" in os.environ
    width = None if known else LOG_WIDTH
    return Console(stderr=error, highlight=False, emoji=False, width=width)


def print_list(to: Console, rows: Iterable[tuple[str, ...]]) -> None:
    """Prints rows without heads: wrapped on a terminal, and one line each for other programs."""
    found = list(rows)
    if to.is_terminal:
        to.print(FittedTable([""] * len(found[0]), found))
        return
    wide = [max(map(len, cells)) for cells in zip(*found)]
    for row in found:
        line = "  ".join(cell.ljust(length) for cell, length in zip(row, wide))
        to.print(line.rstrip(), markup=False, soft_wrap=True)


class FittedTable:
    """Something that rich prints: a table that is never wider than the console.

    Cells of several words are wrapped. If the columns do not fit side by side even so, they become
    several tables, one below the other. Each of them begins with the first `keys` columns. A row
    that is empty but for these is shown in the first table only.
    """

    def __init__(
        self,
        heads: Sequence[str],
        rows: Iterable[Sequence[Cell]],
        keys: int = 1,
        title: str = "",
    ) -> None:
        self.heads = heads
        self.rows = [[Text(cell) if isinstance(cell, str) else cell for cell in r] for r in rows]
        self._keys = keys
        self._title = title

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = [
            [Text(head), *(row[n] for row in self.rows)] for n, head in enumerate(self.heads)
        ]
        title = self._title
        room = options.max_width
        for place, part in enumerate(parts([least(each) for each in columns], room, self._keys)):
            if place:
                yield Text()
            lines = list(zip(*(columns[number] for number in part)))
            if place:
                lines = [line for n, line in enumerate(lines) if n == 0 or any(line[self._keys :])]
            yield self._table(list(zip(*lines)), room, title)
            title = f"{self._title}, continued" if title else ""

    def _table(self, columns: Sequence[Sequence[Text]], width: int, title: str) -> Table:
        found = Table(
            box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, SPACE - 1, 0, 0),
            title=title or None, title_justify="left", title_style="bold",
            show_header=any(self.heads),
        )  # fmt: skip
        for (head, *cells), wide in zip(columns, widths(columns, width)):
            right = all(FIGURE.match(cell.plain) for cell in cells)
            side = "right" if right else "left"
            found.add_column(head, width=wide, overflow="fold", justify=side)  # type: ignore[arg-type]
        for row in zip(*(cells for _, *cells in columns)):
            found.add_row(*row)
        return found


def least(column: Sequence[Text]) -> int:
    """Returns how narrow a column can be: no word and no short cell is broken, and long texts stay
    readable.
    """
    _, *cells = column
    words = [len(word) for cell in column for word in cell.plain.split()]
    short = [cell.cell_len for cell in cells if cell.cell_len <= UNWRAPPED]
    texts = [TEXT_LEAST for cell in cells if cell.cell_len > TEXT]
    return max([*words, *short, *texts], default=0)


def parts(least: Sequence[int], width: int, keys: int) -> Iterator[list[int]]:
    """Yields the numbers of the columns that go side by side. least: how wide each must be."""
    first = list(range(keys))
    start = sum(least[number] + SPACE for number in first)
    part, taken = first[:], start
    for number in range(keys, len(least)):
        if taken + least[number] > width and len(part) > keys:
            yield part
            part, taken = first[:], start
        part.append(number)
        taken += least[number] + SPACE
    yield part


def widths(columns: Sequence[Sequence[Text]], width: int) -> list[int]:
    """Returns how wide each column becomes. A word is broken only if it does not fit alone.

    What is left goes to the columns that want least of it first, so that only long texts are
    wrapped.
    """
    found = [least(each) for each in columns]
    left = width - sum(found) - SPACE * (len(columns) - 1)
    if left < 0:
        widest = found.index(max(found))
        found[widest] += left
    wanted = [max(cell.cell_len for cell in each) - one for each, one in zip(columns, found)]
    for place, number in enumerate(sorted(range(len(found)), key=lambda each: wanted[each])):
        more = max(0, min(wanted[number], left // (len(found) - place)))
        found[number] += more
        left -= more
    return found
