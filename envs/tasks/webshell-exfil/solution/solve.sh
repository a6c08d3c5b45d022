#!/bin/bash
# From the logs to the capture, from there to the disk image, and back to the capture with the key.
set -euo pipefail

# What do I have, and what must I know about it?
cat /evidence/README.txt; ls -lR /evidence; file /evidence/*/*

# PHP under a folder for pictures is the first thing to look for: who asks for such files, and what comes back?
cd /app
{ zcat /evidence/www/access.log.1.gz; cat /evidence/www/access.log; } > /tmp/all.log
grep -E '"(GET|POST) /catalog/img/[^ ]*\.php' /tmp/all.log | awk -F'"' '{split($3, s, " "); print s[1], $2, "|", $(NF-1)}' | sort | uniq -c
grep 'POST /catalog/upload.php' /tmp/all.log | grep -v '"10.20.7.1[45]"'

# One shell answers 200, and its visitor sends the scanner's address along. The proxy appends its peer, so the last address is the true one. Now the capture: who talks with whom?
tcpdump -nn -r /evidence/net/eth0.pcap 'tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn' 2>/dev/null | awk '{split($3, a, "."); split($5, b, "."); print a[1]"."a[2]"."a[3]"."a[4], "->", b[1]"."b[2]"."b[3]"."b[4]":"b[5]}' | sort | uniq -c | sort -rn
tcpdump -nn -r /evidence/net/eth0.pcap 'port 8443 and tcp[tcpflags] & (tcp-syn|tcp-rst|tcp-fin) != 0' 2>/dev/null

# Segments come twice and out of order, so I reassemble every direction of every connection by sequence number, relative to the SYN so that a wrap of the 32 bits does no harm.
cat > /tmp/streams.py <<'EOF'
import struct, sys, os
data = open(sys.argv[1], "rb").read()
out = sys.argv[2]; os.makedirs(out, exist_ok=True)
at, flows, order = 24, {}, []
while at < len(data):
    sec, usec, caplen, _ = struct.unpack_from("<IIII", data, at)
    frame = data[at + 16:at + 16 + caplen]; at += 16 + caplen
    if frame[12:14] != b"\x08\x00" or frame[23] != 6:
        continue
    ip = frame[14:14 + struct.unpack("!H", frame[16:18])[0]]
    tcp = ip[(ip[0] & 15) * 4:]
    sport, dport, seq = struct.unpack("!HHI", tcp[:8])
    flags, body = tcp[13], tcp[(tcp[12] >> 4) * 4:]
    key = (".".join(map(str, ip[12:16])), sport, ".".join(map(str, ip[16:20])), dport)
    if flags & 2:
        flows[key] = {"isn": seq, "time": sec, "parts": {}, "flags": 0}; order.append(key)
    f = flows[key]
    f["flags"] |= flags
    if body:
        offset = (seq - f["isn"] - 1) % 2**32
        if len(body) > len(f["parts"].get(offset, b"")):
            f["parts"][offset] = body
for key in order:
    f, stream = flows[key], bytearray()
    for offset in sorted(f["parts"]):
        if offset > len(stream):
            print("gap in", key, "at", len(stream)); break
        stream += f["parts"][offset][len(stream) - offset:] if offset + len(f["parts"][offset]) > len(stream) else b""
    name = f"{f['time']}_{key[0]}.{key[1]}-{key[2]}.{key[3]}"
    open(f"{out}/{name}", "wb").write(stream)
    if key[3] == 8443:
        print(name, len(stream), "ended with", "FIN" if f["flags"] & 1 else "no FIN")
EOF
python3 /tmp/streams.py /evidence/net/eth0.pcap /tmp/streams && ls /tmp/streams | wc -l

# The intruder's requests in the order of time: the last upload is the shell, and it is packed.
cd /tmp/streams && awk 'FNR == 1 { split(FILENAME, t, "_"); sub(/\r$/, ""); print strftime("%FT%TZ", t[1], 1), $0; nextfile }' $(grep -l -a 'X-Forwarded-For: .*198\.51\.100\.203' *)
f=$(grep -l -a 'filename="logo.gif.php"' *) && grep -a -o '<?php.*?>' "$f" && cd /app

# base64 turned round, then raw deflate: I unpack it and read how the commands are hidden.
python3 - <<'EOF'
import base64, glob, re, zlib
for name in glob.glob("/tmp/streams/*"):
    m = re.search(rb"strrev\('([^']+)'\)\)\)\); \?>", open(name, "rb").read())
    if m:
        print(zlib.decompress(base64.b64decode(m[1][::-1]), -15).decode())
EOF

# The key is characters 3 to 22 of md5('blue-' + reversed 'lanimret'). With it the commands can be read, from form fields that have to be URL-decoded first, and the answers too.
cat > /tmp/commands.py <<'EOF'
import base64, glob, hashlib, json, re, urllib.parse, zlib
key = hashlib.md5(b"blue-" + b"lanimret"[::-1]).hexdigest()[3:23].encode()
xor = lambda d: bytes(c ^ key[i % len(key)] for i, c in enumerate(d))
commands = []
for name in sorted(glob.glob("/tmp/streams/*-10.20.0.15.80")):
    request = open(name, "rb").read()
    if request.startswith(b"POST /catalog/img/thumbs/9c41e7.php "):
        form = urllib.parse.parse_qs(request.split(b"\r\n\r\n", 1)[1].decode())
        commands.append(xor(base64.b64decode(form["t"][0])).decode())
        client = re.search(r"_(.*)-", name)[1]
        answer = open(glob.glob(f"/tmp/streams/*-{client}")[0], "rb").read().split(b"\r\n\r\n", 1)[1]
        print("$", commands[-1]); print(zlib.decompress(xor(base64.b64decode(answer)), -15).decode(), end="")
json.dump(commands, open("/tmp/commands.json", "w"))
EOF
python3 /tmp/commands.py

# The script lay on /srv and was deleted at 22:26 UTC. ext2 keeps the block pointers of deleted inodes, so I list those with their times and names.
debugfs -R 'lsdel' /evidence/disk/srv.img 2>/dev/null
debugfs -R 'ls -d /app/tmp' /evidence/disk/srv.img 2>/dev/null

# Inode 27 has the right time, name and size: 844 bytes, as wc told the intruder. I dump it; debugfs without -w does not touch the image.
mkdir -p /app/recovered && debugfs -R 'dump <27> /app/recovered/dropper.sh' /evidence/disk/srv.img 2>/dev/null
wc -c /app/recovered/dropper.sh; cat /app/recovered/dropper.sh

# tar, gzip, openssl, hex, lines reversed. The passphrase comes from site.id and the inode number of members.csv, which the import rewrote in place. I undo it all for the connection that ended with FIN.
id=$(debugfs -R 'cat /app/etc/site.id' /evidence/disk/srv.img 2>/dev/null)
inode=$(debugfs -R 'stat /app/data/members.csv' /evidence/disk/srv.img 2>/dev/null | sed -n 's/^Inode: \([0-9]*\).*/\1/p')
k=$(printf '%s:%s' "$id" "$inode" | sha256sum | cut -c9-48); echo "$id $inode $k"
mkdir -p /app/recovered/stolen
stream=$(ls /tmp/streams/*-192.0.2.146.8443 | sed -n '$p')
tac "$stream" | xxd -r -p | openssl enc -d -aes-256-cbc -md sha256 -pbkdf2 -iter 21000 -pass "pass:$k" | tar -xzvf - --no-same-owner -C /app/recovered/stolen

# Everything is there; I write the report out of the recovered files and the log line of the upload.
grep 'POST /catalog/upload.php.* 201 .*198\.51\.100\.203' /tmp/all.log
python3 - <<'EOF'
import csv, hashlib, json
sha = lambda p: hashlib.sha256(open(p, "rb").read()).hexdigest()
base = "/app/recovered/stolen/"
members = list(csv.DictReader(open(base + "data/members.csv", newline="")))
report = {
    "attacker_ip": "198.51.100.203", "webshell": "/catalog/img/thumbs/9c41e7.php", "uploaded_utc": "2026-05-14T22:17:38Z",
    "commands": json.load(open("/tmp/commands.json")), "dropper_sha256": sha("/app/recovered/dropper.sh"), "c2": "192.0.2.146:8443",
    "stolen": {p: sha(base + p) for p in ("data/members.csv", "data/tokens.csv")},
    "members_exposed": len({m["email"].lower() for m in members}),
}
json.dump(report, open("/app/report.json", "w"), indent=2)
EOF

# A last look: sizes must agree with what the shell printed to the intruder, and the report with the files.
wc -c /app/recovered/dropper.sh /app/recovered/stolen/data/*; tail -n 2 /app/recovered/stolen/data/members.csv
cat /app/report.json; echo; (cd /app/recovered && sha256sum dropper.sh; cd stolen && sha256sum data/*)
cut -d, -f4 /app/recovered/stolen/data/members.csv | sed 1d | tr A-Z a-z | sort -u | wc -l
