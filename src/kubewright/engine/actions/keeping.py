"""Keep etcd's data before a control plane is touched."""

from __future__ import annotations

from typing import Any

from kubewright.engine.actions.steps import StepAction
from kubewright.engine.inputs import Inputs
from kubewright.engine.lock import lock_id
from kubewright.engine.record import Run
from kubewright.plan import Stage, Step


class KeepSnapshot(StepAction):
    """A snapshot on the control plane that speaks; its place is printed."""

    fixed_stage = Stage.SNAPSHOT

    def carry_out(self, run: Run, _step: Step) -> dict[str, Any]:
        """One call."""
        cluster = Inputs.load(run).settings.cluster
        answer = self.call_when_free(
            run,
            "keep_snapshot",
            {
                "certificates_directory": cluster.kube_cert_dir,
                "etcd_data_directory": cluster.etcd_data_dir,
                "lock_id": lock_id(run),
            },
        )
        kept = answer["snapshot"]
        self.say(f"etcd snapshot on {self.host}: {kept['path']}")
        run.event("snapshot", host=self.host, **kept)
        return {"changed": False}
