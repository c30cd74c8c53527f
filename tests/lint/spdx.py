#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every source file carries its licence in one line near the top; no path of a developer's machine."""
import os, sys

ROOT = sys.argv[1]
bad = []
for d, dirs, files in os.walk(ROOT):
    dirs[:] = [x for x in dirs if x not in (".git", "node_modules", "corpus", "state") and not x.startswith("build")]
    for f in files:
        if not f.endswith((".c", ".h", ".py", ".sh", ".build", ".yaml", ".in", ".cfg", ".js", ".mjs", ".css", ".html", ".service")) and \
                f not in ("run",):
            continue
        path = os.path.join(d, f)
        text = open(path, errors="replace").read()
        rel = os.path.relpath(path, ROOT)
        if text and "SPDX-License-Identifier: Apache-2.0" not in "".join(text.splitlines(True)[:4]) and f != "accounts.in":
            bad.append(f"{rel}: no SPDX line")
        if "/work/" + "main" in text:
            bad.append(f"{rel}: path of a developer's machine")
print("\n".join(bad) or "every file is marked")
sys.exit(1 if bad else 0)
