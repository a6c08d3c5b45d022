#!/bin/bash
set -euo pipefail

# What does the desk's file look like, and how many parcels are still under way?
head -n 4 parcels.csv
grep -c -- ',-$' parcels.csv

# I turn both times into minutes of the day and leave out what is under way.
awk -F '[,:]' 'NR > 1 && $NF != "-" { print $1, $2, ($5 * 60 + $6) - ($3 * 60 + $4) }' parcels.csv > /tmp/delays.txt
wc -l < /tmp/delays.txt

# Now the late ones: the longest delay first, then by id.
echo id,depot,minutes > late.csv
awk '$3 > 0 { print $1 "," $2 "," $3 }' /tmp/delays.txt | LC_ALL=C sort -t , -k 3,3nr -k 1,1 >> late.csv

# For each depot I count its parcels and those that are late.
awk '{ all[$2]++; late[$2] += $3 > 0 } END { for (depot in all) print depot, late[depot] "/" all[depot] }' \
  /tmp/delays.txt | LC_ALL=C sort > depots.txt

# Do both files look right?
head -n 3 late.csv
cat depots.txt
