"""The bake: our command line, run beside Nuke on a range of frames, and its EXRs read back.

Everything here but `plate`, `render`, `build` and `node` knows nothing of Nuke, and nothing here knows Qt.
"""
