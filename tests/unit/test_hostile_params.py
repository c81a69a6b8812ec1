"""Parameters with hostile values: a value is refused, or it has harmless characters only."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paf_haproxy.ocf import ERR_CONFIGURED, AgentError
from paf_haproxy.params import PARAMETERS, Parameter, Params, parse

HARMLESS = set(string.ascii_letters + string.digits + "_-./@+,:")
HOSTILE = (
    "a\nglobal\n",
    "a\r\nb",
    "x;show info",
    "a b",
    'say "x"',
    "it's",
    "$(id)",
    "`id`",
    "a#b",
    "a\\b",
    "{{ 7 }}",
    "%[src]",
    "a\x00b",
    "\x1b[2J",
    "\x85",
    "\u2028",
    "é",
    "٣٢",
    "\uff15\uff14\uff13\uff12",  # digits of full width
    "-rf",
    "../../etc/passwd",
    "/run/../etc",
    "A" * 100_000,
    "9" * 5_000,
    "\ud800",
)
characters = st.sampled_from(
    "\n\r\t\0\x0b\x1b\x7f\x85\xa0\u2028\u3000;'\"`$\\{}%#&|<>()[]!*? =٣５²é"
)
hostile = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=40),
    st.text(
        characters | st.sampled_from(string.ascii_letters + string.digits + "._-/:"), max_size=20
    ),
    st.integers().map(str),
    st.integers(min_value=0).map(lambda n: f"{n}ms"),
)


def words(value: object) -> list[str]:
    if isinstance(value, tuple):
        return [word for item in value for word in words(item)]
    return [str(value)]


def harmless(params: Params) -> bool:
    return all(
        HARMLESS.issuperset(word) for value in params.values.values() for word in words(value)
    )


@pytest.mark.parametrize("parameter", PARAMETERS, ids=lambda each: each.name)
@given(text=hostile)
@example(text="a\nserver evil 10.0.0.1:5432")
def test_a_hostile_value_is_refused_or_harmless(parameter: Parameter, text: str) -> None:
    try:
        params = parse({parameter.name: text})
    except AgentError as error:
        assert error.code == ERR_CONFIGURED
        assert f"parameter {parameter.name}" in error.reason or "has the same port" in error.reason
        assert error.reason.isprintable() and len(error.reason) <= 400
        if "has the same port" in error.reason:
            assert parameter.name in error.reason
    else:
        assert harmless(params)


def test_the_check_for_harm_can_fail() -> None:
    assert harmless(parse({}))
    for text in ("a b", "a;b", "a\nb", "'"):
        assert not harmless(Params({"log": text}))
        assert not harmless(Params({"nodes": (("srv1", text),)}))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=2000))
def test_a_reason_is_one_printable_line(text: str) -> None:
    reason = AgentError(f"parameter x: {text}").reason
    assert reason.isprintable() and len(reason) <= 400 and reason.startswith("parameter x:")
