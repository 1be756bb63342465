"""Tensors on disk: every form comes back as it was, and takes the bytes that it says."""

import resource

import numpy as np
import pytest
import tensorflow as tf

from yt8m_distill.errors import InputError
from yt8m_distill.stored_weights import (
    Affine,
    Codebook,
    Float16,
    Plain,
    codebook_size,
    holds_stored,
    read_stored,
    stored_size,
    write_stored,
)

RANDOM = np.random.default_rng(0)


def codes(levels, shape=(5, 7, 3)):
    return RANDOM.integers(0, levels, shape).astype(np.uint8)


def steps(channels=3):
    return RANDOM.normal(size=channels).astype(np.float32)


FORMS = {
    "float32": Plain(RANDOM.normal(size=(3, 4)).astype(np.float32)),
    "a scalar": Plain(np.float32(3)),
    "int64": Plain(np.arange(5)),
    "float16": Float16(RANDOM.normal(size=(3, 4)).astype(np.float16)),
    "codebook of 8 bits": Codebook(codes(256), np.sort(RANDOM.normal(size=256)).astype(np.float32)),
    "codebook of 4 bits": Codebook(codes(16), np.sort(RANDOM.normal(size=16)).astype(np.float32)),
    "channels of 8 bits": Affine(codes(256), steps(), steps()),
    "channels of 4 bits, an odd number": Affine(codes(16), steps(), steps(), bits=4),
}


def test_a_checkpoint_gives_every_form_back(tmp_path):
    prefix = str(tmp_path / "ckpt-3")
    write_stored(FORMS, prefix)
    assert holds_stored(prefix)
    read = read_stored(prefix)
    assert read.keys() == FORMS.keys()
    assert stored_size(prefix) == sum(tensor.num_bytes for tensor in FORMS.values())
    for name, tensor in FORMS.items():
        assert type(read[name]) is type(tensor)
        assert read[name].parts().keys() == tensor.parts().keys()
        np.testing.assert_array_equal(read[name].dequantize(), tensor.dequantize())
        assert read[name].dequantize().dtype == tensor.dequantize().dtype


def test_what_dequantised_values_are():
    coded = np.array([[0, 3], [2, 1]], np.uint8)
    np.testing.assert_array_equal(Codebook(coded, np.float32([-1, 0, 2, 5])).dequantize(), [[-1, 5], [2, 0]])
    np.testing.assert_array_equal(
        Affine(coded, np.float32([1, 10]), np.float32([0.5, 2])).dequantize(), [[1, 16], [2, 12]]
    )


def test_bytes_are_one_or_half_a_byte_a_value_and_the_tables():
    assert FORMS["codebook of 8 bits"].num_bytes == 105 + 4 * 256
    assert FORMS["codebook of 4 bits"].num_bytes == 53 + 4 * 16 + 4 * 3  # the shape of packed codes is stored
    assert FORMS["channels of 8 bits"].num_bytes == 105 + 2 * 4 * 3
    assert FORMS["float16"].num_bytes == 24


@pytest.mark.parametrize("bits", [8, 4])
def test_the_size_of_a_codebook_is_known_before_there_is_one(bits):
    for shape in ((5, 7, 3), (4,)):
        assert codebook_size(shape, bits) == Codebook(codes(2**bits, shape), np.zeros(2**bits, np.float32)).num_bytes


@pytest.fixture
def small_files():
    """No file may grow beyond 6,000 bytes, which fails as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_one_line(tmp_path, small_files):
    with pytest.raises(InputError, match=r"ckpt-1 cannot be written: File too large") as raised:
        write_stored({"a": Plain(np.zeros(10_000, np.float32))}, str(tmp_path / "ckpt-1"))
    assert "\n" not in str(raised.value)


def test_other_checkpoints_are_told_apart(tmp_path):
    prefix = tf.train.Checkpoint(step=tf.Variable(1)).write(str(tmp_path / "ckpt"))
    assert not holds_stored(prefix)
    with pytest.raises(InputError, match="cannot be read"):
        read_stored(prefix)


def test_damaged_files_are_an_input_error(tmp_path):
    prefix = str(tmp_path / "ckpt-1")
    write_stored(FORMS, prefix)
    data = tmp_path / "ckpt-1.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot be read"):
        read_stored(prefix)
