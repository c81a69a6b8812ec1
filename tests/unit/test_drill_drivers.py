"""`lab drill drivers`: the commands of the drivers, and the figures of their sessions."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from paf_lab.drill.drivers import figures
from paf_lab.drill.drivers.cli import drivers
from paf_lab.drill.drivers.driver import DIRECT, DRIVERS, POOLED, Driver, chosen
from paf_lab.drill.drivers.figures import Transaction
from paf_lab.drill.settings import Settings

SETTINGS = Settings(pooler_port=6432)


def done(number: int, end: float, **fields: object) -> Transaction:
    return Transaction(1, True, number, False, end - 0.1, end, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.title)
def test_a_driver_is_led_to_haproxy_or_to_pgbouncer(driver: Driver) -> None:
    direct = " ".join(driver.command("d0", DIRECT, "srv3", SETTINGS))
    pooled = " ".join(driver.command("d0", POOLED, "srv3", SETTINGS))
    assert "5432" in direct and "5433" in direct and "6432" not in direct
    assert "6432" in pooled and "app_ro" in pooled and "5432" not in pooled
    assert "password" not in direct + pooled


def test_settings_of_pgjdbc_are_in_its_url() -> None:
    command = DRIVERS[-1].command("d0", POOLED, "srv3", SETTINGS)
    assert command[-2].endswith("&prepareThreshold=0&sslResponseTimeout=45000")
    assert "prepareThreshold" not in " ".join(DRIVERS[-2].command("d0", POOLED, "srv3", SETTINGS))


def test_drivers_are_chosen_by_the_beginning_of_their_names() -> None:
    assert [each.name for each in chosen(["pgjdbc"])] == ["pgjdbc", "pgjdbc"]
    assert chosen([]) == list(DRIVERS) and chosen(["nothing"]) == []


def test_lines_that_were_cut_off_are_left_out() -> None:
    line = {"session": 1, "writes": True, "number": 1, "new": True, "start": 1.0, "end": 2.0}
    found = figures.read(json.dumps({**line, "error": None}) + '\n{"session": 1, "wri')
    assert [each.number for each in found] == [1]


def test_errors_before_the_event_are_counted_apart() -> None:
    found = [
        done(1, 1.0),
        done(2, 2.0, error="prepared statement exists", sqlstate="42P05"),
        done(3, 11.0, error="gone"),
        Transaction(1, True, 4, True, 11, 12, "refused"),
        done(5, 13.0),
    ]
    rows = {("d0/1", 1), ("d0/1", 5)}
    seen = figures.seen(found, "d0", 10.0, rows)
    assert (seen.at_rest, seen.errors, seen.refused, seen.acknowledged) == (1, 2, 1, 2)
    assert seen.longest == pytest.approx(12.0)
    assert ("42P05: prepared statement exists", 1) in seen.texts
    assert seen.lost == 0


def test_an_acknowledged_row_that_is_not_there_is_lost() -> None:
    assert figures.seen([done(1, 1.0), done(2, 2.0)], "d0", 0.5, {("d0/1", 1)}).lost == 1


def test_the_longest_time_is_that_of_one_session() -> None:
    other = Transaction(2, False, 1, False, 4.9, 5.0)
    assert figures.longest([done(1, 1.0), other, done(2, 2.0)]) == pytest.approx(1.0)


def test_a_driver_that_is_not_known_is_named() -> None:
    result = CliRunner().invoke(drivers, ["--only", "odbc"])
    assert result.exit_code and "odbc" in str(result.exception)
