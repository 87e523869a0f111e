"""Scoring mattes against a truth: metrics, benchmark layouts, contact sheets, a yardstick.

Importing this package costs nothing: SciPy (extra ``evaluate``) is asked for only when a metric is computed.
"""
