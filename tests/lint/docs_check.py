#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/counters.md and docs/iq-names.md are generated from lists in the sources (--update writes them); docs/config.md names every
key of the annotated configurations, and no other."""
import os, re, sys

ROOT = sys.argv[1]
LISTS = [("epcscf: counters", "control/app/metrics.h", "CP_CTR_LIST"),
         ("epcscf: gauges", "control/app/metrics.h", "CP_GAUGE_LIST"),
         ("eimsagw: packets dropped by workers", "dataplane/fast/drop.h", "DP_DROP_LIST"),
         ("eimsagw: media control", "dataplane/ctx/context.h", "DP_CTX_CTR_LIST"),
         ("eimsagw: Iq", "dataplane/ctx/iq_server.h", "DP_IQ_CTR_LIST"),
         ("eimsagw: neighbours", "dataplane/slow/neigh.h", "DP_NEIGH_CTR_LIST")]


def counters():
    out = ["# Counters", "", "Generated from the sources by `tests/lint/docs_check.py --update`. epcscf shows them as "
           "`w2gw_epcscf_NAME` on /metrics", "and by `w2gwctl cscf show counters`; eimsagw by `w2gwctl agw show drops`.", ""]
    for title, path, name in LISTS:
        text = open(os.path.join(ROOT, path)).read()
        body = re.search(r"#define " + name + r"\(X\)(.*?)\n\n", text, re.S).group(1)
        out += [f"## {title}", "", "| name | counts |", "|---|---|"]
        out += [f"| `{n}` | {h} |" for n, h in re.findall(r'X\((\w+),\s*"([^"]*)"\)', body)]
        out.append("")
    return "\n".join(out)


def names():
    text = open(os.path.join(ROOT, "proto/iq/names.h")).read()
    kinds = {"EVENT": "Events", "SIGNAL": "Signals", "LOCAL": "Properties of LocalControl",
             "STATE": "Properties of TerminationState (root/* and ipra/*: of ROOT)", "STATISTIC": "Statistics"}
    values = {"NONE": "", "BOOL": "ON, OFF", "UINT": "0 to 4294967295", "U16": "0 to 65535", "DSCP": "hexadecimal, 00 to 3F",
              "PERCENT": "0 to 100", "DECIMAL": "number", "STRING": "text", "LIST": "texts"}
    rows = re.findall(r'X\((\w+), (\w+), (\w+), (\w+), "([^"]*)", "([^"]*)", "([^"]*)"\)', text)
    params = re.findall(r'X\((\w+), (\w+), "([^"]*)", (true|false), "([^"]*)", "([^"]*)"\)', text)
    out = ["# Names of Iq", "", "Generated from `proto/iq/names.h` by `tests/lint/docs_check.py --update`. The key `iq.names` of both "
           "configurations gives a", "logical name another text; the default is then still understood. Trust: **sure** names were read in "
           "the published text,", "**likely** ones are as the package is known, **open** ones could not be verified: compare them with the "
           "other vendor's", "documents first. **own** is the private package `xwrtc`, used only when the other end listed it.", ""]
    for kind, title in kinds.items():
        out += [f"## {title}", "", "| logical name | on the wire | value | trust |", "|---|---|---|---|"]
        for id, k, kind_of, trust, logical, name, alias in rows:
            if k != kind:
                continue
            also = f", also read: `{alias}`" if alias else ""
            out.append(f"| `{logical}` | `{name}`{also} | {values[kind_of]} | {trust.lower()} |")
            for owner, t, words, required, sub, pname in params:
                if owner == id:
                    value = words.replace(" ", ", ") or values[t]
                    out.append(f"| `{logical}.{sub}` | parameter `{pname}` | {value}{', required' if required == 'true' else ''} | "
                               f"{trust.lower()} |")
        out.append("")
    return "\n".join(out)


def keys(path):
    stack, found = [], set()
    for line in open(path):
        m = re.match(r"^(\s*)(- )?(\w+):", line)
        if not m or line.lstrip().startswith("#"):
            continue
        depth = len(m.group(1)) + (2 if m.group(2) else 0)
        stack = [(d, k) for d, k in stack if d < depth] + [(depth, m.group(3))]
        found.add(".".join(k for _, k in stack))
    return found


bad = []
for name, made in (("counters", counters()), ("iq-names", names())):
    path = os.path.join(ROOT, f"docs/{name}.md")
    if "--update" in sys.argv:
        open(path, "w").write(made)
    elif open(path).read() != made:
        bad.append(f"docs/{name}.md is not what the sources say; run tests/lint/docs_check.py . --update")
doc = open(os.path.join(ROOT, "docs/config.md")).read()
for conf in ("eimsagw", "epcscf"):
    section = doc.split(f"## {conf}.yaml")[1].split("\n## ")[0]
    named = set(re.findall(r"^\| `([\w.]+)` \|", section, re.M))
    have = keys(os.path.join(ROOT, f"configs/{conf}.yaml"))
    leaves = {k for k in have if not any(o.startswith(k + ".") for o in have)}
    bad += [f"docs/config.md: {conf}.yaml has {k}, the document has not" for k in sorted(leaves - named)]
    bad += [f"docs/config.md: {k} is not in configs/{conf}.yaml" for k in sorted(named - leaves)]
print("\n".join(bad) or "documents agree with the sources")
sys.exit(1 if bad else 0)
