"""`flyaway export` end to end: a checkpoint becomes a model that loads, runs, and is the same network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from flyaway.cli.app import app
from flyaway.engines import open_engine
from flyaway.errors import WeightsError
from flyaway.export.release import release
from flyaway.export.shared import list_once
from flyaway.network import MattingNetwork
from flyaway.network_config import FAST
from flyaway.weights import earlier_models, list_models, verified

pytest.importorskip("onnxscript")

SIZES = [(97, 161), (640, 480), (300, 1000)]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seeded network with every parameter at random: an untrained refiner's head is zero, and would
    hide whatever goes wrong before it."""
    torch.manual_seed(0)
    network = MattingNetwork(FAST)
    with torch.no_grad():
        network.refiner.head.weight.normal_(0, 0.05)
        network.refiner.head.bias.normal_(0, 0.05)
    path = tmp_path_factory.mktemp("training") / "average.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """models/weights after the command has run."""
    folder = tmp_path_factory.mktemp("models") / "weights"
    folder.mkdir()
    options = ["--name", "random", "--output", str(folder), "--title", "At random"]
    result = CliRunner().invoke(app, ["export", str(checkpoint), *options])
    assert result.exit_code == 0, result.output
    assert "random/coarse.onnx" in result.output
    return folder


def test_the_manifest_lists_what_was_written(exported: Path) -> None:
    info = list_models(exported)["random"]
    assert (info.title, info.licence, info.config["name"]) == ("At random", "GPL-3.0-or-later", "fast")
    assert set(info.files) == {"coarse", "tokens", "refine", "torch"}
    for file in info.files.values():
        assert verified(file).parent == (exported / "random").resolve()
        assert file.path.stat().st_mode & 0o777 == (exported / "manifest.json").stat().st_mode & 0o777
    assert sum(file.bytes for role, file in info.files.items() if role != "torch") < 30_000_000
    written = {path.name for path in (exported / "random").iterdir()}
    assert written == {file.path.name for file in info.files.values()}
    assert json.loads((exported / "manifest.json").read_text())["models"]["random"]["config"] == json.loads(
        json.dumps(FAST.to_dict())
    )


def test_the_weights_are_the_checkpoints_in_half_precision(exported: Path, checkpoint: Path) -> None:
    released = load_file(list_models(exported)["random"].files["torch"].path)
    trained = load_file(checkpoint)
    assert released.keys() == trained.keys()
    for name, tensor in released.items():
        assert tensor.dtype == torch.float16
        assert torch.equal(tensor, trained[name].half())


def test_the_graphs_are_the_network_at_sizes_the_export_never_saw(exported: Path) -> None:
    pytest.importorskip("onnxruntime")
    info = list_models(exported)["random"]
    ours, reference = open_engine(info, "cpu", threads=1), open_engine(info, "cpu", "torch")
    for height, width in SIZES:
        rng = np.random.default_rng(height)
        plate = rng.random((height, width, 3), np.float32)
        cells = rng.random((-(-height // 64), -(-width // 64))) < 0.5
        got, expected = (engine.infer(plate, cells=cells) for engine in (ours, reference))
        assert np.abs(got.alpha - expected.alpha).max() <= 1e-4
        assert np.abs(got.trimap - expected.trimap).max() <= 1e-4
        assert np.abs(got.alpha - got.coarse_alpha).max() > 1e-3, "nothing was refined: nothing was compared"


def test_another_model_joins_the_first(exported: Path, checkpoint: Path, monkeypatch) -> None:
    def write(network, folder):
        folder.mkdir()
        (folder / "coarse.onnx").write_bytes(b"graph")
        return {"coarse": folder / "coarse.onnx"}

    monkeypatch.setattr("flyaway.export.release.export_graphs", write)  # the graphs are compared above
    before = json.loads((exported / "manifest.json").read_text())["models"]["random"]
    release(checkpoint, "fast", "second", exported, "Second", "GPL-3.0-or-later")
    assert list(list_models(exported)) == ["random", "second"]
    assert list_models(exported)["second"].version == 1
    assert json.loads((exported / "manifest.json").read_text())["models"]["random"] == before
    assert not list(exported.glob("*.part"))


@pytest.mark.parametrize(
    ("config", "name", "message"),
    [
        ("huge", "model", "there is paper, fast"),
        ("paper", "model", "run it in torch"),
        ("fast", "../model", "cannot name a model"),
        ("fast", "", "cannot name a model"),
        ("fast", ".hidden", "cannot name a model"),
    ],
)
def test_what_cannot_be_exported_is_refused(checkpoint: Path, tmp_path: Path, config, name, message) -> None:
    with pytest.raises(WeightsError, match=message):
        release(checkpoint, config, name, tmp_path, "", "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [None, b"", b"no safetensors at all", b"\x08\0\0\0\0\0\0\0{}      "])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content) -> None:
    path = tmp_path / "checkpoint.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match="is no checkpoint of configuration 'fast'"):
        release(path, "fast", "model", tmp_path / "weights", "", "")


def test_a_manifest_that_cannot_be_read_is_left_alone(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(WeightsError):
        release(checkpoint, "fast", "model", tmp_path, "", "")
    assert (tmp_path / "manifest.json").read_text() == "{"


@pytest.fixture
def quick(checkpoint: Path, tmp_path: Path, monkeypatch):
    """`quick(name, content, …)` releases into a folder; its graphs are those bytes: nobody runs them."""
    contents = []

    def write(_network, folder):
        folder.mkdir(parents=True)
        for role in ("coarse", "refine"):
            (folder / f"{role}.onnx").write_bytes(f"{role} {contents[-1]}".encode())
        return {role: folder / f"{role}.onnx" for role in ("coarse", "refine")}

    monkeypatch.setattr("flyaway.export.release.export_graphs", write)

    def make(name: str, content: str, **options) -> Path:
        contents.append(content)
        release(checkpoint, "fast", name, tmp_path / "weights", name, "GPL-3.0-or-later", **options)
        return tmp_path / "weights"

    return make


def test_what_a_release_replaces_can_be_kept(quick) -> None:
    root = quick("model", "one")
    before = list_models(root)["model"]
    quick("model", "two", version=5, keep_earlier=True)
    now, kept = list_models(root)["model"], earlier_models(root)
    assert (now.version, list(kept)) == (5, ["model@1"])
    assert kept["model@1"].config == before.config
    for role, file in kept["model@1"].files.items():
        assert verified(file).parent == (root / "model@1").resolve()
        assert file.sha256 == before.files[role].sha256
    assert verified(now.files["coarse"]).read_bytes() == b"coarse two"
    quick("model", "three")  # not kept, and the first still is
    assert list_models(root)["model"].version == 6
    assert list(earlier_models(root)) == ["model@1"]
    assert all(verified(file) for file in earlier_models(root)["model@1"].files.values())
    assert sorted(path.name for path in root.iterdir()) == ["manifest.json", "model", "model@1"]


def test_files_that_others_share_are_not_overwritten(quick) -> None:
    root = quick("model", "one")
    quick("other", "other")
    manifest = json.loads((root / "manifest.json").read_text())
    manifest["models"]["other"]["files"]["refine"] = manifest["models"]["model"]["files"]["refine"]
    (root / "manifest.json").write_text(json.dumps(manifest))
    quick("model", "two")
    assert earlier_models(root) == {}
    other = list_models(root)["other"]
    assert verified(other.files["refine"]).read_bytes() == b"refine one"
    assert verified(other.files["coarse"]).read_bytes() == b"coarse other"
    # What a current model needs never lies with what came before: that is packed apart.
    assert not list(root.glob("*@*"))
    # Kept, an entry leaves in its place what it has of another model.
    quick("other", "new", keep_earlier=True)
    kept = earlier_models(root)["other@1"]
    assert verified(kept.files["refine"]).read_bytes() == b"refine one"
    assert verified(kept.files["coarse"]) == (root / "other@1" / "coarse.onnx").resolve()


def test_a_shared_file_goes_both_ways_when_its_model_is_replaced_and_kept(quick) -> None:
    """As `fast` is, whose refiner `quality` uses, and `quality@6` too."""
    root = quick("model", "one")
    quick("other", "other")
    manifest = json.loads((root / "manifest.json").read_text())
    manifest["models"]["other"]["files"]["refine"] = manifest["models"]["model"]["files"]["refine"]
    (root / "manifest.json").write_text(json.dumps(manifest))
    quick("other", "newer", keep_earlier=True)
    manifest = json.loads((root / "manifest.json").read_text())
    manifest["models"]["other"]["files"]["refine"] = manifest["models"]["model"]["files"]["refine"]
    (root / "manifest.json").write_text(json.dumps(manifest))
    quick("model", "two", keep_earlier=True)
    current, kept = list_models(root), earlier_models(root)
    folders = {name: verified(info.files["refine"]).parent.name for name, info in (current | kept).items()}
    assert folders == {"model": "model", "other": "other", "other@1": "model@1", "model@1": "model@1"}
    assert verified(current["other"].files["refine"]).read_bytes() == b"refine one"
    assert verified(current["model"].files["refine"]).read_bytes() == b"refine two"


def test_equal_files_are_listed_once_and_current_models_keep_theirs(quick) -> None:
    """Weights that two models share, and graphs that a new version left as they were."""
    root = quick("model", "one")
    quick("model", "one", keep_earlier=True)  # the same once more
    quick("other", "one")
    quick("third", "two")
    contents = {name: info.files for name, info in (list_models(root) | earlier_models(root)).items()}
    # The checkpoint is one; a file's name is its model's.
    gone = ["model@1/coarse.onnx", "model@1/model.fp16.safetensors", "model@1/refine.onnx"]
    gone += ["other/coarse.onnx", "other/other.fp16.safetensors", "other/refine.onnx"]
    assert list_once(root) == [*gone, "third/third.fp16.safetensors"]
    after = list_models(root) | earlier_models(root)
    for name, files in contents.items():
        for role, file in files.items():
            assert after[name].files[role].sha256 == file.sha256
            assert verified(after[name].files[role]).parent.name in ("model", "third")
    assert sorted(path.name for path in root.iterdir()) == ["manifest.json", "model", "third"]
    assert list_once(root) == []
    # A next version leaves to the others what they share.
    quick("model", "new", keep_earlier=True)
    assert verified(list_models(root)["other"].files["refine"]).read_bytes() == b"refine one"
    assert verified(earlier_models(root)["model@2"].files["refine"]).read_bytes() == b"refine one"


@pytest.mark.parametrize(
    ("version", "keep", "message"), [(3, False, "above 3"), (4, True, "above 4"), (0, True, "above 4")]
)
def test_a_version_that_is_taken_is_refused(quick, version, keep, message) -> None:
    root = quick("model", "one", version=4)
    manifest = (root / "manifest.json").read_text()
    with pytest.raises(WeightsError, match=message):
        quick("model", "two", version=version, keep_earlier=keep)
    assert (root / "manifest.json").read_text() == manifest
    quick("model", "again", version=4)  # without one to keep, the current one may be made again
    assert verified(list_models(root)["model"].files["coarse"]).read_bytes() == b"coarse again"


def test_there_must_be_something_to_keep(quick) -> None:
    with pytest.raises(WeightsError, match="there is no 'model' yet"):
        quick("model", "one", keep_earlier=True)


def test_the_live_nodes_file_needs_no_onnx() -> None:
    """What makes a release has torch for it, as `flyaway export nuke` says, and nothing more."""
    code = "import sys; sys.modules.update(onnx=None, onnxscript=None); import flyaway.export.nuke"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
