"""Addresses, roles and names of every host, computed for the whole inventory whatever the limit (I1)."""
