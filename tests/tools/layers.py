"""The layers of paf_lab/ and of lib/paf_haproxy/: upward imports and import cycles.

`python tests/tools/layers.py [TREE]` prints them, of this source tree or of another one. LAYERS is
the mapping; tests/unit/test_layers.py enforces it.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

LAYERS: dict[str, dict[str, str]] = {
    "paf_lab": {
        "machines": """
            __init__ display errors layout shell lock mounts
            cgroup confine container disk disorder network host sources handbook image package root
            machine node remote power ssh
            """,
        "cluster": """
            access agent cluster health lifecycle postgresql recovery rejoin replication scripts
            spare status topology
            """,
        "measuring": """
            clients drill inventory provenance soak
            """,
        "commands": """
            __main__ bench cli compare forward migrate migration
            drill.cli drill.series drill.alarms.cli drill.blast.cli drill.control.cli
            drill.drivers.cli drill.sweep.cli soak.cli
            """,
    },
    "lib/paf_haproxy": {
        "data and values": """
            __init__ ocf log context values params metadata
            crash_evidence haproxy_note rolefile routing silence view
            """,
        "access": """
            command pacemaker paf_notify memory apply
            postgres postmaster standing pgbouncer pooler
            certificate configuration copies kept launch master network parameters_file ports
            process rejection render runtime startup stats supervisor
            """,
        "actions": """
            actions crash dispatch missed_change request
            """,
        "command line": """
            main cli
            """,
    },
}
"""Layers of each package, from bottom to top. A module imports only from its own layer and from the
layers below it. A folder stands for all modules in it; the longest name that fits a module counts.
Access: to Pacemaker, PostgreSQL and HAProxy.
"""

MODULE, FUNCTION, TYPES = "module", "function", "types"
"""Where an import stands: at the module's top level, inside a function, under TYPE_CHECKING."""


@dataclass(frozen=True)
class Import:
    """One module imports another of the same package. where: MODULE, FUNCTION or TYPES."""

    source: str
    target: str
    where: str
    line: int


@dataclass(frozen=True)
class Package:
    """The modules of a package, by their names below it, and the imports among them."""

    name: str
    modules: tuple[str, ...]
    imports: tuple[Import, ...]
    layers: Mapping[str, str]

    @property
    def order(self) -> list[str]:
        """The layers, from bottom to top."""
        return list(self.layers)

    def layer(self, module: str) -> str:
        """Returns the layer of a module; '' if it has none."""
        by_name = {name: layer for layer, text in self.layers.items() for name in text.split()}
        parts = module.split(".")
        names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((by_name[name] for name in names if name in by_name), "")

    def homeless(self) -> list[str]:
        """Returns the modules without a layer."""
        return [module for module in self.modules if not self.layer(module)]

    def stale(self) -> list[str]:
        """Returns the names in LAYERS that are no module or folder, or that stand there twice."""
        names = [name for text in self.layers.values() for name in text.split()]
        return [name for name in names if name not in self.modules or names.count(name) > 1]

    def upward(self) -> list[Import]:
        """Returns the imports from a layer above."""
        rank = {layer: number for number, layer in enumerate(self.order)}
        return [
            each
            for each in self.imports
            if rank.get(self.layer(each.target), 0) > rank.get(self.layer(each.source), 0)
        ]

    def cycles(self) -> list[list[str]]:
        """Returns the groups of modules that import one another, in whatever way."""
        return cycles((each.source, each.target) for each in self.imports)

    def folder_cycles(self) -> list[list[str]]:
        """Returns the groups of folders that import one another. A folder is divided by layers, and
        a module that is in no folder stands for itself.
        """
        return cycles((self.folder(each.source), self.folder(each.target)) for each in self.imports)

    def folder(self, module: str) -> str:
        """Returns the folder and the layer of a module, e.g. 'drill/faults (measuring)'."""
        above = module if module in self._folders else module.rpartition(".")[0] or module
        return f"{above.replace('.', '/')} ({self.layer(module)})"

    @property
    def _folders(self) -> set[str]:
        return {name.rpartition(".")[0] for name in self.modules} - {""}


def read(name: str, root: Path = ROOT) -> Package:
    """Returns the package in this folder of a source tree."""
    files = {_module(path.relative_to(root / name)): path for path in (root / name).rglob("*.py")}
    found = [
        each
        for module, path in sorted(files.items())
        for each in _imports(name.rpartition("/")[2], module, path, files)
    ]
    return Package(name, tuple(sorted(files)), tuple(found), LAYERS[name])


