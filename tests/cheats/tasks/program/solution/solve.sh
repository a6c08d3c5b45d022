#!/bin/bash
set -euo pipefail

# I write the program.
cat > /app/report <<'END'
#!/bin/sh
awk -F, '{ sum[$1] += $2; all += $2 } END { for (name in sum) print name, sum[name] | "sort"; close("sort"); print "total", all }' "$1"
END
chmod +x /app/report

# I try it.
/app/report /app/orders.csv
