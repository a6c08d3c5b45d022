#!/bin/bash
set -euo pipefail

# First the code, the meaning of the columns and a few rows.
ls -l . data
cat net.py train.py predict.py
cat data/COLUMNS.txt
head -3 data/train.csv data/holdout.csv

# I run the training twice as it is, to see how far the reported score can be believed.
for k in 1 2; do python3 train.py --data data/train.csv --model /tmp/m$k.npz --report /tmp/r$k.json | tail -2; done
cmp /tmp/m1.npz /tmp/m2.npz || true

# The loss climbs, which points to a wrong gradient. Before I read the algebra I compare it with finite differences.
cat > /tmp/gradcheck.py <<'PY'
import sys
sys.path.insert(0, "/app")
import numpy as np
import net
rng = np.random.default_rng(1)
X, y = rng.normal(size=(20, 5)), (rng.random(20) < 0.5).astype(float)
for l2 in (0.0, 0.1):
    P = {k: rng.normal(0, 0.7, v.shape) for k, v in net.init(5, 4, rng).items()}
    _, g = net.loss_and_grads(P, X, y, l2)
    for k in P:
        worst = 0.0
        for at in np.ndindex(*P[k].shape):
            keep = P[k][at]
            P[k][at] = keep + 1e-5; up = net.loss_and_grads(P, X, y, l2)[0]
            P[k][at] = keep - 1e-5; down = net.loss_and_grads(P, X, y, l2)[0]
            P[k][at] = keep
            worst = max(worst, abs((up - down) / 2e-5 - g[k][at]))
        print("l2", l2, k, "largest difference %.2e" % worst)
PY
python3 /tmp/gradcheck.py

# Without l2 only the first layer is wrong: the derivative of tanh is 1 - h^2, the code has 1 - h. With l2 both weights are off: the derivative of l2*|W|^2 is 2*l2*W.
sed -i -e 's/da = dh \* (1 - h)$/da = dh * (1 - h * h)/' -e 's/+ l2 \* params\["W\([12]\)"\],/+ 2 * l2 * params["W\1"],/' net.py
python3 /tmp/gradcheck.py

# Next, leaks. I ask the data: how well does each column alone tell the label, and is it of the same kind in the holdout?
python3 - <<'PY'
import csv
import numpy as np
tr = list(csv.DictReader(open("data/train.csv"))); ho = list(csv.DictReader(open("data/holdout.csv")))
y = np.array([int(r["failed_7d"]) for r in tr])
for c in [c for c in tr[0] if c not in ("row_id", "pump_id", "failed_7d")]:
    a = np.array([float(r[c]) for r in tr]); b = np.array([float(r[c]) for r in ho])
    auc = (a[y == 1][:, None] > a[y == 0]).mean() + 0.5 * (a[y == 1][:, None] == a[y == 0]).mean()
    print("%-16s AUC alone %.3f   train %.2f +- %.2f   holdout %.2f +- %.2f" % (c, auc, a.mean(), a.std(), b.mean(), b.std()))
print(len({r["pump_id"] for r in tr}), "pumps in train, shared with holdout:", len({r["pump_id"] for r in tr} & {r["pump_id"] for r in ho}))
PY

# ticket_chars is written after the failure and is 0 in the holdout: out. Speed and age vary so little within a pump that they identify it, so I split by pump. Scaling is fitted on the training pumps only and saved with the model; the seed is used.
python3 - <<'PY'
import re
text = open("train.py").read()
text = text.replace('HIDDEN = 16\n', 'HIDDEN = 16\nFEATURES = ["speed_rpm", "flow_m3h", "pressure_bar", "vib_x_mms", "vib_y_mms", "bearing_temp_c",\n            "motor_current_a", "oil_iron_ppm", "age_years"]  # known when the window is recorded\n')
text = re.sub(r'    names = \[.*\n', '', text).replace("for c in names]", "for c in FEATURES]")
start, end = text.index("    rng = np.random.default_rng()"), text.index("    params = net.init")
text = text[:start] + '''    rng = np.random.default_rng(args.seed)
    ids = sorted(set(pumps))
    kept = {ids[i] for i in rng.permutation(len(ids))[: len(ids) // 4]}
    is_val = np.array([p in kept for p in pumps])
    train, val = np.flatnonzero(~is_val), np.flatnonzero(is_val)
    mean, std = X[train].mean(axis=0), X[train].std(axis=0)
    X = (X - mean) / std

''' + text[end:]
text = text.replace("np.savez(args.model, **params)", "np.savez(args.model, mean=mean, std=std, features=np.array(FEATURES), **params)")
text = text.replace("sorted({pumps[i] for i in val})", "sorted(kept)")
open("train.py", "w").write(text)

text = open("predict.py").read()
text = re.sub(r'    names = \[.*\n', '    names = [str(c) for c in params["features"]]\n', text)
text = text.replace("(X - X.mean(axis=0)) / X.std(axis=0)", '(X - params["mean"]) / params["std"]')
open("predict.py", "w").write(text)
PY
sed -n '/^def main/,$p' train.py
sed -n '/params = dict/,/net.forward/p' predict.py

# Now the files that were asked for, with seed 7.
python3 train.py --data data/train.csv --model model.npz --report report.json --seed 7
python3 predict.py --model model.npz --data data/holdout.csv --out predictions.csv
head -4 predictions.csv
cat report.json | tr -d '\n'; echo

# I prove the promises instead of believing them: same bytes twice; flipped labels and shifted sensors on the validation pumps leave the model alone; a single row scores the same; the ticket is ignored.
python3 train.py --data data/train.csv --model /tmp/again.npz --report /tmp/again.json --seed 7 > /tmp/log
cmp model.npz /tmp/again.npz && echo same bytes
python3 - <<'PY'
import csv, json
kept = set(json.load(open("report.json"))["validation_pumps"])
rows = list(csv.DictReader(open("data/train.csv")))
for r in rows:
    if r["pump_id"] in kept:
        r["failed_7d"] = str(1 - int(r["failed_7d"])); r["flow_m3h"] = "999"; r["vib_x_mms"] = "-3"
with open("/tmp/bent.csv", "w", newline="") as out:
    w = csv.DictWriter(out, rows[0]); w.writeheader(); w.writerows(rows)
PY
python3 train.py --data /tmp/bent.csv --model /tmp/bent.npz --report /tmp/bent.json --seed 7 > /tmp/log
cmp model.npz /tmp/bent.npz && echo validation pumps do not reach the model
sed -n '1p;5p' data/holdout.csv | sed 's/,0$/,333/' > /tmp/one.csv
python3 predict.py --model model.npz --data /tmp/one.csv --out /tmp/one.out
grep "$(tail -1 /tmp/one.out)" predictions.csv && echo one row alone agrees
