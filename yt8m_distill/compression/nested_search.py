"""What a search for weights gains on videos that it has not seen. NumPy only."""

import dataclasses

import numpy as np
from tqdm import tqdm

from yt8m_distill.compression.weight_search import equal_weights, gap_of, share_proven, single_weights
from yt8m_distill.errors import InputError


@dataclasses.dataclass(frozen=True)
class NestedGap:
    """GAP of weights on the videos they were fitted to, and on those left out: an entry for each fold.

    Attributes:
      fitted: of the fold's weights, on the other folds, to which they were fitted.
      held_out: of the same weights on the fold itself.
      equal: of equal weights on the fold.
      single: on the fold, of the member that is best on the others.
      marginal: float64 (folds, members), `marginal_gap` on the fold.
    """

    fitted: np.ndarray
    held_out: np.ndarray
    equal: np.ndarray
    single: np.ndarray
    marginal: np.ndarray

    @property
    def gain(self):
        """float64 (folds,): held-out GAP above that of equal weights."""
        return self.held_out - self.equal


def nested_gap(fit, predictions, folds=5, progress=False):
    """Fits on all folds but one and scores on that one, for each; a video's fold is a hash of its id.

    Args:
      fit: function of KeptPredictions to weights (members,); it sees the videos of all folds but one.
      predictions: KeptPredictions.
      folds: 2 or more.
      progress: whether to show a progress bar on stderr, where that is a terminal.

    Raises:
      InputError: a fold has no labelled video.
    """
    fold_of = predictions.folds(folds)
    parts = []
    for fold in tqdm(range(folds), unit="fold", desc="held out", disable=None if progress else True):
        held_out = predictions.select(fold_of == fold)
        if not held_out.num_labels.any():
            raise InputError(
                f"--folds={folds}: of {len(fold_of):,} videos none with a label falls into fold {fold}: give fewer "
                "folds or more data."
            )
        parts.append(_one_fold(fit, predictions.select(fold_of != fold), held_out))
    return NestedGap(*map(np.array, zip(*parts, strict=True)))


def _one_fold(fit, others, held_out):
    weights = fit(others)
    return (
        gap_of(weights, others),
        gap_of(weights, held_out),
        gap_of(equal_weights(held_out), held_out),
        gap_of(single_weights(others), held_out),
        marginal_gap(weights, held_out),
    )


def marginal_gap(weights, predictions):
    """What each member adds: GAP of the ensemble minus GAP without it, its weight given to the others in proportion.

    Searching the others' weights again would make up for a part of it: this is the most that a member adds. 0 for
    members of weight 0; the whole GAP for one that is alone.

    Returns:
      float64 (members,).
    """
    whole, gains = gap_of(weights, predictions), np.zeros(len(weights))
    for member in np.flatnonzero(weights):
        without = np.array(weights)
        without[member] = 0
        gains[member] = whole - (gap_of(without, predictions) if without.any() else 0)
    return gains


@dataclasses.dataclass(frozen=True)
class Score:
    """How the weights that a fit finds do on labelled videos.

    Attributes:
      videos: their number.
      proven: share of them whose 20 best classes are certain to be known, see `weight_search.share_proven`.
      own: GAP of each member alone.
      equal, fitted: GAP of equal weights, and of those that were found or given, on all videos.
      marginal: float64 (members,), `marginal_gap` on videos that weights were not fitted to, the mean of the folds; of
        given weights on all videos.
      nested: NestedGap of the fit; None for given weights, which may have been fitted to any of these videos.
    """

    videos: int
    proven: float
    own: tuple[float, ...]
    equal: float
    fitted: float
    marginal: np.ndarray
    nested: NestedGap | None = None


def scored_fit(fit, predictions, folds=5, progress=True):
    """(weights fitted to all videos, their Score); arguments as in `nested_gap`."""
    nested = nested_gap(fit, predictions, folds, progress)
    weights = fit(predictions)
    return weights, _score(weights, predictions, nested.marginal.mean(axis=0), nested)


def score_of(weights, predictions):
    """The Score of given weights, without a word on videos that they have not seen."""
    return _score(weights, predictions, marginal_gap(weights, predictions))


def _score(weights, predictions, marginal, nested=None):
    own = tuple(gap_of(alone, predictions) for alone in np.eye(predictions.num_members))
    equal, gap = (gap_of(w, predictions) for w in (equal_weights(predictions), weights))
    return Score(len(predictions.ids), share_proven(weights, predictions), own, equal, gap, marginal, nested)
