# SPDX-License-Identifier: Apache-2.0
"""Namespaces and interfaces of the lab."""
import os
import sys

from .proc import sh, wait_until

ACCESS = {"name": "w2acc", "addresses": ["192.0.2.1/24", "2001:db8:1::1/64"]}
CORE = {"name": "w2core", "addresses": ["10.20.0.1/24", "10.20.0.2/24"]}
MARK = "W2GW_LAB_INSIDE"


def inside():
    return os.environ.get(MARK) == "1"


def enter(argv):
    """Starts over in own network, mount and process namespaces; all of them end with this process."""
    os.environ[MARK] = "1"
    os.execvp("unshare", ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
                          "--propagation", "private", sys.executable, *argv])


def settle():
    """First thing inside: own /run (sockets of DPDK, w2gwctl, Kamailio) and a loopback."""
    sh("mount", "-t", "tmpfs", "tmpfs", "/run")
    os.makedirs("/run/w2gw", exist_ok=True)
    sh("ip", "link", "set", "lo", "up")


def make_tap(link):
    """
    A tap that outlives the gateway, so that the host's addresses stay while the gateway is restarted.
    net_tap attaches to it by name.
    """
    name = link["name"]
    sh("ip", "link", "del", name, check=False)
    sh("ip", "tuntap", "add", "dev", name, "mode", "tap", "multi_queue")
    for setting in ("accept_dad=0", "accept_ra=0", "keep_addr_on_down=1"):  # net_tap takes the link down at its end
        sh("sysctl", "-qw", f"net.ipv6.conf.{name}.{setting}", check=False)
    for address in link["addresses"]:
        sh("ip", "addr", "add", address, "dev", name, *(["nodad"] if ":" in address else []))
    sh("ip", "link", "set", name, "up")


def drop_tap(link):
    sh("ip", "link", "del", link["name"], check=False)


def wait_carrier(link, timeout_s=10):
    """A tap has carrier once the gateway holds its other end."""
    wait_until(f"carrier of {link['name']}",
               lambda: "LOWER_UP" in sh("ip", "-o", "link", "show", link["name"], check=False), timeout_s)
