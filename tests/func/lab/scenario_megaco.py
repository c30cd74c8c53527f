# SPDX-License-Identifier: Apache-2.0
"""
A gateway under somebody else's control: Erlang/OTP's megaco is the controller of eimsagw, over UDP and over TCP, and sets up a
whole call between Chromium and baresip on it. There is no epcscf and no home core; this file carries the descriptions.
"""
import base64
import contextlib
import functools
import http.server
import os
import re
import shutil
import socket
import subprocess
import threading
import time

from . import ns
from .browser import MICROPHONE_HZ, Browser
from .call import HEARD
from .capture import Capture
from .core import CORE_IP
from .gateway import Eimsagw
from .phones import Phone
from .proc import LabError, Proc, wait_until
from .scenarios import check

HERE = os.path.dirname(os.path.abspath(__file__))
IQ_PORT, PAGE_PORT, SIP_PORT = 2944, 8090, 5090


class Controller:
    """megaco: what goes to the gateway and what comes from it has passed through its codec."""

    def __init__(self, work, transport, codec):
        self.proc = Proc(f"megaco over {transport}", ["escript", os.path.join(HERE, "../iq/megaco.escript"), "hand", transport,
                                                      str(IQ_PORT), codec], os.path.join(work, f"megaco-{transport}.log"),
                         stdin=subprocess.PIPE)
        self.proc.wait_line("^listening", 20)

    def call(self, actions):
        """@return the reply as text, compact"""
        mark = self.proc.mark()
        self.proc.popen.stdin.write(base64.b64encode(actions.encode()) + b"\n")
        self.proc.popen.stdin.flush()
        text = base64.b64decode(self.proc.wait_line(r"^reply (\S+)", 10, mark)[1]).decode()
        if "ER=" in text:
            raise LabError(f"the gateway refused: {text}")
        return text

    def told(self):
        """What the gateway told of its own accord."""
        return [base64.b64decode(m[1]).decode() for m in self.proc.find(r"^notify (\S+)")]


class Caller:
    """As much SIP as it takes to have a phone answer an offer."""

    def __init__(self, to):
        self.to, self.branch = to, 0
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((CORE_IP, SIP_PORT))
        self.sock.settimeout(10)

    def send(self, method, cseq, body=""):
        self.branch += 1
        to_tag = f";tag={self.to_tag}" if method != "INVITE" else ""
        lines = [f"{method} sip:{self.to.user}@{CORE_IP}:{self.to.port} SIP/2.0",
                 f"Via: SIP/2.0/UDP {CORE_IP}:{SIP_PORT};branch=z9hG4bK{self.call_id}{self.branch};rport",
                 "Max-Forwards: 70", f"From: <sip:carrier@{CORE_IP}>;tag=c1", f"To: <sip:{self.to.user}@{CORE_IP}>{to_tag}",
                 f"Call-ID: {self.call_id}", f"CSeq: {cseq} {method}", f"Contact: <sip:carrier@{CORE_IP}:{SIP_PORT}>",
                 *(["Content-Type: application/sdp"] if body else []), f"Content-Length: {len(body)}", "", body]
        self.sock.sendto("\r\n".join(lines).encode(), (CORE_IP, self.to.port))

    def final(self, method):
        while True:
            text = self.sock.recv(65536).decode()
            if text.startswith("SIP/2.0 ") and text[8] != "1" and re.search(rf"^CSeq: \d+ {method}", text, re.M):
                check(text.startswith("SIP/2.0 200"), text.partition("\r\n")[0])
                return text

    def invite(self, call_id, offer):
        """@return the phone's answer"""
        self.call_id = call_id
        self.send("INVITE", 1, offer)
        text = self.final("INVITE")
        self.to_tag = re.search(r"^To:.*;tag=([^;\r]+)", text, re.M)[1]
        self.send("ACK", 1)
        return text.partition("\r\n\r\n")[2]

    def bye(self):
        self.send("BYE", 2)
        self.final("BYE")


def attributes(sdp, *names):
    """The lines of these attributes, in their order."""
    return [x for x in sdp.replace("\r", "").split("\n") if x.startswith(tuple(f"a={n}:" for n in names))]


