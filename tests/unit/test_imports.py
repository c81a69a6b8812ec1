"""What a notify imports, and which module may know which."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from paf_haproxy import rolefile
from paf_haproxy.rolefile import Role
from paf_haproxy.routing import wanted
from paf_haproxy.view import ClusterView

from tests.tools import AGENT, LIB, environments
from tests.tools.fake_haproxy import FakeHaproxy
from tests.tools.model import Model

PACKAGE = LIB / "paf_haproxy"
MODULES = sorted(
    path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")
    for path in [*PACKAGE.glob("*.py"), *PACKAGE.glob("actions/*.py")]
    if path.stem != "__init__"
)
"""The agent's modules, e.g. 'actions.notify', without those of the command paf-haproxy."""

HOT = {
    "main",
    "context",
    "view",
    "rolefile",
    "routing",
    "runtime",
    "log",
    "ocf",
    "paf_notify",
    "apply",
    "actions",
    "actions.notify",
}
# What `os` needs, and what the interpreter may or may not have loaded by itself.
STANDARD = {
    *(
        "os",
        "stat",
        "_stat",
        "posixpath",
        "genericpath",
        "os.path",
        "_collections_abc",
        "abc",
        "_abc",
    ),
    *("sys", "posix", "errno", "__future__", "select", "syslog", "time", "_socket"),
}

# Each knows only those before it.
LAYERS = [
    {"haproxy_note", "ocf"},
    {"command", "context", "crash_evidence", "log", "postmaster", "view"},
    {"routing"},
    {"values"},
    {"params"},
    {
        "metadata",
        "network",
        "pacemaker",
        "paf_notify",
        "parameters_file",
        "pgbouncer",
        "ports",
        "rolefile",
        "runtime",
        "silence",
    },
    {"certificate", "master", "memory", "pooler", "postgres", "rejection", "render"},
    {"apply", "stats", "standing"},
    {"copies", "supervisor"},
    {"process"},
    {"configuration", "launch"},
    {"crash", "kept", "missed_change", "request"},
    {"startup"},
    {"actions.fast_monitor", "actions.notify", "actions.reconcile"},
    {
        "actions.demote",
        "actions.follow",
        "actions.meta_data",
        "actions.promote",
        "actions.reload",
        "actions.report",
        "actions.start",
        "actions.stop",
        "actions.validate_all",
    },
    {"actions.monitor"},
    {"dispatch"},
    {"main"},
]
PURE = {"ocf", "context", "routing", "values", "view", "params"}


def imported(stderr: str) -> set[str]:
    """Returns the names of the modules that -X importtime tells of."""
    return {
        line.rsplit("|", 1)[1].strip()
        for line in stderr.splitlines()
        if line.startswith("import time:")
    }


def test_what_a_notify_imports(tmp_path: Path) -> None:
    """A notify that has work to do: it reads and writes the role file and talks to HAProxy."""
    nodes = ("srv1", "srv2", "srv3")
    environ = environments.notification("pre-promote", "srv3", all_nodes=nodes, promote=["srv2"])
    code = AGENT.read_text().replace("/usr/share/paf-haproxy", str(LIB))
    haproxy = FakeHaproxy(Model(wanted(ClusterView("srv1"), nodes)))
    rolefile.save(str(tmp_path), Role(ClusterView("srv1")))
    with haproxy.listen(tmp_path / "admin.sock"):
        done = run(code, "notify", **environ, OCF_RESKEY_statedir=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert haproxy.take(), "it had work to do"
    found = imported(done.stderr) - imported(run("pass").stderr)
    own = {name for name in found if name.startswith("paf_haproxy")}
    assert own == {"paf_haproxy"} | {f"paf_haproxy.{name}" for name in HOT}
    assert found - own <= STANDARD
    assert {"_socket", "syslog"} <= found, "the list is that of this run"


SLOW = {"psycopg2", "jinja2", "ssl", "hashlib", "shutil", "site", "typing", "dataclasses"}


def test_what_a_report_does_not_import(tmp_path: Path) -> None:
    """Clients wait for a primary meanwhile."""
    (tmp_path / "parameters").write_text(f'{{"pghost": "{tmp_path}"}}')
    code = AGENT.read_text().replace("/usr/share/paf-haproxy", str(LIB))
    done = run(code, "report", OCF_RESKEY_statedir=str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = imported(done.stderr)
    assert {"paf_haproxy.crash", "paf_haproxy.missed_change", "json"} <= found
    assert not found & SLOW


def run(code: str, *argv: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-IS", "-c", code, *argv],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], **environ},
        check=False,
    )


def test_the_packages_docstring_names_the_hot_path() -> None:
    docstring = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text()))
    assert docstring
    sentence = re.sub(r"\s+", " ", docstring).split("a notify imports ")[1].split(".")[0]
    ours, standard = sentence.split(", and of the standard library only ")
    assert {name.replace("/", ".") for name in re.findall(r"[\w/]+", ours)} - {"and"} == HOT
    assert set(re.findall(r"\w+", standard)) - {"and"} <= STANDARD


def source(module: str) -> Path:
    """Returns the file of a module."""
    return PACKAGE / f"{module.replace('.', '/')}.py"


def imports(module: str) -> tuple[set[str], set[str]]:
    """Returns the modules of ours and the others that a module imports, wherever in it; what is
    only for the type checker does not count.
    """
    ours: set[str] = set()
    others: set[str] = set()

    def walk(node: ast.AST) -> None:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return
        if isinstance(node, ast.Import):
            others.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if not node.level:
                others.add(node.module or "")
            else:
                base = module.split(".")[: -node.level]
                names = [node.module] if node.module else [alias.name for alias in node.names]
                found = {".".join([*base, name]) for name in names}
                ours.update(found if node.module else found & set(MODULES))
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(ast.parse(source(module).read_text()))
    return ours, others - {"__future__"}


def test_every_module_has_its_layer() -> None:
    assert sorted(name for layer in LAYERS for name in layer) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_a_module_knows_only_the_layers_below(module: str) -> None:
    below: set[str] = set()
    for layer in LAYERS:
        if module in layer:
            break
        below |= layer
    ours, _ = imports(module)
    assert ours <= below


@pytest.mark.parametrize("module", sorted(PURE))
def test_a_pure_module_imports_nothing_that_does_io(module: str) -> None:
    ours, others = imports(module)
    assert others <= {"ipaddress"}, "which only computes"
    assert ours <= PURE


@pytest.mark.parametrize("module", sorted(PURE))
def test_a_pure_module_opens_nothing_by_itself(module: str) -> None:
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(source(module).read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"open", "print", "input", "exec", "eval", "__import__"}


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"main", "log"}))
def test_only_the_edge_reads_the_environment(module: str) -> None:
    text = source(module).read_text()
    assert "os.environ" not in text and "getenv" not in text
