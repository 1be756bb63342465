"""The numbers of a training run. Field names are flag names, most of them the starter code's."""

import dataclasses
import math

from yt8m_distill.errors import InputError
from yt8m_distill.hyperparameters.fields import field, require_choice, require_positive

_NOT_NEGATIVE = (
    "warmup_steps",
    "weight_decay",
    "clip_gradient_norm",
    "regularization_penalty",
    "seed",
    "save_checkpoint_minutes",
    "max_checkpoints_to_keep",
)


@dataclasses.dataclass(frozen=True)
class TrainingParams:
    """How a model is trained; see each field's help.

    Raises:
      InputError: a number out of its range, an unknown choice.
    """

    batch_size: int = field(128, "Videos (or rated segments) a training step, over all GPUs together.")
    num_epochs: int = field(5, "Passes over the training data.")
    max_steps: int | None = field(None, "Stop after this many steps, however many epochs that is.")
    optimizer: str = field("AdamOptimizer", "A Keras optimizer, with or without the starter code's ending 'Optimizer'.")
    base_learning_rate: float = field(0.01, "Learning rate at the start (after the warm-up).")
    learning_rate_schedule: str = field("exponential", "exponential: steps by examples; cosine: to zero at the end.")
    learning_rate_decay: float = field(0.95, "exponential: factor applied every --learning_rate_decay_examples.")
    learning_rate_decay_examples: float = field(4_000_000, "exponential: examples between two decays.")
    warmup_steps: int = field(0, "Steps over which the learning rate rises linearly from zero.")
    weight_decay: float | None = field(None, "Decoupled weight decay of the optimizer (AdamW).")
    clip_gradient_norm: float = field(1.0, "Largest norm of each variable's gradient; 0 clips nothing.")
    regularization_penalty: float = field(1.0, "Weight of the model's own L2 penalties in the loss.")
    label_loss: str = field("CrossEntropyLoss", "CrossEntropyLoss, HingeLoss or SoftmaxLoss.")
    mixed_precision: str = field("float32", "float32, mixed_bfloat16 or mixed_float16 arithmetic.")
    seed: int = field(0, "Seed of the weights, of dropout and of the order of the data.")
    shuffle_buffer_size: int = field(1024, "Records that are parsed: how many are held to draw the next from.")
    num_readers: int = field(8, "Shards read side by side.")
    bucket_by_length: bool = field(True, "Indexed records: shuffle so that videos of like length share a batch.")
    record_index: bool = field(True, "Index local frame-level records once and read them without parsing.")
    deterministic: bool = field(True, "Same seed, same order of the data; --nodeterministic lets readers overtake.")
    log_steps: int = field(10, "Steps between two rows of metrics.csv and two progress lines.")
    save_checkpoint_minutes: float = field(15.0, "Minutes between two checkpoints.")
    save_checkpoint_steps: int | None = field(None, "Steps between two checkpoints, instead of minutes.")
    max_checkpoints_to_keep: int = field(5, "Older checkpoints are deleted; 0 keeps all.")
    ema_decay: float | None = field(None, "Keep an exponential moving average of the weights with this decay a step.")
    ema_half_life: float | None = field(
        None,
        "The same average, by the steps N after which weights count half: decay 0.5 ** (1 / N). (--ema_halflife=N of "
        "Skalic and Austin's code is a decay of 1 - 1 / N, a half-life of 0.693 N.)",
    )

    def __post_init__(self):
        require_positive(self, "batch_size", "num_epochs", "log_steps", "num_readers", "shuffle_buffer_size")
        require_choice(self, "learning_rate_schedule", ("exponential", "cosine"))
        require_choice(self, "label_loss", ("CrossEntropyLoss", "HingeLoss", "SoftmaxLoss"))
        require_choice(self, "mixed_precision", ("float32", "mixed_bfloat16", "mixed_float16"))
        optional = ("max_steps", "save_checkpoint_steps")
        require_positive(self, *(name for name in optional if getattr(self, name) is not None))
        for name in ("base_learning_rate", "learning_rate_decay", "learning_rate_decay_examples"):
            if not getattr(self, name) > 0:
                raise InputError(f"--{name}={getattr(self, name)}: expected a number above 0.")
        for name in _NOT_NEGATIVE:
            if not (getattr(self, name) or 0) >= 0:
                raise InputError(f"--{name}={getattr(self, name)}: expected 0 or more.")
        _check_average(self.ema_decay, self.ema_half_life)

    @property
    def average_decay(self):
        """Decay a step of the moving average of the weights; None where there is none."""
        return self.ema_decay if self.ema_half_life is None else 0.5 ** (1 / self.ema_half_life)


def _check_average(decay, half_life):
    if decay is not None and half_life is not None:
        raise InputError(f"--ema_decay={decay} and --ema_half_life={half_life} say the same thing: give one of them.")
    if decay is not None and not 0 < decay < 1:
        raise InputError(f"--ema_decay={decay}: expected a number between 0 and 1, such as 0.9997.")
    if half_life is not None and not 0 < half_life < math.inf:
        raise InputError(f"--ema_half_life={half_life}: expected a number of steps above 0, such as 2000.")
