"""Tasks as points of a plane, similar ones near each other, for a picture like the paper's figure 4.

The points are found by t-SNE (van der Maaten and Hinton, 2008), exactly and from the two main directions of the texts'
vectors instead of a random start, so that the same texts give the same picture. Time and memory grow with the square of
their number: 500 take a second, 2,000 nine.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .similarity import telling_words

Array = npt.NDArray[np.float32]

_MAX_WORDS = 8192
_PERPLEXITY = 30.0  # about how many neighbours a point is held by
_FEWEST = 8  # for fewer texts the main directions say it all
_EXAGGERATED, _STEPS = 100, 350
_EXAGGERATION = 12.0


def positions(texts: Sequence[str]) -> Array:
    """Return a point for each text, as rows of x and y; their middle is 0, and they lie between -1 and 1."""
    if len(texts) < 2:
        return np.zeros((len(texts), 2), dtype=np.float32)
    vectors = _tf_idf([telling_words(text) for text in texts])
    points = _main_directions(vectors)
    if len(texts) >= _FEWEST:
        points = _t_sne(vectors, points)
    points = points - points.mean(axis=0)
    scaled: Array = (points / max(float(np.abs(points).max()), 1e-12)).astype(np.float32)
    return scaled


def _tf_idf(texts: Sequence[Sequence[str]]) -> Array:
    """Return a row of length 1 for each text, over the words that several have; 0 for a text without such words."""
    frequency = Counter(word for words in texts for word in set(words))
    shared = sorted((-count, word) for word, count in frequency.items() if 1 < count < len(texts))[:_MAX_WORDS]
    column = {word: at for at, (_, word) in enumerate(shared)}
    vectors = np.zeros((len(texts), max(len(column), 2)), dtype=np.float32)
    for row, words in enumerate(texts):
        for word, count in Counter(words).items():
            if word in column:
                vectors[row, column[word]] = (1 + math.log(count)) * math.log(len(texts) / frequency[word])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    normed: Array = vectors / np.maximum(lengths, 1e-12).astype(np.float32)
    return normed


def _main_directions(vectors: Array) -> Array:
    """Return the rows' places along the two directions in which they differ most, found by subspace iteration."""
    centred = vectors - vectors.mean(axis=0)
    basis = np.random.default_rng(0).standard_normal((centred.shape[1], 8)).astype(np.float32)
    for _ in range(30):
        basis = np.linalg.qr(centred.T @ (centred @ basis))[0].astype(np.float32)
    places = centred @ basis
    _, turn = np.linalg.eigh(places.T @ places)
    found = places @ turn[:, :-3:-1]
    return np.asarray(found, dtype=np.float32)


def _t_sne(vectors: Array, start: Array) -> Array:
    count = len(vectors)
    near = _neighbourhoods(vectors)
    points = start / max(float(start[:, 0].std()), 1e-12) * 1e-4
    rate = max(count / _EXAGGERATION / 4, 50.0)
    speed, gains = np.zeros_like(points), np.ones_like(points)
    for step in range(_STEPS):
        # Two columns are too few for BLAS, whose threads would only wait for each other.
        x, y = (column[:, None] - column[None, :] for column in points.T.copy())
        pull = 1 / (1 + x * x + y * y)
        np.fill_diagonal(pull, 0)
        wanted = near * _EXAGGERATION if step < _EXAGGERATED else near
        forces = (wanted - pull / pull.sum()) * pull
        slope = 4 * np.stack([np.einsum("ij,ij->i", forces, x), np.einsum("ij,ij->i", forces, y)], axis=1)
        gains = np.maximum(np.where(slope * speed < 0, gains + 0.2, gains * 0.8), 0.01)
        speed = (0.5 if step < _EXAGGERATED else 0.8) * speed - rate * gains * slope
        points = points + speed
    return points


def _neighbourhoods(vectors: Array) -> Array:
    """Return how much each two are neighbours, in all 1: normal curves as wide as to hold `_PERPLEXITY` texts each."""
    count = len(vectors)
    distances = _square_distances(vectors)
    entropy = math.log(min(_PERPLEXITY, (count - 1) / 3))
    narrow, low, high = np.ones((count, 1), dtype=np.float32), np.zeros((count, 1)), np.full((count, 1), np.inf)
    np.fill_diagonal(distances, np.inf)
    distances -= distances.min(axis=1, keepdims=True)
    finite = np.where(np.isinf(distances), 0, distances)
    for _ in range(40):
        weights = np.exp(-distances * narrow)
        total = weights.sum(axis=1, keepdims=True)
        found = np.log(total) + narrow * (weights * finite).sum(axis=1, keepdims=True) / total
        wide = found > entropy
        low, high = np.where(wide, narrow, low), np.where(wide, high, narrow)
        narrow = np.where(np.isinf(high), narrow * 2, (low + high) / 2).astype(np.float32)
    weights = np.exp(-distances * narrow)
    shares = weights / weights.sum(axis=1, keepdims=True)
    both: Array = ((shares + shares.T) / (2 * count)).astype(np.float32)
    return both


def _square_distances(points: Array) -> Array:
    squares = np.square(points).sum(axis=1)
    found: Array = np.maximum(squares[:, None] + squares[None, :] - 2 * (points @ points.T), 0)
    return found
