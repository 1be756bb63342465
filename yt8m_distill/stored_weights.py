"""How a tensor lies on disk: as it is, in float16, or as codes of 8 or 4 bits; and checkpoints of such tensors.

A checkpoint of stored tensors is a file in TensorFlow's checkpoint format with the keys NAME:KIND:PART. The forms in
memory and on disk differ in one point: codes of 4 bits are packed two a byte on disk.
"""

import dataclasses
import math

import numpy as np

from yt8m_distill.errors import InputError

MIN_ELEMENTS = 17_000


class StoredTensor:
    """What all forms have: `kind`, `parts()`, `from_parts(parts)`, `dequantize()`."""

    @property
    def num_bytes(self):
        """Bytes on disk."""
        return sum(array.nbytes for array in self.parts().values())


@dataclasses.dataclass(frozen=True)
class Plain(StoredTensor):
    """A tensor as it is, of any dtype."""

    values: np.ndarray
    kind = "plain"

    def parts(self):
        """{part: array} on disk."""
        return {"values": self.values}

    @classmethod
    def from_parts(cls, parts):
        """The inverse of `parts`."""
        return cls(parts["values"])

    def dequantize(self):
        """The tensor."""
        return self.values


@dataclasses.dataclass(frozen=True)
class Float16(Plain):
    """A float32 tensor in float16."""

    kind = "float16"

    def dequantize(self):
        """float32 in the tensor's shape."""
        return self.values.astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Codebook(StoredTensor):
    """A float32 tensor whose values are those of a codebook.

    Attributes:
      codes: uint8, in the tensor's shape.
      codebook: float32 (256,), or (16,) of 4 bits, in ascending order.
    """

    codes: np.ndarray
    codebook: np.ndarray
    kind = "codebook"

    @property
    def bits(self):
        """Bits of a code on disk."""
        return 4 if len(self.codebook) <= 16 else 8

    def parts(self):
        """{part: array} on disk."""
        return {**_code_parts(self.codes, self.bits), "codebook": self.codebook}

    @classmethod
    def from_parts(cls, parts):
        """The inverse of `parts`."""
        return cls(_codes(parts), parts["codebook"])

    def dequantize(self):
        """float32 in the tensor's shape: the codebook's value of every code."""
        return self.codebook[self.codes]


@dataclasses.dataclass(frozen=True)
class Affine(StoredTensor):
    """A float32 tensor in steps of equal size, which differ from channel to channel: `low + step * code`.

    Attributes:
      codes: uint8, in the tensor's shape.
      low, step: float32 (channels,); channels are the last axis.
      bits: 8 or 4.
    """

    codes: np.ndarray
    low: np.ndarray
    step: np.ndarray
    bits: int = 8
    kind = "affine"

    def parts(self):
        """{part: array} on disk."""
        return {**_code_parts(self.codes, self.bits), "low": self.low, "step": self.step}

    @classmethod
    def from_parts(cls, parts):
        """The inverse of `parts`."""
        return cls(_codes(parts), parts["low"], parts["step"], 4 if "packed" in parts else 8)

    def dequantize(self):
        """float32 in the tensor's shape."""
        return self.low + self.step * self.codes.astype(np.float32)


KINDS = {kind.kind: kind for kind in (Plain, Float16, Codebook, Affine)}


def size_in_8_bits(count):
    """Bytes of a float32 tensor of `count` values where only those with more than `MIN_ELEMENTS` become codes.

    Skalic and Austin, ECCV-W 2018, section 3.2: a byte a value and a codebook of 256.
    """
    return codebook_size((count,), 8) if count > MIN_ELEMENTS else 4 * count


def codebook_size(shape, bits):
    """Bytes on disk of a `Codebook` of that shape with codes of 8 or 4 bits."""
    count = math.prod(shape)
    return count + 4 * 256 if bits == 8 else (count + 1) // 2 + 4 * 16 + 4 * len(shape)


def named_weights(model):
    """{name: Keras variable} of a model, in its order; names are paths without the model's own name.

    A name is the same in every process that builds the model.
    """
    return {variable.path.partition("/")[2]: variable for variable in model.weights}


def write_stored(tensors, prefix):
    """Writes a checkpoint PREFIX.index and PREFIX.data-00000-of-00001.

    Args:
      tensors: {name: stored tensor}.
      prefix: of the files.

    Raises:
      InputError: they cannot be written, such as on a full disk.
    """
    import tensorflow as tf

    keyed = {
        f"{name}:{tensor.kind}:{part}": array
        for name, tensor in tensors.items()
        for part, array in tensor.parts().items()
    }
    try:
        tf.raw_ops.SaveV2(
            prefix=prefix, tensor_names=list(keyed), shape_and_slices=[""] * len(keyed), tensors=list(keyed.values())
        )
    except tf.errors.OpError as error:
        reason = str(error).rpartition("; ")[2]  # behind the names of a device and of a temporary file
        raise InputError(f"{prefix} cannot be written: {' '.join(reason.split())[:200]}") from error


def holds_stored(prefix):
    """Whether a checkpoint holds stored tensors, rather than the objects of a training run."""
    import tensorflow as tf

    try:
        return not tf.train.load_checkpoint(prefix).has_tensor("_CHECKPOINTABLE_OBJECT_GRAPH")
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise InputError(f"{prefix} cannot be read: {' '.join(str(error).split())[:200]}") from error


def stored_size(prefix):
    """Bytes of all tensors of a checkpoint that `write_stored` wrote, without reading them."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(prefix)
    dtypes = reader.get_variable_to_dtype_map()
    return sum(math.prod(shape) * dtypes[key].size for key, shape in reader.get_variable_to_shape_map().items())


def read_stored(prefix):
    """{name: stored tensor} of a checkpoint that `write_stored` wrote.

    Raises:
      InputError: the files are damaged or hold something else.
    """
    import tensorflow as tf

    parts = {}
    try:
        reader = tf.train.load_checkpoint(prefix)
        for key in reader.get_variable_to_shape_map():
            name, kind, part = key.rsplit(":", 2)
            parts.setdefault((name, kind), {})[part] = reader.get_tensor(key)
        return {name: KINDS[kind].from_parts(found) for (name, kind), found in sorted(parts.items())}
    except (ValueError, LookupError, RuntimeError, tf.errors.OpError) as error:
        raise InputError(f"{prefix} cannot be read: {' '.join(str(error).split())[:200]}") from error


def _code_parts(codes, bits):
    if bits == 8:
        return {"codes": codes}
    flat = np.append(codes.reshape(-1), np.zeros(codes.size % 2, np.uint8))
    return {"packed": flat[0::2] | flat[1::2] << 4, "shape": np.array(codes.shape, np.int32)}


def _codes(parts):
    if "codes" in parts:
        return parts["codes"]
    shape = tuple(parts["shape"])
    both = np.stack([parts["packed"] & 15, parts["packed"] >> 4], axis=-1)
    return both.reshape(-1)[: int(np.prod(shape))].reshape(shape)
