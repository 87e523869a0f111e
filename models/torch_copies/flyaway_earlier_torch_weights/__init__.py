"""Torch's copies of Flyaway's earlier weights, in folders NAME@VERSION: data, and no code."""
