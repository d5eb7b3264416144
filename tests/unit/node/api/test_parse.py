from __future__ import annotations

import pytest

from kubewright.observe import answers, parse_cluster, parse_host
from kubewright.observe.parse import UnexpectedAnswerError


class TestParse:
    @pytest.mark.parametrize(
        ("raw", "told"),
        [
            ({"present": False}, False),
            ({"present": True, "answers": False}, False),
            ({"present": True, "answers": True}, True),
        ],
    )
    def test_only_a_control_plane_whose_api_answers_can_tell(self, raw: dict[str, object], told: bool) -> None:
        assert answers(raw) is told

    def test_a_part_left_out_is_named(self) -> None:
        with pytest.raises(UnexpectedAnswerError, match="cluster_state left out 'record'"):
            parse_cluster("cp1", {"version": "v1"})

    def test_an_unreachable_host_has_no_facts(self) -> None:
        host = parse_host("h", {"unreachable": True, "msg": "timed out"})
        assert (host.reachable, host.error, host.facts) == (False, "timed out", {})

    def test_a_failed_probe_is_reachable_and_has_no_facts(self) -> None:
        host = parse_host("h", {"failed": True, "msg": "no python"})
        assert (host.reachable, host.error, host.facts) == (True, "no python", {})

    def test_facts(self) -> None:
        assert parse_host("h", {"facts": {"os": "debian"}}).facts == {"os": "debian"}
