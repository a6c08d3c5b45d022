"""Checks a repaired training pipeline by what it does: gradients, leaks, reproducibility, skill on unseen pumps.

All data comes from the seeded generator beside this file; the files in /app/data are not trusted, nor is what the
agent's code says about itself.
"""

import csv
import functools
import importlib.util
import io
import json
import math
import pathlib
import random

import nobody
import pytest

APP = pathlib.Path("/app")
PYTHON = "/usr/bin/python3"
BAR = 0.87
PUBLISHED, FRESH = 11, 13

_spec = importlib.util.spec_from_file_location("gen", pathlib.Path(__file__).with_name("gen.py"))
gen = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(gen)

# Answers with what net.py says; whether that is right is found out here.
GRADIENT_DRIVER = """
import json, sys
sys.path.insert(0, "/app")
import numpy as np
import net
for case in json.load(sys.stdin):
    loss, grads = net.loss_and_grads({k: np.array(v) for k, v in case["P"].items()}, np.array(case["X"]), np.array(case["y"]), case["l2"])
    print(json.dumps({"loss": float(loss), **{k: np.asarray(v).tolist() for k, v in grads.items()}}))
"""


@pytest.fixture(scope="module", autouse=True)
def scripts():
    """Nobody may read the delivered scripts."""
    nobody.expose(APP)


