"""Rows: a fault of one node."""

from __future__ import annotations

from .row import LOCAL, LOG, PRIMARY, Row
from .values import CERTIFICATE, FILES, TEMPLATE, TIDY

RUN = "/run/paf-haproxy"
LAST = "/var/lib/paf-haproxy"
LUA = "/usr/share/paf-haproxy/templates/role.lua"
HBA = "$(runuser -u postgres -- psql -XAtp 5434 -c 'SHOW hba_file')"
LISTEN = (
    "import socket,time; s=socket.socket(); s.setsockopt(1,2,1); s.bind(('0.0.0.0',8009));"
    " s.listen(); time.sleep(600)"
)
SAVE = "cp -p {0} /root/blast.saved"
RESTORE = "[ ! -e /root/blast.saved ] || mv -f /root/blast.saved {0}"


def changed(name: str, text: str, path: str, how: str, report: str, **more: object) -> Row:
    """Returns the row of a file that is changed on the victim, and put back."""
    return Row(
        name=name,
        text=text,
        kind=LOCAL,
        report=report,
        apply=f"{SAVE.format(path)}; {how}",
        undo=RESTORE.format(path),
        **more,  # type: ignore[arg-type]
    )


def broken(name: str, text: str, apply: str, undo: str, report: str, **more: object) -> Row:
    return Row(
        name=name,
        text=text,
        kind=LOCAL,
        report=report,
        apply=apply,
        undo=undo,
        **more,  # type: ignore[arg-type]
    )


ROWS = (
    changed("template-broken", "the agent's template is broken", TEMPLATE,
            f"echo 'global bogus' >>{TEMPLATE}", "bogus|template"),
    changed("template-gone", "the agent's template is missing", TEMPLATE,
            f"rm {TEMPLATE}", "template", where=PRIMARY),
    changed("lua-broken", "a Lua file of the agent is broken", LUA,
            f"echo 'end end' >>{LUA}", "lua"),
    changed("lua-gone", "a Lua file of the agent is missing", LUA,
            f"rm {LUA}", "lua", where=PRIMARY),
    changed("configuration-broken", "haproxy.cfg in the state directory is broken",
            f"{RUN}/haproxy.cfg", f"echo 'global bogus' >>{RUN}/haproxy.cfg", "bogus|haproxy.cfg",
            told=(LOG,)),
    changed("program-gone", "HAProxy's program is removed", "/usr/sbin/haproxy",
            "rm /usr/sbin/haproxy", "/usr/sbin/haproxy"),
    changed("hosts-empty", "/etc/hosts names no node", "/etc/hosts",
            # It may be a mount point, or held open: the content is replaced, not the file.
            "echo '127.0.0.1 localhost' >/etc/hosts",
            r"resol|name or service not known|is unknown", told=(LOG,)),
    broken("port-taken", "`rest_port=8009`, and another program listens there",
           f'python3 -c "{LISTEN}" </dev/null >/dev/null 2>&1 & echo $! >/run/blast.pid; sleep 1',
           "[ ! -e /run/blast.pid ] || kill $(cat /run/blast.pid); rm -f /run/blast.pid",
           "8009|in use", parameters={"rest_port": "8009"}),
    broken("last-valid-gone", "the last valid configuration is removed",
           f"rm -rf {LAST}/* {RUN}/haproxy.cfg", "true", "", told=()),
    broken("statedir-owner", "the state directory belongs to postgres",
           f"chown postgres {RUN}", f"chown root {RUN}", "statedir",
           told=(LOG,)),
    broken("statedir-mode", "all may write to the state directory",
           f"chmod 777 {RUN}", f"chmod 755 {RUN}", "statedir",
           where=PRIMARY, told=(LOG,)),
    broken("statedir-read-only", "the state directory is read-only",
           f"mount --bind {RUN} {RUN} && mount -o remount,bind,ro {RUN}",
           f"umount -l {RUN} 2>/dev/null; true", "read-only|statedir",
           told=(LOG,)),
    broken("var-full", "the disk of the last valid configuration is full",
           f"mkdir -p {LAST}; cp -a {LAST} /root/blast.last;"
           f" mount -t tmpfs -o size=4k tmpfs {LAST};"
           f" cp -a /root/blast.last/. {LAST}/ 2>/dev/null;"
           f" head -c 9000 /dev/zero >{LAST}/full 2>/dev/null; true",
           f"umount -l {LAST} 2>/dev/null; rm -rf /root/blast.last; true",
           "no space left", told=(LOG,)),
    broken("role-garbage", "the role file holds garbage",
           f"head -c 200 /dev/urandom >{RUN}/role", "true", "role file|/role", told=(LOG,)),
    broken("jinja2-gone", "Python's jinja2 is removed",
           "d=$(python3 -c 'import jinja2,os; print(os.path.dirname(jinja2.__file__))');"
           " echo $d >/root/blast.jinja2; mv $d $d.blast",
           "[ ! -e /root/blast.jinja2 ] || { d=$(cat /root/blast.jinja2); mv $d.blast $d; };"
           " rm -f /root/blast.jinja2",
           "jinja2"),
    broken("pg-hba", "pg_hba.conf has no line for haproxy",
           f"f={HBA}; cp -p $f /root/blast.hba; sed -i '/haproxy/d' $f;"
           " sed -i '1i local all haproxy reject' $f; kill -HUP $(pgrep -o -x postgres)",
           f"[ ! -e /root/blast.hba ] || cat /root/blast.hba >{HBA}; rm -f /root/blast.hba;"
           " kill -HUP $(pgrep -o -x postgres)",
           "28000|pg_hba", where=PRIMARY),
    broken("certificate-gone", "the file of tls_cert is removed",
           f"mv {FILES}/good {FILES}/away",
           f"[ ! -e {FILES}/away ] || mv {FILES}/away {FILES}/good",
           "blast/good|tls_cert", before=CERTIFICATE, after=TIDY,
           good={"tls_cert": f"{FILES}/good"}),
)  # fmt: skip
