"""Supported versions and what each needs, as data."""
