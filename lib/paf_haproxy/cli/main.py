"""The command line of `paf-haproxy`."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from .. import __version__, rolefile
from ..context import DEFAULT_STATEDIR
from ..ocf import AgentError
from ..values import Refused, size, word
from ..view import ClusterView
from . import findings, show, watching
from .advice import advice
from .check import check
from .clients import clients
from .drain import change
from .readiness import Limits
from .replay import replay
from .survey import Cluster, Node, resource_params, survey
from .switchover import Order, switchover

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Runs a command and returns its exit code: that of `status` is a monitoring plugin's, 0 to 3;
    that of `check` is 1 if something is wrong; of the others 0, or 1 with one line that says why.
    """
    arguments = parser().parse_args(argv[1:])
    try:
        return int(arguments.run(arguments))
    except AgentError as error:
        sys.stderr.write(f"paf-haproxy: {error.reason}\n")
        return findings.UNKNOWN if arguments.run is status else 1
    except BrokenPipeError:
        os._exit(1)  # the reader went away
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="paf-haproxy",
        description="Shows PostgreSQL and HAProxy on all nodes, and moves the primary.",
    )
    root.add_argument("--version", action="version", version=__version__)
    root.add_argument("--resource", default="", help="the Pacemaker resource, if there are several")
    commands = root.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("status", help="the state according to all nodes, and differences")
    one.add_argument("--json", action="store_true", help="print JSON")
    one.add_argument(
        "--watch",
        metavar="S",
        nargs="?",
        type=float,
        const=2.0,
        help="repeat it every S seconds (default: 2)",
    )
    one.set_defaults(run=status)

    one = commands.add_parser("explain", help="why a node is in a pool or not")
    one.add_argument("node", metavar="NODE")
    one.add_argument(
        "--on", metavar="NODE", help="only for the HAProxy of that node (default: of every node)"
    )
    one.set_defaults(run=explain)

    one = commands.add_parser("clients", help="who is connected through this node's HAProxy")
    one.add_argument("--json", action="store_true", help="print JSON")
    one.set_defaults(run=connected)

    one = commands.add_parser("check", help="whether this node is installed correctly")
    one.add_argument("--json", action="store_true", help="print JSON")
    one.set_defaults(run=lambda arguments: check(arguments.resource, arguments.json))

    one = commands.add_parser("switchover", help="move the primary, with checks before")
    one.add_argument(
        "node",
        metavar="NODE",
        nargs="?",
        default="",
        help="default: the standby with the highest score",
    )
    one.add_argument("--dry-run", action="store_true", help="only make the checks")
    one.add_argument("--json", action="store_true", help="print JSON")
    one.add_argument(
        "--max-lag",
        metavar="SIZE",
        default="16MB",
        help="most WAL that the candidate may lack (default: 16MB)",
    )
    one.add_argument("--force", action="store_true", help="move although a check refuses")
    one.set_defaults(run=switch_over)

    one = commands.add_parser("drain", help="give a node no new connections through stdby")
    one.add_argument("node", metavar="NODE")
    one.set_defaults(run=lambda arguments: drain(arguments, True))
    one = commands.add_parser("undrain", help="end the drain of a node")
    one.add_argument("node", metavar="NODE")
    one.set_defaults(run=lambda arguments: drain(arguments, False))

    one = commands.add_parser("notify-replay", help="what captured notifications would do")
    one.add_argument(
        "files", metavar="FILE", nargs="+", help="environments of notifications, in their order"
    )
    one.add_argument(
        "--primary", metavar="NODE", help="the primary before them (default: that of the role file)"
    )
    one.add_argument("--statedir", default=DEFAULT_STATEDIR)
    one.set_defaults(run=notify_replay)
    return root


def look(arguments: argparse.Namespace) -> Cluster:
    name, params = resource_params(arguments.resource)
    return survey(params, name)


def status(arguments: argparse.Namespace) -> int:
    name, params = resource_params(arguments.resource)

    def look() -> tuple[Cluster, list[findings.Finding]]:
        cluster = survey(params, name)
        return cluster, findings.findings(cluster) + advice(name)

    text = show.document if arguments.json else show.screen
    if arguments.watch:
        on_terminal = sys.stdout.isatty() and not arguments.json
        show_again = watching.watch if on_terminal else watching.repeat
        return show_again(look, text, arguments.watch)
    cluster, found = look()
    sys.stdout.write(text(cluster, found))
    return findings.grade(found)


def explain(arguments: argparse.Namespace) -> int:
    cluster = look(arguments)
    node = known(cluster, arguments.node)
    asked = [known(cluster, arguments.on)] if arguments.on else cluster.nodes
    for where in asked:
        if where.view is None:
            print(f"HAProxy on {where.name} does not answer: it leads to nobody")
            continue
        for pool in ("prod", "stdby"):
            print(findings.explain(cluster, node, pool, where.view, where.name))
    return 0


def known(cluster: Cluster, name: str) -> Node:
    node = cluster.node(name)
    if node is None:
        names = " ".join(each.name for each in cluster.nodes)
        raise AgentError(f"no node {name}: the backends are {names}")
    return node


def drain(arguments: argparse.Namespace, drained: bool) -> int:
    cluster = look(arguments)
    node = known(cluster, arguments.node)
    name, params = resource_params(arguments.resource)
    if drained and node.postgres == "Promoted":
        print(f"{node.name} is the primary: prod leads to it as before; stdby will not, later on")
    return change(node.name, drained, name, lambda: survey(params, name), print)


def connected(arguments: argparse.Namespace) -> int:
    _, params = resource_params(arguments.resource)
    return clients(params, os.uname().nodename, arguments.json)


def switch_over(arguments: argparse.Namespace) -> int:
    name, params = resource_params(arguments.resource)
    try:
        limits = Limits(lag=size(arguments.max_lag))
    except Refused as error:
        raise AgentError(f"--max-lag {arguments.max_lag}: {error}") from error
    asked = arguments
    order = Order(asked.node, limits, asked.dry_run, asked.force, asked.json)
    return switchover(order, name, params)


def notify_replay(arguments: argparse.Namespace) -> int:
    view, drained = ClusterView(arguments.primary), frozenset[str]()
    try:
        if arguments.primary is None and (role := rolefile.load(arguments.statedir)):
            view, drained = role.view, role.drained
        elif arguments.primary:
            word(arguments.primary)
    except Refused as error:
        raise AgentError(f"--primary {arguments.primary}: {error}") from error
    names = {view.primary, view.candidate, *view.leaving, *drained} - {None}
    sys.stdout.write(replay(arguments.files, view, sorted(filter(None, names)), sorted(drained)))
    return 0
