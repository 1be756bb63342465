"""absl flags <-> the frozen dataclasses that everything below the binaries takes.

Names are the starter code's where it has one. A flag that is not given leaves the number to the model or to its
flagfile, so every flag's default here is None and the dataclass keeps the only default.
"""

import dataclasses
import types
import typing
import warnings

from absl import flags

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters import registry
from yt8m_distill.hyperparameters.distillation import DistillationParams
from yt8m_distill.hyperparameters.training import TrainingParams
from yt8m_distill.spec import SAMPLERS, FeatureSpec

FLAGS = flags.FLAGS
# What is defined here belongs to the command that asks for it: --help lists a command's own flags first.
flags.disclaim_key_flags()

_DEFAULT_NAMES = {"frame": ("rgb", "audio"), "segment": ("rgb", "audio"), "video": ("mean_rgb", "mean_audio")}
_SPEC_NUMBERS = ("num_classes", "max_frames", "sampled_frames", "frame_sampler")
_DATA_FLAGS = ("feature_names", "feature_sizes", *_SPEC_NUMBERS, "frame_features", "segment_labels")


def require_budget():
    """Raises InputError where --size_budget_mb is given and is no number above 0."""
    budget = FLAGS.size_budget_mb
    if budget is not None and not budget > 0:  # NaN too
        raise InputError(f"--size_budget_mb={budget}: expected a number above 0.")


def define_data_flags():
    """The flags of `feature_spec`: --feature_names, --num_classes, --max_frames and their like."""
    flags.DEFINE_string("feature_names", None, "Features, comma-separated (default: rgb,audio or mean_rgb,mean_audio).")
    flags.DEFINE_string("feature_sizes", None, "Values of each feature, comma-separated (default: 1024,128).")
    flags.DEFINE_integer("num_classes", 3862, "Number of classes: 3862 in YouTube-8M, 527 in AudioSet.", lower_bound=1)
    flags.DEFINE_integer("max_frames", 300, "Longer videos are cut to this many frames (one a second).", lower_bound=1)
    flags.DEFINE_integer(
        "sampled_frames", 0, "Read so many frames of each video (see --frame_sampler); 0 for all.", lower_bound=0
    )
    flags.DEFINE_enum("frame_sampler", "uniform", SAMPLERS, "Which frames --sampled_frames reads.")
    flags.DEFINE_boolean("frame_features", None, "Records are frame level (default: what the model needs).")
    flags.DEFINE_boolean("segment_labels", False, "Train and evaluate on rated 5-second segments (2019 records).")


def feature_spec(level, base=None, model=None):
    """The FeatureSpec that the data flags describe, for a model of `level` ("frame" or "video").

    Args:
      level: of the model.
      base: FeatureSpec that holds where no flag is given; the default of the level when None.
      model: its name, for errors; that of --model when None.

    Raises:
      InputError: --frame_features or --segment_labels contradict the model, or sizes do not pair up with names.
    """
    model = model or FLAGS.model
    if FLAGS.frame_features is not None and FLAGS.frame_features != (level == "frame"):
        raise InputError(
            f"--model={model} reads {level}-level records and --{'' if FLAGS.frame_features else 'no'}"
            "frame_features asks for the other kind: drop the flag or choose another model."
        )
    if FLAGS.segment_labels and level != "frame":
        raise InputError(f"--segment_labels needs a frame-level model and --model={model} is {level} level.")
    level = "segment" if FLAGS.segment_labels else level
    base = dataclasses.replace(base or FeatureSpec(_DEFAULT_NAMES[level]), level=level)
    names = _split(FLAGS.feature_names) if FLAGS.feature_names else base.names
    numbers = {name: FLAGS[name].value for name in _SPEC_NUMBERS if FLAGS[name].present}
    return dataclasses.replace(base, names=names, sizes=_sizes(names, base), **numbers)


def feature_spec_like(config):
    """The FeatureSpec of a RunConfig with the data flags that are given in the place of its own.

    Raises:
      InputError: as `feature_spec`.
    """
    base = config.features
    spec = feature_spec("frame" if base.has_frames else "video", base, config.model.name)
    return spec if FLAGS["segment_labels"].present else dataclasses.replace(spec, level=base.level)


def _sizes(names, base):
    if not FLAGS.feature_sizes:
        known = base.size_by_name
        return tuple(known[name] for name in names) if known.keys() >= set(names) else base.sizes
    sizes = _split(FLAGS.feature_sizes)
    if not all(size.isdecimal() for size in sizes):
        raise InputError(f"--feature_sizes={FLAGS.feature_sizes}: expected whole numbers separated by commas.")
    return tuple(map(int, sizes))


