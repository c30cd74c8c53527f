# SPDX-License-Identifier: Apache-2.0
"""./run test: meson's tests and the scenarios of the lab, one line a test, one sum at the end."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

from . import setup
from .proc import LabError
from .scenarios import BY_NAME, GROUPS

MESON_SUITES = ("unit", "golden", "func", "fuzz", "lint", "long")
SANITIZERS = {
    "asan": (("-Db_sanitize=address,undefined", "-Db_lundef=false"), ("dataplane/eimsagw", "control/epcscf")),
    "tsan": (("-Db_sanitize=thread", "-Db_lundef=false"), ("control/epcscf",)),
}
# These mostly wait, for timers that are the point of them: they run beside the other groups.
WAITING = ("long", "loss", "why", "path")
# What a group needs beside the two processes: page: (sources, what else it is made of)
PAGES = {
    "snippets": ("tests/func/lab/browser/sipjs", ("docs/w2.md", "control/web/wic/src/tone.js", "control/web/wic/src/stats.js")),
}
NEEDS = ("chromium", "kamailio", "baresip", "tcpdump", "tshark", "node", "unshare", "ip", "escript")
MESON_LINE = re.compile(r"^\s*\d+/\d+\s+(.*?)\s+(OK|FAIL|SKIP|TIMEOUT|ERROR|EXPECTEDFAIL|UNEXPECTEDPASS)\s+([\d.]+)s")
PASSING = ("OK", "EXPECTEDFAIL")


def names():
    return [*MESON_SUITES, "lab", *(f"lab/{g}" for g in GROUPS)]


class Sum:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.lock = threading.Lock()

    def show(self, verdict, name, note=""):
        with self.lock:
            if verdict == "PASS":
                self.passed += 1
            elif verdict == "SKIP":
                self.skipped += 1
            else:
                self.failed += 1
            done = self.passed + self.failed + self.skipped
            print(f"[{done:3}] {verdict} {name}{' ' + note if note else ''}", flush=True)


def meson_tests(folder, wanted, total):
    argv = ["meson", "test", "-C", folder, "--no-rebuild", "--num-processes", str(os.cpu_count() or 1)]
    for suite in wanted:
        argv += ["--suite", suite]
    seen = 0
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as p:
        for text in p.stdout:
            m = MESON_LINE.match(text)
            if not m:
                continue
            seen += 1
            name = m.group(1).split(":")[-1].strip().replace(" / ", "/")
            verdict = "PASS" if m.group(2) in PASSING else "SKIP" if m.group(2) == "SKIP" else "FAIL"
            total.show(verdict, name, f"({m.group(3)} s)" if verdict != "FAIL" else f"{m.group(2)} ({m.group(3)} s)")
    if not seen:
        total.show("FAIL", "meson", "ran no test")
    if p.returncode:
        show_failures(os.path.join(folder, "meson-logs", "testlog.json"))


def show_failures(path):
    """The last words of each failed test, so that nobody has to look for the log."""
    try:
        with open(path, encoding="utf-8") as f:
            tests = [json.loads(text) for text in f if text.strip()]
    except (OSError, ValueError):
        return
    for t in tests:
        if t["result"] in PASSING or t["result"] == "SKIP":
            continue
        words = (t.get("stdout") or "").splitlines() + (t.get("stderr") or "").splitlines()
        print(f"---- {t['name']}: {t['result']}")
        print("\n".join(f"     {w}" for w in words[-15:]), flush=True)


def build_ahead(root, folder, kinds):
    """The builds with sanitizers, while scenarios leave the CPUs idle. What fails here is told when it is needed."""
    def work():
        for kind in kinds:
            options, targets = SANITIZERS[kind]
            try:
                setup.build(root, f"{folder}-{kind}", options, targets, before=("chrt", "-i", "0"))
            except LabError:
                return
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def group(root, folder, work, name, total, ahead):
    """One group in its own namespaces; its lines are passed on as they come."""
    _, limit_s, builds = GROUPS[name]
    for kind in builds:
        if kind in SANITIZERS:
            ahead.join()
        if kind in PAGES:
            setup.build_page(root, folder, kind, *PAGES[kind])
        else:
            options, targets = SANITIZERS[kind]
            setup.build(root, f"{folder}-{kind}", options, targets)
    mine = os.path.join(work, name)
    os.makedirs(mine, exist_ok=True)
    seen = failed = 0
    with open(os.path.join(mine, "stderr"), "w", encoding="utf-8") as err, subprocess.Popen(
            [sys.executable, os.path.join(root, "run"), "group", name, folder, mine], stdout=subprocess.PIPE,
            stderr=err, text=True, start_new_session=True) as p:
        timer = threading.Timer(limit_s, lambda: os.killpg(p.pid, signal.SIGKILL))
        timer.start()
        try:
            for text in p.stdout:
                verdict, _, rest = text.rstrip().partition(" ")
                if verdict in ("PASS", "FAIL", "SKIP"):
                    seen += 1
                    failed += verdict == "FAIL"
                    case, _, note = rest.partition(" ")
                    total.show(verdict, case, note)
                elif verdict == "NOTE":
                    print(f"      {rest}", flush=True)
        finally:
            alive = timer.is_alive()
            timer.cancel()
    if not alive:
        total.show("FAIL", f"lab/{name}", f"not done within {limit_s} s")
    elif not seen or p.returncode not in (0, 1) or bool(p.returncode) != bool(failed):
        total.show("FAIL", f"lab/{name}", f"ended with status {p.returncode}, see stderr in its folder")


def run(root, folder, work, wanted, say):
    """@return True when nothing failed"""
    known = names()
    for name in wanted:
        if name not in known:
            raise LabError(f"no suite {name}: {', '.join(known)}")
    total = Sum()
    suites = [s for s in MESON_SUITES if not wanted or s in wanted]
    groups = [g for g in GROUPS if f"lab/{g}" in wanted or (g not in BY_NAME and (not wanted or "lab" in wanted))]
    if suites:
        say(f"meson tests: {', '.join(suites)}")
        meson_tests(folder, [] if not wanted else suites, total)
    absent = [n for n in NEEDS if groups and not shutil.which(n)]
    kinds = [] if absent else [k for g in groups for k in GROUPS[g][2] if k in SANITIZERS]
    ahead = build_ahead(root, folder, kinds)

    def lane(these):
        for name in these:
            if absent:
                total.show("SKIP", f"lab/{name}", f"missing: {', '.join(absent)}")
                continue
            say(f"scenarios lab/{name}, at most {GROUPS[name][1]} s")
            try:
                group(root, folder, work, name, total, ahead)
            except LabError as e:
                total.show("FAIL", f"lab/{name}", str(e).splitlines()[-1])

    waiting = threading.Thread(target=lane, args=([g for g in groups if g in WAITING],))
    waiting.start()
    lane([g for g in groups if g not in WAITING])
    waiting.join()
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped", flush=True)
    return total.failed == 0 and total.passed > 0