def audio(sdp):
    """@return (address, port) of a description with one line"""
    return re.search(r"^c=IN IP4 (\S+)", sdp, re.M)[1], int(re.search(r"^m=audio (\d+)", sdp, re.M)[1])


def of_reply(reply, realm, command="A"):
    """@return (TerminationID, Local) of the termination in this realm"""
    m = re.search(rf"{command}=(ip/1/{realm}0/\d+)\{{M\{{.*?L\{{\s(.*?)\}}", reply, re.S)
    return m[1], m[2]


def add(offer, role):
    address, port = audio(offer)
    remote = "\n".join(["v=0", f"c=IN IP4 {address}", f"m=audio {port} UDP/TLS/RTP/SAVPF 8", "a=rtpmap:8 PCMA/8000", "a=rtcp-mux",
                        *(x for x in attributes(offer, "ice-ufrag", "ice-pwd", "candidate", "fingerprint", "setup")
                          if not x.startswith("a=candidate") or re.match(r"\S+ \d udp \d+ [\d.]+ ", x, re.I))])
    return ("C=${A=ip/$/$/${M{ST=1{O{MO=SR,ipdc/realm=\"access\"},L{\nv=0\nc=IN IP4 $\nm=audio $ UDP/TLS/RTP/SAVPF 8\n"
            "a=rtpmap:8 PCMA/8000\na=rtcp-mux\na=ice-ufrag:$\na=ice-pwd:$\na=candidate:$\n"
            f"a=fingerprint:sha-256 $\na=setup:{role}\n}},"
            f"R{{\n{remote}\n}}}}}},E=1{{hangterm/thb{{timerx=600}},g/cause}},SG{{mgastuns/astuns{{ST=1}}}}}},"
            "A=ip/$/$/${M{ST=1{O{MO=IN,ipdc/realm=\"core\"},L{\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP 8\na=rtpmap:8 PCMA/8000\n}}},"
            "E=2{hangterm/thb{timerx=600},g/cause}}}")


def begun_anew(context, access, offer, role):
    """New credentials, and another browser's fingerprint (F-42): of add(), what is of the access side's descriptions."""
    descriptions = re.search(r"\},(L\{.*?\n\},R\{.*?\n\})\}\}", add(offer, role), re.S)[1]
    return f"C={context}{{MF={access}{{M{{ST=1{{{descriptions}}}}}}}}}"


def connected(context, core, answer):
    address, port = audio(answer)
    return (f"C={context}{{MF={core}{{M{{ST=1{{O{{MO=SR}},R{{\nv=0\nc=IN IP4 {address}\nm=audio {port} RTP/AVP 8\n"
            "a=rtpmap:8 PCMA/8000\n}}}}}")


def for_browser(local):
    address, port = audio(local)
    return "\r\n".join(["v=0", f"o=- 1 1 IN IP4 {address}", "s=-", "t=0 0", "a=ice-lite", f"m=audio {port} UDP/TLS/RTP/SAVPF 8",
                        f"c=IN IP4 {address}", "a=mid:0", "a=rtpmap:8 PCMA/8000", "a=rtcp-mux", "a=sendrecv",
                        *attributes(local, "ice-ufrag", "ice-pwd", "candidate", "fingerprint", "setup"), ""])


def for_phone(local):
    address, port = audio(local)
    return "\r\n".join(["v=0", f"o=- 1 1 IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0", f"m=audio {port} RTP/AVP 8",
                        "a=rtpmap:8 PCMA/8000", "a=sendrecv", ""])


def hears(browser, phone, local):
    """The gateway's answer to the browser. @return the share of the looks in which the phone's tone rules"""
    browser.do("eval", code=f"window.phone.answer({for_browser(local)!r})")
    browser.wait("s.connection === 'connected'", 15)
    wait_until("the phone's tone", lambda: browser.heard(phone.tone_hz, 0.3) > 0, 10)
    return browser.heard(phone.tone_hz, 2)


