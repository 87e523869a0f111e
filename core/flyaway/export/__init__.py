"""Networks → files for others to run: `release` and `graphs` for our engines, `nuke` for the live Nuke node.

Needs torch; only `flyaway export` and the tests import this package.
"""
