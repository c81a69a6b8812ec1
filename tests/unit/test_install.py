"""haproxy.cfg is checked by HAProxy, swapped in, and made anew when there is a change."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path

import pytest
from paf_haproxy import render
from paf_haproxy.ocf import ERR_CONFIGURED, AgentError
from paf_haproxy.params import parse

from tests.tools import ROOT


@pytest.fixture(autouse=True)
def this_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "TEMPLATES", str(ROOT / "haproxy"))
    monkeypatch.setattr("paf_haproxy.pacemaker.nodes", lambda: ("srv1", "srv2", "srv3"))


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_haproxy_refuses(tmp_path: Path) -> None:
    """Its own words, the first that matter; and nothing is left, nothing is replaced."""
    haproxy = program(
        tmp_path / "haproxy",
        "echo '[NOTICE] (1) : haproxy version'; "
        "echo '[ALERT] (1) : config : parsing [x:7] : unknown keyword' >&2; exit 1",
    )
    params = parse({"haproxy": str(haproxy), "statedir": str(tmp_path)})
    (tmp_path / "haproxy.cfg").write_text("the old one")
    with pytest.raises(AgentError) as caught:
        render.check(params, "text")
    assert caught.value.code == ERR_CONFIGURED
    assert caught.value.reason == (
        "HAProxy refuses the configuration: [ALERT] (1) : config : parsing [x:7] : unknown keyword"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["haproxy", "haproxy.cfg"]
    assert (tmp_path / "haproxy.cfg").read_text() == "the old one"


def test_haproxy_refuses_without_a_word(tmp_path: Path) -> None:
    haproxy = program(tmp_path / "haproxy", "exit 1")
    params = parse({"haproxy": str(haproxy), "statedir": str(tmp_path)})
    with pytest.raises(AgentError, match="no reason given"):
        render.check(params, "text")


def test_installed(tmp_path: Path) -> None:
    haproxy = program(tmp_path / "haproxy", f'[ "$1" = -c ] && cp "$3" {tmp_path}/checked')
    params = parse({"haproxy": str(haproxy), "statedir": str(tmp_path)})
    render.install(params, render.check(params, "text"))
    assert (tmp_path / "haproxy.cfg").read_text() == (tmp_path / "checked").read_text()
    assert not (tmp_path / "haproxy.cfg.new").exists()


def test_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the configuration was made from: our version, the nodes, the parameters."""
    given = {"haproxy": "/bin/true", "statedir": str(tmp_path)}
    params = parse(given)
    assert not render.is_current(params), "there is none"
    render.install(params, render.check(params, "text"))
    assert render.is_current(params)
    assert not render.is_current(parse({**given, "maxconn": "99"}))
    assert render.is_current(parse({**given, "maxconn": "2000"})), "the default, said aloud"
    with monkeypatch.context() as patch:
        patch.setattr(render, "__version__", "9")
        assert not render.is_current(params)
    monkeypatch.setattr("paf_haproxy.pacemaker.nodes", lambda: ("srv1", "srv2", "srv3", "srv4"))
    assert not render.is_current(params)


def test_what_is_unpacked_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """dpkg and rpm lay the new files beside the old ones before they rename them."""
    ours = tmp_path / "templates"
    shutil.copytree(ROOT / "haproxy", ours)
    monkeypatch.setattr(render, "TEMPLATES", str(ours))
    params = parse({"haproxy": "/bin/true", "statedir": str(tmp_path)})
    render.install(params, render.check(params, "text"))
    for path in list(ours.iterdir()):
        for unpacked in (f"{path.name}.dpkg-new", f"{path.name}.dpkg-tmp", f"{path.name};6746a3f1"):
            (ours / unpacked).write_text("new")
    assert render.is_current(params)
    for path in [path for path in ours.iterdir() if path.name.endswith(".dpkg-new")]:
        before = path.with_name(path.name.removesuffix(".dpkg-new"))
        kept = shutil.copy2(before, tmp_path)
        path.replace(before)
        assert not render.is_current(params), before.name
        shutil.copy2(kept, before)
        assert render.is_current(params)


def test_an_upgrade_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever of the two directories got a file last."""
    templates, library = tmp_path / "templates", tmp_path / "paf_haproxy"
    monkeypatch.setattr(render, "TEMPLATES", str(templates))
    monkeypatch.setattr(render, "__file__", str(library / "render.py"))
    templates.mkdir()
    library.mkdir()
    now = time.time()
    os.utime(library, (0, 0))
    for directory in (templates, library):
        for age, upgraded in ((0, True), (4, True), (-60, False), (6, False)):
            os.utime(directory, (now - age, now - age))
            assert render.is_upgraded() is upgraded, age
