"""The first control plane and the cluster's objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubewright.engine.actions.steps import StepAction
from kubewright.engine.flow import load_cluster_document
from kubewright.engine.inputs import Inputs
from kubewright.engine.lock import lock_id
from kubewright.engine.planning import node_reference
from kubewright.engine.record import Run
from kubewright.plan import Stage, Step


class Initialise(StepAction):
    """``kubeadm init`` on the first control plane of a new cluster."""

    fixed_stage = Stage.INIT

    def carry_out(self, run: Run, _step: Step) -> dict[str, Any]:
        """The record that makes the cluster ours is written by the same call."""
        inputs = Inputs.load(run)
        answer = self.call_when_free(
            run,
            "kubeadm_init",
            {
                "config": load_cluster_document(run).kubeadm_init[self.host],
                "ignore_preflight_errors": list(inputs.settings.cluster.kubeadm_ignore_preflight_errors),
                "record": new_record(inputs),
                "lock": run.read("lock")["holder"],
            },
        )
        return {"changed": answer["changed"]}


def new_record(inputs: Inputs) -> dict[str, Any]:
    """Make kubewright's record in the cluster.

    Its format, and by Node what it knows of the others (see ``fan_out`` in the plan).
    """
    return {"format": 1, "cluster": inputs.settings.cluster.cluster_name, "fan_out": {}}


class ApplyObjects(StepAction):
    """The cluster's objects, or labels and taints, or kubeadm's own objects and what follows from them."""

    def carry_out(self, run: Run, step: Step) -> dict[str, Any]:
        """Apply what the stage names.

        The pod network comes before the joins and all else after them: a pod that starts before its node has a network
        is tried again only after many seconds.
        """
        document = load_cluster_document(run)
        lock = {"lock_id": lock_id(run)}
        arguments: dict[str, Any] = {"node_metadata": _of_step(document.node_metadata, step)}
        if step.stage is Stage.CLUSTER_CONFIG:
            arguments = {
                "kubeadm_configuration": document.kubeadm_init[self.host],
                "former_names": run.read("former_names"),
            }
        if step.stage is Stage.KUBE_PROXY:
            arguments = {"restart_proxy": True}
        if step.stage is Stage.OBJECTS:
            arguments = {"objects": list(document.objects)}
        if step.stage is Stage.NETWORK:
            arguments = {
                "objects": list(document.network_objects),
                "wait_file": document.network_ready_file,
            }
        answer = self.call_when_free(run, "objects", {**arguments, **lock})
        return {"changed": answer["changed"]}


def _of_step(metadata: Mapping[str, Any], step: Step) -> dict[str, Any]:
    """Labels and taints of the Nodes that the plan shows: others may differ and be outside the limit."""
    shown = {change.id for change in step.changes}
    return {node: wanted for node, wanted in metadata.items() if f"object:{node_reference(node)}" in shown}
