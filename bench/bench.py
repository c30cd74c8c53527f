# SPDX-License-Identifier: Apache-2.0
"""./run bench NAME: runs a benchmark, prints its table, writes build/bench/NAME.json and .svg, ends with RESULT lines."""
import importlib
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from lib import programs, stats  # noqa: E402  pylint: disable=wrong-import-position
from lib.machine import hugepages, identity, in_front  # noqa: E402  pylint: disable=wrong-import-position

NAMES = {"fastpath": 2400, "latency": 2400, "duel": 0, "dtls": 2400, "datachannel": 2400, "iq": 0, "signalling": 0, "video": 2400}    # name: MB of hugepages


def say(text):
    sys.stderr.write(f"bench: {text}\n")
    sys.stderr.flush()


def draw(doc, path):
    """Bars by gnuplot; without it there is no picture, and a word about it."""
    chart = doc.get("chart")
    if not chart:
        return
    data = "\n".join(" ".join([f'"{row[0]}"', *(f"{v:.1f}" for v in row[1:])]) for row in chart["rows"])
    plots = ", ".join(f"$d using {i + 2}:xtic(1) title '{name}'" for i, name in enumerate(chart["columns"]))
    script = (f"set terminal svg size 900,480 dynamic background rgb 'white'\nset output '{path}'\nset title '{chart['title']}'\n"
              f"set style data histograms\nset style fill solid 0.7\nset yrange [0:*]\nset grid ytics\nset xtics rotate by -30\n"
              f"$d << EOD\n{data}\nEOD\nplot {plots}\n")
    try:
        subprocess.run(["gnuplot"], input=script, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as e:
        say(f"no chart: {e}")


def main(root, build, name, options):
    """@return exit status"""
    out_dir = os.path.join(build, "bench", "results")
    os.makedirs(out_dir, exist_ok=True)
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as e:
        say(f"no benchmark {name}: {e}" if e.name == name else f"{name} needs the Python module {e.name}")
        return 1
    try:
        old = stats.load(options.compare) if options.compare else None
    except (OSError, ValueError) as e:
        say(f"{options.compare} is not to be read: {e}")
        return 2
    why_not = stats.refusal(old, name, identity(build)) if old else None
    if why_not:         # before minutes are spent on it
        say(f"{options.compare}: {why_not}")
        return 2
    try:
        with hugepages(NAMES[name]), in_front():
            doc = module.run(root, build, out_dir, options, say)
    except programs.BenchError as e:
        say(str(e))
        return 1
    path = os.path.join(out_dir, f"{name}.json")
    moved = stats.compare(old, doc) if old else []
    with open(path, "w", encoding="utf-8") as f:
        json.dump(doc, f, indent=1)
    draw(doc, os.path.join(out_dir, f"{name}.svg"))
    print(doc["text"])
    if doc["steal_percent"] > 1:
        print(f"steal was {doc['steal_percent']:.1f} %: the host was busy, trust ratios only")
    for row in moved:
        print(f"compared: {row}")
    print(f"written: {os.path.relpath(path, root)}")
    for key, value in doc["results"].items():
        print(f"RESULT {key} {value:.4g}" if abs(value) < 1e4 else f"RESULT {key} {value:.0f}")
    return 0
