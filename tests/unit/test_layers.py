"""No import points to a layer above, and none closes a cycle: tests/tools/layers.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import layers
from tests.tools.layers import FUNCTION, LAYERS, MODULE, TYPES, Import, Package

PACKAGES = list(LAYERS)
SMALL = {"low": "__init__ errors machine", "middle": "topology drill", "high": "cli drill.cli"}


@pytest.mark.parametrize("name", PACKAGES)
def test_every_module_has_one_layer(name: str) -> None:
    package = layers.read(name)
    assert not package.homeless(), "add it to LAYERS in tests/tools/layers.py"
    assert not package.stale(), "take it out of LAYERS in tests/tools/layers.py"


@pytest.mark.parametrize("name", PACKAGES)
def test_no_import_points_upwards(name: str) -> None:
    """Neither at a module's top level nor in a function, nor for types."""
    package = layers.read(name)
    assert len(package.imports) > 100
    assert not package.upward(), "\n".join(layers.lines(package))


@pytest.mark.parametrize("name", PACKAGES)
def test_no_imports_close_a_cycle(name: str) -> None:
    package = layers.read(name)
    assert not package.cycles()
    assert not package.folder_cycles()


def made(root: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> Package:
    """Returns a small package of these files."""
    for name in ("__init__.py", "errors.py", "drill/__init__.py", *files):
        path = root / "paf_lab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files.get(name, ""))
    monkeypatch.setitem(LAYERS, "paf_lab", SMALL)
    return layers.read("paf_lab", root)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("from .drill import settings", MODULE),
        ("from .drill.settings import Settings", MODULE),
        ("from paf_lab.drill.settings import Settings", MODULE),
        ("import paf_lab.drill.settings", MODULE),
        ("from . import drill", MODULE),
        ("try:\n    from .drill import settings\nexcept OSError:\n    pass", MODULE),
        ("class A:\n    from .drill import settings", MODULE),
        ("def work():\n    from .drill import settings", FUNCTION),
        ("class A:\n    async def work(self):\n        from .drill import settings", FUNCTION),
        ("if TYPE_CHECKING:\n    from .drill import settings", TYPES),
        ("if typing.TYPE_CHECKING:\n    from .drill import settings", TYPES),
        ("if TYPE_CHECKING:\n    pass\nelse:\n    from .drill import settings", MODULE),
    ],
)
def test_an_upward_import_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, where: str
) -> None:
    files = {"machine.py": text, "drill/settings.py": "from .. import errors"}
    package = made(tmp_path, monkeypatch, files)
    (found,) = package.upward()
    assert (found.source, found.where) == ("machine", where)
    assert found.target in ("drill", "drill.settings")
    assert Import("drill.settings", "errors", MODULE, 1) in package.imports


def test_a_downward_import_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "cli.py": "import os\nfrom .drill import cli\nfrom . import errors",
        "drill/cli.py": "from .. import version\nfrom ..errors import LabError\nfrom . import run",
        "drill/run.py": "from ..other_package import errors",
    }
    package = made(tmp_path, monkeypatch, files)
    found = {(each.source, each.target) for each in package.imports}
    below = {("drill.cli", "__init__"), ("drill.cli", "errors"), ("drill.cli", "drill.run")}
    assert found == {("cli", "drill.cli"), ("cli", "errors"), ("drill.run", "__init__"), *below}
    assert not package.upward() and not package.cycles() and not package.folder_cycles()


@pytest.mark.parametrize("indent", ["", "def work():\n    ", "if TYPE_CHECKING:\n    "])
def test_a_cycle_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indent: str) -> None:
    files = {
        "drill/a.py": "from . import b",
        "drill/b.py": "from .c import x",
        "drill/c.py": f"{indent}from .a import x",
        "drill/d.py": "from . import a",
    }
    package = made(tmp_path, monkeypatch, files)
    assert package.cycles() == [["drill.a", "drill.b", "drill.c"]]
    assert not package.upward()


def test_a_cycle_of_folders_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "topology/base.py": "from ..drill.values import x",
        "topology/ours.py": "",
        "drill/target.py": "from ..topology.ours import x",
        "drill/values.py": "",
    }
    package = made(tmp_path, monkeypatch, files)
    assert not package.cycles()
    assert package.folder_cycles() == [["drill (middle)", "topology (middle)"]]


def test_a_module_without_a_layer_and_a_layer_without_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = made(tmp_path, monkeypatch, {"strange.py": ""})
    assert package.homeless() == ["strange"]
    assert package.stale() == ["machine", "topology", "cli", "drill.cli"]


def test_the_script_prints_a_table() -> None:
    done = subprocess.run(
        [sys.executable, layers.__file__], capture_output=True, text=True, check=True, cwd="/"
    )
    for name, of_package in LAYERS.items():
        assert f"{name}\n  layer " in done.stdout
        assert all(f"\n  {layer} " in done.stdout for layer in of_package)
    assert done.stdout.count("upward imports, module: none") == len(LAYERS)
    assert done.stdout.count("cycles of modules: none") == len(LAYERS)
    assert "    main -> dispatch\n" in done.stdout, "an import in a function is named"
