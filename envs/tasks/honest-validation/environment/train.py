"""Trains the net on windows of pump data and reports how good it is on data kept aside."""

import argparse
import csv
import json

import numpy as np

import net

EPOCHS = 100
HIDDEN = 12
RATE = 0.5
MOMENTUM = 0.9
L2 = 2e-3


def read(path):
    """Returns (pump ids, feature matrix, labels)."""
    with open(path, newline="") as handle:
        rows = list(csv.DictReader(handle))
    names = [c for c in rows[0] if c not in ("row_id", "pump_id", "failed_7d")]
    X = np.array([[float(r[c]) for c in names] for r in rows])
    y = np.array([float(r["failed_7d"]) for r in rows])
    return [r["pump_id"] for r in rows], X, y


def auc(y, score):
    """Returns the area under the ROC curve (ties count one half)."""
    pos, neg = score[y == 1], score[y == 0]
    wins = (pos[:, None] > neg[None, :]).sum() + 0.5 * (pos[:, None] == neg[None, :]).sum()
    return float(wins / (len(pos) * len(neg)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--report", required=True)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()

    pumps, X, y = read(args.data)
    rng = np.random.default_rng(abs(hash((args.data, args.seed))))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    order = rng.permutation(len(y))
    cut = len(y) // 4
    val, train = order[:cut], order[cut:]

    params = net.init(X.shape[1], HIDDEN, rng)
    speed = {k: np.zeros_like(v) for k, v in params.items()}
    for epoch in range(EPOCHS):
        loss, grads = net.loss_and_grads(params, X[train], y[train], L2)
        for k in params:
            speed[k] = MOMENTUM * speed[k] - RATE * grads[k]
            params[k] += speed[k]
        if epoch % 25 == 0:
            print("epoch", epoch, "loss", round(loss, 4))

    score = net.forward(params, X[val])[1]
    np.savez(args.model, **params)
    with open(args.report, "w") as out:
        json.dump({"validation_auc": auc(y[val], score), "validation_pumps": sorted({pumps[i] for i in val})}, out, indent=1)
    print("validation AUC", round(auc(y[val], score), 4))


if __name__ == "__main__":
    main()
