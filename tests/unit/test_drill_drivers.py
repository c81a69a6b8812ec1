"""`lab drill drivers`: the commands of the drivers, and the figures of their sessions."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from paf_lab import image
from paf_lab.drill.drivers import figures
from paf_lab.drill.drivers.cli import drivers
from paf_lab.drill.drivers.driver import DIRECT, DRIVERS, KINDS, POOLED, Driver, chosen
from paf_lab.drill.drivers.figures import Transaction
from paf_lab.drill.settings import Settings
from paf_lab.image import PGX
from paf_lab.layout import PACKAGE, PGBIN

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
    plain, set_up = (each.command("d0", POOLED, "srv3", SETTINGS) for each in chosen(["pgjdbc"]))
    assert set_up[-2].endswith("?user=drill&prepareThreshold=0&sslResponseTimeout=45000")
    assert "prepareThreshold" not in " ".join(plain)


def test_settings_of_pgx_are_in_its_connection_strings() -> None:
    plain, set_up = (each.command("d0", POOLED, "srv3", SETTINGS) for each in chosen(["pgx"]))
    assert all(each.endswith(" user=drill statement_cache_mode=describe") for each in set_up[-2:])
    assert plain == [PGX, "d0", *(each.rpartition(" ")[0] for each in set_up[-2:])]


def test_the_options_of_a_program_follow_its_targets() -> None:
    (_, driver) = chosen(["pgbench"])
    words = driver.command("d0", DIRECT, "srv3", SETTINGS)
    assert words[-2:] == [f"{PGBIN}/pgbench", "pipeline"] and "port=5433" in words[-3]


@pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.title)
def test_the_time_of_a_driver_without_an_answer_is_taken_on_its_own_machine(
    driver: Driver,
) -> None:
    words = shlex.split(driver.silent(5999))
    assert "silent" in words and driver.more in words[-1]
    assert sum("127.0.0.1" in word and "5999" in word for word in words) == 2


def test_every_program_is_there_and_a_driver_uses_it() -> None:
    assert {each.program for each in DRIVERS} == set(KINDS)
    assert all((PACKAGE / "clients" / "drivers" / name).exists() for name in KINDS)


def test_the_image_of_the_application_has_pgx_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "pgx.go"
    source.write_text("package main")
    monkeypatch.setattr(image, "PGX_SOURCE", source)
    hooks = " && ".join(image.RECIPES[image.APPLICATION]().hooks)
    assert hooks.index(str(source)) < hooks.index(f"build -o {image.PGX}")
    before = image.path(image.APPLICATION)
    source.write_text("package other")
    assert image.path(image.APPLICATION) != before, "the image of the old program is used again"


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
