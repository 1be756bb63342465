"""One training step, on one device or on several."""

import tensorflow as tf

from yt8m_distill.data.batches import dense_labels, model_inputs
from yt8m_distill.errors import InputError
from yt8m_distill.losses import LOSSES, cross_entropy
from yt8m_distill.metrics.top_k import TopK, reduce_top_k


def make_train_step(model, optimizer, spec, params, strategy, batch_spec=None):
    """Compiles the training step.

    Args:
      model: VideoClassifier, created under `strategy`.
      optimizer: Keras optimizer, created under `strategy`.
      spec: FeatureSpec of the batches.
      params: TrainingParams.
      strategy: tf.distribute strategy.
      batch_spec: `element_spec` of the (distributed) dataset, so that the step is traced once; None to trace it for the
        first batch, and once more for the first that has another shape.

    Returns:
      A function of a (distributed) batch that updates the weights and returns (loss, penalty, TopK): the mean loss
      over the whole batch, the weighted L2 penalty, and the batch's reduced predictions over all replicas.

    Raises:
      InputError: a loss that knows no unrated classes, at segment level.
    """
    if spec.level == "segment" and params.label_loss != "CrossEntropyLoss":
        raise InputError(f"--label_loss={params.label_loss}: rated segments are trained with CrossEntropyLoss alone.")
    replicas = strategy.num_replicas_in_sync

    def replica_step(batch):
        labels, rated = dense_labels(batch, spec)
        with tf.GradientTape() as tape:
            predictions = model(model_inputs(batch, spec), training=True)["predictions"]
            loss = tf.reduce_sum(_loss(params, labels, predictions, rated)) / params.batch_size
            penalty = params.regularization_penalty * tf.add_n([tf.zeros([]), *model.losses]) / replicas
            scaled = optimizer.scale_loss(loss + penalty)
        gradients = tape.gradient(scaled, model.trainable_variables)
        optimizer.apply(_summed(gradients, replicas), model.trainable_variables)
        return loss, penalty, reduce_top_k(labels, predictions, rated=rated)

    traced = {"reduce_retracing": True} if batch_spec is None else {"input_signature": [batch_spec]}

    @tf.function(**traced)
    def train_step(batch):
        loss, penalty, reduced = strategy.run(replica_step, args=(batch,))
        total = [strategy.reduce("SUM", value, axis=None) for value in (loss, penalty)]
        return *total, TopK(*(tf.concat(strategy.experimental_local_results(part), axis=0) for part in reduced))

    return train_step


def _loss(params, labels, predictions, rated):
    if rated is None:
        return LOSSES[params.label_loss](labels, predictions)
    return cross_entropy(labels, predictions, label_weights=rated)


def _summed(gradients, replicas):
    """Gradients of the whole batch, over the number of replicas: the optimizer adds them up once more."""
    if replicas == 1:
        return gradients
    summed = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
    return [gradient / replicas for gradient in summed]
