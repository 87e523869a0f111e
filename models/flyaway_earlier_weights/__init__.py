"""Weights of Flyaway that came before, in folders NAME@VERSION: data that Flyaway looks for, and no code."""
