"""What a look at a cluster found out, from the answers of all control planes that were asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from kubewright.engine.finding import Found, find_cluster
from kubewright.engine.inputs import Inputs
from kubewright.engine.record import Run
from kubewright.errors import KubewrightError
from kubewright.observe.evidence import Disk, Evidence, Finding
from kubewright.observe.model import EtcdMember, EtcdStatus


def stand(run: Run, inputs: Inputs) -> tuple[Evidence, KubewrightError | None]:
    """All that was found out, and the error that any other verb would end with, None where there is none."""
    error = None
    try:
        found = find_cluster(run, inputs)
    except KubewrightError as raised:
        found, error = Found(None, "", {}), raised
    answers = run.read_all("observations")
    evidence = Evidence(
        cluster=found.cluster,
        now=dt.datetime.now(dt.UTC),
        half_made=found.half_made,
        disks={host: _disk(host, answer["state"]) for host, answer in answers.items() if answer.get("state")},
        unreachable={host: answer["error"] for host, answer in answers.items() if not answer["reachable"]},
        failed={host: _finding(answer["failed"]) for host, answer in answers.items() if "failed" in answer},
    )
    return evidence, error


def _finding(raw: Mapping[str, Any], host: str = "") -> Finding:
    """An error that a node told."""
    subject = f"host {host}, {raw['subject']}" if host else str(raw["subject"])
    return Finding(subject, str(raw["cause"]), str(raw["remedy"]) or f"Look at it: {raw['subject']}")


def _disk(host: str, state: Mapping[str, Any]) -> Disk:
    return Disk(
        present=bool(state.get("present")),
        api_error=_api_error(state),
        certificates=tuple(state.get("certificates", ())),
        etcd_members=tuple(EtcdMember(**entry) for entry in state.get("etcd_members", ())),
        etcd_status=tuple(EtcdStatus(**entry) for entry in state.get("etcd_status", ())),
        unfinished=dict(state.get("unfinished", {})),
        etcd_error=str(state.get("etcd_error", "")) if state.get("etcd_here") else "",
        damaged=(
            *(_finding(raw, host) for raw in state.get("damaged", ())),
            *(_finding(raw) for raw in [state.get("record_error")] if raw),
        ),
    )


def _api_error(state: Mapping[str, Any]) -> str:
    """Why an API server gave no answer; one whose answer has a damaged record gave one."""
    silent = state.get("present") and not state.get("answers") and not state.get("record_error")
    return str(state.get("reason", "")) if silent else ""
