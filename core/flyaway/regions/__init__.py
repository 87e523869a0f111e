"""Regions: which cells are unknown, who their neighbours are, how pixels get into a region and back.

A *cell* is a square of the grid that covers the plate; a *region* is a chosen cell with its halo, the pixels
around it that the refiner reads and blends with its neighbours. Three callers need the same arithmetic:

- `numpy_backend`: for the host loop of the onnxruntime engine, which has no torch;
- `torch_backend`: for the network itself, with gradients, on any device;
- `torchscript_backend`: for the module that Nuke loads, without a fixed device or floating type.

The three are siblings: the same functions by the same names with the same parameters, held to each other by
one loop with one bound (`tests/regions/test_parity.py`). A change of the geometry is made in all three, or
that loop fails. Sizes and offsets that need no arrays stand in `flyaway.geometry`.

Images are laid out as each backend's callers have them: H×W×C in numpy, C×H×W in both kinds of torch. Maps
are C×h×w everywhere, cells rows×columns bool, positions N×2 (row, column) int64.
"""

INTERFACE = (
    "source_coordinates",
    "sample",
    "sample_points",
    "upsample",
    "unknown_cells",
    "neighbourhoods",
    "region_pixels",
    "gather",
    "refiner_inputs",
    "blend_ramps",
    "accumulate",
)
