# SPDX-License-Identifier: Apache-2.0
"""The whole lab: interfaces, home core, phones, the two processes under test, browsers, captures."""
import os

from . import ns
from .browser import MICROPHONE_HZ, Browser
from .capture import Capture
from .path import GATE, Path
from .core import Core
from .gateway import ACCESS_V4, ACCESS_V6, W2_PORT, Eimsagw, Epcscf
from .phones import Phone
from .proc import wait_until


class Lab:
    """
    Parts start in start() and end in stop(), the last first. Nothing is shared with other labs as long as
    each has its own namespaces (ns.enter) and folder.
    """

    def __init__(self, root, build, work, wic_dir=None, say=None, with_path=False, **options):
        self.root, self.build, self.work = root, build, work
        self.wic_dir = wic_dir or os.path.join(build, "wic")
        self.say = say or (lambda text: None)
        agw = {k: v for k, v in options.items() if k in ("profile", "tokens", "log_level", "prefix")}
        agw.update({"access_tap": GATE} if with_path else {})
        cscf = {k: v for k, v in options.items() if k in (
            "listen", "dtls_role", "data", "bundle", "ice", "tokens", "guard_s", "log_level", "socket_path", "access_token_s",
            "issuers", "prefix")}
        os.makedirs(work, exist_ok=True)
        self.core = Core(root, work)
        self.agw = Eimsagw(root, build, work, **agw)
        self.cscf = Epcscf(root, build, work, self.wic_dir, **cscf)
        self.phones, self.browsers, self.captures, self.iq = {}, [], [], None
        self.with_path, self.path = with_path, None     # an access network that can be made bad

    def start(self, phones=("bob",)):
        self.say("interfaces w2acc, w2core")
        for link in (ns.ACCESS, ns.CORE):
            ns.make_tap(link)
        self.path = Path() if self.with_path else None
        self.say("media gateway eimsagw")
        self.agw.start()
        for link in (ns.ACCESS, ns.CORE):
            ns.wait_carrier(link)
        self.say("home core Kamailio")
        self.core.start()
        self.core.wait_ready(wait_until)
        self.say("session control epcscf")
        self.cscf.start()
        self.cscf.wait_gateway()
        for user in phones:
            self.say(f"phone {user}")
            self.phone(user)
        return self

    def phone(self, user, **options):
        number = len(self.phones) + 1
        phone = Phone(self.root, self.work, user, number, **options)
        self.phones[user] = phone
        phone.start()
        return phone

    def browser(self, user="alice", password=None, register=True, ipv6=False, tone_hz=MICROPHONE_HZ, host=None, **launch):
        browser = Browser(self.work, f"{user}{len(self.browsers)}", tone_hz)
        self.browsers.append(browser)
        browser.open(self.url(ipv6, host), **launch)
        if register:
            browser.register(user, password)
            browser.registered()
        return browser

    def url(self, ipv6=False, host=None):
        host = host or (f"[{ACCESS_V6}]" if ipv6 else ACCESS_V4)
        return f"https://{host}:{W2_PORT}/"

    def capture(self, interface, name=None, filter_=""):
        capture = Capture(os.path.join(self.work, f"{name or interface}-{len(self.captures)}.pcap"), interface, filter_)
        self.captures.append(capture)
        capture.start()
        return capture

    def base_line(self):
        """What must be the same before and after calls."""
        now = self.agw.show("summary")
        base = {k: now[k] for k in ("contexts", "terminations", "flows", "ports_in_use", "mbufs_in_use")}
        counters = self.cscf.counters()
        base.update({k: counters[k] for k in ("calls", "iq_contexts", "sip_dialogs")})
        return base

    def audit(self):
        """Three views of the same calls: SIP calls, H.248 contexts as both ends count them, flows."""
        now, counters = self.agw.show("summary"), self.cscf.counters()
        return counters["calls"], counters["iq_contexts"], now["contexts"], now["flows"]

    def wait_idle(self, timeout_s=10):
        wait_until("no call left in either process", lambda: not any(self.audit()), timeout_s)

    def stop(self):
        """@return {process: exit status} of the two under test"""
        for part in (*self.browsers, *self.captures, *self.phones.values()):
            part.stop()
        status = {"epcscf": self.cscf.stop()}
        self.core.stop()
        status["eimsagw"] = self.agw.stop()
        if self.path:
            self.path.stop()
        for link in (ns.ACCESS, ns.CORE):
            ns.drop_tap(link)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
