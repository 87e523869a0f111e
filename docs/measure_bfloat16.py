"""What bfloat16 costs: `python docs/measure_bfloat16.py SET --every 4` (extras evaluate, shots and openvino).

Scores the OpenVINO engine on a set of `flyaway evaluate` in float32, with the coarse stage in bfloat16, and
(`--kept`) in bfloat16 but for its last convolutions and all that lies after the first of them. Clips are
matted as shots, with hair held from frame to frame and without. Below each table stands by how much of
itself every figure changes. Only processors with AVX512_BF16 or AMX compute in it; elsewhere rows are one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flyaway.engines.host_loop import SHOT, Feed, Float
from flyaway.engines.openvino_engine import Compiled, OpenVinoEngine
from flyaway.evaluation import layouts, report, run
from flyaway.matting import Matting
from flyaway.weights import model_info

CONVOLUTIONS = ("Convolution", "GroupConvolution")


class Bfloat16Coarse(OpenVinoEngine):
    """The coarse stage in bfloat16 but for its last `kept` convolutions."""

    kept = 0

    def _compile(self, role: str, model: Any) -> Compiled:
        if role not in ("coarse", SHOT):
            return super()._compile(role, model)
        rough = self._options | {"INFERENCE_PRECISION_HINT": "bf16"}
        if not self.kept:
            return Compiled(self._core.compile_model(model, "CPU", rough))
        first, second = halves(model, self.kept)
        compiled = [
            Compiled(self._core.compile_model(half, "CPU", options))
            for half, options in ((first, rough), (second, self._options))
        ]
        return InTwo(*compiled)


def halves(model: Any, kept: int) -> tuple[Any, Any]:
    """A graph cut before its `kept` last convolutions: what the first part leaves the second one takes."""
    import openvino
    from openvino import opset13

    second = model.clone()
    cut = [n for n, op in enumerate(model.get_ordered_ops()) if op.get_type_name() in CONVOLUTIONS][-kept]
    left, taken = [], []
    order = model.get_ordered_ops()
    late = {op.get_friendly_name() for op in order[cut:]}
    twins = {op.get_friendly_name(): op for op in second.get_ordered_ops()}
    for op in order[:cut]:
        if op.get_type_name() in ("Constant", "Parameter", "Result"):
            continue
        for number, output in enumerate(op.outputs()):
            if not any(user.get_node().get_friendly_name() in late for user in output.get_target_inputs()):
                continue
            left.append(output)
            twin = twins[op.get_friendly_name()].output(number)
            parameter = opset13.parameter(twin.get_partial_shape(), twin.get_element_type())
            for user in twin.get_target_inputs():
                if user.get_node().get_friendly_name() in late:
                    user.replace_source_output(parameter.output(0))
            taken.append(parameter)
    given = [one for one in second.get_parameters() if used(one, late)]
    first = openvino.Model(left, model.get_parameters(), "first")
    return first, openvino.Model(second.get_results(), [*taken, *given], "second")


def used(parameter: Any, late: set[str]) -> bool:
    """Whether the second half reads one of the graph's own inputs."""
    users = parameter.output(0).get_target_inputs()
    return any(user.get_node().get_friendly_name() in late for user in users)


class InTwo(Compiled):
    """Two halves, one after the other."""

    def __init__(self, first: Compiled, second: Compiled) -> None:
        super().__init__(second.compiled)
        self._first = first

    def __call__(self, feed: Feed) -> list[Float]:
        """Run both."""
        between = self._first(feed)
        nodes = self.compiled.inputs
        given: dict[Any, Float] = dict(enumerate(between))  # by number: what lies between has no names
        for number in range(len(between), len(nodes)):
            given[number] = feed[nodes[number].any_name]
        return super().__call__(given)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--every", type=int, default=1, help="images, or shots")
    parser.add_argument("--limit", type=int, help="images, or of each shot its first frames")
    parser.add_argument("--model", default="fast")
    parser.add_argument("--kept", type=int, nargs="*", default=[0])
    parser.add_argument("--metrics", help="default: sad,mad,soft_mad,iou, and of shots how they hold")
    asked = parser.parse_args()
    info = model_info(asked.model)
    networks = {"float32": Matting(info, OpenVinoEngine(info, threads=1))}
    for kept in asked.kept:
        engine = Bfloat16Coarse(info, threads=1)
        engine.kept = kept
        name = f"coarse stage in bfloat16, its last {kept} convolutions in float32"
        networks[name if kept else "coarse stage in bfloat16"] = Matting(info, engine)
    images = layouts.open_set(asked.set, "auto")
    measures = "sad,mad,soft_mad,iou"
    kinds: list[dict[str, Any]] = [{name: still(one) for name, one in networks.items()}]
    if images.shots and info.remembers:
        measures += ",dtssd,chatter,flicker,pops"
        kinds = [
            {f"{name}, steadiness {held:g}": InOrder(one, held) for name, one in networks.items()}
            for held in (1.0, 0.0)
        ]
    found = run.evaluate(
        images,
        {name: matter for kind in kinds for name, matter in kind.items()},
        every=asked.every,
        limit=asked.limit,
        measures=(asked.metrics or measures).split(","),
        sheet_images=0,
    )
    print("\n".join(report.table(found)))
    for usual, *others in kinds:
        for other in others:
            print(f"- {other}: {changes(found.mean(usual), found.mean(other))}")


def changes(usual: Mapping[str, float], other: Mapping[str, float]) -> str:
    """Each figure's change in percent of what it is in float32, where there is one."""
    known = {name: value for name, value in usual.items() if value and value == value}
    return ", ".join(f"{name} {100 * (other[name] / value - 1):+.2f} %" for name, value in known.items())


class InOrder:
    """A shot's frames, each with what those before it left."""

    def __init__(self, matting: Matting, steadiness: float) -> None:
        self._matting, self._steadiness = matting, steadiness
        self.new_shot()

    def new_shot(self) -> None:
        """Forget the shot before."""
        self._shot = self._matting.shot(steadiness=self._steadiness)

    def __call__(self, plate: Any) -> Any:
        """The frame's alpha."""
        return self._shot(plate, encoding="srgb").alpha


def still(matting: Matting) -> Callable[[Any], Any]:
    """A plate's alpha."""
    return lambda plate: matting(plate, encoding="srgb").alpha


if __name__ == "__main__":
    main()
