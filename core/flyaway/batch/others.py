"""What is told before a run goes on where other weights, or another engine, made frames."""

from __future__ import annotations

from collections import Counter

from flyaway.batch.journal import JournalIndex
from flyaway.batch.plan import Plan
from flyaway.batch.resume import weights_hash
from flyaway.engines.base import DEFAULT_ENGINE
from flyaway.weights import ModelInfo, earlier_models, list_models, missing_remedy


def other_weights(plan: Plan, info: ModelInfo, engine: str = DEFAULT_ENGINE) -> list[str]:
    """What to tell before frames of earlier runs are done again because other weights made them.

    Parameters
    ----------
    plan : the frames.
    info : the model that is to run now.
    engine : that is to run it.

    Returns
    -------
    One line, or none where there are no such frames: how many, which weights made them if those are
    listed, and what goes on with these.
    """
    state, name = plan.places[0]
    if not state.is_dir():
        return []
    past, now = JournalIndex(state, name), weights_hash(info)
    made = Counter[str]()
    for task in plan.tasks:
        entry = past.get(task.key)
        if entry is not None and entry.model != now and any(path.is_file() for path in task.targets):
            made[entry.model] += 1
    if not made:
        return []
    listed = {weights_hash(one): one for one in (*earlier_models().values(), *list_models().values())}
    by, remedies = list[str](), list[str]()
    for found, count in made.most_common():
        one = listed.get(found)
        by.append(f"{count} by {'weights that are not installed' if one is None else one.versioned_name}")
        theirs = "the flyaway that made them (flyaway:version in their headers)"
        remedies.append(theirs if one is None else _goes_on(one, engine == "torch"))
    told = (
        f"other weights than {info.versioned_name} made {made.total()} of {len(plan.tasks)} frames"
        f" ({', '.join(by)}): a run that resumes does them again. What goes on with those weights:"
        f" {', '.join(remedies)}."
    )
    return [told]


def _goes_on(info: ModelInfo, torch: bool) -> str:
    option, remedy = f"--model {info.versioned_name}", missing_remedy(info, torch)
    return f"{option} (not installed: {remedy})" if remedy else option


def other_engine(plan: Plan, info: ModelInfo, engine: str) -> list[str]:
    """What to tell before a run goes on with another engine than the one that made frames of earlier runs.

    Parameters
    ----------
    plan : the frames.
    info : the model that is to run now; frames of other weights are told by `other_weights`.
    engine : what is to run it.

    Returns
    -------
    One line, or none where all of them were made by this engine.
    """
    state, name = plan.places[0]
    if not state.is_dir():
        return []
    past, weights = JournalIndex(state, name), weights_hash(info)
    entries = [past.get(task.key) for task in plan.tasks if any(path.is_file() for path in task.targets)]
    found = [one.engine for one in entries if one is not None and one.model == weights]
    made = Counter(one for one in found if one not in ("", engine))
    if not made:
        return []
    by = ", ".join(f"{count} by {one}" for one, count in made.most_common())
    told = (
        f"another engine than {engine} made {made.total()} of {len(plan.tasks)} frames ({by}). They are kept:"
        " engines agree to 0.0001, and not to the bit. What goes on as they were begun:"
        f" --engine {made.most_common(1)[0][0]}."
    )
    return [told]
