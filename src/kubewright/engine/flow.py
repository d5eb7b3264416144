"""The decisions of a run between its remote calls, in their order.

Files in the run's folder as they come to be: ``request``, ``origins``, ``inputs``, ``observations/HOST`` (control
planes asked), ``scope``, ``hosts/HOST`` (probes), ``former_names``, ``topology``, ``documents/HOST``,
``cluster_document``, ``endpoint``, ``inspections/HOST``, ``objects``, ``plan``, ``done/STAGE/HOST``, ``checks/HOST``
and ``result``. Where something was made beside remote calls, ``aside`` has its locks and what it failed with;
documents that were made so end with ``documented``.

Every action is a process of its own and begins with nothing. So what is about all hosts is worked out once and written
down, small, and read as far as an action needs it: what an action takes must not grow with the inventory.
"""

from kubewright.engine.configuration import configuration_for_joins, load_cluster_document
from kubewright.engine.documenting import make_documents
from kubewright.engine.finding import (
    Found,
    api_url,
    choose_scope,
    find_cluster,
    known_addresses,
    load_topology,
    remember_addresses,
    url_host,
)
from kubewright.engine.planning import make_plan

__all__ = [
    "Found",
    "api_url",
    "choose_scope",
    "configuration_for_joins",
    "find_cluster",
    "known_addresses",
    "load_cluster_document",
    "load_topology",
    "make_documents",
    "make_plan",
    "remember_addresses",
    "url_host",
]
