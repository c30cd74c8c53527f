#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our H.248 text codec against Erlang/OTP's megaco, an implementation nobody here wrote.
oracle.py EMIT [MADE [MUTATED]]:
  Iq       every message of the golden dialogues that we read, requests and replies, is read by megaco; what it encodes again, compact and
           pretty, is read by us and means the same. No exception.
  made     the same for legal messages made by chance from the whole grammar,
  mutated  and for messages with something changed: both read them, or both refuse.
  tshark   what the gateway says in the golden dialogues is dissected without a complaint.
A difference is explained when it is gone once the message is without what docs/decisions/012-h248-against-megaco.md lists, or, where
megaco reads and we refuse, when it is a mistake of the list below. The counts are printed; one that is not explained is a failure."""
import collections, glob, os, re, shutil, struct, subprocess, sys, tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.capture import Capture

EMIT, HERE = sys.argv[1], os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "../../golden/iq")
MADE, MUTATED = (int(a) for a in (sys.argv[2:] + ["500", "2000"][len(sys.argv) - 2:]))
# megaco reads it, we refuse: 012 says why
REFUSED_BY_US = {
    "no message identifier", "identifier of a transaction is expected here", "does not belong here", "neither a property nor package/name",
    "no parameter of an event or signal", "value is not of the form that is expected here", "topology is of triples",
    "descriptor appears twice", "appears twice", "property appears twice", "a digit map of an event has a name or a value, and none is empty",
    "descriptor is not legal in this command", "no command and no property of a context", "an error stands alone"}
if not shutil.which("escript") or not glob.glob("/usr/lib/erlang/lib/megaco-*"):
    print("SKIP erlang-megaco is missing")
    sys.exit(77)


def asked(d, name):
    """megaco's answers to the messages of file name. @return their file"""
    subprocess.run(["escript", os.path.join(HERE, "oracle.escript"), "check", f"{d}/{name}", f"{d}/{name}.back"], check=True)
    return f"{d}/{name}.back"


def judged(d, name, again=None):
    """@return (the counts as a line, rows of what differs)"""
    r = subprocess.run([EMIT, "judge", f"{d}/{name}", asked(d, name), *([f"{d}/{again}"] if again else [])], capture_output=True,
                       check=True)
    return r.stderr.decode().strip(), [x.split("\t", 2) for x in r.stdout.decode(errors="replace").split("\0") if x]


def compare(d, name):
    """What is not explained of one kind of messages. Prints the counts and the classes."""
    counts, rows = judged(d, name, "again")
    print(f"{name}: {counts}")
    wrong = [r for r in rows if r[0] == "UNEXPLAINED" or (r[0] == "they read" and r[1] not in REFUSED_BY_US)]
    classes = collections.Counter()
    for r in rows:
        if r[0] == "they read":
            classes[f"megaco reads, we refuse: {r[1]}"] += 1
        elif r[0] != "UNEXPLAINED":
            classes.update(f"megaco refuses or loses: {k}" for k in r[1].split(";") if k)
    if any(r[0] not in ("UNEXPLAINED", "they read") for r in rows):
        counts, rows = judged(d, "again")
        print(f"  without what megaco is known not to read: {counts}")
        wrong += rows
    for k, v in classes.most_common():
        print(f"  {v:6} {k}")
    return wrong


def golden(ends=("<<", ">>")):
    """The messages of the dialogues, of both ends or one (<<: the gateway), with something for each mask."""
    out = []
    for name in sorted(glob.glob(f"{GOLDEN}/*.expect")):
        parts = re.split(r"^(<<|>>) ", re.sub(r"^#.*\n", "", open(name).read(), flags=re.M), flags=re.M)
        for end, m in zip(parts[1::2], parts[2::2]):
            m = re.sub(r"<(?:ctx|term|port|tids|ms)(\d*)>", lambda x: x[1] or "7", m)
            m = re.sub(r"<fp\d*>", ":".join(["4A"] * 32), re.sub(r"<(?:ufrag\d*|pwd)>", "abcdABCD0123456789abcdef", m))
            m = m[re.search(r"^(?:!/|MEGACO/)|$", m, re.M).start():].strip().replace("<tab>", "\t").replace("<tid>", "9")
            if end in ends and m and "<" not in re.sub(r"<mgc", "", m):
                out.append(m.encode())
    return out


def dissected(d):
    """What tshark says against the gateway's messages; it wants braces behind Events and Signals, which may be empty (Annex B)."""
    messages = golden(["<<"])
    with open(f"{d}/pcap", "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))     # LINKTYPE_RAW
        for m in messages:
            udp = struct.pack("!HHHH", 2944, 2945, 8 + len(m), 0) + m
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, *[b"\x7f\0\0\1"] * 2)
            f.write(struct.pack("<IIII", 0, 0, *[len(ip + udp)] * 2) + ip + udp)
    n, bad = Capture(f"{d}/pcap", None).h248_complaints(2944)
    wrong = [b for b in bad if "No Descriptor detectable" not in b or
             not re.search(rb"[{,](E|SG|Events|Signals)\s*[,}]", messages[int(b.split()[0]) - 1])]
    print(f"tshark: {n} messages of the gateway, {len(bad)} complaints, {len(wrong)} not explained")
    return [("tshark", b) for b in wrong] if n == len(messages) else [("tshark", f"{n} of {len(messages)}")]


with tempfile.TemporaryDirectory() as d:
    with open(f"{d}/Iq", "wb") as f:
        f.writelines(struct.pack(">I", len(m)) + m for m in golden())
    wrong = compare(d, "Iq") + dissected(d)
    for kind, n in (("made", MADE), ("mutated", MUTATED)):
        subprocess.run([EMIT, kind, str(n), f"{d}/{kind}"], check=True)
        wrong += compare(d, kind)
for w in wrong[:20]:
    print("UNEXPLAINED", *(x[:3000] for x in w if x != "UNEXPLAINED"), sep="\n  ")
print(f"{len(wrong)} differences without an explanation" if wrong else "agreed")
sys.exit(1 if wrong else 0)
