"""A strict stand-in for the `nuke` module, generated from the public stubs (`types-nuke`).

What the stubs do not declare raises AttributeError; every call is bound to its declared signature (and
held to its declared simple types); what they declare but nobody has given a behaviour here raises
`NotFakedError` instead of pretending. It proves that our Python speaks Nuke's API, and nothing about
Nuke itself.

    fake = install()          # puts `nuke` and `nukescripts` into sys.modules
    fake.nuke.createNode("Blur")
    fake.uninstall()

Python 3.9-safe, standard library only.
"""

from .build import Fake, NotFakedError, install
from .nk import NkError, parse

__all__ = ["Fake", "NkError", "NotFakedError", "install", "parse"]
