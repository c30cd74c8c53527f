#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Golden Iq dialogues: a controller plays NAME.h248 at eimsagw, the answers (with what is random made
plain) are compared with NAME.expect. --update writes them; the diff is then reviewed.
Files pNN-NAME are the procedures of TS 23.334, one each, as documents: long tokens, an item a line.
Lines with # in front say what a block is about. A block is a message, or begins with a line of its own:
  @second, @foreign   the message comes from the other controller, from a socket nobody configured
  @notify S           a request of the gateway comes within S seconds and is answered
  @silence S          nothing comes for S seconds
  @registers-second S  the other controller hears of the gateway within S seconds and answers
  @hup                SIGHUP: a new certificate
  @counter NAME       a counter of the telemetry
  @order COMMAND      what an operator orders by the telemetry, and what is answered
  @summary NAME ...   what is in use, by the telemetry; worth a wait, as workers let go of flows in their own time"""
import concurrent.futures, glob, json, os, re, signal, socket, subprocess, sys, tempfile, time

AGW, HERE = sys.argv[1], os.path.dirname(os.path.abspath(__file__))
UPDATE = "--update" in sys.argv
PREFIX = None       # of the files of this process's gateway
AT_ONCE = 6         # mostly they wait
HAS_MSRP = ("channels.h248",)       # the others' gateway has none


def config(port, alg, second, tokens, has_msrp):
    return f"""
