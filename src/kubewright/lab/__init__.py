"""Real clusters' nodes on this machine: containers that boot systemd and sshd, and the inventory that reaches them.

A lab deploys nothing. It boots bare Debian nodes in podman, and writes an inventory that a person could have written;
what is special about such nodes is only in that inventory's variables. Use :class:`Lab` from tests and tools,
``kubewright lab`` from a shell.
"""

from kubewright.lab._place import lab_names, lab_root
from kubewright.lab.lab import Lab, UpOutcome
from kubewright.lab.model import LabNode, LabShape, NodeState, NodeStatus, Role

__all__ = ["Lab", "LabNode", "LabShape", "NodeState", "NodeStatus", "Role", "UpOutcome", "lab_names", "lab_root"]
