"""Node documents and the cluster document, made by pure functions from settings, topology, catalogue and artifacts."""

from kubewright.documents.cluster import cluster_document
from kubewright.documents.model import ClusterDocument, NodeDocument, Resource
from kubewright.documents.node import node_document
from kubewright.documents.system import OsFamily

__all__ = [
    "ClusterDocument",
    "NodeDocument",
    "OsFamily",
    "Resource",
    "cluster_document",
    "node_document",
]
