# SPDX-License-Identifier: Apache-2.0
"""Faults planted into calls of a real browser and a real phone: "w2gwctl why" has to name each."""
import contextlib
import json
import socket
import signal
import struct
import subprocess
import threading
import urllib.request

from . import ns
from .path import UP, kind_of
from .proc import sh, wait_until
from .scenarios import check

# Descriptions pass window.fault before the browser takes them, or after it made them; window.pc is the connection of the call.
HOOKS = """(() => {
	const Native = window.RTCPeerConnection;
	window.RTCPeerConnection = new Proxy(Native, { construct: (t, a) => (window.pc = new t(...a)) });
	const take = Native.prototype.setRemoteDescription;
	Native.prototype.setRemoteDescription = function (d) {
		return take.call(this, window.fault ? { type: d.type, sdp: window.fault(d.sdp) } : d);
	};
	const made = Object.getOwnPropertyDescriptor(Native.prototype, 'localDescription');
	Object.defineProperty(Native.prototype, 'localDescription', { get() {
		const d = made.get.call(this);
		return d && window.faultOut ? { type: d.type, sdp: window.faultOut(d.sdp) } : d;
	} });
})()"""

DIGEST = r"/(a=fingerprint:\S+ )(..)/g, (m, a, b) => a + (b === '00' ? '11' : '00')"

TO, FROM = ("OUTPUT", "-o"), ("INPUT", "-i")   # towards the gateway, from it
RTP = ("-m", "u32", "--u32", "0>>22&0x3C@8>>30=2")
LARGE = ("-m", "length", "--length", "300:")
THIRD = (*RTP, "-m", "statistic", "--mode", "nth", "--every", "3", "--packet", "0")
PACKET_OUTGOING = 4

# name, what is planted before the call (in the browser, or where UDP is lost), the rules that may name it
BEFORE = (
    ("checks_with_a_wrong_password", "window.fault = (s) => s.replace(/a=ice-pwd:\\S+/g, 'a=ice-pwd:' + 'x'.repeat(24))",
     ("ice-credentials",)),
    ("an_address_nobody_has", "window.fault = (s) => s.replace(/(a=candidate:.* udp \\d+ \\S+ )\\d+/gi, '$19')",
     ("ice-no-checks",)),
    ("the_fingerprint_of_another_certificate", f"window.fault = (s) => s.replace({DIGEST})",
     ("dtls-unfinished", "dtls-no-hello", "dtls-failed")),
    ("both_are_dtls_clients", "window.fault = (s) => s.replace(/a=setup:active/g, 'a=setup:passive')",
     ("dtls-unfinished", "dtls-failed", "dtls-no-hello")),
    ("a_firewall_before_the_gateway", (ns.ACCESS, TO, ()), ("ice-no-checks",)),
    ("a_firewall_before_the_browser", (ns.ACCESS, FROM, ()), ("ice-no-pair", "dtls-unfinished")),
    ("large_datagrams_are_lost", (ns.ACCESS, TO, LARGE), ("dtls-unfinished",)),
    ("no_media_of_the_browser", (ns.ACCESS, TO, RTP), ("browser-silent",)),
    ("no_media_of_the_core", (ns.CORE, TO, RTP), ("core-silent",)),
    ("a_third_of_the_cores_packets_is_lost", (ns.CORE, TO, THIRD), ("core-loss",)),
    ("a_number_that_no_codec_has", "window.fault = (s) => s.replace(/(m=audio \\d+ \\S+) .*/, '$1 127').replace(/a=(rtpmap|fmtp):.*\\r\\n/g, '')"
     ".replace('a=rtcp-mux', 'a=rtpmap:127 PCMA/8000\\r\\na=rtcp-mux')", ("not-agreed",)),
)


@contextlib.contextmanager
def lost(link, way, match):
    """UDP that matches is dropped on this link."""
    chain, option = way
    rule = (chain, option, link["name"], "-p", "udp", *match, "-j", "DROP")
    sh("iptables", "-A", *rule)
    try:
        yield
    finally:
        sh("iptables", "-D", *rule)


class Echo(threading.Thread):
    """Every RTP packet of the browser comes once more, its sequence number so much higher, and its tag therefore wrong."""
    def __init__(self, ahead):
        super().__init__(daemon=True)
        self.ahead, self.over = ahead, False
        self.link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.link.bind((ns.ACCESS["name"], 0))
        self.link.settimeout(0.2)

    def run(self):
        while not self.over:
            try:
                frame, (_, _, kind, *_) = self.link.recvfrom(2048)
            except TimeoutError:
                continue
            if kind == PACKET_OUTGOING and kind_of(frame, UP) == "rtp":
                self.link.send(self.once_more(bytearray(frame)))

    def once_more(self, frame):
        udp = 14 + (frame[14] & 15) * 4
        frame[udp + 6:udp + 8] = b"\0\0"      # no checksum: the kernel leaves it to a device
        sequence = int.from_bytes(frame[udp + 10:udp + 12], "big") + self.ahead
        frame[udp + 10:udp + 12] = (sequence & 0xffff).to_bytes(2, "big")
        return frame

    def __enter__(self):
        self.start()

    def __exit__(self, *_):
        self.over = True
        self.join(5)
        self.link.close()


class OtherServer(threading.Thread):
    """The phone's media come from another address than it has told."""
    def __init__(self, to):
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.s, self.to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), to
        self.s.bind((ns.CORE["addresses"][1].split("/")[0], 0))

    def run(self):
        n = 0
        while not self.over.wait(0.02):
            n += 1
            self.s.sendto(struct.pack(">BBHII", 0x80, 8, n & 0xffff, n * 160, 77) + bytes(160), self.to)

    def __enter__(self):
        self.start()

    def __exit__(self, *_):
        self.over.set()
        self.join(5)
        self.s.close()


