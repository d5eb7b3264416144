"""Actions of verbs that only look: status and kubectl."""

from __future__ import annotations

import shlex
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

from kubewright.engine.actions.base import RunAction
from kubewright.engine.flow import find_cluster
from kubewright.engine.inputs import Inputs
from kubewright.engine.record import Run
from kubewright.errors import BadInputError

ADMIN = "/etc/kubernetes/admin.conf"


class Via(RunAction):
    """Say which control plane speaks for the cluster."""

    def act(self, run: Run) -> dict[str, Any]:
        """Fails where there is no cluster; where none is ``needed``, that is an answer, which ``status`` gives."""
        inputs = Inputs.load(run)
        if not boolean(self._task.args.get("needed", True)):
            return {"changed": False, "via": inputs.names.control_plane[0]}
        cluster = find_cluster(run, inputs).cluster
        if cluster is None:
            raise BadInputError(
                "cluster", "there is none yet on the control planes of this inventory", "Run kubewright deploy first"
            )
        return {"changed": False, "via": cluster.via}


class Kubectl(RunAction):
    """Run kubectl on a control plane with the administrator's rights."""

    def act(self, run: Run) -> dict[str, Any]:
        """Write ``kubectl``: return code and output. That kubectl itself failed is its user's to judge."""
        inputs = Inputs.load(run)
        words = [
            f"{inputs.settings.cluster.bin_dir}/kubectl",
            "--kubeconfig",
            ADMIN,
            *map(str, self.variables["kubewright_kubectl"]),
        ]
        answer = self._low_level_execute_command(shlex.join(words))
        run.write("kubectl", {"code": answer["rc"], "stdout": answer["stdout"], "stderr": answer["stderr"]})
        return {"changed": False}
