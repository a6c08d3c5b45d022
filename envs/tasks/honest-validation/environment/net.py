"""A net with one hidden tanh layer for a yes/no target."""

import numpy as np


def init(features, hidden, rng):
    """Returns fresh parameters W1, b1, W2, b2 as float arrays."""
    return {
        "W1": rng.normal(0, 1 / np.sqrt(features), (features, hidden)),
        "b1": np.zeros(hidden),
        "W2": rng.normal(0, 1 / np.sqrt(hidden), (hidden, 1)),
        "b2": np.zeros(1),
    }


def forward(params, X):
    """Returns (hidden activations, probabilities)."""
    h = np.tanh(X @ params["W1"] + params["b1"])
    z = (h @ params["W2"] + params["b2"])[:, 0]
    return h, 1 / (1 + np.exp(-z))


def loss_and_grads(params, X, y, l2):
    """Returns (mean cross-entropy + l2 * (|W1|^2 + |W2|^2), its gradients by parameter name)."""
    n = len(y)
    h, p = forward(params, X)
    eps = 1e-12
    loss = -np.mean(y * np.log(p + eps) + (1 - y) * np.log(1 - p + eps))
    loss += l2 * (np.sum(params["W1"] ** 2) + np.sum(params["W2"] ** 2))
    dz = (p - y)[:, None] / n
    dh = dz @ params["W2"].T
    da = dh * (1 - h)
    grads = {
        "W1": X.T @ da + l2 * params["W1"],
        "b1": da.sum(axis=0),
        "W2": h.T @ dz + l2 * params["W2"],
        "b2": dz.sum(axis=0),
    }
    return float(loss), grads
