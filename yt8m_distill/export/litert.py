"""A model as a LiteRT (TensorFlow Lite) file, for one video at a time."""

import contextlib
import dataclasses
import os
import re
import sys
import warnings

import numpy as np
import tensorflow as tf

from yt8m_distill.errors import InputError
from yt8m_distill.export.budget import MB, MIB
from yt8m_distill.export.litert_weights import MIN_ELEMENTS, store_weights
from yt8m_distill.export.model_card import card_path
from yt8m_distill.export.random_videos import random_videos
from yt8m_distill.written_aside import require_writable, written_aside

# How far predictions, probabilities, may lie from the model's own: measured in docs/export.md.
TOLERANCES = {"int8": 0.05, "float16": 0.002, "float32": 1e-5}
KINDS = tuple(TOLERANCES)  # the smallest first


@dataclasses.dataclass(frozen=True)
class LiteRTReport:
    """What was written.

    Attributes:
      kind: form of the weights, one of `KINDS`.
      frames: rows of a call's features; 0 at video level.
      num_bytes: of the file.
      float_bytes: of the same file with float32 weights.
      difference: largest difference between its predictions and the model's on random features of several lengths.
    """

    kind: str
    frames: int
    num_bytes: int
    float_bytes: int
    difference: float

    def summary(self):
        """One line."""
        rows = f"{self.frames} frames" if self.frames else "video level"
        return (
            f"{self.num_bytes / MB:,.2f} MB, {self.num_bytes / self.float_bytes:.1%} of float32; {self.kind}, one "
            f"video a call, {rows}; largest difference to the model's predictions {self.difference:.1e}"
        )


def litert_signature(spec):
    """TensorSpecs of what a file takes: one video, `spec.frame_limit` rows of each feature and how many are frames."""
    if not spec.has_frames:
        return {name: tf.TensorSpec([1, size], tf.float32, name) for name, size in spec.size_by_name.items()}
    rows = spec.frame_limit
    features = {name: tf.TensorSpec([1, rows, size], tf.uint8, name) for name, size in spec.size_by_name.items()}
    return {**features, "num_frames": tf.TensorSpec([1], tf.int32, "num_frames")}


def litert_signatures(spec):
    """The signature of a file in the words of a model card."""

    def described(tensor):
        return {"dtype": tensor.dtype.name, "shape": tensor.shape.as_list()}

    inputs = {name: described(tensor) for name, tensor in litert_signature(spec).items()}
    predictions = described(tf.TensorSpec([1, spec.num_classes], tf.float32))
    return {"serving_default": {"inputs": inputs, "outputs": {"predictions": predictions}}}


def export_litert(
    model, spec, path, *, kind="int8", budget_mib=1024.0, overwrite=False, min_elements=MIN_ELEMENTS, finish=None
):
    """Writes a LiteRT file aside, checks its answers and its size, and gives it its name.

    Its one signature `serving_default` takes `litert_signature(spec)`, of a student the frames it reads and no others,
    and returns `predictions` float32 (1, classes). `num_frames` above the rows counts as all of them, below 0 as 0. It
    uses LiteRT's built-in operators alone.

    Args:
      model: VideoClassifier of any family.
      spec: its FeatureSpec.
      path: file to write, `.tflite`.
      kind: form of the weights in the file, one of `KINDS`. They are floats once it is loaded.
      budget_mib: largest size, in MiB (2**20 bytes).
      overwrite: replace an earlier file.
      min_elements: of a weight that is stored in another form than float32.
      finish: called with the LiteRTReport and the path of the complete file before it has its name.

    Returns:
      LiteRTReport.

    Raises:
      InputError: an unknown kind, a file or its card in the way, a model that needs other operators, over budget, or
        predictions further from the model's than `TOLERANCES[kind]`; nothing is written then.
    """
    if kind not in KINDS:
        raise InputError(f"--litert_kind={kind}: expected one of {', '.join(KINDS)}.")
    require_litert_file(path, overwrite)
    with _without_notices():
        plain = _convert(model, spec)
        content = plain if kind == "float32" else store_weights(plain, kind, min_elements)
        difference = largest_difference(model, spec, content)
    rows = spec.frame_limit if spec.has_frames else 0
    report = LiteRTReport(kind, rows, len(content), len(plain), difference)
    if report.num_bytes > budget_mib * MIB:
        smaller = ", ".join(KINDS[: KINDS.index(kind)])
        raise InputError(
            f"over budget: {path} would take {report.num_bytes / MIB:,.1f} MiB of {budget_mib:,.1f} MiB: choose "
            f"{f'--litert_kind={smaller},' if smaller else 'a smaller model'} or raise --size_budget_mb. Nothing was "
            "written."
        )
    if not difference <= TOLERANCES[kind]:
        raise InputError(
            f"{path}: {kind} predictions differ from the model's by {difference:.1e}, more than "
            f"{TOLERANCES[kind]:.0e}: choose another --litert_kind. Nothing was written."
        )
    require_litert_file(path, overwrite)  # what appeared during the work is not overwritten
    with written_aside(path, binary=True) as file:
        file.write(content)
        file.flush()
        if finish:
            finish(report, file.name)
    return report


