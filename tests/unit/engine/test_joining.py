"""How long what joining needs is good for: until the last host has joined, and no longer than has to be."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kubewright.artifacts
from kubewright.engine.actions.joining import LONGEST_MINUTES, PrepareJoin, key_minutes, token_minutes
from kubewright.engine.flow import choose_scope, make_documents, make_plan
from tests.golden.clusters import artifacts
from tests.unit.engine.recorded import NAMES, Recorded
from tests.unit.engine.test_waiting import Calls, action


@pytest.mark.parametrize(
    ("control_planes", "workers", "forks", "keys", "token"),
    [
        (0, 1, 20, 15, 17),
        (2, 0, 20, 21, 21),
        (2, 20, 20, 21, 23),
        (2, 21, 20, 21, 25),
        (0, 1000, 20, 15, 115),
        (4, 1000, 20, 27, LONGEST_MINUTES),
        (0, 1000, 5, 15, LONGEST_MINUTES),
    ],
)
def test_grows_with_what_joins(control_planes: int, workers: int, forks: int, keys: int, token: int) -> None:
    assert (key_minutes(control_planes), token_minutes(control_planes, workers, forks)) == (keys, token)


@given(st.integers(0, 100), st.integers(0, 5000), st.integers(0, 500))
def test_keys_never_outlive_the_token_and_both_have_a_bound(control_planes: int, workers: int, forks: int) -> None:
    keys, token = key_minutes(control_planes), token_minutes(control_planes, workers, forks)
    assert 15 <= keys <= token <= LONGEST_MINUTES


def test_the_module_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubewright.artifacts, "resolve", lambda *_arguments, **_options: artifacts())
    recorded = Recorded(tmp_path, "scale", names=NAMES)
    recorded.told("cp1", recorded.live("cp1"))
    recorded.probed("cp2", "cp3", "w1", "w2")
    choose_scope(recorded.run)
    make_documents(recorded.run)
    make_plan(recorded.run)
    recorded.locked()
    calls = Calls({"discovery": "", "certificate_key": ""})
    made = action(PrepareJoin, calls, monkeypatch, host="cp1")
    made.variables = {"ansible_forks": 1}
    made.act(recorded.run)
    arguments = calls.asked[0][1]
    assert (arguments["keys_ttl_minutes"], arguments["ttl_minutes"]) == (21, 25)
