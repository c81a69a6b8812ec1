"""needrestart leaves HAProxy alone: its rules are Perl, read as needrestart reads them."""

from __future__ import annotations

import subprocess

import pytest

from paf_lab.layout import REPO

# needrestart.conf evaluates the files in conf.d. The first rule that matches a unit counts.
READ = """
our %nrconf = (override_rc => { qr(^dbus) => 0 });
eval do { local (@ARGV, $/) = $ARGV[0]; <> };
die $@ if $@;
foreach my $rule (keys %{$nrconf{override_rc}}) {
    if ($ARGV[1] =~ /$rule/) { print $nrconf{override_rc}->{$rule}; exit }
}
print "no rule";
"""


@pytest.mark.parametrize(
    ("unit", "rule"),
    [
        ("paf-haproxy.service", "0"),
        ("paf-haproxy-other.service", "0"),
        ("haproxy.service", "no rule"),
        ("postgresql.service", "no rule"),
    ],
)
def test_what_may_be_restarted(unit: str, rule: str) -> None:
    file = str(REPO / "debian" / "needrestart.conf")
    done = subprocess.run(["perl", "-we", READ, file, unit], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (rule, "")
