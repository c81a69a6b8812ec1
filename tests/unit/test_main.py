"""The edge: whatever happens, an exit code and one line, never a traceback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import syslog
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import PIPE

import pytest
from paf_haproxy import __version__ as VERSION
from paf_haproxy import context, dispatch, log, main
from paf_haproxy.actions import notify
from paf_haproxy.ocf import (
    ERR_ARGS,
    ERR_CONFIGURED,
    ERR_GENERIC,
    ERR_UNIMPLEMENTED,
    SUCCESS,
    AgentError,
    one_line,
)

from tests.tools import AGENT, LIB, ROOT


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was written to standard error, line by line; syslog stays out of it."""
    lines: list[str] = []
    monkeypatch.setattr(log, "_say", lines.append)
    monkeypatch.setattr(syslog, "syslog", lambda priority, line: None)
    monkeypatch.setenv("OCF_RESKEY_statedir", "/nonexistent/paf-haproxy")
    yield lines
    for line in lines:
        assert line.isprintable()


def reasons(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("ocf-exit-reason:")]


@pytest.mark.parametrize("action", ["", "START", "status", "migrate_to", "a\nb", "--help", "é\x1b"])
def test_an_unknown_action(action: str, said: list[str]) -> None:
    assert main.run(action) == ERR_UNIMPLEMENTED
    assert len(reasons(said)) == 1
    assert "unknown action" in reasons(said)[0]


@pytest.mark.parametrize("action", ["start", "monitor", "reload", "promote", "stop"])
@pytest.mark.parametrize("code", [ERR_GENERIC, ERR_ARGS, 4, 5, ERR_CONFIGURED])
def test_an_error_is_retried_on_its_node(
    action: str, code: int, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """2 to 6 would stop HAProxy for good, 6 on all nodes."""

    def fail(_: object) -> int:
        raise AgentError("parameter x:\nno\tgood", code)

    monkeypatch.setattr(dispatch, "perform", fail)
    monkeypatch.setattr("paf_haproxy.actions.fast_monitor.look", lambda _: None)
    assert main.run(action) == ERR_GENERIC
    assert reasons(said) == ["ocf-exit-reason:parameter x: no good"]


def test_a_person_hears_what_kind_of_error_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster never validates on its own."""

    def fail(_: object) -> int:
        raise AgentError("parameter x: no good", ERR_CONFIGURED)

    monkeypatch.setattr(dispatch, "perform", fail)
    assert main.run("validate-all") == ERR_CONFIGURED
    for code in (0, 7, 8, 9):
        assert main.retried(code) == code, "these say what runs"


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("a\nb"), KeyError("x"), RuntimeError(), OSError(5)]
)
def test_an_unforeseen_error(
    error: Exception, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr(dispatch, "perform", fail)
    monkeypatch.setattr(notify, "notify", fail)
    for action in ("monitor", "notify"):
        said.clear()
        assert main.run(action) == ERR_GENERIC
        (reason,) = reasons(said)
        assert f"{action} failed: {type(error).__name__}" in reason
        assert "test_main.py:" in reason, "it says where"


def test_an_error_before_there_is_a_context(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> context.Context:
        raise ValueError("no environment")

    monkeypatch.setattr(context.Context, "from_environ", fail)
    assert main.run("stop") == ERR_GENERIC
    assert "stop failed: ValueError: no environment" in reasons(said)[0]


def test_success_says_nothing(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "perform", lambda _: SUCCESS)
    assert main.run("start") == SUCCESS
    assert said == []


def agent(
    *argv: str, environ: Mapping[str, str] | None = None, flags: str = "-IS"
) -> subprocess.CompletedProcess[str]:
    """Runs agents/haproxy itself, with this tree's modules."""
    code = AGENT.read_text().replace("/usr/share/paf-haproxy", str(LIB))
    return subprocess.run(
        [sys.executable, flags, "-c", code, *argv],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], **(environ or {})},
        check=False,
    )


def test_usage() -> None:
    for argv in ((), ("start", "now")):
        done = agent(*argv)
        assert done.returncode == ERR_ARGS
        assert done.stdout == ""
        assert done.stderr.splitlines()[-1].startswith("ocf-exit-reason:usage:")


