"""One training step, on one device or on several."""

import tensorflow as tf

from yt8m_distill.metrics.top_k import TopK, reduce_top_k


def make_train_step(objective, optimizer, params, strategy, batch_spec=None, average=None):
    """Compiles the training step.

    Args:
      objective: what the loss of a batch is (`objective.py`), of models created under `strategy`.
      optimizer: Keras optimizer, created under `strategy`.
      params: TrainingParams.
      strategy: tf.distribute strategy.
      batch_spec: `element_spec` of the (distributed) dataset, so that the step is traced once; None to trace it for the
        first batch, and once more for the first that has another shape.
      average: function without arguments that averages the weights as a step left them; None where none are averaged.

    Returns:
      A function of a (distributed) batch that updates the weights and returns (losses, TopK): float32 (2 + parts,), the
      mean loss over the whole batch, the weighted L2 penalty and the loss's parts; and the batch's reduced predictions
      over all replicas.
    """
    replicas = strategy.num_replicas_in_sync
    variables = objective.trainable_variables

    def replica_step(batch):
        with tf.GradientTape() as tape:
            outcome = objective(batch)
            loss = tf.reduce_sum(outcome.loss) / params.batch_size
            penalty = params.regularization_penalty * tf.add_n([tf.zeros([]), *objective.penalties()]) / replicas
            scaled = optimizer.scale_loss(loss + penalty)
        gradients = _complete(tape.gradient(scaled, variables), variables)
        optimizer.apply(_summed(gradients, replicas), variables)
        parts = [tf.reduce_sum(outcome.parts[name]) / params.batch_size for name in objective.parts]
        return tf.stack([loss, penalty, *parts]), reduce_top_k(outcome.labels, outcome.predictions, rated=outcome.rated)

    traced = {"reduce_retracing": True} if batch_spec is None else {"input_signature": [batch_spec]}

    @tf.function(**traced)
    def train_step(batch):
        losses, reduced = strategy.run(replica_step, args=(batch,))
        losses = strategy.reduce("SUM", losses, axis=None)
        if average:
            average()
        return losses, TopK(*(tf.concat(strategy.experimental_local_results(part), axis=0) for part in reduced))

    return train_step


def _complete(gradients, variables):
    """Zeros where there is no gradient: a student that learns representations alone leaves its classifier without."""
    return [tf.zeros_like(v.value) if g is None else g for g, v in zip(gradients, variables, strict=True)]


def _summed(gradients, replicas):
    """Gradients of the whole batch, over the number of replicas: the optimizer adds them up once more."""
    if replicas == 1:
        return gradients
    summed = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    return [gradient / replicas for gradient in summed]
