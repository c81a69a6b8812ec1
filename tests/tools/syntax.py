"""Questions about the syntax tree of the agent's Python code."""

from __future__ import annotations

import ast
from collections.abc import Iterator

LOGGERS = ("log", "info", "warning", "exit_reason")


def functions(tree: ast.Module) -> Iterator[tuple[ast.AST, list[ast.AST]]]:
    """Returns each function and its nodes, and the nodes of the module that are in none."""
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node not in inside:
            scope = list(ast.walk(node))
            inside.update(scope)
            yield node, scope
    yield tree, [node for node in ast.walk(tree) if node not in inside]


def logs(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "log"
        and node.attr in LOGGERS
    )


def assigns(node: ast.Assign | ast.NamedExpr, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return any(isinstance(each, ast.Name) and each.id == name for each in targets)


def name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