def _split(text):
    return tuple(part.strip() for part in text.split(",") if part.strip())


def define_model_flags():
    """--model and one flag for every number of every family."""
    flags.DEFINE_string("model", "NeXtVLAD", f"One of {', '.join(registry.names())}.")
    for name, info in registry.all_fields().items():
        users = "" if len(info.families) == len(registry.families()) else f" ({', '.join(info.families)})"
        _define(name, info.type, f"{info.help}{users}.")


def model_config():
    """The ModelConfig of --model, with the numbers given as flags."""
    return registry.model_config(FLAGS.model, **model_fields())


def given_of_model_and_data():
    """Names of the model and data flags that are given."""
    return [name for name in ("model", *registry.all_fields(), *_DATA_FLAGS) if FLAGS[name].present]


def model_fields():
    """{field: value} of the model flags that are given."""
    fields, given = registry.all_fields(), _given(registry.all_fields())
    return given | {name: _numbers_in(name, path) for name, path in given.items() if fields[name].type is tuple}


def _numbers_in(flag, path):
    """The numbers in a .npy or text file, as a tuple."""
    import numpy as np

    try:
        with warnings.catch_warnings(action="ignore"):  # of a text without data
            numbers = tuple((np.load(path) if path.endswith(".npy") else np.loadtxt(path)).ravel().tolist())
    except (OSError, ValueError) as error:
        raise InputError(f"--{flag}={path} cannot be read: {error}. Expected numbers, as .npy or text.") from error
    if not numbers:
        raise InputError(f"--{flag}={path} is empty. Expected numbers, as .npy or text.")
    return numbers


def define_training_flags():
    """One flag for every field of TrainingParams."""
    for field in dataclasses.fields(TrainingParams):
        _define(field.name, field.type, f"{field.metadata['help']} (default: {field.default})")


def training_params(base=None):
    """The TrainingParams that the flags describe; `base` are the numbers where no flag is given."""
    given = _given(field.name for field in dataclasses.fields(TrainingParams))
    if base and given.keys() & {"ema_decay", "ema_half_life"}:  # one takes the place of the other
        base = dataclasses.replace(base, ema_decay=None, ema_half_life=None)
    return dataclasses.replace(base or TrainingParams(), **given)


def define_distillation_flags():
    """One flag for every field of DistillationParams."""
    for field in dataclasses.fields(DistillationParams):
        _define(field.name, field.type, f"{field.metadata['help']} (default: {field.default})")


def distillation_params():
    """The DistillationParams that the flags describe."""
    return DistillationParams(**_given(field.name for field in dataclasses.fields(DistillationParams)))


def define_checkpoint_flag():
    """--checkpoint, with the starter code's --train_dir as another name."""
    flags.DEFINE_string("checkpoint", None, "Run directory (its newest checkpoint) or RUN/checkpoints/ckpt-STEP.")
    flags.DEFINE_alias("train_dir", "checkpoint")


def define_use_ema_flag():
    """--use_ema of the commands that read a run's weights; --use_EMA is its name in Skalic and Austin's code."""
    flags.DEFINE_boolean("use_ema", False, "Take the averaged weights of the checkpoint (train.py --ema_half_life).")
    flags.DEFINE_alias("use_EMA", "use_ema")


def define_reading_flags():
    """--batch_size, --num_readers and --record_index of the commands that read records once."""
    flags.DEFINE_integer("batch_size", 128, "Videos (or segments) that go through the model together.", lower_bound=1)
    flags.DEFINE_integer("num_readers", 8, "Shards read side by side.", lower_bound=1)
    flags.DEFINE_boolean("record_index", True, "Index local frame-level records once and read them without parsing.")


def reading_options():
    """The keyword arguments that the reading flags describe."""
    return {"batch_size": FLAGS.batch_size, "num_readers": FLAGS.num_readers, "record_index": FLAGS.record_index}


def _given(names):
    return {name: FLAGS[name].value for name in names if FLAGS[name].value is not None}


def _define(name, kind, text):
    if isinstance(kind, types.UnionType):
        kind = next(option for option in typing.get_args(kind) if option is not type(None))
    kinds = {int: "DEFINE_integer", float: "DEFINE_float", bool: "DEFINE_boolean", str: "DEFINE_string"}
    getattr(flags, kinds.get(kind, "DEFINE_string"))(name, None, text)
