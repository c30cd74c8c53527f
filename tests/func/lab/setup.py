# SPDX-License-Identifier: Apache-2.0
"""Installing packages and building, with progress that a person can follow."""
import os
import re
import shutil
import subprocess
import sys

from .proc import LabError

POLICY = "/usr/sbin/policy-rc.d"


def line(text, done=False):
    """One line that is rewritten on a terminal and only ended on a pipe."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}{chr(10) if done else ''}")
    elif done:
        sys.stderr.write(text + "\n")
    sys.stderr.flush()


def wanted(root):
    with open(os.path.join(root, "configs/lab/packages.txt"), encoding="ascii") as f:
        names = [text.strip() for text in f if text.strip() and not text.startswith("#")]
    if node_version() >= 18 and shutil.which("npm"):
        names = [n for n in names if n not in ("nodejs", "npm")]
    return names


def node_version():
    try:
        text = subprocess.run(["node", "--version"], stdout=subprocess.PIPE, text=True, check=False).stdout
        return int(text.lstrip("v").split(".")[0])
    except (OSError, ValueError):
        return 0


def missing(names):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *names],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    there = {row.split()[0] for row in done.stdout.splitlines() if row.endswith(" installed")}
    return [n for n in names if n not in there]


def install(root):
    names = missing(wanted(root))
    if not names:
        line("packages: all there", True)
        return
    line(f"packages: {len(names)} to install: {' '.join(names)}", True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Kamailio's package would start a server of its own; the lab starts its own one.
    ours = not os.path.exists(POLICY)
    if ours:
        with open(POLICY, "w", encoding="ascii") as f:
            f.write("#!/bin/sh\nexit 101\n")
        os.chmod(POLICY, 0o755)
    try:
        apt(["apt-get", "-q", "update"], env, "package lists")
        apt(["apt-get", "-q", "-y", "--no-install-recommends", "install", *names], env, "packages")
    finally:
        if ours:
            os.unlink(POLICY)


def apt(argv, env, title):
    """Shows apt's own percentage; its words only when it fails."""
    read_fd, write_fd = os.pipe()
    argv = [argv[0], "-o", f"APT::Status-Fd={write_fd}", *argv[1:]]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env, pass_fds=[write_fd],
                          text=True) as p:
        os.close(write_fd)
        pid = os.fork()
        if pid == 0:    # reads the percentages, so that neither pipe can fill up
            with os.fdopen(read_fd, encoding="utf-8", errors="replace") as status:
                for text in status:
                    parts = text.strip().split(":", 3)
                    if len(parts) == 4 and re.match(r"[\d.]+$", parts[2]):
                        line(f"{title}: {float(parts[2]):3.0f} % {parts[3][:60]}")
            os._exit(0)
        os.close(read_fd)
        out = p.stdout.read()
        p.wait()
        os.waitpid(pid, 0)
    if p.returncode:
        raise LabError(f"{' '.join(argv[:1] + argv[3:5])} failed:\n{out[-3000:]}")
    line(f"{title}: done", True)


def run_shown(argv, title, log_path, cwd=None):
    """Runs a build step; each line of its output replaces the one before."""
    with open(log_path, "w", encoding="utf-8") as log, subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd) as p:
        last = []
        for text in p.stdout:
            log.write(text)
            last = (last + [text.rstrip()])[-30:]
            line(f"{title}: {text.strip()[:90]}")
    if p.returncode:
        line(f"{title}: failed", True)
        raise LabError("\n".join(last))
    line(f"{title}: done", True)


def build(root, folder, options=(), targets=(), env=None, before=()):
    """Configures when new, builds what is out of date; before: words before the commands, such as of nice."""
    os.makedirs(folder, exist_ok=True)
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        argv = ["meson", "setup", folder, root, "-Dwic=false", *options]
        run_shown([*before, "env", *(env or []), *argv], "configure", os.path.join(folder, "setup.log"))
    run_shown([*before, "ninja", "-C", folder, *targets], "build", os.path.join(folder, "build.log"))
    return folder


def build_page(root, folder, name="wic", src="control/web/wic", more=()):
    """Bundles a page into folder/name when it is older than its sources. more: what else it is made of"""
    out = os.path.join(folder, name)
    top = os.path.join(root, src)
    paths = [os.path.join(root, path) for path in more]
    paths += [os.path.join(d, f) for d, _, files in os.walk(top) for f in files]
    newest = max(os.path.getmtime(path) for path in paths)
    made = os.path.join(out, "index.html")
    if not os.path.exists(made) or os.path.getmtime(made) < newest:
        run_shown(["sh", os.path.join(root, "control/web/wic/build.sh"), top, os.path.join(folder, f"{name}-work"), out,
                   root], f"page {name}", os.path.join(folder, f"{name}.log"))
        os.utime(made)
    return out
