"""What is done with a node in every state that a killed run can leave."""

from __future__ import annotations

import pytest

from ansible_collections.kubewright.cluster.plugins.module_utils import initialise, joinstate
from ansible_collections.kubewright.cluster.plugins.module_utils.joinstate import Action, Facts, Membership


class TestInit:
    @pytest.mark.parametrize(
        ("marker", "leftovers", "answers", "recorded", "action"),
        [
            (None, False, False, False, "init"),
            (None, True, True, True, "nothing"),
            (None, True, True, False, "refuse"),
            (None, True, False, False, "refuse"),
            ("prepare", False, False, False, "restart"),
            ("prepare", True, False, False, "restart"),
            ("prepare", True, True, False, "finish"),
            ("finish", True, True, False, "finish"),
            ("finish", True, True, True, "finish"),
            # The API is down: it is waited for, and never taken back.
            ("finish", True, False, False, "finish"),
            ("finish", False, False, False, "finish"),
        ],
    )
    def test_table(self, marker: str | None, leftovers: bool, answers: bool, recorded: bool, action: str) -> None:
        assert initialise.classify(initialise.Facts(marker, leftovers, answers, recorded)).value == action


class TestJoin:
    @pytest.mark.parametrize(
        ("facts", "action"),
        [
            (Facts(control_plane=False, marker=None, leftovers=False, registered=False), Action.JOIN),
            (Facts(control_plane=False, marker=None, leftovers=True, registered=True), Action.NOTHING),
            (Facts(control_plane=False, marker=None, leftovers=True, registered=False), Action.REFUSE),
            (Facts(control_plane=False, marker="prepare", leftovers=False, registered=False), Action.RESTART),
            (Facts(control_plane=False, marker="prepare", leftovers=True, registered=False), Action.RESTART),
            (Facts(control_plane=False, marker="prepare", leftovers=True, registered=True), Action.RESUME),
            (Facts(control_plane=False, marker="finish", leftovers=True, registered=False), Action.RESUME),
            (Facts(control_plane=False, marker="finish", leftovers=True, registered=True), Action.RESUME),
        ],
    )
    def test_worker(self, facts: Facts, action: Action) -> None:
        assert joinstate.classify(facts).action is action

    @pytest.mark.parametrize(
        ("marker", "etcd_data", "membership", "action"),
        [
            (None, False, Membership.NONE, Action.JOIN),
            ("prepare", False, Membership.NONE, Action.RESTART),
            ("member", False, Membership.NONE, Action.RESUME),
            ("member", False, Membership.NOT_STARTED, Action.RESUME),
            ("member", True, Membership.NOT_STARTED, Action.RESUME),
            ("member", True, Membership.STARTED, Action.RESUME),
            ("member", True, Membership.NONE, Action.RESTART),
            ("member", False, Membership.STARTED, Action.REFUSE),
            ("finish", True, Membership.STARTED, Action.RESUME),
        ],
    )
    def test_control_plane(self, marker: str | None, etcd_data: bool, membership: Membership, action: Action) -> None:
        facts = Facts(
            control_plane=True,
            marker=marker,
            leftovers=bool(marker),
            registered=False,
            etcd_data=etcd_data,
            membership=membership,
        )
        assert joinstate.classify(facts).action is action

    def test_a_worker_is_no_control_plane_by_joining_again(self) -> None:
        facts = Facts(control_plane=True, marker=None, leftovers=True, registered=True, runs_control_plane=False)
        decision = joinstate.classify(facts)
        assert decision.action is Action.REFUSE
        assert "worker" in decision.cause

    def test_every_refusal_says_why_and_what_to_do(self) -> None:
        for facts in (
            Facts(control_plane=False, marker=None, leftovers=True, registered=False),
            Facts(True, "member", True, False, membership=Membership.STARTED),
        ):
            decision = joinstate.classify(facts)
            assert decision.cause
            assert decision.remedy
