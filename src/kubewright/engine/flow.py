"""The decisions of a run between its remote calls, in their order.

Files in the run's folder as they come to be: ``inputs``, ``observations/HOST`` (control planes asked), ``scope``,
``hosts/HOST`` (probes), ``former_names``, ``documents/HOST``, ``cluster_document``, ``endpoint``,
``inspections/HOST``, ``objects``, ``plan``, ``done/STAGE/HOST``, ``checks/HOST`` and ``result``.
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
