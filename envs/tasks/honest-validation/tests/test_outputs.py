"""Checks a repaired training pipeline by what it does: gradients, leaks, reproducibility, skill on unseen pumps.

All data comes from the seeded generator beside this file; the files in /app/data are not trusted.
"""

import csv
import functools
import importlib.util
import json
import pathlib
import subprocess
import tempfile

APP = pathlib.Path("/app")
PYTHON = "/usr/bin/python3"
BAR = 0.87
PUBLISHED, FRESH = 11, 13

_spec = importlib.util.spec_from_file_location("gen", pathlib.Path(__file__).with_name("gen.py"))
gen = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(gen)

GRADIENT_DRIVER = """
import sys
sys.path.insert(0, "/app")
import numpy as np
import net
rng = np.random.default_rng(99)
for n, f, k, l2 in ((13, 4, 3, 0.0), (9, 6, 5, 0.07), (40, 3, 2, 0.5)):
    X = rng.normal(0, 1.2, (n, f)); y = (rng.random(n) < 0.4).astype(float)
    P = {"W1": rng.normal(0, .8, (f, k)), "b1": rng.normal(0, .8, k), "W2": rng.normal(0, .8, (k, 1)), "b2": rng.normal(0, .8, 1)}
    def truth():
        p = 1 / (1 + np.exp(-(np.tanh(X @ P["W1"] + P["b1"]) @ P["W2"] + P["b2"])[:, 0]))
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)) + l2 * ((P["W1"] ** 2).sum() + (P["W2"] ** 2).sum())
    loss, grads = net.loss_and_grads(P, X, y, l2)
    assert abs(float(loss) - truth()) < 1e-6, "loss is not the documented one"
    for name in P:
        g = np.asarray(grads[name])
        assert g.shape == P[name].shape, name
        for at in np.ndindex(*P[name].shape):
            keep = P[name][at]; d = 1e-5
            P[name][at] = keep + d; up = truth()
            P[name][at] = keep - d; down = truth()
            P[name][at] = keep
            slope = (up - down) / (2 * d)
            assert abs(g[at] - slope) < 1e-5 + 1e-3 * abs(slope), "%s%s: %g, should be %g" % (name, at, g[at], slope)
print("gradients agree")
"""


def call(*args, limit=60):
    done = subprocess.run([PYTHON, *map(str, args)], cwd=APP, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=limit)
    assert done.returncode == 0, done.stderr[-1500:]
    return done.stdout


def train_on(rows, seed=7):
    """Trains on rows; returns (model path, model bytes, report)."""
    folder = pathlib.Path(tempfile.mkdtemp())
    gen.write(folder / "d.csv", rows, True)
    call("train.py", "--data", folder / "d.csv", "--model", folder / "m.npz", "--report", folder / "r.json", "--seed", seed)
    return folder / "m.npz", (folder / "m.npz").read_bytes(), json.loads((folder / "r.json").read_text())


def predict(model, rows):
    """Returns {row id: probability} that predict.py gives for rows."""
    folder = pathlib.Path(tempfile.mkdtemp())
    gen.write(folder / "d.csv", rows, False)
    call("predict.py", "--model", model, "--data", folder / "d.csv", "--out", folder / "o.csv")
    return read_predictions(folder / "o.csv", rows)


def read_predictions(path, rows):
    with open(path, newline="") as handle:
        got = [(r["row_id"].strip(), float(r["probability"])) for r in csv.DictReader(handle)]
    assert sorted(i for i, _ in got) == sorted(r[0] for r in rows), "row ids differ from those of the data file"
    assert all(0 <= p <= 1 for _, p in got)
    return dict(got)


def auc(rows, probability):
    pos = [probability[r[0]] for r in rows if r[3] == 1]
    neg = [probability[r[0]] for r in rows if r[3] == 0]
    return sum((p > q) + 0.5 * (p == q) for p in pos for q in neg) / (len(pos) * len(neg))


@functools.lru_cache(maxsize=None)
def published():
    return gen.make(PUBLISHED)


