"""Typed helpers of the flows on real nodes: they look at the nodes, never at what kubewright says of itself."""