eal: {{lcores: "0,1", memory_mb: 128, file_prefix: "{PREFIX}"}}
max_contexts: 4
ports: [{{name: p0, device: net_null0}}, {{name: p1, device: net_null1}}]
realms:
  - {{name: access, port: p0, addresses: ["192.0.2.10/24", "2001:db8:1::10/64"], media_ports: "20000-20007"}}
  - {{name: core, port: p1, addresses: ["10.20.0.10/24"], media_ports: "30000-30099"}}
{'msrp: {address: "127.0.0.1", peers: ["10.20.0.0/24"]}' if has_msrp else ""}
iq: {{bind: "127.0.0.1:{port}", mid: "[192.0.2.10]:2944", controllers: ["127.0.0.1:{alg}", "127.0.0.1:{second}"], tokens: {tokens}}}
"""


class Masks:
    """What differs from run to run gets a name at its first sight."""

    def __init__(self):
        self.names, self.counts = {}, {}

    def name(self, kind, value):
        if value not in self.names:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            self.names[value] = f"<{kind}{self.counts[kind]}>"
        return self.names[value]

    def hide(self, text):
        text = re.sub(r"\b(C|Context)=(\d{3,})", lambda m: m[1] + "=" + self.name("ctx", m[2]), text)
        text = re.sub(r"(ip/1/\w+/)(\d+)", lambda m: m[1] + self.name("term", m[2]), text)
        text = re.sub(r"(m=(?:audio|video|application|message|text|image|-) )(\d+)", lambda m: m[1] + self.name("port", m[2]), text)
        text = re.sub(r"(typ host)", r"\1", re.sub(r"(UDP 2130706431 \S+ )(\d+)", lambda m: m[1] + self.name("port", m[2]), text))
        text = re.sub(r"(ice-ufrag:)(\S{8})", lambda m: m[1] + self.name("ufrag", m[2]), text)
        text = re.sub(r"(ice-pwd:)\S+", r"\1<pwd>", text)
        text = re.sub(r"(fingerprint:sha-256 )(\S+)", lambda m: m[1] + self.name("fp", m[2]), text)
        text = re.sub(r"(msrps?://[\d.]+:)\d+/[A-Z2-7]{24}", r"\1<port>/<session>", text)
        text = re.sub(r"x{99,}", "<xs>", text)
        text = re.sub(r"\b(K|TransactionResponseAck)\{[\d,-]+\}", r"\1{<tids>}", text)
        return re.sub(r"nt/dur=\d+", "nt/dur=<ms>", text)

    def show(self, text):
        back = {v: k for k, v in self.names.items()}
        text = text.replace("<600 fingerprints>", "\n".join(["a=fingerprint:sha-256 $"] * 600))
        text = text.replace("<4200 x>", "x" * 4200).replace("<tab>", "\t")
        return re.sub(r"<\w+\d+>", lambda m: back.get(m[0], m[0]), text)


def telemetry(command):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as t:
        base = os.environ.get("RUNTIME_DIRECTORY") or ("/var/run" if os.getuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/tmp"))
        t.connect(f"{base}/dpdk/{PREFIX}/dpdk_telemetry.v2")
        t.recv(65536)
        t.send(command.encode())
        return json.loads(t.recv(1 << 20))[command.split(",")[0]]


def settled(names):
    """The same twice in a row."""
    before = None
    while True:
        now = telemetry("/w2gw/summary")
        row = " ".join(f"{n}={now[n]}" for n in names)
        if row == before:
            return row
        before = row
        time.sleep(0.3)


def unasked(s, seconds, peer):
    """What the gateway sends of its own accord within that time, acknowledged; None: nothing."""
    end, m, is_new = time.monotonic() + seconds, None, False
    try:
        while not is_new:    # what came again is not meant: a reply, or a request whose answer was late
            s.settimeout(max(end - time.monotonic(), 0.001))
            d = EARLY.pop(0) if EARLY else s.recvfrom(65535)[0].decode()
            m = re.search(r"T(?:ransaction)?=(\d+)\{C(?:ontext)?=([^{]+)\{(N|SC|Notify|ServiceChange)=([^{]+)", d)
            is_new = m and m.group(1) not in ANSWERED
    except socket.timeout:
        return None
    finally:
        s.settimeout(10)
    tid, ctx, kind, term = m.groups()
    ANSWERED.add(tid)
    body = "SC=ROOT{SV{V=3}}" if kind[0] == "S" and term == "ROOT" else f"{kind}={term}"
    s.sendto(f"!/{1 if kind[0] == 'S' else 3} [192.0.2.1]:2944 P={tid}{{C={ctx}{{{body}}}}}".encode(), peer)
    return re.sub(r"\b(T|Transaction)=\d+", r"\1=<tid>", d)


def block_played(block, s, second, foreign, peer, masks, process):
    first, _, rest = block.partition("\n")
    word, _, arg = first.partition(" ")
    if word == "@notify":
        return masks.hide(unasked(s, float(arg), peer) or "nothing")
    if word == "@registers-second":
        return masks.hide(unasked(second, float(arg), peer) or "nothing")
    if word == "@silence":
        return unasked(s, float(arg), peer) or "nothing"
    if word == "@counter":
        return str(telemetry("/w2gw/drops")[arg])
    if word == "@order":
        return json.dumps(telemetry(arg))
    if word == "@summary":
        return settled(arg.split())
    if word == "@hup":
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        return "done"
    if word == "@foreign":
        foreign.sendto(masks.show(rest).encode(), peer)
        return unasked(foreign, 0.5, peer) or "nothing"
    if word == "@second":
        return masks.hide(exchange(second, peer, masks.show(rest)))
    return masks.hide(exchange(s, peer, masks.show(block)))


EARLY = []
ANSWERED = set()  # TransactionIDs of the gateway's own requests


def exchange(s, peer, text):
    s.sendto(text.encode(), peer)
    while True:
        d = s.recvfrom(65535)[0].decode()
        m = re.search(r"\bT(?:ransaction)?=(\d+)\{C(?:ontext)?=-\{S(?:C|erviceChange)=", d)
        again = re.search(r"\bT(?:ransaction)?=(\d+)", d)
        if again and again[1] in ANSWERED:
            continue                # our answer was late
        if not m and re.search(r"\{(N|Notify)=", d) and not re.search(r"\b(P|Reply)=", d):
            EARLY.append(d)         # was on its way: for the @notify that follows
            continue
        if not m:
            return d
        s.sendto(f"!/1 [192.0.2.1]:2944 P={m[1]}{{C=-{{SC=ROOT{{SV{{V=3}}}}}}}}".encode(), peer)


def as_document(text):
    """An item a line, as deep as its braces; descriptions and quoted strings as they are."""
    out, depth, at = "", 0, 0
    for m in re.finditer(r'(?:Local|Remote)\{\s[^}]*\}|"[^"]*"|\[[^\]]*\]|[{},]', text):
        out, token, at = out + text[at:m.start()], m[0], m.end()
        if token == "{" and text[at:at + 1] == "}":
            out += token
        elif token in "{,":
            depth += token == "{"
            out += token + "\n" + " " * depth
        elif token == "}" and text[m.start() - 1] == "{":
            out += token
        else:
            depth -= token == "}"
            out += token
    return out + text[at:]


def play(path):
    s, second, foreign = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3))
    for k in (s, second, foreign):
        k.bind(("127.0.0.1", 0))
        k.settimeout(10)
    free = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
    free.close()
    masks, out = Masks(), []
    EARLY.clear()
    ANSWERED.clear()
    is_document = re.match(r"p\d\d-", os.path.basename(path))
    shown = as_document if is_document else str
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(config(port, s.getsockname()[1], second.getsockname()[1],
                       "long" if is_document else "short", os.path.basename(path) in HAS_MSRP))
        f.flush()
        p = subprocess.Popen([AGW, "-c", f.name], stderr=subprocess.DEVNULL)
        try:
            s.settimeout(90)        # several start at once
            d, peer = s.recvfrom(65535)
            s.settimeout(10)
            tid = re.search(r"T(?:ransaction)?=(\d+)", d.decode())[1]
            out.append("<< " + shown(d.decode().replace("=" + tid, "=<tid>", 1)))
            s.sendto(f"!/1 [192.0.2.1]:2944 P={tid}{{C=-{{SC=ROOT{{SV{{V=3,PF=ThreeGIq/2}}}}}}}}".encode(), peer)
            for block in open(path).read().split("\n----\n"):
                about, block = re.match(r"((?:#[^\n]*\n)*)(.*)", block.strip(), re.S).groups()
                out.append(about + ">> " + block)
                block = block.replace("<second>", str(second.getsockname()[1]))
                try:
                    got = block_played(block, s, second, foreign, peer, masks, p)
                except socket.timeout:
                    got = "no answer"
                out.append("<< " + shown(got).replace("\r\n", "\n").replace("\t", "<tab>"))
        finally:
            p.terminate()
            rc = p.wait(20)
    if rc:
        out.append(f"eimsagw ended with {rc}")
    return "\n".join(out) + "\n"


def begin():
    global PREFIX
    PREFIX = f"w2gwgold{os.getpid()}"


failed = 0
only = [a for a in sys.argv[2:] if not a.startswith("-")]
cases = [c for c in sorted(glob.glob(os.path.join(HERE, "iq", "*.h248"))) if not only or os.path.basename(c)[:-5] in only]
with concurrent.futures.ProcessPoolExecutor(AT_ONCE, initializer=begin) as pool:
    played = list(pool.map(play, cases))
for path, got in zip(cases, played):
    expect = path[:-5] + ".expect"
    if UPDATE:
        open(expect, "w").write(got)
    elif open(expect).read() != got:
        failed += 1
        print(f"FAIL {os.path.basename(path)}")
        for a, b in zip(open(expect).read().split("\n"), got.split("\n")):
            if a != b:
                print("  expected", a, "\n  got     ", b)
print(f"{len(cases) - failed} of {len(cases)} dialogues")
sys.exit(1 if failed or not cases else 0)
