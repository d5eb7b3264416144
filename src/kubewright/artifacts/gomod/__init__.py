"""Artifacts built on this machine: binaries from Go modules, images from those binaries and a distribution's packages."""
