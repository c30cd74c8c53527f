#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom: the dependency picture of docs/architecture.md as data."""
import os, re, sys

ROOT = sys.argv[1]
LIBC = {"assert.h", "ctype.h", "dirent.h", "errno.h", "fcntl.h", "getopt.h", "inttypes.h", "limits.h", "math.h",
        "poll.h", "setjmp.h", "signal.h", "stdalign.h", "stdarg.h", "stdatomic.h", "stdbool.h", "stddef.h", "stdint.h",
        "stdio.h", "stdlib.h", "string.h", "time.h", "unistd.h"}
PURE = LIBC - {"poll.h", "fcntl.h", "unistd.h", "signal.h", "dirent.h", "getopt.h", "time.h"}
# folder -> (allowed project prefixes, allowed angle includes as patterns)
RULES = {
    "proto/base": ({"proto/base/"}, {"arpa/inet.h"}),
    "proto/conf": ({"proto/base/", "proto/conf/"}, {"yaml.h"}),
    "proto/iq": ({"proto/base/", "proto/h248/", "proto/sdp/", "proto/iq/"}, set()),
    "proto/t140": ({"proto/base/", "proto/rtp/", "proto/t140/"}, set()),
    "proto": ({"proto/base/", None}, set()),     # None: its own folder
    "net": ({"proto/base/", "proto/iq/", "net/"}, {"sys/", "netinet/", "linux/sctp.h"}),
    "control": ({"proto/", "net/", "control/"}, {"uv.h", "openssl/", "ares.h", "microhttpd.h", "wslay/", "jansson.h", "sys/", "netinet/",
                                        "arpa/inet.h", "expat.h", "sqlite3.h", "hiredis/", "cjose/", "curl/",
                                        "crypt.h", "termios.h"}),
    "control/sip": ({"proto/", "control/app/", "control/iq/client.h", "control/sip/", "control/state/", "control/token/", "control/transport/"},
                    {"ares.h", "expat.h", "jansson.h", "netinet/in.h", "openssl/", "sys/time.h"}),
    "dataplane/fast": ({"proto/base/", "proto/rtp/", "dataplane/fast/"}, {"rte_", "immintrin.h"}),
    "dataplane/backend": ({"proto/base/", "proto/rtp/", "dataplane/backend/", "dataplane/fast/record.h", "dataplane/fast/srtp.h"},
                          {"rte_", "srtp2/", "openssl/evp.h", "intel-ipsec-mb.h"}),
    "dataplane/slow": ({"proto/", "dataplane/slow/", "dataplane/fast/api.h", "dataplane/fast/srtp.h",
                        "dataplane/fast/record.h", "dataplane/fast/cksum.h", "dataplane/backend/srtp_kdf.h", "dataplane/backend/srtp_stream.h"},
                       {"openssl/", "stun/", "srtp2/", "usrsctp.h", "arpa/inet.h", "errno.h", "unistd.h", "rte_", "netinet/", "sys/"}),
    "dataplane/ctx": ({"proto/", "net/", "dataplane/ctx/", "dataplane/slow/", "dataplane/fast/api.h"},
                      {"rte_", "openssl/rand.h", "zlib.h", "sys/", "netinet/"}),
    "dataplane": ({"proto/", "net/", "dataplane/"}, {"rte_", "microhttpd.h", "arpa/inet.h", "sched.h", "sys/resource.h"}),
}
FORBIDDEN = {"dataplane/fast": {"stdlib.h"}, "dataplane": {"nice/agent.h", "glib.h"}}


def rule(path):
    folder = os.path.dirname(path)
    while folder:
        if folder in RULES:
            return folder
        folder = os.path.dirname(folder)
    return None


def check(path):
    bad, name = [], rule(path)
    if not name:
        return bad
    project, angle = RULES[name]
    for n, line in enumerate(open(os.path.join(ROOT, path)), 1):
        m = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not m:
            continue
        kind, target = m.groups()
        if kind == '"':
            own = os.path.dirname(path) + "/"
            ok = any(target.startswith(own if p is None else p) for p in project)
        else:
            libc = PURE if path.startswith("proto/") and name != "proto/conf" else LIBC
            ok = target in libc or any(target.startswith(p) for p in angle)
        if any(target in f for d, f in FORBIDDEN.items() if path.startswith(d)):
            ok = False
        if not ok:
            bad.append(f"{path}:{n}: may not include {target}")
    return bad


bad = []
for top in ("proto", "net", "control", "dataplane"):
    for d, dirs, files in os.walk(os.path.join(ROOT, top)):
        dirs[:] = [x for x in dirs if x != "node_modules"]
        for f in files:
            if f.endswith((".c", ".h")):
                bad += check(os.path.relpath(os.path.join(d, f), ROOT))
print("\n".join(bad) or "include rules hold")
sys.exit(1 if bad else 0)
