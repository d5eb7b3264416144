"""Node documents and the cluster document, made by pure functions from settings, topology, catalogue and artifacts."""
