"""What the branches of a mixture learn besides their mixture's loss. keras.ops only."""

from keras import ops

from yt8m_distill.losses import cross_entropy


def collaborative_loss(mixture_logits, branch_logits, labels, temperature=2.0, kl_weight=1.0, label_weights=None):
    """Every branch's cross entropy against the labels, and its divergence from the mixture, its teacher.

    `sum_n CE(labels, sigmoid(z_n)) + kl_weight sum_n KL(softmax(z / T) || softmax(z_n / T))`, in nats, over the classes
    of a video, for logits z of the mixture and z_n of branch n. The cross entropy of the mixture itself is not in it.
    Gradients of the divergence reach the mixture too, as in the reference, which has no factor T^2: the paper's is the
    reference script's kl_weight, 9 at T = 3.

    Args:
      mixture_logits: (batch, classes).
      branch_logits: (branches, batch, classes).
      labels: (batch, classes) in [0, 1].
      temperature: T > 0.
      kl_weight: of the divergences.
      label_weights: optional (batch, classes), see `cross_entropy`; the divergence is over all classes.

    Returns:
      float32 (batch,).

    Reference:
      Lin et al., "NeXtVLAD", ECCV-W 2018, section 3.4; linrongc/youtube-8m, MixNeXtVladModel and its train.py.
    """
    branch_logits = ops.cast(branch_logits, "float32")
    weights = None if label_weights is None else ops.cast(label_weights, "float32")[None]
    from_labels = cross_entropy(ops.cast(labels, "float32")[None], ops.sigmoid(branch_logits), weights)
    log_p = ops.log_softmax(ops.cast(mixture_logits, "float32") / temperature, axis=-1)
    log_q = ops.log_softmax(branch_logits / temperature, axis=-1)
    from_mixture = ops.sum(ops.exp(log_p) * (log_p - log_q), axis=-1)
    return ops.sum(from_labels + kl_weight * from_mixture, axis=0)
