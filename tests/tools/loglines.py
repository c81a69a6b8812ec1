"""The log lines of the agent, read from its code.

A text of the code becomes a pattern: `...` stands for each value that is inserted. There are three
kinds of text:

- A log line: the argument of log.info, log.warning and log.exit_reason, or of core.log in Lua.
- A reason: the argument of AgentError, or of a subclass. It is logged alone, after the name of an
  action, or inside a log line.
- A part: a text that a function returns, if a line or a reason inserts the result of the function.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from . import syntax

GAP = "..."
CALLBACK = "warn"
"""A function that takes log.warning as an argument calls it by this name (params.py)."""
ACTION = re.compile(r"^[a-z-]+: ")
"""What may stand before a reason, e.g. 'monitor: '."""
ROOT = "AgentError"
EVENTS = "notice.event"
VALUES = {"context.action": ("monitor", "reload", "reload-agent")}
"""Values of an inserted expression. They are used if a pattern has no words without them."""


@dataclass(frozen=True, order=True)
class Text:
    """A text of the code. place: file and line, e.g. 'notify.py:58'."""

    pattern: str
    place: str

    def __str__(self) -> str:
        return f"{self.place}: {self.pattern}"


@dataclass
class Found:
    """What the code can log."""

    lines: set[Text]
    reasons: set[Text]
    parts: set[Text]


def words(pattern: str) -> list[str]:
    """Returns the words that tell one pattern from another."""
    return re.findall(r"[A-Za-z][A-Za-z']{2,}", pattern)


def expression(pattern: str, anything: str = ".*") -> re.Pattern[str]:
    """Returns the regular expression of a pattern."""
    return re.compile(anything.join(map(re.escape, pattern.split(GAP))))


class Module:
    """One file of the agent, and what its names stand for."""

    def __init__(self, path: Path, tree: ast.Module) -> None:
        self.path = path
        self.tree = tree
        self.modules: set[str] = set()
        self.imported: dict[str, tuple[str, str]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                for alias in node.names:
                    name = alias.asname or alias.name
                    if node.module is None:
                        self.modules.add(name)
                    else:
                        self.imported[name] = (node.module.rpartition(".")[2], alias.name)
        self.functions = {
            each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)
        }
        self.classes = {each.name: each for each in tree.body if isinstance(each, ast.ClassDef)}
        self.constants = {
            target.id: each.value
            for each in tree.body
            if isinstance(each, ast.Assign)
            for target in each.targets
            if isinstance(target, ast.Name)
        }

    @property
    def name(self) -> str:
        return self.path.stem


class Agent:
    """The Python code of the agent."""

    def __init__(self, paths: Iterable[Path]) -> None:
        read = [Module(path, ast.parse(path.read_text())) for path in sorted(paths)]
        self.modules = {module.name: module for module in read}
        self.values = {**VALUES, EVENTS: tuple(sorted(self._events()))}
        self.found = Found(set(), set(), set())
        self._returned: set[ast.FunctionDef] = set()
        for module in read:
            for function, scope in syntax.functions(module.tree):
                self._look(module, function, scope)

    def misused(self) -> Iterator[str]:
        """Returns the places that could log a text that is not found here."""
        for module in self.modules.values():
            allowed: set[ast.AST] = set()
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Call):
                    allowed.add(node.func)
                    if syntax.name(node.func) == "parse_leniently":
                        allowed.update(node.args)
                direct = isinstance(node, (ast.Import, ast.ImportFrom)) and (
                    any(alias.name == "syslog" for alias in node.names)
                    or (isinstance(node, ast.ImportFrom) and node.module in ("syslog", "log"))
                )
                if direct and module.name != "log":
                    yield f"{_place(module, node)}: {ast.unparse(node)}"
            for node in ast.walk(module.tree):
                if syntax.logs(node) and node not in allowed:
                    yield f"{_place(module, node)}: {ast.unparse(node)}"

    def _events(self) -> Iterator[str]:
        """Returns the notifications that change something: what view.py compares an event to."""
        if "view" not in self.modules:
            return
        for node in ast.walk(self.modules["view"].tree):
            if isinstance(node, ast.Compare) and ast.unparse(node.left) == EVENTS:
                for each in ast.walk(node):
                    if isinstance(each, ast.Constant):
                        yield str(each.value)

    def _look(self, module: Module, function: ast.AST, scope: list[ast.AST]) -> None:
        for node in scope:
            if not isinstance(node, ast.Call):
                continue
            place = _place(module, node)
            if (
                syntax.logs(node.func) or syntax.name(node.func) == CALLBACK
            ) and module.name != "log":
                text = node.args[-1]
                for pattern in self._patterns(module, scope, text):
                    if not _is_reason(pattern, text):
                        self.found.lines.add(Text(pattern, place))
            elif self._is_error(module, node, function):
                for pattern in self._patterns(module, scope, node.args[0]):
                    if words(pattern):
                        self.found.reasons.add(Text(pattern, place))

    def _is_error(self, module: Module, call: ast.Call, function: ast.AST) -> bool:
        """Returns whether a call makes an error, and its first argument is the reason."""
        if ast.unparse(call.func) == "super().__init__":
            for each in module.classes.values():
                if function in each.body:
                    return each.name != ROOT and self._error(module.name, each.name) is not None
        target = self._target(module, call.func)
        found = self._error(*target) if target else None
        if found is None or not call.args:
            return False
        own = any(isinstance(each, ast.FunctionDef) for each in found.body)
        return found.name == ROOT or not own

    def _error(self, module: str, name: str) -> ast.ClassDef | None:
        """Returns a class if it is AgentError or a subclass of it."""
        if module not in self.modules:
            return None
        if name in self.modules[module].imported:
            return self._error(*self.modules[module].imported[name])
        found = self.modules[module].classes.get(name)
        if found is None or name == ROOT:
            return found
        bases = (self._target(self.modules[module], base) for base in found.bases)
        return found if any(base and self._error(*base) for base in bases) else None

    def _target(self, module: Module, node: ast.expr) -> tuple[str, str] | None:
        """Returns module and name of what a name of our own stands for."""
        if isinstance(node, ast.Name):
            return module.imported.get(node.id, (module.name, node.id))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return (node.value.id, node.attr) if node.value.id in module.modules else None
        return None

    def _patterns(
        self, module: Module, scope: list[ast.AST], text: ast.expr, known: bool = False
    ) -> list[str]:
        found = self._texts(module, scope, text, known, ())
        told = [pattern for pattern in found if words(pattern)]
        if not told and not known and any(each in ast.unparse(text) for each in self.values):
            return self._patterns(module, scope, text, known=True)
        return told or found

    def _texts(
        self,
        module: Module,
        scope: list[ast.AST],
        text: ast.expr,
        known: bool,
        seen: tuple[str, ...],
    ) -> list[str]:
        """Returns the patterns of an expression. seen: the names that are being looked up."""
        if isinstance(text, ast.Constant):
            return [text.value if isinstance(text.value, str) else GAP]
        if isinstance(text, ast.JoinedStr):
            parts = [self._texts(module, scope, each, known, seen) for each in text.values]
            return ["".join(each) for each in product(*parts)]
        if isinstance(text, ast.FormattedValue):
            return self._texts(module, scope, text.value, known, seen)
        if isinstance(text, ast.BinOp) and isinstance(text.op, ast.Add):
            sides = [
                self._texts(module, scope, each, known, seen) for each in (text.left, text.right)
            ]
            return ["".join(each) for each in product(*sides)]
        if isinstance(text, ast.IfExp):
            sides = [
                self._texts(module, scope, each, known, seen) for each in (text.body, text.orelse)
            ]
            return [each for side in sides for each in side]
        if isinstance(text, ast.BoolOp):
            sides = [self._texts(module, scope, each, known, seen) for each in text.values]
            return [each for side in sides for each in side]
        if known and ast.unparse(text) in self.values:
            return list(self.values[ast.unparse(text)])
        if isinstance(text, ast.Name) and text.id not in seen:
            return self._name_texts(module, scope, text, known, (*seen, text.id))
        if isinstance(text, ast.Call):
            self._follow(module, text)
        return [GAP]

    def _name_texts(
        self,
        module: Module,
        scope: list[ast.AST],
        name: ast.Name,
        known: bool,
        seen: tuple[str, ...],
    ) -> list[str]:
        """Returns the patterns of a variable: those of each text that is assigned to it. What is
        added to it later (+=) counts as a part.
        """
        found = []
        values = [module.constants[name.id]] if name.id in module.constants else []
        for node in scope:
            if isinstance(node, (ast.Assign, ast.NamedExpr)) and syntax.assigns(node, name.id):
                values.append(node.value)
            elif isinstance(node, ast.AugAssign) and ast.unparse(node.target) == name.id:
                for pattern in self._texts(module, scope, node.value, known, seen):
                    self._add_part(pattern, module, node)
        for value in values:
            found += self._texts(module, scope, value, known, seen)
        return [each for each in found if each != GAP] or [GAP]

    def _follow(self, module: Module, call: ast.Call) -> None:
        """Adds the texts that a function of ours returns."""
        target = self._target(module, call.func)
        where = self.modules.get(target[0]) if target else None
        function = where.functions.get(target[1]) if where and target else None
        if where and function:
            functions = [(where, function)]
        else:
            # The method of an object: every method of ours that has this name.
            functions = [
                (other, method)
                for other in self.modules.values()
                for each in other.classes.values()
                for method in each.body
                if isinstance(method, ast.FunctionDef) and method.name == syntax.name(call.func)
            ]
        for other, function in functions:
            if function in self._returned:
                continue
            self._returned.add(function)
            scope = list(ast.walk(function))
            for node in scope:
                if isinstance(node, ast.Return) and node.value is not None:
                    for pattern in self._texts(other, scope, node.value, False, ()):
                        self._add_part(pattern, other, node)

    def _add_part(self, pattern: str, module: Module, node: ast.AST) -> None:
        if " " in pattern and len(words(pattern)) > 1:  # a path is not a text
            self.found.parts.add(Text(pattern.strip("; "), _place(module, node)))


def _is_reason(pattern: str, text: ast.expr) -> bool:
    """Returns whether a log line consists of a reason, which is found where it is raised."""
    inserted = re.search(r"\berror\b|\.reason\b", ast.unparse(text))
    return inserted is not None and not words(ACTION.sub("", pattern, count=1))


def _place(module: Module, node: ast.AST) -> str:
    return f"{module.path.name}:{getattr(node, 'lineno', 0)}"
