"""Documentation of the arguments that every module has that holds the node's lock."""

from __future__ import annotations


class ModuleDocFragment:
    """The counterpart of ``entry.LOCK_ARGUMENTS``."""

    DOCUMENTATION = r"""
options:
  run:
    description: The run that this call belongs to, for the node lock.
    type: str
    default: ""
  lock_timeout:
    description: Seconds to wait for another holder of the node lock.
    type: float
    default: 600
"""