def core_address(lab):
    """Where the core sends its media to."""
    host, port = next(s for s in why(lab)["streams"].values() if s["side"] == "core")["local"].rsplit(":", 1)
    return host, int(port)


def why(lab, who="sip:alice@home1.example"):
    """@return what it says, as JSON; None: no such call"""
    p = subprocess.run([lab.cscf.ctl, "why", who, "--json", "-s", lab.cscf.socket_path, "--agw",
                        f"/run/dpdk/{lab.agw.prefix}/dpdk_telemetry.v2"], capture_output=True, text=True, timeout=20)
    check(p.returncode in (0, 1), p.stderr)
    return json.loads(p.stdout) if p.returncode == 0 else None


def named(lab, rules, seconds=12):
    """Until one of these rules names the first cause."""
    seen = []

    def is_named():
        w = why(lab)
        seen.append([c["id"] for c in w["causes"]] if w else "no call")
        return w and w["causes"] and w["causes"][0]["id"] in rules
    try:
        wait_until(f"the cause {' or '.join(rules)}", is_named, seconds)
    except Exception as e:
        raise AssertionError(f"{e}; seen: {seen[-3:]}") from e


def page(lab, who="sip%3Aalice%40home1.example"):
    """@return the operator's page about the call, opened as an operator does"""
    p = subprocess.run([lab.cscf.ctl, "cscf", "page", "--json", "-s", lab.cscf.socket_path], capture_output=True, text=True, timeout=20)
    web = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    link = json.loads(p.stdout)["link"]
    with web.open(link, timeout=10) as first:
        return web.open(f"{first.geturl()}why?call={who}", timeout=10).read().decode()


def hang_up(lab, browser):
    if browser.state()["call"]["state"] != "ended":
        browser.do("click", selector="#hangup")
        browser.in_call("ended", 20)
    lab.wait_idle(20)


@contextlib.contextmanager
def called(lab, browser, target="bob", state="active"):
    browser.do("dial", target=target)
    try:
        browser.in_call(state, 20)
        yield
    finally:
        hang_up(lab, browser)


def run(setting):
    case = setting.cases.case
    with setting.lab() as lab:
        lab.start()
        bob, browser = lab.phones["bob"], lab.browser()
        browser.do("eval", code=HOOKS)
        for name, plant, rules in BEFORE:
            in_page = plant if isinstance(plant, str) else ""
            with case(name), contextlib.nullcontext() if in_page else lost(*plant):
                browser.do("eval", code=f"window.fault = window.faultOut = null; {in_page}; 0")
                with called(lab, browser):
                    named(lab, rules)
        for name, ahead, rules in (("packets_with_wrong_tags", 1000, ("srtp-auth",)), ("packets_that_come_twice", 0, ("srtp-replay",))):
            with case(name), Echo(ahead):
                browser.do("eval", code="window.fault = null; 0")
                with called(lab, browser):
                    named(lab, rules)
        with case("media_of_another_server"), lost(ns.CORE, TO, ("-s", "10.20.0.1", *RTP)):
            with called(lab, browser), OtherServer(core_address(lab)):
                named(lab, ("wrong-source",))
        with case("the_phone_only_rings"):
            lab.phone("carol", answer="manual")
            with called(lab, browser, "carol", "ringing"):
                named(lab, ("not-answered",))
        with case("its_own_fingerprint_is_wrong_and_why_tells_it_when_the_call_is_over"):
            browser.do("eval", code=f"window.fault = null; window.faultOut = (s) => s.replace({DIGEST}); 0")
            browser.do("dial", target="bob")
            wait_until("the call", lambda: lab.cscf.show("calls"), 10)
            call_id = lab.cscf.show("calls")[0]["call_id"]
            browser.in_call("ended", 20)
            lab.wait_idle(20)
            w = why(lab, call_id)
            browser.do("eval", code="window.faultOut = null; 0")
            check(w and "DTLS" in (w["end"] or "") and w["steps"][0]["label"] == "INVITE SDP", w)
        with case("a_call_in_which_all_is_well"):
            browser.do("dial", target="bob")
            browser.in_call("active", 20)
            browser.wait("s.call.media === 'heard'", 15)
            w = why(lab)
            check(w["causes"] == [] and w["gateway_asked"] and len(w["streams"]) == 2, w)
            body = page(lab)
            check("media flows in both directions" in body and "<svg" in body and "nominated, selected" in body, body)
        with case("the_phone_has_stopped"):
            bob.proc.signal(signal.SIGSTOP)
            named(lab, ("core-stopped",))
            check("the last packet of the core came" in page(lab), "the page does not say so")
            bob.proc.signal(signal.SIGCONT)
            wait_until("all is well again", lambda: why(lab)["causes"] == [], 10)
        with case("the_browser_holds_the_call"):
            browser.do("click", selector="#hold")
            named(lab, ("one-way", "on-hold"))
            browser.do("click", selector="#hold")
            wait_until("all is well again", lambda: why(lab)["causes"] == [], 10)
        with case("the_microphone_is_gone"):
            browser.do("eval", code="window.pc.getSenders()[0].replaceTrack(null).then(() => 0)")
            named(lab, ("browser-stopped",))
        with case("the_browser_has_stopped_answering"):
            browser.kill()
            named(lab, ("consent-lost",), 45)
        with case("the_gateway_was_started_again"):
            lab.agw.kill()
            wait_until("the call is over", lambda: not lab.cscf.show("calls"), 60)
