#!/bin/bash
set -euo pipefail

# Which coins are there, and what amounts are asked for?
paste -s -d ' ' coins.txt
wc -l < amounts.txt

# For every amount up to the largest I work out the best way: few coins, then many large ones.
cat > /tmp/ways.py <<'END'
coins = sorted(map(int, open("coins.txt")), reverse=True)
amounts = [int(line) for line in open("amounts.txt")]
best = {0: (0, [0] * len(coins))}
for total in range(1, max(amounts) + 1):
    ways = []
    for place, coin in enumerate(coins):
        if total - coin in best:
            count, used = best[total - coin]
            more = list(used)
            more[place] -= 1
            ways.append((count + 1, more))
    if ways:
        best[total] = min(ways)
with open("/tmp/ways.txt", "w") as out:
    for amount in amounts:
        count, used = best.get(amount, ("none", [0] * len(coins)))
        print(amount, count, *(-one for one in used), file=out)
END
python3 /tmp/ways.py

# The number of coins of each amount.
{ echo amount,coins; cut -d ' ' -f 1,2 --output-delimiter=, /tmp/ways.txt; } > change.csv

# How many of each coin are given? The columns run from the largest to the smallest.
sort -rn coins.txt | awk 'NR == FNR { value[NR] = $1; n = NR; next }
  { for (i = 1; i <= n; i++) sum[i] += $(i + 2) }
  END { for (i = n; i >= 1; i--) print value[i], sum[i] }' - /tmp/ways.txt > used.txt

# Do the coins add up to the amounts that can be made?
awk '$2 != "none" { all += $1 } END { print all }' /tmp/ways.txt
awk '{ all += $1 * $2 } END { print all }' used.txt
