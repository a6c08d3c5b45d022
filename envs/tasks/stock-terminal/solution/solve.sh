#!/bin/bash
# Books the slips through a dialogue with stockdesk.
set -euo pipefail

# What came in, and what does the program understand?
ls -l /app /app/inbox /app/data
cat inbox/slips.csv inbox/counts.csv
printf 'help\nquit\n' | stockdesk

# I try the awkward cases without confirming anything: a replaced item, a locked one, one that is short, and what a booking asks.
printf 'ship 5103 1026 6\nshow 1208\nship 5105 1065 11\nship 5108 1143 8\nship 5111 1351 25\nship 5102 1013 3\n0\njournal\nquit\n' | stockdesk

# The refusals are plain sentences, and the code is only known after the question. So this needs a real dialogue; first by hand
# with a co-process for the first slip. The prompts have no newline at their end, so I read up to the prompt's last character.
coproc DESK { stockdesk; }
pid=$DESK_PID
read -r -d '>' -t 5 greeting <&"${DESK[0]}"; echo "$greeting"
echo 'receive 5101 1000 24' >&"${DESK[1]}"
read -r -d ':' -t 5 question <&"${DESK[0]}"; echo "$question"
code=$(grep -o '[0-9]\+' <<< "$question" | tail -1)
echo "$code" >&"${DESK[1]}"
read -r -d '>' -t 5 answer <&"${DESK[0]}"; echo "$answer"
echo quit >&"${DESK[1]}"; wait "$pid" || true

# That works. The other slips go through a small driver that reads up to a prompt, answers the question for the code and obeys the refusals.
cat > /tmp/drive.py <<'EOF'
import csv, re, subprocess

desk = subprocess.Popen(["stockdesk"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

def read():
    out = b""
    while not out.endswith((b"desk> ", b"to confirm: ", b"to stop --\n")):
        byte = desk.stdout.read(1)
        if not byte:
            raise SystemExit("stockdesk ended: " + out.decode())
        out += byte
    return out.decode()

def say(text):
    print(">", text)
    desk.stdin.write(text.encode() + b"\n")
    desk.stdin.flush()
    answer = read()
    while "to confirm: " in answer:
        code = re.search(r"type (\d+) to confirm", answer).group(1)
        desk.stdin.write(code.encode() + b"\n")
        desk.stdin.flush()
        answer = read()
    answer = answer.removesuffix("desk> ").strip()
    print(" ", answer)
    return answer

counts = {r["sku"]: r["counted"] for r in csv.DictReader(open("/app/inbox/counts.csv"))}
missing = []
read()
for row in csv.DictReader(open("/app/inbox/slips.csv")):
    slip, move, sku, qty = row["slip"], row["move"], row["sku"], int(row["qty"])
    if slip == "5101":
        continue                    # booked by hand
    wanted = qty
    while qty:
        answer = say(f"{move} {slip} {sku} {qty}")
        if m := re.search(r"replaced by (\d+)", answer):
            sku = m.group(1)
        elif "locked until" in answer:
            say(f"count {sku} {counts[sku]}")
        elif m := re.search(r"only (\d+) of", answer):
            qty = int(m.group(1))
        elif answer.startswith("entry"):
            break
        else:
            raise SystemExit("what is this? " + answer)
    if qty < wanted:
        missing.append((slip, sku, wanted - qty))
with open("/app/backorders.csv", "w") as f:
    f.write("slip,sku,missing\n")
    f.writelines(f"{a},{b},{c}\n" for a, b, c in missing)
desk.stdin.write(b"quit\n")
desk.stdin.close()
EOF
python3 -m py_compile /tmp/drive.py && echo "driver compiles"

# Now all slips.
python3 /tmp/drive.py

# The journal against the slips: each slip once and in order, except those for which nothing was on hand.
(echo journal; printf '\n%.0s' $(seq 1 20); echo quit) | stockdesk | grep -o 'slip [0-9]*' | cut -d' ' -f2 > /tmp/booked || true
cut -d, -f1 inbox/slips.csv | tail -n +2 | diff - /tmp/booked || echo "not booked, see above"
cat backorders.csv

# All others are there. The seal comes last, of the final state.
printf 'seal\nquit\n' | stockdesk | grep -o 'seal [0-9a-f]\{16\}' | cut -d' ' -f2 > seal.txt
cat seal.txt

# A last look: is the seal still that of the store, and is the inbox as it was?
printf 'seal\nshow 1351\nshow 1416\nquit\n' | stockdesk | grep -F -e "$(cat seal.txt)" -e 'on hand'
ls -l inbox
rm -f /tmp/drive.py /tmp/booked