def require_litert_file(path, overwrite):
    """Raises InputError where `path` or its card could not be written: to be called before other work, too."""
    if not path.endswith(".tflite"):
        raise InputError(f"--litert_file={path}: expected a name that ends in .tflite.")
    for written in (path, card_path(path)):
        require_writable(written)
        if os.path.exists(written) and not overwrite:
            raise InputError(f"{written} exists: give another --litert_file, or --overwrite.")


@contextlib.contextmanager
def _without_notices():
    """Holds back what converter and interpreter write to standard error, from C++; their exceptions say what failed."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(stderr, 2)
        os.close(stderr)


def _convert(model, spec):
    """The bytes of a file with float32 weights."""
    module = tf.Module()
    module.tracked = [variable.value for variable in model.weights]

    @tf.function(input_signature=[litert_signature(spec)])
    def predict(features):
        return {"predictions": model(_within_rows(features, spec), training=False)["predictions"]}

    module.predict = predict
    converter = tf.lite.TFLiteConverter.from_concrete_functions([predict.get_concrete_function()], module)
    try:
        return converter.convert()
    except Exception as error:  # TensorFlow's ConverterError is no public class
        raise InputError(f"{model.name} cannot be a LiteRT file: {_reason(str(error))}.") from error


def _within_rows(features, spec):
    """Features of which no more frames count than there are, as in a SavedModel."""
    if not spec.has_frames:
        return features
    # Of tf.clip_by_value from 0 to 6 the converter makes a Relu6 of integers, which LiteRT lacks.
    count = tf.minimum(tf.maximum(features["num_frames"], 0), spec.frame_limit)
    return {**features, "num_frames": count}


def _reason(message):
    lacking = sorted(set(re.findall(r"'tf\.(\w+)' op is neither", message)))
    if lacking:
        return f"LiteRT's own operators lack {', '.join(lacking)}"
    return " ".join(message.split())[:200]


def largest_difference(model, spec, content):
    """Largest difference of a file's predictions to a model's, on random features of several lengths.

    The last length is above the rows, and the model is told how many there are.

    Args:
      model: VideoClassifier.
      spec: its FeatureSpec.
      content: bytes of the file.
    """
    predict = litert_predictor(content)
    worst = []
    for features, counted in _random_features(spec):
        own = np.asarray(model(counted, training=False)["predictions"])
        worst.append(np.abs(predict(**features)["predictions"] - own).max())
    return float(np.max(worst))  # Python's max would drop NaN


def litert_predictor(content):
    """The signature of a file as a function of features by keyword, in TensorFlow's interpreter.

    Args:
      content: bytes of the file.
    """
    with warnings.catch_warnings():  # of TensorFlow 2.21, which still has it
        warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated", UserWarning)
        interpreter = tf.lite.Interpreter(model_content=content)
    return interpreter.get_signature_runner("serving_default")


def _random_features(spec, videos=6):
    """For each length, what a file is given and what it should count."""
    random, rows = np.random.default_rng(0), spec.frame_limit
    for length in [*np.linspace(rows, 0, videos).astype(int), 2 * rows]:
        features = random_videos(random, spec, 1, rows)
        yield [_with_length(features, spec, count) for count in (length, min(length, rows))]


def _with_length(features, spec, count):
    return {**features, "num_frames": np.array([count], np.int32)} if spec.has_frames else features
