"""Options and import paths of all tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, settings

from tests.tools import LIB

sys.path.insert(0, str(LIB))
# The distribution's psycopg2, which the agent uses too; .venv is made of the same Python.
sys.path.append("/usr/lib/python3/dist-packages")

# How fast a test runs says nothing about the code on a machine that has other things to do.
settings.register_profile("paf", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("paf")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what comes out as what is expected; read the diff before you commit it",
    )
    parser.addoption(
        "--haproxy",
        default="/usr/sbin/haproxy",
        metavar="FILE",
        help="run the functional tests with this HAProxy; where everyone may run it",
    )


def pytest_report_header(config: pytest.Config) -> str:
    program = config.getoption("--haproxy")
    if not shutil.which(program):
        return f"no HAProxy at {program}"
    version = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    return version.stdout.partition(" - ")[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("func") or item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.skip(reason="needs root"))
