"""Soft targets: probabilities at a temperature, and the weighted mean of several teachers'. keras.ops only."""

from keras import ops

# Probabilities nearer to 0 or 1 have logits of +-16: float32 tells 1 - 1e-7 from 1, and little beyond.
_EDGE = 1e-7


def soften(probabilities, temperature=1.0, output="sigmoid"):
    """The probabilities that a model's logits give at a temperature.

    Models of this project return sigmoid probabilities p, of logits z = log(p / (1 - p)). "sigmoid", for several labels
    a video: `sigmoid(z / T)`; "softmax", for one label a video: `softmax(z / T)` over the classes (equations 4 and 6).

    Args:
      probabilities: (batch, classes), sigmoid outputs.
      temperature: T > 0. With 1 and "sigmoid" the probabilities are returned as they are.
      output: "sigmoid" or "softmax".

    Returns:
      float32 (batch, classes).

    Reference:
      Wu et al., "Multi-Teacher Knowledge Distillation for Compressed Video Action Recognition", 2019.
    """
    probabilities = ops.cast(probabilities, "float32")
    if output == "sigmoid" and temperature == 1.0:
        return probabilities
    inside = ops.clip(probabilities, _EDGE, 1 - _EDGE)
    logits = (ops.log(inside) - ops.log(1 - inside)) / temperature
    return ops.sigmoid(logits) if output == "sigmoid" else ops.softmax(logits, axis=-1)


def mixture(predictions, weights, temperature=1.0, output="sigmoid"):
    """The target that several teachers give together: the weighted mean of their softened predictions (equation 10).

    `sum_i mu_i q_i^T / sum_i mu_i`. Cross entropy is linear in its target, so one loss against this mean is the
    weighted sum of the losses against each teacher.

    Args:
      predictions: list of (batch, classes) sigmoid probabilities, one a teacher.
      weights: mu, one number a teacher, at least 0 and not all 0.
      temperature, output: see `soften`.

    Returns:
      float32 (batch, classes).

    Raises:
      ValueError: not one weight a teacher, or weights that have no mean.
    """
    if len(weights) != len(predictions) or not sum(weights) > 0 or min(weights) < 0:
        raise ValueError(f"One weight of at least 0 a teacher, not all 0. Received: {weights=} for {len(predictions)}")
    softened = [soften(values, temperature, output) for values in predictions]
    if len(softened) == 1:
        return softened[0]
    return sum(float(weight) * values for weight, values in zip(weights, softened, strict=True)) / float(sum(weights))
