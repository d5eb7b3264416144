"""Artifacts as their publishers release them, from their own sites or from a mirror of them."""
