"""The weights inside a LiteRT file, in fewer bits.

An interpreter runs a DEQUANTIZE of a constant once, when it is loaded or first called, and keeps the floats: the file
is small and a call costs what it costs with float weights.
"""

import dataclasses
import typing

import numpy as np

MIN_ELEMENTS = 1024
_LARGEST_CODE = 127


@dataclasses.dataclass(frozen=True)
class _StoredConstant:
    """What stands in a file in place of a float32 constant."""

    buffer: int
    element_type: int
    quantization: typing.Any


def store_weights(content, kind, min_elements=MIN_ELEMENTS):
    """Puts the float32 constants of a LiteRT file into another form.

    Args:
      content: bytes of the file.
      kind: "int8": codes of 8 bits, a step for each row of a matrix and one for any other tensor, zero stays zero; or
        "float16", but for constants that it cannot hold.
      min_elements: smaller constants stay as they are: biases, and the epsilons that are zero in float16.

    Returns:
      bytes of a file with the same signatures.
    """
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    opcode, stored = _add_dequantize(model), {}
    for subgraph in model.subgraphs:
        operators = []
        for index, tensor in enumerate(subgraph.tensors[:]):
            if not _is_large(model, tensor, min_elements):
                continue
            if tensor.buffer not in stored:
                stored[tensor.buffer] = _store(model, tensor, kind)
            if stored[tensor.buffer] is not None:
                operators.append(_dequantized(subgraph, index, stored[tensor.buffer], opcode))
        subgraph.operators = operators + subgraph.operators
    for buffer, constant in stored.items():
        if constant is not None:
            model.buffers[buffer].data = None
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def quantize_rows(values):
    """Codes of 8 bits that are symmetric about zero.

    Args:
      values: float32 array; each row of a matrix has a step of its own, any other array one step.

    Returns:
      (codes int8 in the shape of `values`, steps float32 (rows,) or (1,)): `codes * step` is at most half a step away.
    """
    largest = np.abs(values).max(axis=1 if values.ndim == 2 else None, keepdims=True)
    steps = np.where(largest > 0, largest / _LARGEST_CODE, 1).astype(np.float32)
    return np.rint(values / steps).astype(np.int8), steps.reshape(-1)


def _is_large(model, tensor, min_elements):
    from tensorflow.lite.python.schema_py_generated import TensorType

    data = model.buffers[tensor.buffer].data
    return tensor.type == TensorType.FLOAT32 and data is not None and len(data) >= 4 * min_elements


def _store(model, tensor, kind):
    """Adds the constant in its new form to the file; None where it cannot have that form."""
    from tensorflow.lite.python import schema_py_generated as schema

    values = np.frombuffer(bytes(model.buffers[tensor.buffer].data), np.float32).reshape(tensor.shape)
    if kind == "float16":
        if np.abs(values).max() > np.finfo(np.float16).max:
            return None
        return _StoredConstant(_add_buffer(model, values.astype(np.float16)), schema.TensorType.FLOAT16, None)
    codes, steps = quantize_rows(values)
    quantization = schema.QuantizationParametersT()
    quantization.scale, quantization.zeroPoint = steps, np.zeros(len(steps), np.int64)
    return _StoredConstant(_add_buffer(model, codes), schema.TensorType.INT8, quantization)


def _add_buffer(model, values):
    from tensorflow.lite.python import schema_py_generated as schema

    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def _dequantized(subgraph, index, constant, opcode):
    """Makes tensor `index` of a subgraph the output of the operator that is returned."""
    from tensorflow.lite.python import schema_py_generated as schema

    tensor, small, operator = subgraph.tensors[index], schema.TensorT(), schema.OperatorT()
    small.name, small.shape = tensor.name + b"/stored", tensor.shape
    small.type, small.buffer, small.quantization = constant.element_type, constant.buffer, constant.quantization
    operator.opcodeIndex = opcode
    operator.inputs, operator.outputs = [len(subgraph.tensors)], [index]
    tensor.buffer = 0  # the buffer of tensors without a constant
    subgraph.tensors.append(small)
    return operator


def _add_dequantize(model):
    """Index of the operator DEQUANTIZE, which a file with float32 constants does not have yet."""
    from tensorflow.lite.python import schema_py_generated as schema

    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = 5  # version 3 reads float16, version 5 a step for each row
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1
