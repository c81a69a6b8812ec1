"""haproxy.cfg is checked by HAProxy, swapped in, and made anew when there is a change."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path

import pytest
from paf_haproxy import configuration, copies, kept, parameters_file, ports, render
from paf_haproxy.ocf import ERR_CONFIGURED, Rejected
from paf_haproxy.params import Params, parse

from tests.tools import ROOT


@pytest.fixture(autouse=True)
def this_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "TEMPLATES", str(ROOT / "haproxy"))
    monkeypatch.setattr(ports, "conflict", lambda *_: "")  # of this machine
    monkeypatch.setattr("paf_haproxy.pacemaker.nodes", lambda: ("srv1", "srv2", "srv3"))


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def install(params: Params) -> None:
    configuration.install(params, configuration.make(params, "srv1"))
    configuration.commit(params)


def test_haproxy_refuses(tmp_path: Path) -> None:
    """Its own words, the first that matter; nothing is left, and nothing is replaced."""
    haproxy = program(
        tmp_path / "haproxy",
        "echo '[NOTICE] (1) : haproxy version'; "
        'echo "[ALERT] (1) : config : parsing [$3:7] : unknown keyword" >&2; exit 1',
    )
    params = parse({"haproxy": str(haproxy), "statedir": str(tmp_path), "user": "root"})
    (tmp_path / "haproxy.cfg").write_text("the old one")
    for _ in range(2):
        with pytest.raises(Rejected) as caught:
            install(params)
        assert caught.value.code == ERR_CONFIGURED
        assert caught.value.reason == (
            f"HAProxy refuses the configuration: config : parsing [{tmp_path}/haproxy.cfg:7] :"
            " unknown keyword"
        ), "the same words each time, though the file had another name"
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name for name in names if "lua-" not in name] == ["haproxy", "haproxy.cfg", "memory"]
    assert (tmp_path / "haproxy.cfg").read_text() == "the old one"


def test_haproxy_refuses_without_a_word(tmp_path: Path) -> None:
    haproxy = program(tmp_path / "haproxy", "exit 1")
    params = parse({"haproxy": str(haproxy), "statedir": str(tmp_path), "user": "root"})
    with pytest.raises(Rejected, match="no reason given"):
        install(params)


def test_installed(tmp_path: Path) -> None:
    haproxy = program(tmp_path / "haproxy", f'[ "$1" = -c ] && cp "$3" {tmp_path}/checked')
    params = parse({"haproxy": str(haproxy), "statedir": str(tmp_path), "user": "root"})
    install(params)
    assert (tmp_path / "haproxy.cfg").read_text() == (tmp_path / "checked").read_text()
    used = parameters_file.read(str(tmp_path))
    assert used and used.values == params.values
    assert not list(tmp_path.glob("haproxy.cfg.*"))


def test_what_is_not_used_any_more_is_removed(tmp_path: Path) -> None:
    """Copies of another version, and temporary files of an action that Pacemaker killed."""
    params = parse({"haproxy": "/bin/true", "statedir": str(tmp_path), "user": "root"})
    install(params)
    (lua,) = tmp_path.glob("lua-*")
    (tmp_path / "lua-0123456789ab").mkdir()
    for name in (
        "haproxy.cfg.99999999",
        "cert-0123456789ab.pem",
        f"haproxy.cfg.{os.getpid()}",
        "role",
        "cert-mine.pem",
    ):
        (tmp_path / name).write_text("")
    copies.tidy(params)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {
        *("haproxy.cfg", "haproxy.source", "memory", "parameters", "role", lua.name),
        "cert-mine.pem",
        f"haproxy.cfg.{os.getpid()}",
    }


def test_kept_on_disk(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The configuration comes back unchanged. A full disk is no failure of the action."""
    state, disk = tmp_path / "run", tmp_path / "disk"
    raw = {"haproxy": "/bin/true", "statedir": str(state), "keepdir": str(disk), "user": "root"}
    params = parse(raw)
    install(params)
    kept.save(params)
    before = {path.name: path for path in state.iterdir()}
    text = (state / "haproxy.cfg").read_text()
    shutil.rmtree(state)
    restored = kept.restore(str(disk), str(state))
    assert restored and restored.values == params.values
    assert {path.name for path in state.iterdir()} == set(before) - {"haproxy.source"}
    assert (state / "haproxy.cfg").read_text() == text
    assert not render.is_current(params), "the monitor makes another one"
    assert kept.restore(str(tmp_path / "nothing"), str(state)) is None
    (tmp_path / "file").write_text("")
    kept.save(parse({**raw, "keepdir": str(tmp_path / "file")}))
    assert "cannot keep the configuration" in capfd.readouterr().err


def test_an_interrupted_installation_is_made_again(tmp_path: Path) -> None:
    """Nothing says that HAProxy runs with it before it does."""
    params = parse({"haproxy": "/bin/true", "statedir": str(tmp_path), "user": "root"})
    install(params)
    assert render.is_current(params)
    configuration.install(params, configuration.make(params, "srv1"))
    assert not render.is_current(params)


def test_an_interrupted_copy_to_the_disk(tmp_path: Path) -> None:
    """Killed between two renames: the older copy is used, and the incomplete one is removed."""
    state, disk = tmp_path / "run", tmp_path / "disk"
    raw = {"haproxy": "/bin/true", "statedir": str(state), "keepdir": str(disk), "user": "root"}
    install(parse(raw))
    kept.save(parse(raw))
    (copy,) = disk.iterdir()
    copy.rename(f"{copy}.old")
    (disk / f"{copy.name}.99999999").mkdir()
    assert kept.restore(str(disk), str(state)) is not None
    kept.save(parse(raw))
    assert [path.name for path in disk.iterdir()] == [copy.name]


def test_a_directory_that_others_use_is_not_changed(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o755)
    raw = {"haproxy": "/bin/true", "statedir": str(tmp_path / "run"), "keepdir": str(disk)}
    install(parse({**raw, "user": "root"}))
    kept.save(parse({**raw, "user": "root"}))
    assert stat.S_IMODE(disk.stat().st_mode) == 0o755
    (copy,) = disk.iterdir()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o700


def test_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the configuration was made from: our version, the nodes, the parameters."""
    given = {"haproxy": "/bin/true", "statedir": str(tmp_path), "user": "root"}
    params = parse(given)
    assert not render.is_current(params), "there is none"
    install(params)
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
    params = parse({"haproxy": "/bin/true", "statedir": str(tmp_path), "user": "root"})
    install(params)
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
