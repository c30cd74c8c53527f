# SPDX-License-Identifier: Apache-2.0
"""Scenarios: groups of named cases, each group in namespaces and a lab of its own."""
import contextlib
import importlib
import os
import time
import traceback

from .lab import Lab
from .proc import LabError

# group: (module, seconds it may take, builds and pages it needs beside the normal ones)
GROUPS = {
    "register": ("scenario_register", 120, ()),
    "identity": ("scenario_identity", 300, ()),
    "signin": ("scenario_signin", 300, ()),
    "calls": ("scenario_calls", 180, ()),
    "why": ("scenario_why", 240, ()),
    "video": ("scenario_video", 180, ()),
    "data": ("scenario_data", 180, ()),
    "msrp": ("scenario_msrp", 120, ()),
    "files": ("scenario_files", 900, ()),
    "channels": ("scenario_channels", 900, ()),
    "t140": ("scenario_t140", 120, ()),
    "sipjs": ("scenario_sipjs", 500, ("snippets",)),
    "holds": ("scenario_holds", 240, ()),
    "long": ("scenario_long", 240, ()),
    "matrix": ("scenario_matrix", 300, ()),
    "aiortc": ("scenario_aiortc", 120, ()),
    "loss": ("scenario_loss", 200, ()),
    "path": ("scenario_path", 240, ()),
    "handshakes": ("scenario_handshakes", 900, ()),
    "megaco": ("scenario_megaco", 120, ()),
    "vhost": ("scenario_vhost", 120, ()),
    "workers": ("scenario_workers", 120, ()),
    "restart": ("scenario_restart", 200, ()),
    "kills": ("scenario_kills", 900, ()),
    "state": ("scenario_state", 420, ()),
    "load-asan": ("scenario_load", 600, ("asan",)),
    "load-tsan": ("scenario_load", 300, ("tsan",)),
}

BY_NAME = ("handshakes", "holds", "kills", "files", "channels")    # minutes long: not part of a run of everything
IQ_READ = ("calls", "video", "data", "msrp", "t140", "workers", "restart")     # tshark reads their Iq: each has procedures of its own
IQ_PORT = 2944


class Cases:
    """Prints one line a case; a failing case does not stop the next one."""

    def __init__(self, group):
        self.group, self.failed = group, 0

    @contextlib.contextmanager
    def case(self, name):
        began = time.monotonic()
        try:
            yield
        except (LabError, AssertionError, OSError, RuntimeError, KeyError, ValueError) as e:
            self.failed += 1
            where = traceback.extract_tb(e.__traceback__)[-1]
            text = " ".join(str(e).split()) or f"{type(e).__name__} in {where.name}:{where.lineno} {where.line}"
            print(f"FAIL lab/{self.group}/{name} {text}", flush=True)
        else:
            print(f"PASS lab/{self.group}/{name} ({time.monotonic() - began:.1f} s)", flush=True)


def check(condition, text):
    """An assertion that says what was seen."""
    if not condition:
        raise AssertionError(text)


class Setting:
    """What a scenario gets: a way to make labs, a place for files."""

    def __init__(self, group, root, build, work):
        self.root, self.build, self.work = root, build, work
        self.cases = Cases(group)
        self.labs = []

    def lab(self, build=None, page="wic", **options):
        self.labs.append(Lab(self.root, build or self.build, os.path.join(self.work, f"lab{len(self.labs) + 1}"),
                             wic_dir=os.path.join(self.build, page), **options))
        if self.cases.group in IQ_READ:
            self.labs[-1].iq = self.labs[-1].capture("lo", "iq", f"udp port {IQ_PORT}")
        return self.labs[-1]

    def iq_read(self):
        """Every message between the two processes is one to tshark, too."""
        seen = [lab.iq.h248_complaints(IQ_PORT) for lab in self.labs if lab.iq]
        bad = [b for _, bad in seen for b in bad]
        check(all(n >= 8 for n, _ in seen) and not bad, f"{[n for n, _ in seen]} packets, tshark complains of {bad[:5]}")
        return sum(n for n, _ in seen)


def run_group(name, root, build, work):
    module = importlib.import_module(f"lab.{GROUPS[name][0]}")
    setting = Setting(name, root, build, work)
    try:
        module.run(setting)
        if name in IQ_READ:
            with setting.cases.case("tshark_reads_all_of_iq"):
                print(f"     {setting.iq_read()} packets of Iq", flush=True)
    except (LabError, OSError, KeyError, ValueError) as e:
        setting.cases.failed += 1
        traceback.print_exc()
        print(f"FAIL lab/{name}/lab {' '.join(str(e).split())}", flush=True)
    return 1 if setting.cases.failed else 0
