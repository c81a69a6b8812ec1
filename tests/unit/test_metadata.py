"""The metadata says what the agent does. What the DTD says of it is tests/func's business."""

from __future__ import annotations

from xml.etree import ElementTree

from paf_haproxy import __version__
from paf_haproxy.dispatch import PERFORM
from paf_haproxy.main import ACTIONS
from paf_haproxy.metadata import metadata
from paf_haproxy.params import PARAMETERS, parse

ROOT = ElementTree.fromstring(metadata())


def test_the_head() -> None:
    assert ROOT.attrib == {"name": "haproxy", "version": __version__}
    assert ROOT.findtext("version") == "1.1", "reload-agent is of OCF 1.1"
    assert ROOT.findtext("longdesc") and ROOT.findtext("shortdesc")


def test_every_parameter() -> None:
    parameters = {each.get("name", ""): each for each in ROOT.iter("parameter")}
    assert list(parameters) == [parameter.name for parameter in PARAMETERS]
    for parameter in PARAMETERS:
        element = parameters[parameter.name]
        content = element.find("content")
        assert content is not None
        assert content.get("default", "") == parameter.default
        assert content.get("type") == parameter.kind
        assert element.get("required") == "0"
        for text in ("longdesc", "shortdesc"):
            assert (element.findtext(text) or "").strip(), parameter.name


def test_the_defaults_are_those_that_are_used() -> None:
    said = {each.get("name", ""): each.find("content") for each in ROOT.iter("parameter")}
    raw = {
        name: content.get("default", "") for name, content in said.items() if content is not None
    }
    assert parse(raw).values == parse({}).values


def test_an_integer_has_an_integer_default() -> None:
    for parameter in PARAMETERS:
        if parameter.kind == "integer":
            assert parameter.read(parameter.default) == int(parameter.default)


def test_every_action() -> None:
    actions = list(ROOT.iter("action"))
    names = {action.get("name") for action in actions}
    assert names == set(ACTIONS)
    assert {*PERFORM, "notify"} == set(ACTIONS)
    assert all((action.get("timeout") or "").endswith("s") for action in actions)
    monitors = [action for action in actions if action.get("name") == "monitor"]
    assert {action.get("role") for action in monitors} == {"Promoted", "Unpromoted"}
    assert len({action.get("interval") for action in monitors}) == 2, "Pacemaker wants them apart"
