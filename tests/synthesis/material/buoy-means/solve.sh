#!/bin/bash
set -euo pipefail

# What do the readings look like, and what is there besides numbers?
head -n 3 readings.csv
cut -d , -f 3 readings.csv | grep -v -x -E -e '-?[0-9]+\.[0-9]' | sort | uniq -c

# I mark each reading as good or as a fault, in tenths, so that nothing is lost to rounding.
awk -F , 'NR > 1 {
  good = $3 ~ /^-?[0-9]+(\.[0-9]+)?$/ && $3 >= -2.0 && $3 <= 35.0
  printf "%s %s %d\n", $1, good ? "good" : "fault", good ? ($3 * 10 + ($3 < 0 ? -0.5 : 0.5)) : 0
}' readings.csv > /tmp/marked.txt
cut -d ' ' -f 2 /tmp/marked.txt | sort | uniq -c

# The means, in whole hundredths, halves away from zero.
cat > /tmp/means.py <<'END'
rows = {}
for line in open("/tmp/marked.txt"):
    buoy, mark, tenths = line.split()
    if mark == "good":
        rows.setdefault(buoy, []).append(int(tenths))
print("buoy,readings,mean")
for buoy in sorted(rows):
    total, count = sum(rows[buoy]) * 10, len(rows[buoy])
    cents = (2 * abs(total) + count) // (2 * count)
    sign = "-" if total < 0 and cents else ""
    print(f"{buoy},{count},{sign}{cents // 100}.{cents % 100:02d}")
END
python3 /tmp/means.py > means.csv

# The faults, the most first.
awk '$2 == "fault" { n[$1]++ } END { for (b in n) print b, n[b] }' /tmp/marked.txt \
  | LC_ALL=C sort -k 2,2nr -k 1,1 > faults.txt

# I look at both files.
cat means.csv faults.txt
