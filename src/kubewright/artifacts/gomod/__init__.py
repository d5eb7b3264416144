"""Artifacts built here: binaries from Go modules, images from those binaries and a distribution's packages."""
