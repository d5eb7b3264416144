"""What the collection's action plugins do on the controller; the plugins themselves are one line each.

Every action reads what it needs from the run's folder and from its own host's answer, never from another host's facts.
"""
