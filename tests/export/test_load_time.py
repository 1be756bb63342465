import gc

import numpy as np
import pytest
import tensorflow as tf

from yt8m_distill.compression.partial_quantization import METHODS, quantize
from yt8m_distill.export.load_time import LoadedTensor

# Odd, so that the last byte of 4-bit codes holds one.
VALUES = np.random.default_rng(0).normal(size=(5, 7, 3)).astype(np.float32)
TENSORS = {method: quantize("made", VALUES, method) for method in METHODS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A SavedModel whose signature `read` returns every tensor."""
    scratch, path = tmp_path_factory.mktemp("codes"), str(tmp_path_factory.mktemp("saved"))
    loaded = {name: LoadedTensor(name, tensor, str(scratch / name)) for name, tensor in TENSORS.items()}
    module = tf.Module()
    module.parts = [part for tensor in loaded.values() for part in tensor.tracked]

    @tf.function(input_signature=[])
    def read():
        return {name: tensor.read_value() for name, tensor in loaded.items()}

    tf.saved_model.save(module, path, signatures={"read": read})
    for file in scratch.iterdir():
        file.unlink()
    return path


def _assert_dequantised(values):
    for name, tensor in TENSORS.items():
        expected, found = tensor.dequantize(), np.asarray(values[name])
        if name.startswith("per_channel"):
            np.testing.assert_array_max_ulp(found, expected, 1)
        else:
            np.testing.assert_array_equal(found, expected)


def test_values_are_those_of_the_stored_tensors_bit_for_bit(folder):
    _assert_dequantised(tf.saved_model.load(folder).signatures["read"]())


def test_the_folder_holds_codes_and_no_floats(folder, tmp_path):
    checkpoint = tf.train.load_checkpoint(f"{folder}/variables/variables")
    shapes = checkpoint.get_variable_to_shape_map()
    assert {tuple(shape) for name, shape in shapes.items() if not name.startswith("_CHECK")} == {(0,)}
    files = {name: len(tf.io.gfile.GFile(f"{folder}/assets/{name}", "rb").read()) for name in METHODS}
    assert (files["uniform"], files["uniform4"], files["float16"]) == (105, 53, 210)


def test_the_loader_of_tensorflow_serving_makes_them_too(folder):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta_graph = tf.compat.v1.saved_model.load(session, ["serve"], folder)
        outputs = {name: info.name for name, info in meta_graph.signature_def["read"].outputs.items()}
        _assert_dequantised(session.run(outputs))
        _assert_dequantised(session.run(outputs))


def test_each_load_has_values_of_its_own(folder):
    first, second = tf.saved_model.load(folder), tf.saved_model.load(folder).signatures["read"]
    for part in first.parts:
        if isinstance(part, tf.Variable):
            part.assign(tf.zeros([5, 7, 3]))
    del first
    gc.collect()
    _assert_dequantised(second())


def test_what_is_loaded_can_be_saved_again(folder, tmp_path):
    loaded = tf.saved_model.load(folder)
    tf.saved_model.save(loaded, str(tmp_path / "again"), signatures=loaded.signatures)
    _assert_dequantised(tf.saved_model.load(str(tmp_path / "again")).signatures["read"]())