def _module(path: Path) -> str:
    """Returns the name of a module below its package: its folder's if it is an __init__."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def _imports(package: str, module: str, path: Path, files: Mapping[str, Path]) -> Iterator[Import]:
    """Yields the imports of a file, without those of other packages."""
    # The names that a relative import begins with: of the module, as if it were a folder.
    here = [package, *(part for part in module.split(".") if part != "__init__")]
    if path.name != "__init__.py":
        here.pop()
    for node, where in _statements(ast.parse(path.read_text(), str(path)), MODULE):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) + 1 - node.level] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{start}.{alias.name}" for alias in node.names]
        for target in dict.fromkeys(_known(package, name, files) for name in names):
            if target and target != module:
                yield Import(module, target, where, node.lineno)


def _known(package: str, name: str, files: Mapping[str, Path]) -> str:
    """Returns the module that an imported name is, or is in; '' if that is not of the package."""
    top, _, below = name.partition(".")
    if top != package:
        return ""
    while below and below not in files:
        below = below.rpartition(".")[0]
    return below or "__init__"


def _statements(node: ast.AST, where: str) -> Iterator[tuple[ast.stmt, str]]:
    """Yields every statement below a node, and where it stands."""
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        for child in node.body:
            yield child, TYPES
        for child in node.orelse:
            yield child, where
            yield from _statements(child, where)
        return
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        where = FUNCTION
    for below in ast.iter_child_nodes(node):
        if isinstance(below, ast.stmt):
            yield below, where
        yield from _statements(below, where)


def cycles(edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Returns the groups of nodes each of which leads to all others of its group, sorted."""
    after: dict[str, set[str]] = {}
    for source, target in edges:
        if source != target:
            after.setdefault(source, set()).add(target)
    reached = {node: _reached(node, after) for node in after}
    groups = {
        frozenset(each for each in reached[node] if node in reached.get(each, ()))
        for node in after
        if node in reached[node]
    }
    return sorted(sorted(group) for group in groups)


def _reached(start: str, after: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        for node in after.get(ahead.pop(), ()):
            if node not in found:
                found.add(node)
                ahead.append(node)
    return found


def lines(package: Package) -> Iterator[str]:
    """Yields the table of a package, and what is wrong with its imports."""
    upward = package.upward()
    head = ("layer", "modules", "imports", "upward", "in functions", "for types")
    rows: list[Sequence[object]] = [head]
    for layer in package.order:
        mine = [each for each in package.imports if package.layer(each.source) == layer]
        every, up = (
            Counter(each.where for each in found)
            for found in (mine, [each for each in mine if each in upward])
        )
        modules = sum(package.layer(module) == layer for module in package.modules)
        others = (f"{every[where]}, {up[where]} up" for where in (FUNCTION, TYPES))
        rows.append((layer, modules, every[MODULE], up[MODULE], *others))
    yield package.name
    for row in rows:
        yield "  {:<16}{:>8}{:>9}{:>8}{:>14}{:>12}".format(*map(str, row))
    yield from _listed("modules without a layer", package.homeless())
    for where in (MODULE, FUNCTION, TYPES):
        found = [_told(package, each) for each in upward if each.where == where]
        yield from _listed(f"upward imports, {where}", found)
    yield from _listed("cycles of modules", [" ".join(each) for each in package.cycles()])
    yield from _listed("cycles of folders", [", ".join(each) for each in package.folder_cycles()])
    for where, text in ((FUNCTION, "imports in functions"), (TYPES, "imports for types")):
        found = [
            f"{each.source} -> {each.target}" for each in package.imports if each.where == where
        ]
        yield from _listed(text, found)


def _told(package: Package, each: Import) -> str:
    layers = f"{package.layer(each.source)} -> {package.layer(each.target)}"
    return f"{each.source}:{each.line} -> {each.target} ({layers})"


def _listed(what: str, found: Sequence[str]) -> Iterator[str]:
    yield f"  {what}: {len(found) or 'none'}"
    for each in found:
        yield f"    {each}"


def main() -> None:
    root = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    for name in LAYERS:
        print(*lines(read(name, root)), "", sep="\n")


if __name__ == "__main__":
    main()
