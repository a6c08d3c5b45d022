#!/bin/bash
set -euo pipefail

# First the code, the meaning of the columns and a few rows.
ls -l . data
cat net.py train.py predict.py
cat data/COLUMNS.txt
head -3 data/train.csv data/holdout.csv

# The seed goes through hash(), and Python salts the hashes of strings anew in every process. With two salts of my choice I can see what that does, and repeat it.
for salt in 1 2; do PYTHONHASHSEED=$salt python3 -c 'print(abs(hash(("data/train.csv", 7))))'; done

# So no two runs share a split. Now the training as it is, with one salt, and a comparison of the gradients with finite differences before I read the algebra. Loading numpy takes longer than either, so both in one process.
cat > /tmp/gradcheck.py <<'PY'
import sys
sys.path.insert(0, "/app")
import numpy as np
import net

def main():
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

if __name__ == "__main__":
    main()
PY
PYTHONHASHSEED=1 PYTHONPATH=/tmp python3 -c 'import gradcheck, train; train.main(); gradcheck.main()' --data data/train.csv --model /tmp/m.npz --report /tmp/r.json

# The loss climbs, and the gradients are wrong. Without l2 only the first layer is: the derivative of tanh is 1 - h^2, the code has 1 - h. With l2 both weights are off: the derivative of l2*|W|^2 is 2*l2*W. I correct both; that the check agrees I shall see at the end, with the rest.
sed -i -e 's/da = dh \* (1 - h)$/da = dh * (1 - h * h)/' -e 's/+ l2 \* params\["W\([12]\)"\],/+ 2 * l2 * params["W\1"],/' net.py
grep -n -e 'da =' -e 'l2 \* params' net.py

# Next, leaks. I ask the data: how well does each column alone tell the label, and is it of the same kind in the holdout? For so few numbers plain Python is quick enough.
python3 - <<'PY'
import collections, csv
tr = list(csv.DictReader(open("data/train.csv"))); ho = list(csv.DictReader(open("data/holdout.csv")))
y = [r["failed_7d"] == "1" for r in tr]
def spread(a):
    mean = sum(a) / len(a)
    return "%.2f +- %.2f" % (mean, (sum((x - mean) ** 2 for x in a) / len(a)) ** 0.5)
for c in [c for c in tr[0] if c not in ("row_id", "pump_id", "failed_7d")]:
    a = [float(r[c]) for r in tr]; b = [float(r[c]) for r in ho]
    rank, at = {}, 0.5
    for x, n in sorted(collections.Counter(a).items()):
        rank[x] = at + n / 2; at += n
    pos = sum(y); auc = (sum(rank[x] for x, f in zip(a, y) if f) - pos * (pos + 1) / 2) / (pos * (len(y) - pos))
    print("%-16s AUC alone %.3f   train %s   holdout %s" % (c, auc, spread(a), spread(b)))
pumps = {r["pump_id"] for r in tr}
print(len(pumps), "pumps in train, shared with holdout:", len(pumps & {r["pump_id"] for r in ho}))
PY

# ticket_chars is written after the failure and is 0 in the holdout: out. Speed and age vary so little within a pump that they identify it, so I split by pump. Scaling is fitted on the training pumps only and saved with the model; the generator gets the seed itself, not a hash.
python3 - <<'PY'
import re
text = open("train.py").read()
text = text.replace('HIDDEN = 12\n', 'HIDDEN = 12\nFEATURES = ["speed_rpm", "flow_m3h", "pressure_bar", "vib_x_mms", "vib_y_mms", "bearing_temp_c",\n            "motor_current_a", "oil_iron_ppm", "age_years"]  # known when the window is recorded\n')
text = re.sub(r'    names = \[.*\n', '', text).replace("for c in names]", "for c in FEATURES]")
start, end = text.index("    rng = np.random.default_rng("), text.index("    params = net.init")
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

# Now the files that were asked for, with seed 7. Loading numpy takes longer than a training, so in the same process what I need for the proof: gradients again, a second training, one with flipped labels and shifted sensors on the validation pumps, and a single row whose ticket has another length.
sed -n '1p;5p' data/holdout.csv | sed 's/,0$/,333/' > /tmp/one.csv
PYTHONPATH=/tmp python3 - <<'PY'
import csv, json, sys
import gradcheck, predict, train
def call(main, *args):
    sys.argv = [main.__module__, *args]
    main()
call(train.main, "--data", "data/train.csv", "--model", "model.npz", "--report", "report.json", "--seed", "7")
call(predict.main, "--model", "model.npz", "--data", "data/holdout.csv", "--out", "predictions.csv")
kept = set(json.load(open("report.json"))["validation_pumps"])
rows = list(csv.DictReader(open("data/train.csv")))
for r in rows:
    if r["pump_id"] in kept:
        r["failed_7d"] = str(1 - int(r["failed_7d"])); r["flow_m3h"] = "999"; r["vib_x_mms"] = "-3"
with open("/tmp/bent.csv", "w", newline="") as out:
    w = csv.DictWriter(out, rows[0]); w.writeheader(); w.writerows(rows)
gradcheck.main()
call(train.main, "--data", "data/train.csv", "--model", "/tmp/again.npz", "--report", "/tmp/again.json", "--seed", "7")
call(train.main, "--data", "/tmp/bent.csv", "--model", "/tmp/bent.npz", "--report", "/tmp/bent.json", "--seed", "7")
call(predict.main, "--model", "model.npz", "--data", "/tmp/one.csv", "--out", "/tmp/one.out")
PY
head -4 predictions.csv
cat report.json | tr -d '\n'; echo

# The loss falls and the gradients agree. I compare instead of believing: same bytes again, and no hash is left that another process would salt anew; flipped labels leave the model alone; a single row scores the same, whatever its ticket says.
cmp model.npz /tmp/again.npz && echo same bytes
grep -n 'hash(' train.py || echo no hash is left
cmp model.npz /tmp/bent.npz && echo validation pumps do not reach the model
grep "$(tail -1 /tmp/one.out)" predictions.csv && echo one row alone agrees
