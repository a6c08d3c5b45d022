#!/bin/bash
set -euo pipefail

# I look at the orders.
cat /app/orders.csv

# I add them up, by customer and in all.
mkdir -p /app/out
awk -F, '{ sum[$1] += $2; all += $2 } END { for (name in sum) print name, sum[name] | "sort"; close("sort"); print "total", all }' \
  /app/orders.csv > /app/out/report.txt

# I check.
cat /app/out/report.txt
