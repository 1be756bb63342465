"""Weights that are codes on disk and become floats once, when a SavedModel is loaded."""

import numpy as np
import tensorflow as tf

_INT16 = tf.int16  # the least that tf.gather takes; int32 would take twice the memory while a model is loaded


class LoadedTensor(tf.saved_model.experimental.TrackableResource):
    """A float32 variable that the loader of a SavedModel fills from a file of codes.

    `tf.saved_model.load` and the loader of TensorFlow Serving call `_initialize` once, after they have restored the
    variable, which is saved empty. From then on reading it costs what reading any variable costs. What
    `tracked` holds has to hang on the module that is saved.

    Args:
      name: unique in its SavedModel.
      tensor: Float16, Codebook or Affine.
      path: file to write the codes to; TensorFlow copies it into the SavedModel's assets.
    """

    def __init__(self, name, tensor, path):
        super().__init__()
        self._label = name
        self._kind = tensor.kind
        self._shape = tuple(tensor.codes.shape if tensor.kind != "float16" else tensor.values.shape)
        self._parts = tensor.parts()
        self._stored = next(part for part in ("codes", "packed", "values") if part in self._parts)
        self._parts.pop(self._stored).tofile(path)
        self.file = tf.saved_model.Asset(path)
        self.variable = tf.Variable(tf.zeros([0]), shape=tf.TensorShape(None), trainable=False, name=name)

    @property
    def tracked(self):
        """What a SavedModel has to hold: this, the variable and the file."""
        return [self, self.variable, self.file]

    def read_value(self):
        """float32 in the tensor's shape, inside a tf.function."""
        return tf.ensure_shape(self.variable, self._shape)

    def _create_resource(self):
        # Something has to be there for the loader to initialize it; what counts is the variable. A resource that held
        # the values would be gone as soon as a user keeps one signature of the SavedModel and drops the rest.
        return tf.raw_ops.VarHandleOp(dtype=tf.bool, shape=[], shared_name=f"{self._label}/loaded")

    def _initialize(self):
        with tf.device("CPU"):  # GPUs decode no files
            values = self._dequantized(tf.io.read_file(self.file.asset_path))
        self.variable.assign(values)

    def _dequantized(self, content):
        """As `dequantize()` of the stored tensor."""
        if self._kind == "float16":
            return tf.cast(tf.reshape(tf.io.decode_raw(content, tf.float16), self._shape), tf.float32)
        codes = tf.reshape(self._codes(tf.io.decode_raw(content, tf.uint8)), self._shape)
        if self._kind == "codebook":
            return tf.gather(self._parts["codebook"], tf.cast(codes, _INT16))
        return self._parts["low"] + self._parts["step"] * tf.cast(codes, tf.float32)

    def _codes(self, flat):
        if self._stored == "codes":
            return flat
        both = tf.stack([tf.bitwise.bitwise_and(flat, 15), tf.bitwise.right_shift(flat, 4)], axis=-1)
        return tf.reshape(both, [-1])[: int(np.prod(self._shape))]
