# SPDX-License-Identifier: Apache-2.0
"""The home core of the lab: Kamailio with configs/lab/kamailio.cfg."""
import os
import shutil

from .proc import Proc, sh

CORE_IP, PCSCF_IP = "10.20.0.1", "10.20.0.2"


class Core:
    def __init__(self, root, work):
        self.dir = os.path.join(work, "core")
        os.makedirs(self.dir, exist_ok=True)
        self.config = os.path.join(root, "configs/lab/kamailio.cfg")
        self.proc = None

    def start(self):
        # Kamailio writes its tables back, and cannot read them again: an own copy of the empty ones for each run
        tables = os.path.join(self.dir, "dbtext")
        shutil.copytree("/usr/share/kamailio/dbtext/kamailio", tables, dirs_exist_ok=True)
        with open(os.path.join(tables, "pua"), "r+", encoding="utf-8") as f:
            f.readline()
            f.truncate(f.tell())
        self.proc = Proc("kamailio", [
            "kamailio", "-f", self.config, "-Y", self.dir, "-P", os.path.join(self.dir, "pid"),
            "-DD", "-E", "-m", "48", "-M", "8", "-A", f'CTL="unix:{self.dir}/ctl"',
            "-A", f'DBTEXT="text://{tables}"'], os.path.join(self.dir, "log"))
        self.proc.wait_line(r"ctl.*(listen|io_listen)|binding complete|ready", 15)

    def wait_ready(self, wait_until):
        wait_until("kamailio", lambda: "kamailio" in self.ctl("core.version", check=False), 15)

    def ctl(self, *command, check=True):
        return sh("kamcmd", "-s", f"unix:{self.dir}/ctl", *command, check=check)

    def bindings(self, user):
        """The registrar's own view of one user: a list of dicts (address, path, expires...)."""
        found, one, inside = [], None, False
        for line in self.ctl("ul.dump", check=False).splitlines():
            key, _, value = line.strip().partition(":")
            value = value.strip()
            if key == "AoR":
                inside = value == user
            elif key == "}":
                one = None
            elif inside and key == "Address":
                one = {"Address": value}
                found.append(one)
            elif inside and one is not None and value:
                one[key] = value
        return found

    def stop(self):
        if self.proc:
            self.proc.stop()
