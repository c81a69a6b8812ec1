"""Rows: a value of a parameter that is wrong, on every node at a time."""

from __future__ import annotations

from .row import LOG, PRIMARY, VALUE, Row

FILES = "/root/blast"
"""Directory of the files that a row needs, on every node."""
CERTIFICATE = (
    f"mkdir -p {FILES}; openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=blast"
    f" -keyout {FILES}/key -out {FILES}/crt 2>/dev/null; cat {FILES}/crt {FILES}/key >{FILES}/good;"
    f" chmod 600 {FILES}/*"
)
TIDY = f"rm -rf {FILES}"


def wrong(name: str, report: str = "", text: str = "", **more: object) -> Row:
    """Returns the row of one parameter. name: as 'hold_timeout=bogus'."""
    parameter, _, value = name.partition("=")
    return Row(
        name=f"{parameter.replace('_', '-')}-{more.pop('suffix', 'invalid')}",
        text=text or f"`{parameter}={value}`",
        kind=VALUE,
        report=report or rf"\b{parameter}\b.*{value}",
        parameters={parameter: value},
        **more,  # type: ignore[arg-type]
    )


def file(name: str, parameter: str, text: str, make: str, **more: str) -> Row:
    """Returns the row of a parameter that names a file. make: script that makes it as $F."""
    return Row(
        name=name,
        text=f"`{parameter}=` {text}",
        kind=VALUE,
        report=more.get("report", rf"{parameter}|{FILES}/{name}"),
        parameters={parameter: f"{FILES}/{name}"},
        before=f"mkdir -p {FILES}; F={FILES}/{name}; {make}; chmod {more.get('mode', '600')} $F",
        after=TIDY,
        where=more.get("where", "standby"),
    )


TEMPLATE = "/usr/share/paf-haproxy/templates/haproxy.cfg.j2"

ROWS = (
    wrong("hold_timeout=bogus", where=PRIMARY),
    wrong("prod_port=abc"),
    wrong("stdby_port=5432", r"port.*5432", "`stdby_port=5432`: the port of prod", suffix="taken"),
    wrong(
        "session_timeout=10s", r"session_timeout.*hold_timeout",
        "`session_timeout=10s`, less than hold_timeout", suffix="short",
    ),
    wrong(
        "bind=192.0.2.77", r"192\.0\.2\.77",
        "`bind=192.0.2.77`: an address that no node has", suffix="foreign", where=PRIMARY,
    ),
    wrong("max_lag=huge"),
    wrong("state_allow=10.0.0.0/99", r"state_allow.*10\.0\.0\.0/99"),
    wrong("user=nosuch"),
    wrong("group=nosuch", r"group.*nosuch|nosuch.*group"),
    # HAProxy serves, and only the log says so: a node without PostgreSQL has no such user.
    wrong("system_user=nosuch", where=PRIMARY, told=(LOG,)),
    wrong("haproxy=/nonexistent", suffix="missing"),
    wrong(
        "log=nosuch.invalid", r"nosuch\.invalid",
        "`log=nosuch.invalid`: a host that does not resolve", suffix="unresolvable",
    ),
    wrong("pguser=nosuch", r"28000|28P01|does not exist|nosuch", suffix="unknown"),
    wrong("pgdatabase=nosuch", r"3D000|does not exist|nosuch", suffix="unknown", where=PRIMARY),
    wrong("pghost=/nonexistent", r"/nonexistent|pghost", suffix="missing"),
    wrong("stats_auth=/root/blast/none", r"stats_auth.*none", suffix="missing"),
    file(
        "stats-auth-readable", "stats_auth", "a file that all can read",
        "echo u:p >$F", mode="644",
    ),
    wrong("tls_cert=/root/blast/none", r"tls_cert.*none|blast/none", suffix="missing"),
    file("tls-cert-no-pem", "tls_cert", "a file that is no PEM", "echo hello >$F"),
    file(
        "tls-cert-other-key", "tls_cert", "a certificate with the key of another",
        f"{CERTIFICATE}; openssl genrsa 2048 2>/dev/null | cat {FILES}/crt - >$F",
    ),
    file(
        "tls-cert-expired", "tls_cert", "a certificate that has expired",
        f"{CERTIFICATE}; openssl x509 -in {FILES}/crt -signkey {FILES}/key -days -1 -out $F"
        f" 2>/dev/null; cat {FILES}/key >>$F",
        report="expired",
    ),
    wrong("template=/root/blast/none", r"template.*none", suffix="missing"),
    file(
        "template-no-jinja", "template", "a template that is not Jinja2",
        f"{{ cat {TEMPLATE}; echo '{{% if %}}'; }} >$F", where=PRIMARY,
    ),
    file(
        "template-refused", "template", "a template of which HAProxy refuses the result",
        f"{{ cat {TEMPLATE}; echo 'global bogus'; }} >$F", report="bogus|blast/template",
    ),
)  # fmt: skip


def unresolvable(nodes: tuple[str, ...], victim: str) -> Row:
    """Returns the row of a node's host that does not resolve."""
    value = " ".join(f"{n}=nosuch.invalid" if n == victim else n for n in nodes)
    return Row(
        name="nodes-unresolvable",
        text="`nodes=`: the host of a standby does not resolve",
        kind=VALUE,
        report=r"nosuch\.invalid",
        parameters={"nodes": value},
    )