def a_call(controller, browser, phone, caller, role):
    """role: the gateway's in DTLS; a second RTCPeerConnection goes on with the same termination in mid-call (F-42)"""
    since, mark = time.time(), phone.mark()
    reply = controller.call(add(browser.do("eval", code="window.phone.offer()"), role))
    context = re.search(r"C=(\d+)", reply)[1]
    (access, access_local), (core, core_local) = of_reply(reply, "access"), of_reply(reply, "core")
    controller.call(connected(context, core, caller.invite(role, for_phone(core_local))))
    heard = hears(browser, phone, access_local)
    browser.do("eval", code="window.phone.close()")
    reply = controller.call(begun_anew(context, access, browser.do("eval", code="window.phone.offer()"), role))
    heard = min(heard, hears(browser, phone, of_reply(reply, "access", "MF")[1]))
    ended = controller.call(f"C={context}{{S={access}{{AT{{SA}}}},S={core}{{AT{{SA}}}}}}")
    caller.bye()
    phone.wait_event("CALL_CLOSED", 10, mark)
    browser.do("eval", code="window.phone.close()")
    check(heard >= HEARD, f"the browser heard the tone in {heard:.0%} of the looks")
    share, seconds = phone.heard(MICROPHONE_HZ, since)
    check(share >= HEARD, f"the phone heard the tone in {share:.0%} of {seconds:.1f} s")
    packets = [int(n) for n in re.findall(r"rtp/p[sr]=(\d+)", ended)]
    check(len(packets) == 4 and min(packets) > 100, f"statistics: {ended}")


@contextlib.contextmanager
def page(work):
    """From http://localhost, which browsers let use a microphone."""
    files = os.path.join(work, "page")
    os.makedirs(files)
    shutil.copy(os.path.join(HERE, "browser/bare/index.html"), files)
    shutil.copy(os.path.join(HERE, "../../../control/web/wic/src/tone.js"), files)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", PAGE_PORT), functools.partial(Quiet, directory=files))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{PAGE_PORT}/"
    finally:
        server.shutdown()


def run(setting):
    case, work = setting.cases.case, setting.work
    with contextlib.ExitStack() as ends:
        for link in (ns.ACCESS, ns.CORE):
            ns.make_tap(link)
            ends.callback(ns.drop_tap, link)
        browser = Browser(work, "bare")
        ends.callback(browser.stop)
        browser.open(ends.enter_context(page(work)))
        phone = Phone(setting.root, work, "bob", 1, registers=False)
        ends.callback(phone.stop)
        for n, (transport, codec, role) in enumerate((("udp", "compact", "passive"), ("tcp", "pretty", "active"))):
            seen = Capture(os.path.join(work, f"iq-{transport}.pcap"), "lo", f"port {IQ_PORT}")
            seen.start()
            controller = Controller(work, transport, codec)
            ends.callback(controller.proc.stop)
            agw = Eimsagw(setting.root, setting.build, os.path.join(work, transport), transport=transport,
                          tokens="long" if codec == "pretty" else "short")
            agw.start()
            ends.callback(agw.stop)
            for link in (ns.ACCESS, ns.CORE):
                ns.wait_carrier(link)
            if n == 0:
                phone.start()
                caller = Caller(phone)
            with case(f"over_{transport}_with_{codec}_text_the_gateway_registers"):
                controller.proc.wait_line("^registered", 20)
            with case(f"over_{transport}_browser_and_phone_hear_each_other_and_a_browser_that_takes_over_with_other_keys"):
                a_call(controller, browser, phone, caller, role)
                check(agw.show("drops")["ctx_dtls_renewed"] == 1, agw.show("drops"))
            with case(f"over_{transport}_nothing_is_left"):
                wait_until("base line", lambda: not any(agw.show("summary")[k] for k in ("contexts", "terminations", "flows", "ports_in_use")), 15)
                drops = agw.show("drops")
                check(drops["iq_errors"] == 0 and drops["iq_bad_message"] == 0, drops)
                check(not any("g/cause" in t for t in controller.told()), controller.told())
            with case(f"over_{transport}_tshark_complains_of_nothing"):
                controller.proc.stop()
                check(agw.stop() == 0, "the gateway did not end well")
                seen.stop()
                messages, bad = seen.h248_complaints(IQ_PORT)
                check(messages >= 8 and not bad, f"{messages} packets, of {bad[:5]} tshark complains")
