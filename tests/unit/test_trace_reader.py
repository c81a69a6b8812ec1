"""tests/tools/system_calls.py reads what strace writes."""

from __future__ import annotations

from tests.tools.system_calls import Access, accesses

TRACE = """\
10 execve("/agent", ["/agent", "start"], 0x7ffd /* 9 vars */) = 0
10 openat(AT_FDCWD</>, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 3</etc/passwd>
10 openat(AT_FDCWD</>, "/none", O_RDONLY) = -1 ENOENT (No such file or directory)
10 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID <unfinished ...>
11 execve("/usr/sbin/haproxy", ["haproxy", "-W"], 0x7ffd /* 9 vars */ <unfinished ...>
10 <... clone resumed>, child_tidptr=0x7f) = 11
11 <... execve resumed>) = 0
10 rename("/run/a", "/run/b") = 0
11 bind(4<TCP:[1]>, {sa_family=AF_INET, sin_port=htons(5432), ...}, 16) = 0
11 connect(5<TCP:[2]>, {sa_family=AF_INET, sin_port=htons(5434), ...}, 16) = -1 EINPROGRESS (x)
11 connect(6<UDP:[3]>, {sa_family=AF_INET, sin_port=htons(53), ...}, 16) = 0
11 bind(7<UNIX-STREAM:[4]>, {sa_family=AF_UNIX, sun_path="/run/x.sock"}, 110) = 0
11 openat(AT_FDCWD</>, "/run/pid", O_WRONLY|O_CREAT, 0644) = 8</run/pid>
"""
HAPROXY = "/usr/sbin/haproxy"


def test_who_touches_what() -> None:
    """A child's lines may come before its parent knows its pid. What failed is left out."""
    assert accesses(TRACE, "/agent") == {
        Access("/agent", "run", "/agent"),
        Access("/agent", "read", "/etc/passwd"),
        Access("/agent", "run", HAPROXY),
        Access("/agent", "write", "/run/a"),
        Access("/agent", "write", "/run/b"),
        Access(HAPROXY, "bind", "tcp 5432"),
        Access(HAPROXY, "connect", "tcp 5434"),
        Access(HAPROXY, "connect", "udp 53"),
        Access(HAPROXY, "bind", "/run/x.sock"),
        Access(HAPROXY, "write", "/run/pid"),
    }
