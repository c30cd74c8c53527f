#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Our H.248 text codec against Erlang/OTP's megaco, an implementation nobody here wrote.
oracle.py EMIT [MADE [MUTATED]]: legal messages made by chance are read by it, and what it encodes again, compact and
pretty, is read by us and means the same; of mutated messages both read or both refuse all but the few classes of
docs/decisions/012-h248-against-megaco.md. The counts are printed; a share above the known one is a failure."""
import collections, glob, os, re, shutil, subprocess, sys, tempfile

EMIT, HERE = sys.argv[1], os.path.dirname(os.path.abspath(__file__))
MADE, MUTATED = (int(a) for a in (sys.argv[2:] + ["1500", "1500"][len(sys.argv) - 2:]))
if not shutil.which("escript") or not glob.glob("/usr/lib/erlang/lib/megaco-*"):
    print("SKIP erlang-megaco is missing")
    sys.exit(77)


def both(d, kind, n, how):
    subprocess.run([EMIT, kind, str(n), f"{d}/in"], check=True)
    subprocess.run(["escript", os.path.join(HERE, "oracle.escript"), f"{d}/in", f"{d}/back"], check=True)
    return subprocess.run([EMIT, how, f"{d}/in", f"{d}/back"], capture_output=True, check=True)


bad = []
with tempfile.TemporaryDirectory() as d:
    r = both(d, "made", MADE, "same")
    last = r.stdout.decode(errors="replace").strip().split("\n")[-1]
    print("made:", last)
    n = {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", last)}
    # 012: its own encoder fails on some of what it read, and leaves out some of what it understood
    bad += [f"{k}: {n[k]} of {MADE}" for k, most in (("refused", 0.004), ("unread", 0.002), ("broken", 0.03), ("other", 0.02))
            if n[k] > most * MADE]
    r = both(d, "mutated", MUTATED, "verdicts")
    print("mutated:", r.stderr.decode().strip())
    classes = collections.Counter()
    for line in r.stdout.decode(errors="replace").split("\0"):
        if line:
            who, what = line.split("\t")[:2]
            classes[f"we read, megaco refuses" if who == "WE" else f"megaco reads, we refuse: {what}"] += 1
    for k, v in classes.most_common():
        print(f"  {v:6} {k}")
    if sum(classes.values()) > 0.12 * MUTATED:
        bad.append("verdicts differ more often than known")
print("\n".join(bad) or "agreed")
sys.exit(1 if bad else 0)
