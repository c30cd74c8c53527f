#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/counters.md, docs/iq-names.md and docs/iq-profile.md are generated from lists in the sources (--update writes them); docs/config.md names every
key of the annotated configurations, and no other."""
import glob, os, re, sys

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


PACKAGES = {"hangterm": "H.248.36", "g": "H.248.1 E.1", "tlsbsc": "H.248.90", "adid": "H.248.40", "ostuncc": "H.248.50", "stuncf": "H.248.50",
            "mgastuns": "H.248.50", "xwrtc": "private", "it": "H.248.14", "ocp": "H.248.11", "chp": "H.248.10", "ipra": "H.248.41 Am.1",
            "tcpbcc": "H.248.89", "sctpbcc": "H.248.97", "ecnrous": "H.248.82", "nt": "H.248.1 E.11", "rtp": "H.248.1 E.12",
            "ipnapt": "H.248.37", "ipdc": "H.248.41", "gm": "H.248.43", "tman": "H.248.53", "ds": "H.248.52", "rtcph": "H.248.57",
            "seplink": "H.248.92", "mgcbla": "H.248.78", "mgcinfo": "H.248.45", "mgroup": "H.248.96", "root": "H.248.1 E.2"}


def profile():
    """A row a package: what of it either end does, by what its sources name."""
    def sources(*folders):
        return "".join(open(f).read() for d in folders for f in glob.glob(os.path.join(ROOT, d, "*.c")))

    rows = re.findall(r'X\((\w+), (\w+), \w+, (\w+), "[^"]*", "([^"]*)/([^"]*)", "[^"]*"\)', open(os.path.join(ROOT, "proto/iq/names.h")).read())
    fields = dict(re.findall(r"X\((\w+), (\w+)\)", open(os.path.join(ROOT, "proto/iq/iq.h")).read()))
    agw = sources("dataplane/ctx")
    undone = set(re.findall(r"IQ_\w+", re.search(r"undone\[\] = \{(.*?)\};", agw, re.S)[1]))
    # an audit tells them all, a plan does them
    plan = sources("dataplane/ctx").replace(open(os.path.join(ROOT, "dataplane/ctx/iq_audit.c")).read(), "")
    listed = dict(re.findall(r'GW_SV_INIT\("(\w+)-(\d+)"\)', agw))

    def does(text, id):
        return bool(re.search(rf"\bIQ_{id}\b", text) and f"IQ_{id}" not in undone) or \
            bool(id in fields and f"IQ_{id}" not in undone and re.search(rf"(?:->|\.){fields[id]}\b", plan if text is agw else text))

    alg = sources("control/alg", "control/iq")
    out = ["# Profile of Iq", "", "What each end does of the packages of TS 29.334. Generated from the sources by `tests/lint/docs_check.py --update`.",
           "eimsagw lists the packages it has a version of when ROOT is audited; what it does not do it refuses: 440 package, 445 and 450", "properties, "
           "451 and 512 events, 452 and 513 signals. epcscf orders what is said here and understands the rest; a gateway that",
           "does not list a package is not asked for it where it is optional. [iq-names.md](iq-names.md) has the values and parameters.", "",
           "| package | defined in | eimsagw | what eimsagw does | what it does not | what epcscf uses |", "|---|---|---|---|---|---|"]
    for pkg in dict.fromkeys(r[3] for r in rows):
        own = [(id, kind, name) for id, kind, _, p, name in rows if p == pkg]
        done = [n for id, _, n in own if does(agw, id)] if pkg in listed else []
        cells = [", ".join(f"`{n}`" for n in x) for x in (done, [n for _, _, n in own if n not in done],
                                                          [n for id, _, n in own if does(alg, id)])]
        out.append(f"| `{pkg}` | {PACKAGES.get(pkg, '')} | {'version ' + listed[pkg] if pkg in listed else 'not supported'} | {' | '.join(cells)} |")
    return "\n".join(out + [""])


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
for name, made in (("counters", counters()), ("iq-names", names()), ("iq-profile", profile())):
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
