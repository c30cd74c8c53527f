#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/counters.md is generated from the counter lists (--update writes it); docs/config.md names every
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
path = os.path.join(ROOT, "docs/counters.md")
if "--update" in sys.argv:
    open(path, "w").write(counters())
elif open(path).read() != counters():
    bad.append("docs/counters.md is not what the sources say; run tests/lint/docs_check.py . --update")
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