@functools.lru_cache(maxsize=None)
def first_run():
    return train_on(published()[0])


def test_gradients():
    """loss_and_grads returns the documented loss and its true gradients (finite differences)."""
    assert "gradients agree" in call("-c", GRADIENT_DRIVER)


def test_model_file_is_reproducible():
    """The same seed and data give the same bytes, and model.npz in /app is that file."""
    assert train_on(published()[0])[1] == first_run()[1]
    assert (APP / "model.npz").read_bytes() == first_run()[1]


def test_split_by_pump():
    """20 to 30 percent of the pumps are kept for validation, and the seed decides which."""
    everyone = {r[1] for r in published()[0]}
    chosen = set()
    for report in (first_run()[2], train_on(published()[0], seed=8)[2]):
        pumps = report["validation_pumps"]
        assert len(set(pumps)) == len(pumps) and set(pumps) <= everyone
        assert 0.2 <= len(pumps) / len(everyone) <= 0.3
        chosen.add(frozenset(pumps))
    assert len(chosen) == 2, "seed 7 and seed 8 give the same split"


def test_validation_pumps_cannot_reach_the_model():
    """Other labels and other features on the validation pumps change nothing in the model file."""
    _, model, report = first_run()
    kept = set(report["validation_pumps"])
    bent = [(i, p, [x * 3 + 5 for x in v], 1 - y) if p in kept else (i, p, v, y) for i, p, v, y in published()[0]]
    after = train_on(bent)
    assert set(after[2]["validation_pumps"]) == kept, "the split depends on more than pump ids and seed"
    assert after[1] == model, "labels or features of validation pumps reach the model"


def test_reported_auc_is_that_of_the_model():
    """validation_auc is what the saved model really reaches on the validation pumps, here and in /app/report.json."""
    rows = published()[0]
    delivered = json.loads((APP / "report.json").read_text())
    assert set(delivered["validation_pumps"]) == set(first_run()[2]["validation_pumps"])
    for model, report in ((first_run()[0], first_run()[2]), (APP / "model.npz", delivered)):
        kept = [r for r in rows if r[1] in set(report["validation_pumps"])]
        assert abs(auc(kept, predict(model, kept)) - report["validation_auc"]) < 1e-3


def test_later_columns_have_no_effect():
    """The repair ticket, written after the window, changes no probability; a sensor does."""
    rows = published()[1][:200]
    before = predict(first_run()[0], rows)
    ticket = predict(first_run()[0], [(i, p, v[:-1] + [400], y) for i, p, v, y in rows])
    assert all(abs(before[k] - ticket[k]) < 1e-9 for k in before)
    sensor = predict(first_run()[0], [(i, p, v[:3] + [v[3] + 1] + v[4:], y) for i, p, v, y in rows])
    assert any(abs(before[k] - sensor[k]) > 0.01 for k in before)


def test_rows_are_independent():
    """A row gets the same probability alone, in a small file and in the whole one."""
    rows = published()[1]
    whole = predict(first_run()[0], rows)
    for part in (rows[:1], rows[5:6], rows[40:60]):
        alone = predict(first_run()[0], part)
        assert all(abs(alone[k] - whole[k]) < 1e-6 for k in alone)


def test_delivered_predictions():
    """predictions.csv covers the holdout, comes from the delivered model and reaches the bar."""
    rows = published()[1]
    given = read_predictions(APP / "predictions.csv", rows)
    again = predict(APP / "model.npz", rows)
    assert all(abs(given[k] - again[k]) < 1e-4 for k in given)
    assert auc(rows, given) >= BAR


def test_fresh_data_reaches_the_bar():
    """Trained on other pumps with other data, the pipeline predicts unseen pumps as well."""
    train_rows, hold_rows = gen.make(FRESH)
    model, _, report = train_on(train_rows, seed=3)
    assert auc(hold_rows, predict(model, hold_rows)) >= BAR
    kept = [r for r in train_rows if r[1] in set(report["validation_pumps"])]
    assert abs(auc(kept, predict(model, kept)) - report["validation_auc"]) < 1e-3