@pytest.mark.parametrize(
    ("action", "environ", "code", "lines"),
    [
        ("meta-data", {}, SUCCESS, 0),
        ("bogus", {}, ERR_UNIMPLEMENTED, 1),
        ("validate-all", {"OCF_RESKEY_prod_port": "a\nb"}, ERR_CONFIGURED, 1),
        ("start", {"OCF_RESKEY_log": "\udcff;"}, ERR_GENERIC, 1),
        # A name that is no text, where it cannot be followed: still one line.
        (
            "notify",
            {
                "OCF_RESKEY_CRM_meta_notify_type": "post",
                "OCF_RESKEY_CRM_meta_notify_operation": "promote",
                "OCF_RESKEY_CRM_meta_notify_promote_uname": "srv\udcff",
                "OCF_RESKEY_CRM_meta_notify_promoted_uname": " ",
            },
            ERR_GENERIC,
            1,
        ),
    ],
)
def test_never_a_traceback(
    action: str, environ: dict[str, str], code: int, lines: int, tmp_path: Path
) -> None:
    done = agent(action, environ={"OCF_RESKEY_statedir": str(tmp_path), **environ})
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert len(reasons(done.stderr.splitlines())) == lines


def torn(tmp_path: Path) -> tuple[Path, Path]:
    """The agent as a script with modules of its own, and the one that is not there as yet."""
    shutil.copytree(LIB / "paf_haproxy", tmp_path / "lib" / "paf_haproxy")
    module = tmp_path / "lib" / "paf_haproxy" / "dispatch.py"
    module.rename(tmp_path / "dispatch.py")
    script = tmp_path / "haproxy"
    code = AGENT.read_text().replace("/usr/share/paf-haproxy", str(tmp_path / "lib"))
    script.write_text(code.replace("/usr/bin/python3", sys.executable))
    script.chmod(0o755)
    return script, module


def test_in_the_middle_of_an_upgrade(tmp_path: Path) -> None:
    """A module that comes a moment later costs a moment, not the action."""
    script, module = torn(tmp_path)
    with subprocess.Popen([script, "meta-data"], stdout=PIPE, stderr=PIPE, text=True) as running:
        time.sleep(0.5)
        (tmp_path / "dispatch.py").rename(module)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (SUCCESS, "")
    assert "<resource-agent" in out


def test_an_installation_that_is_not_whole(tmp_path: Path) -> None:
    script, _ = torn(tmp_path)
    done = subprocess.run([script, "stop"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == ERR_GENERIC
    (reason,) = done.stderr.splitlines()
    assert reason.startswith("ocf-exit-reason:cannot import name 'dispatch'")
    assert reason.endswith("install paf-haproxy anew, with all that it depends on")


def test_nobody_reads_what_it_says() -> None:
    code = AGENT.read_text().replace("/usr/share/paf-haproxy", str(LIB))
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-IS", "-c", code, "bogus"], stdout=full, stderr=full, check=False
        )
    assert done.returncode == ERR_UNIMPLEMENTED


def test_one_line() -> None:
    assert one_line(" a\n\tb\r\n c ") == "a b c"
    assert one_line("a\x00\x1b[2Jb") == "a??[2Jb"
    assert len(one_line("x" * 1000)) == 400


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source tree of another version."""
    for name in ("agents", "bin", "lib", "haproxy"):
        shutil.copytree(ROOT / name, tmp_path / name)
    init = tmp_path / "lib" / "paf_haproxy" / "__init__.py"
    init.write_text(init.read_text().replace(VERSION, "9.9.9"))
    return tmp_path


@pytest.mark.parametrize(
    "words", [("agents/haproxy", "meta-data"), ("bin/paf-haproxy", "--version")]
)
def test_it_runs_from_a_source_tree(tree: Path, words: tuple[str, str]) -> None:
    done = subprocess.run([tree / words[0], words[1]], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "9.9.9" in done.stdout


def test_templates_are_those_of_the_source_tree(tree: Path) -> None:
    code = "from paf_haproxy import render; print(render.TEMPLATES)"
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=tree / "lib", capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tree / "haproxy")


def test_nobody_reads_the_metadata(tree: Path) -> None:
    """Pacemaker ends while it asks for them."""
    reader, writer = os.pipe()
    os.close(reader)
    words = [str(tree / "agents" / "haproxy"), "meta-data"]
    done = subprocess.run(words, stdout=writer, stderr=PIPE, text=True, timeout=60, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (SUCCESS, "")
