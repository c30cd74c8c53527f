# SPDX-License-Identifier: Apache-2.0
"""
Ports as a virtual machine or a container has them: the access side on virtio-user, the core side on vhost-user. A wire
(wire/wire.c) joins the far end of each to the tap of the lab.
"""
import os

from . import call as calls
from . import ns
from .gateway import Eimsagw
from .proc import LabError, Proc, sh, wait_until
from .scenario_calls import heard_both, same
from .scenarios import check

ACCESS_SOCK, CORE_SOCK = "/run/w2gw/access.sock", "/run/w2gw/core.sock"    # short: sun_path has 108 bytes
DEVICES = {'"net_tap0,iface=w2acc"': f'"net_virtio_user0,path={ACCESS_SOCK},mac=02:00:00:00:77:01"',
           '"net_tap1,iface=w2core"': f'"net_vhost0,iface={CORE_SOCK}"'}
# net_virtio gives a sent buffer back only when its ring is nearly full: that many may lie there for ever.
TX_DESCRIPTORS = 512


class Wire(Proc):
    def __init__(self, build, work, name, device, tap):
        binary = os.path.join(build, "tests/func/lab/wire/wire")
        core = min(os.sched_getaffinity(0))
        super().__init__(f"wire {name}", [
            binary, "--lcores", f"0@{core}", "-m", "128", "--no-huge", "--no-pci", "--no-telemetry", "--file-prefix",
            f"wire-{name}", "--vdev", device, "--vdev", f"net_tap0,iface={tap}"], os.path.join(work, f"wire-{name}.log"))
        self.wait_line("wire ready", 15)


class VhostEimsagw(Eimsagw):
    """One wire is there before the gateway (it connects), one after it (it listens)."""

    def __init__(self, root, build, work, **options):
        super().__init__(root, build, work, **options)
        self.build, self.work, self.wires = build, work, []
        with open(self.config, encoding="utf-8") as f:
            text = f.read()
        for tap, device in DEVICES.items():
            if tap not in text:
                raise LabError(f"{self.config} has no {tap}")
            text = text.replace(tap, device)
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(text)

    def start(self, timeout_s=30):
        self.wires = [Wire(self.build, self.work, "access", f"net_vhost0,iface={ACCESS_SOCK}", "w2acc")]
        super().start(timeout_s)
        wait_until("the socket of the core side", lambda: os.path.exists(CORE_SOCK), 5)
        self.wires.append(Wire(self.build, self.work, "core", f"net_virtio_user0,path={CORE_SOCK}", "w2core"))

    def stop(self):
        status = super().stop()
        for wire in self.wires:
            wire.stop()
        return status


def run(setting):
    case = setting.cases.case
    with setting.lab() as lab:
        lab.agw = VhostEimsagw(lab.root, lab.build, lab.work)
        with case("gateway_starts_on_virtio_user_and_vhost_user_ports"):
            lab.start()
            started = [m.group(1) for m in lab.agw.proc.find(r"port\.started.*device=(net_\w+)")]
            check(started == ["net_virtio_user0", "net_vhost0"], f"ports: {started}")
        base = lab.base_line()
        browser = lab.browser()
        with case("browser_calls_phone"):
            heard_both(calls.outgoing(lab, browser, lab.phones["bob"], 3))
        with case("phone_calls_browser"):
            heard_both(calls.incoming(lab, browser, lab.phones["bob"], 3))
        with case("ipv6_on_the_access_side"):
            browser.stop()
            sh("ip", "addr", "del", ns.ACCESS["addresses"][0], "dev", ns.ACCESS["name"])
            browser = lab.browser(ipv6=True)
            heard_both(calls.outgoing(lab, browser, lab.phones["bob"], 2))
        with case("nothing_is_left"):
            wait_until(f"base line, {base} before, {lab.base_line()} after",
                       lambda: same(base, lab.base_line(), TX_DESCRIPTORS), 30)
