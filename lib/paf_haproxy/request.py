"""A question of one node to another, through the CIB, which only root and the cluster can write.

`paf-haproxy switchover` needs to know how PostgreSQL on another node stands, and a CHECKPOINT
there.
It writes a permanent attribute of that node. The next recurring monitor there notices that the CIB
has changed, and starts `answer` beside itself, because a CHECKPOINT may take minutes. The answer is
another attribute of the node, which its restart removes.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time

from . import configuration, log, pacemaker, rolefile, standing
from .command import run
from .context import ANSWER
from .ocf import SUCCESS, AgentError
from .pgbouncer import ADMIN, Console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
    from xml.etree.ElementTree import Element

    from .context import Context
    from .params import Params
    from .pgbouncer import Row

LOOK, CHECKPOINT, FILL, SESSIONS = "look", "checkpoint", "fill", "sessions"
VALID = 600  # s; an older request was left over by a command that was killed
POOLER_WITHIN = 2.0  # s
LONGEST = 3000  # characters of an answer
PAUSE = 0.5  # s between two looks for an answer


def perform(params: Params, what: str) -> dict[str, Any]:
    """Does on this node what is asked for. Raises AgentError if PostgreSQL refuses."""
    if what == LOOK:
        return {**standing.look(params), "pooler": pooler_trouble(params)}
    if what == CHECKPOINT:
        return {"seconds": round(standing.checkpoint(params), 3)}
    word, _, rest = what.partition(" ")
    if word == FILL and rest:
        return {"segments": standing.fill(params, rest)}
    if word == SESSIONS and rest.isdecimal():
        return {"sessions": pooler_sessions(params, int(rest))}
    raise AgentError(f"this node does not know the request '{what}': upgrade paf-haproxy here")


def pooler_trouble(params: Params) -> str:
    """Returns why this node's PgBouncer cannot be told anything; '' if it can, or there is none."""
    if not params.pooler:
        return ""
    try:
        _ask_pooler(params, "SHOW VERSION")
    except AgentError as error:
        return error.reason
    return ""


def pooler_sessions(params: Params, since: int) -> int:
    """Returns how many clients this node's PgBouncer has had since before that moment (s of the
    epoch). Raises AgentError if PgBouncer does not answer.
    """
    if not params.pooler:
        return 0
    clients = _ask_pooler(params, "SHOW CLIENTS")
    return sum(
        client["database"] != ADMIN and connected(client["connect_time"]) < since
        for client in clients
    )


def connected(text: str) -> float:
    """Returns a connect_time of PgBouncer's, e.g. '2026-01-31 17:00:00 CET', which is local time,
    as s of the epoch.
    """
    return time.mktime(time.strptime(text[:19], "%Y-%m-%d %H:%M:%S"))


def _ask_pooler(params: Params, command: str) -> list[Row]:
    console = Console(f"{params.pooler}/.s.PGSQL.{params.pooler_port}", POOLER_WITHIN)
    try:
        return console.ask(command)
    finally:
        console.close()


def take(context: Context) -> None:
    """Starts the answer to a request for this node that is new. It never fails a monitor."""
    try:
        asked = pacemaker.node_attributes(pacemaker.ASK_WITHIN).get(context.node, {})
    except AgentError:
        return  # no cluster
    try:
        text = asked.get(pacemaker.request_attribute(context.instance), "")
        if not text or not _fresh(text) or _served(context.statedir) == text:
            return
        rolefile.write_note(_note(context.statedir), text)
        subprocess.Popen(
            [sys.argv[0], ANSWER],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        log.warning(f"monitor: a request of another node is not answered: {error}")


def answer(context: Context) -> int:
    """Answers the request that take() has noted. The asker learns of an error as the answer."""
    name, _, what = _served(context.statedir).partition(" ")
    try:
        told = perform(configuration.effective(context), what)
    except AgentError as error:
        told = {"error": error.reason}
    text = json.dumps(told, separators=(",", ":"))[:LONGEST]
    pacemaker.tell(context.instance, context.node, f"{name} {text}")
    return SUCCESS


def ask(resource: str, node: str, what: str, within: float) -> dict[str, Any]:
    """Asks a node, and waits for the answer.

    Raises AgentError if there is no answer within so many s, or if the answer is an error.
    """
    name = f"{int(time.time())}-{secrets.token_hex(4)}"
    scope = ["--node", node, "--name", pacemaker.request_attribute(resource)]
    scope += ["--lifetime", "forever"]
    end = time.monotonic() + within
    run(["crm_attribute", *scope, "--update", f"{name} {what}"])
    try:
        while time.monotonic() < end:
            given, _, text = _answer(resource, node).partition(" ")
            if given == name:
                return _read(node, text)
            time.sleep(PAUSE)
    finally:
        run(["crm_attribute", *scope, "--delete"])
    raise AgentError(
        f"{node} has not answered '{what}' within {within:g} s: is resource {resource} monitored"
        " there, by this version of paf-haproxy?"
    )


def _read(node: str, text: str) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise AgentError(f"{node} gave an answer that is cut off: {text[:60]}") from error
    if "error" in told:
        raise AgentError(f"{node}: {told['error']}")
    return told


def _answer(resource: str, node: str) -> str:
    from xml.etree import ElementTree

    name = pacemaker.answer_attribute(resource)
    query = f"//node_state[@uname='{node}']//nvpair[@name='{name}']"
    try:
        text = run(["cibadmin", "--query", "--xpath", query])
    except AgentError:
        return ""  # there is none yet
    root: Element = ElementTree.fromstring(text)  # noqa: S314 - Pacemaker's own
    return next((each.get("value", "") for each in root.iter("nvpair")), "")


def _fresh(text: str) -> bool:
    since = text.partition("-")[0]
    return since.isascii() and since.isdecimal() and abs(time.time() - int(since)) < VALID


def _note(statedir: str) -> str:
    return statedir + "/answered"


def _served(statedir: str) -> str:
    return rolefile.read_note(_note(statedir))
