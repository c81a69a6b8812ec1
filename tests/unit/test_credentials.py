"""The file of stats_auth."""

from __future__ import annotations

from pathlib import Path

import pytest
from paf_haproxy.ocf import ERR_CONFIGURED, ERR_PERM, AgentError
from paf_haproxy.render import credentials


def auth(tmp_path: Path, text: str, mode: int = 0o600) -> str:
    path = tmp_path / "stats.auth"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("text", ["dba:s3cret", "dba:s3cret\n", 'dba:a:b c $d \\ #"\n'])
def test_credentials(tmp_path: Path, text: str) -> None:
    user, password = credentials(auth(tmp_path, text))
    assert f"{user}:{password}" == text.rstrip("\n")
    assert credentials("") == ("", "")


@pytest.mark.parametrize(
    "text", ["", "dba", "dba:", ":secret", "d ba:x", "dba:it's", "dba:x\ny", "dba:é", "dba:x\x00"]
)
def test_credentials_that_are_none(tmp_path: Path, text: str) -> None:
    path = auth(tmp_path, text)
    with pytest.raises(AgentError, match=f"parameter stats_auth: {path}: expected") as caught:
        credentials(path)
    assert caught.value.code == ERR_CONFIGURED
    assert "secret" not in caught.value.reason


def test_credentials_that_others_may_read(tmp_path: Path) -> None:
    for path in (auth(tmp_path, "dba:s3cret", 0o640), str(tmp_path / "none")):
        with pytest.raises(AgentError, match="parameter stats_auth") as caught:
            credentials(path)
        assert caught.value.code == ERR_PERM
