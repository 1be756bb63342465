import numpy as np
import pytest
import tensorflow as tf
from made_records import write_shard

from yt8m_distill.data.record_order import interleaved_order, shuffled_order


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
