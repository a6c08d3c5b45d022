"""Writes row_id,probability for every row of a data file."""

import argparse
import csv

import numpy as np

import net


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()

    params = dict(np.load(args.model))
    with open(args.data, newline="") as handle:
        rows = list(csv.DictReader(handle))
    names = [c for c in rows[0] if c not in ("row_id", "pump_id", "failed_7d")]
    X = np.array([[float(r[c]) for c in names] for r in rows])
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    p = net.forward(params, X)[1]
    with open(args.out, "w") as out:
        out.write("row_id,probability\n")
        for row, value in zip(rows, p):
            out.write("%s,%.9f\n" % (row["row_id"], value))


if __name__ == "__main__":
    main()
