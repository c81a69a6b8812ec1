"""The environment of an action, read once into immutable values."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

RESKEY = "OCF_RESKEY_"
META = "OCF_RESKEY_CRM_meta_"
DEFAULT_STATEDIR = "/run/paf-haproxy"
DEFAULT_KEEPDIR = "/var/lib/paf-haproxy"
RESERVE = 2.0
"""s of an action's timeout that are left to end it properly."""
FOLLOW = "follow"
"""What systemd calls the agent with, and Pacemaker does not: HAProxy was started."""
ANSWER = "answer"
"""What a monitor starts the agent with: another node has asked something (request.py)."""
REPORT = "report"
"""What systemd starts the agent with: HAProxy has written a note (actions/report.py)."""


class Notice:
    """A notification: what Pacemaker is about to do (pre) or has done (post).

    The lists are one snapshot for a whole transition: in post-promote, `promoted` still names the
    old primary (Pacemaker Explained, "Clone Notifications").
    """

    __slots__ = ("demote", "event", "promote", "promoted", "stop")

    def __init__(
        self,
        event: str,
        promote: tuple[str, ...] = (),
        demote: tuple[str, ...] = (),
        promoted: tuple[str, ...] = (),
        stop: tuple[str, ...] = (),
    ) -> None:
        self.event = event
        """OCF_RESKEY_CRM_meta_notify_type and _operation, e.g. 'pre-promote'."""
        self.promote = promote
        """OCF_RESKEY_CRM_meta_notify_promote_uname, e.g. ('srv2',)."""
        self.demote = demote
        """OCF_RESKEY_CRM_meta_notify_demote_uname, e.g. ('srv1',)."""
        self.promoted = promoted
        """OCF_RESKEY_CRM_meta_notify_promoted_uname, e.g. ('srv1',)."""
        self.stop = stop
        """OCF_RESKEY_CRM_meta_notify_stop_uname: those that leave for good, or are lost."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Notice:
        def names(key: str) -> tuple[str, ...]:
            return tuple(environ.get(META + "notify_" + key, "").split())

        kind = environ.get(META + "notify_type", "")
        operation = environ.get(META + "notify_operation", "")
        return cls(
            f"{kind}-{operation}",
            names("promote_uname"),
            names("demote_uname"),
            names("promoted_uname"),
            names("stop_uname"),
        )


class Context:
    """What an action knows before it does anything."""

    __slots__ = (
        "action",
        "instance",
        "interval",
        "node",
        "notice",
        "parameters",
        "promoted",
        "timeout",
    )

    def __init__(
        self,
        action: str,
        node: str,
        parameters: Mapping[str, str],
        notice: Notice,
        instance: str = "haproxy",
        interval: int = 0,
        timeout: float = 20.0,
        promoted: bool = False,
    ) -> None:
        self.action = action
        """The first argument, e.g. 'start' (OCF RA API 1.1, "Actions")."""
        self.node = node
        """The local node's name in the cluster: OCF_RESKEY_CRM_meta_on_node, e.g. 'srv1'."""
        self.parameters = parameters
        """The raw OCF_RESKEY_<name> values by name, e.g. {'prod_port': '5432'}."""
        self.notice = notice
        self.instance = instance
        """The resource: OCF_RESOURCE_INSTANCE, e.g. 'haproxy'."""
        self.interval = interval
        """OCF_RESKEY_CRM_meta_interval in ms; 0 is a probe or a one-off."""
        self.timeout = timeout
        """OCF_RESKEY_CRM_meta_timeout in s: Pacemaker kills the action after it."""
        self.promoted = promoted
        """Whether OCF_RESKEY_CRM_meta_role, of a recurring monitor, is the promoted role. It is
        'Master' if the CIB still has the name of Pacemaker 2.0.
        """

    @classmethod
    def from_environ(cls, action: str, environ: Mapping[str, str], hostname: str) -> Context:
        """Reads the variables; hostname stands in where Pacemaker names no node."""
        parameters = {
            key[len(RESKEY) :]: value
            for key, value in environ.items()
            if key.startswith(RESKEY) and not key.startswith(META)
        }
        return cls(
            action,
            environ.get(META + "on_node") or hostname,
            parameters,
            Notice.from_environ(environ),
            environ.get("OCF_RESOURCE_INSTANCE", "haproxy"),
            _milliseconds(environ.get(META + "interval", "0"), 0),
            _milliseconds(environ.get(META + "timeout", "20000"), 20000) / 1000,
            environ.get(META + "role") in ("Promoted", "Master"),
        )

    @property
    def statedir(self) -> str:
        """The state directory, the default one if the value is no absolute path. The value is
        validated before the directory is made.
        """
        return self._directory("statedir", DEFAULT_STATEDIR)

    @property
    def keepdir(self) -> str:
        """The directory of the last valid configuration, in the same way."""
        return self._directory("keepdir", DEFAULT_KEEPDIR)

    def _directory(self, name: str, default: str) -> str:
        value = self.parameters.get(name, "")
        return value if value.startswith("/") else default


def _milliseconds(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() else otherwise
