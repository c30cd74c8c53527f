#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What our H.248 encoder writes is read by Erlang/OTP's megaco, an implementation nobody here wrote:
the messages of the golden dialogues, requests and replies, in long and short tokens."""
import glob, os, re, shutil, subprocess, sys, tempfile

EMIT, HERE = sys.argv[1], os.path.dirname(os.path.abspath(__file__))
if not shutil.which("escript") or not glob.glob("/usr/lib/erlang/lib/megaco-*"):
    print("SKIP erlang-megaco is missing")
    sys.exit(77)
FILL = {"<fp>": "AA:BB:CC:DD", "<ufrag>": "abcd1234", "<pwd>": "abcdefghijklmnopqrstuvwx", "<ms>": "12", "<tid>": "77",
        "<second>": "2946"}
with tempfile.TemporaryDirectory() as d:
    os.makedirs(f"{d}/in")
    os.makedirs(f"{d}/out")
    n = 0
    for path in glob.glob(os.path.join(HERE, "../../golden/iq/*.expect")):
        for m in re.split(r"^(?:<<|>>) ", open(path).read(), flags=re.M)[1:]:
            for k, v in FILL.items():
                m = m.replace(k, v)
            m = re.sub(r"<[a-z]+(\d+)>", r"100\1", m).strip()
            if not m.startswith(("!", "MEGACO")) or m.endswith("C="):
                continue
            if "nonsense" in m or "MV=" in m or "T=7{" in m or "what/ever" in m \
                    or "/9 [" in m or "<600 " in m:
                continue    # requests that are wrong on purpose
            if "\\}" in m:
                continue    # read, but never written: a closing brace of a description has to be escaped
            n += 1
            open(f"{d}/in/m{n:03}", "w").write(m.replace("\n", "\r\n"))
    if subprocess.run([EMIT, f"{d}/in", f"{d}/out"]).returncode:
        sys.exit(1)
    files = sorted(glob.glob(f"{d}/out/*"))
    r = subprocess.run(["escript", os.path.join(HERE, "oracle.escript"), *files])
    sys.exit(1 if r.returncode or len(files) < 20 else 0)
