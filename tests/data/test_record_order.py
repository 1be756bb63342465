import numpy as np
import pytest
import tensorflow as tf
from made_records import write_shard

from yt8m_distill.data.record_order import bucketed_order, interleaved_order, shuffled_order


@pytest.mark.parametrize("seed", range(20))
def test_records_are_interleaved_as_tensorflow_does_it(tmp_path, seed):
    random = np.random.default_rng(seed)
    counts = random.integers(0, 7, random.integers(1, 9)).tolist()
    ends = np.cumsum(counts)
    shards = [
        write_shard(tmp_path / f"shard{i}", [str(n).encode() for n in range(end - count, end)])
        for i, (count, end) in enumerate(zip(counts, ends, strict=True))
    ]
    for readers in {1, 2, 3, len(counts)}:
        dataset = tf.data.TFRecordDataset(shards, num_parallel_reads=readers)
        assert interleaved_order(counts, readers).tolist() == [int(record) for record in dataset.as_numpy_iterator()]


def test_every_epoch_is_another_permutation_and_the_same_one_again():
    orders = [shuffled_order(100, seed, epoch).tolist() for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert len(set(map(tuple, orders))) == 3
    assert shuffled_order(100, 0, 1).tolist() == orders[1]


def padding(order, lengths, batch_size):
    """Share of a pass that is padding, over its full batches."""
    batches = lengths[order[: len(order) // batch_size * batch_size]].reshape(-1, batch_size)
    return 1 - batches.mean() / batches.max(axis=1).mean()


def test_bucketed_batches_hold_all_records_and_little_padding():
    random = np.random.default_rng(0)
    lengths = random.integers(30, 301, 5011)
    order = shuffled_order(5011, 0, 0)
    bucketed = bucketed_order(order, lengths, 32, 0, 0)
    assert sorted(bucketed) == list(range(5011))
    assert padding(order, lengths, 32) > 0.4 and padding(bucketed, lengths, 32) < 0.05


def test_bucketed_records_stay_within_sixteen_batches_and_the_last_stay_put():
    lengths = np.random.default_rng(0).integers(1, 300, 2003)
    order = shuffled_order(2003, 0, 0)
    bucketed = bucketed_order(order, lengths, 10, 0, 0)
    place = np.empty(2003, int)
    place[bucketed] = np.arange(2003)
    assert np.abs(place[order] - np.arange(2003)).max() < 160
    assert bucketed[2000:].tolist() == order[2000:].tolist()


def test_bucketed_batches_come_in_another_order_every_epoch_and_not_by_length():
    lengths = np.random.default_rng(0).integers(1, 300, 1600)
    order = np.arange(1600)
    epochs = [bucketed_order(order, lengths, 10, 0, epoch) for epoch in (0, 1)]
    assert epochs[0].tolist() != epochs[1].tolist()
    longest = lengths[epochs[0]].reshape(10, 16, 10).max(axis=2)
    assert (np.diff(longest, axis=1) < 0).mean() > 0.3
