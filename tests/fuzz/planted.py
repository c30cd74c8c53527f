#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Can each fuzz target find something? One bug at a time is put into a copy of the sources; the target, fed with its corpus, has
to report it within a minute.

    tests/fuzz/planted.py DIR [TARGET...]

DIR is made, and kept: a second run builds only what differs. Needs clang. Exit status 1: a bug was not found, or no longer fits."""
import os, shutil, subprocess, sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SECONDS = 60

# target, file, what stands there, the bug
PLANTED = [
    ("sip", "proto/sip/msg.c", "p->m->consumed = head_len + len;", "p->m->consumed = head_len + len + 1;"),
    ("uri", "proto/sip/uri.c", "u.headers = gw_sv_sub(rest, i + 1, rest.len);", "u.headers = gw_sv(rest.p + i + 1, rest.len - i);"),
    ("uri", "proto/sip/uri.c", "n == SIP_URI_MAX_PARAMS", "n == SIP_URI_MAX_PARAMS + 1"),
    ("via", "proto/sip/via.c", "v.branch = p.value;", "v.branch = gw_sv(p.value.p, p.value.len + 1);"),
    ("addr", "proto/sip/param.c", "*list = gw_sv_sub(*list, i + 1, list->len);", "*list = gw_sv_sub(*list, i, list->len);"),
    ("digest", "proto/sip/digest.c", "if (name_id(p.name) >= P_INTEGRITY)", "if (name_id(p.name) > P_INTEGRITY)"),
    ("bearer", "proto/sip/bearer.c", '(c && strchr("-._~+/", c))', '(c && strchr("-._~+/;", c))'),
    ("jwt", "control/token/identity.c", "v.len > CP_IMS_ID_MAX_BYTES || !cp_conf_is_quotable(v)", "v.len > CP_IMS_ID_MAX_BYTES"),
    ("jwt", "control/token/jwt.c", "jws_verify(j->jws, jwk, NULL))\n\t\t\treturn true;\n\treturn false;", "jws_verify(j->jws, jwk, NULL))\n\t\t\treturn true;\n\treturn true;"),
    ("http", "control/transport/http_head.c", "if (lf == 0 || lf == s.len", "if (lf == s.len"),
    ("http", "control/transport/http_head.c", "return !(h->has_length && h->has_encoding);", "return true;"),
    ("form", "control/waf/form.c", "i + 2 >= in.len", "i + 1 >= in.len"),
    ("reginfo", "control/sip/reginfo.c", "if (c->uri.len == 0)", "if (c->uri.len > CP_REGINFO_TEXT_BYTES)"),
    ("h248", "proto/h248/text.c", "while (x->i < x->s.len && x->s.p[x->i] != '\"') {", "while (x->s.p[x->i] != '\"') {"),
    ("iq", "proto/h248/text.c", "while (x->i < x->s.len && x->s.p[x->i] != '\"') {", "while (x->s.p[x->i] != '\"') {"),
    ("dcep", "proto/dcep/dcep.c", "message.len != OPEN_BYTES + label_len + protocol_len", "message.len < OPEN_BYTES + label_len + protocol_len"),
    ("msrp", "proto/msrp/bridge.c", "rest < b->conf.channel_max ? b->conf.channel_max - rest : 0", "b->conf.channel_max"),
    ("t140", "proto/t140/rtp_in.c", "pad == 0 || pad > body.len", "pad == 0"),
    ("tpkt", "proto/iq/tpkt.c", "if (in.len < n)", "if (in.len + 1 < n)"),
]


def run(*argv, **k):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **k)


def prepare(work):
    """A copy of the sources of today, and a build of it. Files that are the same keep their time."""
    src, build = f"{work}/src", f"{work}/build"
    for top in ("bench", "configs", "control", "dataplane", "docs", "net", "proto", "tests"):
        for folder, _, names in os.walk(f"{ROOT}/{top}"):
            there = folder.replace(ROOT, src, 1)
            os.makedirs(there, exist_ok=True)
            for name in names:
                a, b = f"{folder}/{name}", f"{there}/{name}"
                if not os.path.exists(b) or open(a, "rb").read() != open(b, "rb").read():
                    shutil.copy(a, b)
    for name in ("meson.build", "meson_options.txt"):
        shutil.copy2(f"{ROOT}/{name}", src)
    if not os.path.exists(f"{build}/build.ninja"):
        done = run("meson", "setup", build, src, "-Dwic=false", "-Dfuzzing=true", "-Db_sanitize=address,undefined", "-Db_lundef=false",
                   env={**os.environ, "CC": "clang"})
        if done.returncode:
            sys.exit(done.stdout[-2000:])
    return src, build


def is_found(src, build, target, path, good, bad):
    """@return what was reported; "": nothing; None: the bug does not fit the source any more"""
    text = open(f"{src}/{path}").read()
    if text.count(good) != 1:
        return None
    try:
        open(f"{src}/{path}", "w").write(text.replace(good, bad))
        done = run("ninja", "-C", build, f"tests/fuzz/{target}_fuzz")
        if done.returncode:
            sys.exit(done.stdout[-2000:])
        work = f"{build}/corpus-{target}"
        os.makedirs(work, exist_ok=True)
        done = run(f"{build}/tests/fuzz/{target}_fuzz", f"-max_total_time={SECONDS}", "-timeout=10", "-artifact_prefix=" + work + "/found-",
                   work, f"{src}/tests/fuzz/corpus/{target}")
        shutil.rmtree(work)
        line = [x for x in done.stdout.splitlines() if "ERROR: " in x or "runtime error: " in x]
        return line[0].split("ERROR: ")[-1][:80] if done.returncode and line else ""
    finally:
        open(f"{src}/{path}", "w").write(text)


def main():
    src, build = prepare(os.path.abspath(sys.argv[1]))
    failed = False
    for target, path, good, bad in PLANTED:
        if len(sys.argv) > 2 and target not in sys.argv[2:]:
            continue
        found = is_found(src, build, target, path, good, bad)
        failed |= not found
        print(f"{'PASS' if found else 'FAIL'} {target}: {bad.strip()!r} in {path}: " +
              ("the source has changed" if found is None else found or f"not found in {SECONDS} s"), flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main()