def call(*args, data=b""):
    done = nobody.run(PYTHON, *args, cwd=APP, data=data, env={"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.code == 0, repr(done.err[-1500:])
    return done.out


def train_on(rows, seed=7):
    """Trains on rows; returns (model path, model bytes, report)."""
    folder = nobody.new_folder()
    gen.write(folder / "d.csv", rows, True)
    call("train.py", "--data", folder / "d.csv", "--model", folder / "m.npz", "--report", folder / "r.json", "--seed", seed)
    return folder / "m.npz", nobody.read(folder / "m.npz"), report(folder / "r.json")


def report(path):
    return json.loads(nobody.read(path).decode())


def predict(model, rows):
    """Returns {row id: probability} that predict.py gives for rows."""
    folder = nobody.new_folder()
    gen.write(folder / "d.csv", rows, False)
    call("predict.py", "--model", model, "--data", folder / "d.csv", "--out", folder / "o.csv")
    return read_predictions(folder / "o.csv", rows)


def read_predictions(path, rows):
    text = io.StringIO(nobody.read(path).decode(), newline="")
    got = [(r["row_id"].strip(), float(r["probability"])) for r in csv.DictReader(text)]
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


@functools.lru_cache(maxsize=None)
def few():
    """Every fifth row, some of every pump."""
    rows = sorted(published()[0], key=lambda r: r[1])[::5]
    assert {r[1] for r in rows} == {r[1] for r in published()[0]}
    return rows


@functools.lru_cache(maxsize=None)
def run_on_few():
    return train_on(few())


@functools.lru_cache(maxsize=None)
def probabilities():
    """What the model of the first run says about all rows, holdout and training, in one file."""
    return predict(first_run()[0], published()[1] + published()[0])


def documented_loss(case, params):
    """Mean cross-entropy + l2 * (|W1|^2 + |W2|^2)."""
    W1, b1, W2, b2 = (params[k] for k in ("W1", "b1", "W2", "b2"))
    total = 0.0
    for x, y in zip(case["X"], case["y"]):
        h = [math.tanh(sum(a * row[j] for a, row in zip(x, W1)) + b1[j]) for j in range(len(b1))]
        p = 1 / (1 + math.exp(-sum(a * w[0] for a, w in zip(h, W2)) - b2[0]))
        total -= y * math.log(p) + (1 - y) * math.log(1 - p)
    return total / len(case["y"]) + case["l2"] * sum(w * w for row in W1 + W2 for w in row)


def gradient_case(n, f, k, l2):
    """Returns random parameters of a net with f features and k hidden units, and n rows."""
    rnd = random.Random(99 + n)

    def table(rows, columns):
        return [[rnd.gauss(0, 0.9) for _ in range(columns)] for _ in range(rows)]

    params = {"W1": table(f, k), "b1": table(1, k)[0], "W2": table(k, 1), "b2": table(1, 1)[0]}
    return {"X": table(n, f), "y": [float(rnd.random() < 0.4) for _ in range(n)], "l2": l2, "P": params}


def test_gradients():
    """loss_and_grads returns the documented loss and its true gradients (finite differences)."""
    cases = [gradient_case(*sizes) for sizes in [(13, 4, 3, 0.0), (9, 6, 5, 0.07), (30, 3, 2, 0.5)]]
    answers = call("-c", GRADIENT_DRIVER, data=json.dumps(cases).encode()).splitlines()
    for case, found in zip(cases, map(json.loads, answers), strict=True):
        check_gradients(case, found)


def check_gradients(case, found):
    params = case["P"]
    assert abs(found["loss"] - documented_loss(case, params)) < 1e-6, "loss is not the documented one"
    for name, values in params.items():
        lines, slopes = (x if isinstance(x[0], list) else [x] for x in (values, found[name]))
        assert [len(line) for line in lines] == [len(line) for line in slopes], name
        for i, line in enumerate(lines):
            for j, keep in enumerate(line):
                sides = []
                for line[j] in (keep + 1e-5, keep - 1e-5):
                    sides.append(documented_loss(case, params))
                line[j] = keep
                slope = (sides[0] - sides[1]) / 2e-5
                assert abs(slopes[i][j] - slope) < 1e-5 + 1e-3 * abs(slope), f"{name}[{i}][{j}]: {slopes[i][j]}, should be {slope}"


def test_model_file_is_reproducible():
    """The same seed and data give the same bytes: training it again gives model.npz as it was left in /app."""
    assert nobody.read(APP / "model.npz") == first_run()[1]


def test_split_by_pump():
    """20 to 30 percent of the pumps are kept for validation; their ids and the seed alone decide which."""
    everyone = {r[1] for r in published()[0]}
    chosen = []
    for found in (first_run()[2], run_on_few()[2], train_on(few(), seed=8)[2]):
        pumps = found["validation_pumps"]
        assert len(set(pumps)) == len(pumps) and set(pumps) <= everyone
        assert 0.2 <= len(pumps) / len(everyone) <= 0.3
        chosen.append(set(pumps))
    assert chosen[0] == chosen[1], "seed 7 gives another split where the same pumps have other rows"
    assert chosen[1] != chosen[2], "seed 7 and seed 8 give the same split"


def test_validation_pumps_cannot_reach_the_model():
    """Other labels and other features on the validation pumps change nothing in the model file."""
    _, model, found = run_on_few()
    kept = set(found["validation_pumps"])
    after = train_on([(i, p, [x * 3 + 5 for x in v], 1 - y) if p in kept else (i, p, v, y) for i, p, v, y in few()])
    assert set(after[2]["validation_pumps"]) == kept, "the split depends on more than pump ids and seed"
    assert after[1] == model, "labels or features of validation pumps reach the model"


def test_reported_auc_is_that_of_the_model():
    """validation_auc is what the saved model really reaches on the validation pumps, here and in /app/report.json."""
    for found in (first_run()[2], report(APP / "report.json")):
        assert set(found["validation_pumps"]) == set(first_run()[2]["validation_pumps"])
        kept = [r for r in published()[0] if r[1] in set(found["validation_pumps"])]
        assert abs(auc(kept, probabilities()) - found["validation_auc"]) < 1e-3


def test_later_columns_have_no_effect():
    """The repair ticket, written after the window, changes no probability; each sensor does."""
    rows = published()[1][:200]
    ticket, sensors = rows[:100], [(row, n) for n, row in enumerate(rows[100:199])]
    changed = [(i, p, v[:-1] + [400], y) for i, p, v, y in ticket]
    changed += [(i, p, [x * 1.3 if c == n % 9 else x for c, x in enumerate(v)], y) for (i, p, v, y), n in sensors]
    after = predict(first_run()[0], changed)
    assert all(abs(after[r[0]] - probabilities()[r[0]]) < 1e-9 for r in ticket)
    moved = {n % 9 for (i, *_), n in sensors if abs(after[i] - probabilities()[i]) > 1e-3}
    assert len(moved) >= 5, "most sensors have no effect"


@pytest.mark.parametrize("part", [slice(0, 1), slice(40, 60)], ids=["alone", "twenty"])
def test_rows_are_independent(part):
    """A row gets the same probability alone, in a small file and in the whole one."""
    found = predict(first_run()[0], published()[1][part])
    assert all(abs(found[k] - probabilities()[k]) < 1e-6 for k in found)


def test_delivered_predictions():
    """predictions.csv covers the holdout, comes from the delivered model and reaches the bar."""
    rows = published()[1]
    given = read_predictions(APP / "predictions.csv", rows)
    assert all(abs(given[k] - probabilities()[k]) < 1e-4 for k in given)
    assert auc(rows, given) >= BAR


def test_fresh_data_reaches_the_bar():
    """Trained on other pumps with other data, the pipeline predicts unseen pumps as well."""
    train_rows, hold_rows = gen.make(FRESH)
    model, _, found = train_on(train_rows, seed=3)
    kept = [r for r in train_rows if r[1] in set(found["validation_pumps"])]
    said = predict(model, hold_rows + kept)
    assert auc(hold_rows, said) >= BAR
    assert abs(auc(kept, said) - found["validation_auc"]) < 1e-3
