"""A job on many machines, by the engines that studios have: what each of them is handed.

Every task is a `flyaway batch` of one shot's chunk, so that whatever an engine does with it (retry it
elsewhere, run it twice, kill it), the journal and the claims keep each frame whole and done once.
"""
