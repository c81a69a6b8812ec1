"""The documents say what is there: links, parameters, targets."""

from __future__ import annotations

import functools
import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from paf_haproxy.metadata import ACTIONS
from paf_haproxy.params import PARAMETERS

from paf_lab.drill.faults import DRILLS
from paf_lab.layout import REPO

TRAPS = REPO / "docs" / "traps"
TRAP_PAGES = sorted(set(TRAPS.glob("*.md")) - {TRAPS / "README.md"})
FAILURES = REPO / "docs" / "failures"
FAILURE_PAGES = sorted(set(FAILURES.glob("*.md")) - {FAILURES / "README.md"})
PAGES = sorted(
    [*REPO.glob("*.md"), *(REPO / "docs").glob("*.md"), *TRAPS.glob("*.md"), *FAILURES.glob("*.md")]
)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
ANCHOR = re.compile(r"\]\(([^)#:]*)#([^)]+)\)")
PARTS = re.compile(r"`([^`]*)`")
DRILLS_OF = re.compile(r"^<!-- drills: (.+) -->$", re.MULTILINE)
INDEX = FAILURES / "README.md"


def made(*what: str) -> str:
    words = [sys.executable, str(REPO / "docs" / "make.py"), *what]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)


def anchor(heading: str) -> str:
    """Returns the fragment that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@functools.cache
def sources() -> str:
    """Returns the code that logs and reports."""
    files = [*(REPO / "lib" / "paf_haproxy").rglob("*.py"), *(REPO / "haproxy").glob("*")]
    return "".join(path.read_text() for path in files)


def relative(page: Path) -> str:
    return str(page.relative_to(REPO))


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    for target in LINK.findall(text):
        assert (page.parent / target).exists(), f"{page.name} leads to {target}"
    for target, fragment in ANCHOR.findall(text):
        anchors = [anchor(each) for each in headings(page.parent / target if target else page)]
        assert fragment in anchors, f"{page.name} leads to {target}#{fragment}"


@pytest.mark.parametrize("page", TRAP_PAGES, ids=relative)
def test_every_trap_has_its_four_parts(page: Path) -> None:
    _, *sections = re.split(r"^## ", page.read_text(), flags=re.MULTILINE)
    assert sections
    for section in sections:
        parts = re.findall(r"^\*\*(\w+)\.\*\* \S", section, re.MULTILINE)
        assert parts == ["Symptom", "Cause", "Remedy", "Seen"], section.partition("\n")[0]


def test_the_index_of_the_traps_names_them_all() -> None:
    rows = re.findall(
        r"^\|[^|]+\| (\[.+?\]\([^)]+\)) \|", (TRAPS / "README.md").read_text(), re.MULTILINE
    )
    expected = [
        f"[{title}]({page.name}#{anchor(title)})"
        for page in TRAP_PAGES
        for title in headings(page)[1:]
    ]
    assert expected
    assert sorted(rows) == sorted(expected)


def test_the_page_of_parameters_is_up_to_date() -> None:
    assert (REPO / "docs" / "parameters.md").read_text() == made("parameters"), "make docs"


def test_the_page_of_the_drills_is_what_the_reports_say() -> None:
    assert (REPO / "docs" / "drills" / "README.md").read_text() == made("drills"), "make docs"
    assert (REPO / "docs" / "drills" / "switchover.svg").read_text() == made("picture"), "make docs"


def test_the_tables_of_the_failures_are_what_the_reports_say(tmp_path: Path) -> None:
    for page in FAILURES.glob("*.md"):
        shutil.copy(page, tmp_path)
    made("failures", str(tmp_path))
    for page in FAILURES.glob("*.md"):
        assert page.read_text() == (tmp_path / page.name).read_text(), "make docs"


def test_every_drill_is_on_one_page_of_the_failures() -> None:
    lists = [DRILLS_OF.findall(page.read_text()) for page in FAILURE_PAGES]
    assert all(lists), "each page has a table"
    named = [name for found in lists for names in found for name in names.split()]
    assert sorted(named) == sorted(drill.name for drill in DRILLS)


@pytest.mark.parametrize("page", FAILURE_PAGES, ids=relative)
def test_every_page_of_a_failure_has_its_sections(page: Path) -> None:
    assert headings(page)[1:] == [
        "What you see",
        "What it costs",
        "What happens by itself",
        "What to do",
        "See also",
    ]
    explained, _, tables = page.read_text().partition("## What it costs")[2].partition("<!--")
    for name in DRILLS_OF.findall("<!--" + tables)[0].split():
        assert f"`{name}`" in explained, f"{name} is not explained"
    to_do = page.read_text().partition("## What to do")[2]
    assert re.search(r"^    \w", to_do, re.MULTILINE), "there is something to type"


def test_the_index_of_the_failures_names_them_all() -> None:
    found = re.findall(r"^\|[^|]+\| (\[.+?\]\([^)]+\)) \|$", INDEX.read_text(), re.MULTILINE)
    assert sorted(found) == sorted(f"[{headings(page)[0]}]({page.name})" for page in FAILURE_PAGES)
    assert "(failures/README.md)" in (REPO / "docs" / "operations.md").read_text()


@pytest.mark.parametrize("page", FAILURE_PAGES, ids=relative)
def test_what_a_page_of_a_failure_quotes_stands_in_the_code(page: Path) -> None:
    """Its lines of paf-haproxy and of the two logs; an ellipsis stands for the rest."""
    rows = re.findall(r"^\| `(?:paf-haproxy|journalctl) [^|]*\| (.*) \|$", page.read_text(), re.M)
    assert rows
    for line in [line for text in rows for line in PARTS.findall(text)]:
        for word in re.findall(r"[A-Za-z']{4,}", line):
            assert word in sources(), f"{word!r} of {line!r}"


def test_an_instance_is_copied_as_in_the_handbook() -> None:
    handbook = (REPO / "docs" / "operations.md").read_text()
    copies = 0
    for page in FAILURE_PAGES:
        lines = [line for line in page.read_text().splitlines() if line.startswith("    ")]
        for line in lines:
            if re.search(r"main\.lost|40-postgresql|pg_controldata|paf-haproxy\.env", line):
                assert re.sub(r"srv\d", "srv1", line) in handbook, f"{page.name}: {line}"
                copies += "40-postgresql" in line
    assert copies


def test_the_page_of_false_alarms_is_what_was_measured() -> None:
    assert (REPO / "docs" / "drills" / "false-alarms.md").read_text() == made("alarms"), "make docs"


def test_the_page_of_port_8008_is_what_is_tested() -> None:
    assert (REPO / "docs" / "rest.md").read_text() == made("rest"), "make docs"


def test_the_page_of_the_drivers_is_what_was_measured() -> None:
    assert (REPO / "docs" / "drills" / "drivers.md").read_text() == made("drivers"), "make docs"


def test_the_page_on_more_nodes_is_what_was_measured() -> None:
    assert (REPO / "docs" / "growth.md").read_text() == made("growth"), "make docs"


def test_the_comparison_in_the_readme_is_what_was_measured() -> None:
    assert made("compared") in (REPO / "README.md").read_text(), "docs/make.py compared"


def test_the_man_page_names_all() -> None:
    text = made("man").replace("\\-", "-")
    for parameter in PARAMETERS:
        assert f".B {parameter.name}\n" in text
    for name, *_ in ACTIONS:
        assert f".B {name}" in text
    assert not re.search(r"^['.](?![A-Z\\])", text, re.MULTILINE), "no text is taken for a request"


def test_make_help_names_every_target() -> None:
    text = (REPO / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    shown = subprocess.run(
        ["make", "-s", "-C", str(REPO), "help"], capture_output=True, text=True, check=True
    ).stdout
    for target in phony.split():
        assert re.search(f"make {target} +[A-Z]", shown), target


def test_the_picture_of_the_voices_is_made_of_its_source() -> None:
    labels = re.findall(r'label="([^"]+)"', (REPO / "docs" / "voices.dot").read_text())
    drawn = re.findall(r"<text[^>]*>([^<]+)</text>", (REPO / "docs" / "voices.svg").read_text())
    expected = [line.strip() for label in labels for line in label.split("\\n")]
    assert sorted(html.unescape(line).replace("\xa0", " ") for line in drawn) == sorted(expected)
