# SPDX-License-Identifier: Apache-2.0
"""Error answers, by W2-ERR number; those about tokens, overload and calls that are up have tests of their own
(docs/spec-map.md names them)."""
from harness import *

CORE_CONTACT = f"Contact: <{CORE_URI}>"
WIC_CONTACT = "Contact: <sip:alice@abc.invalid;transport=ws>"


def core_request(t, w, method, extra="", route=None, **k):
    return request(method, "sip:alice@abc.invalid;transport=ws", via=t.core.via, frm=k.pop("frm", f"<{BOB}>;tag=b1"),
                   to=k.pop("to", f"<{ALICE}>"), contact=f"<{CORE_URI}>", extra=f"Route: {route or w.path}\n{extra}", **k)


def head(change):
    return change(HEAD.decode()).encode()


def refused(change):
    """The answer to a request head that is not upgraded."""
    w = Ws(head=head(change), wait=False)
    d = b""
    try:
        while b"\r\n\r\n" not in d:
            b = w.s.recv(65536)
            if not b:
                break
            d += b
    finally:
        w.close()
    return d.decode()


def message(w, **k):
    w.send(request("MESSAGE", k.pop("uri", BOB), body="hi", ctype="text/plain", **k))


# ---- the upgrade ------------------------------------------------------------------------------------------

@case("W2-ERR-01 to -03: no sip subprotocol 400, a foreign origin 403, another version 426",
      w2={"origins": ["https://good.example"]})
def _(t):
    check(refused(lambda h: h.replace("Sec-WebSocket-Protocol: sip", "X: y")).startswith("HTTP/1.1 400"))
    check(refused(lambda h: h.replace("Protocol: sip", "Protocol: sip\r\nOrigin: https://good.example.evil.net"))
          .startswith("HTTP/1.1 403"))
    r = refused(lambda h: h.replace("Version: 13", "Version: 8"))
    check(r.startswith("HTTP/1.1 426") and "Sec-WebSocket-Version: 13" in r, r)


# ---- messages ---------------------------------------------------------------------------------------------

@case("W2-ERR-05: a broken message is answered 400 when it can be, else the connection is closed with 1002")
def _(t):
    w = t.register()
    for bad in (request("MESSAGE", BOB).replace("CSeq: 1 MESSAGE", "CSeq: 1 INFO"),
                request("MESSAGE", BOB, body="x", ctype="text/plain").replace("Content-Length: 1", "Content-Length: 9")):
        w.send(bad)
        w.get(400)
    w.send(request("MESSAGE", BOB).replace("Call-ID:", "X-ID:"))
    check(w.closed() == 1002)


@case("W2-ERR-07: no hops left 483; W2-ERR-09: a foreign scheme 416; W2-ERR-10: another version 505")
def _(t):
    w = t.register()
    w.send(request("MESSAGE", BOB).replace("Max-Forwards: 70", "Max-Forwards: 0"))
    w.get(483)
    w.send(request("MESSAGE", "mailto:bob@home1.example"))
    w.get(416)
    w.send(request("MESSAGE", BOB).replace(" SIP/2.0", " SIP/3.0", 1))
    w.get(505)
    t.core.send(core_request(t, w, "MESSAGE").replace("Max-Forwards: 70", "Max-Forwards: 0"))
    t.core.get(483)
    w.none("MESSAGE", 0.2)


@case("W2-ERR-08, -38: 420 names the extension, of Proxy-Require and of preconditions")
def _(t):
    w = t.register()
    message(w, extra="Proxy-Require: foo, path, bar")
    m = w.get(420)
    check(m.headers("Unsupported") == ["foo", "bar"] and m.header("Supported"), m)
    w.send(request("INVITE", BOB, body=WIC_SDP % "actpass", extra="Require: 100rel, precondition"))
    check(w.get(420).headers("Unsupported") == ["precondition"])
    t.core.send(core_request(t, w, "INVITE", "Require: precondition", body=CORE_SDP))
    check(t.core.get(420).headers("Unsupported") == ["precondition"])
    t.core.none("INVITE", 0.2)


@case("W2-ERR-17: who is not registered gets 403; so does another user's identity where that is strict",
      mw={"foreign_identity": "refuse"})
def _(t):
    w = t.ws()
    message(w)
    w.get(403)
    t.register(w)
    for k in ({"frm": "<sip:eve@home1.example>;tag=1"}, {"extra": "P-Preferred-Identity: <sip:eve@home1.example>"}):
        message(w, **k)
        check("identity" in w.get(403).header("Warning"))
    t.core.none("MESSAGE", 0.2)
    message(w, frm="<sip:anonymous@anonymous.invalid>;tag=1", extra="Privacy: id")
    check(t.core.get("MESSAGE").header("P-Asserted-Identity") == f"<{ALICE}>")


# ---- descriptions -----------------------------------------------------------------------------------------

def offer(w, sdp, ctype="application/sdp", extra=""):
    w.send(request("INVITE", BOB, body=sdp, ctype=ctype, extra=extra))


@case("W2-ERR-23 to -27: bodies and descriptions that cannot be used, with Accept, Warning and what can be")
def _(t):
    w = t.register()
    good = WIC_SDP % "actpass"
    offer(w, good, extra="Content-Encoding: gzip")
    check(w.get(415).header("Accept") == "application/sdp")
    offer(w, "v=0\nthis is none\n")
    w.get(400)
    for sdp, code in ((good.replace("m=audio 9", "m=audio 0"), 304), (good.replace("SAVPF 0", "SAVPF 99"), 305),
                      (good.replace("a=fingerprint", "a=x-print"), 399), (good.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), 399),
                      (good.replace("sha-256", "md5"), 399), (good.replace("actpass", "holdconn"), 399)):
        offer(w, sdp)
        m = w.get(488)
        check(m.header("Warning").startswith(str(code)), (code, m))
        if code < 399:
            check(m.header("Content-Type") == "application/sdp" and "PCMU/8000" in m.body, m)
    t.core.none("INVITE", 0.2)
    t.metric("iq_contexts", 0)


@case("W2-ERR-28, -29: no gateway, and a gateway without room, are 503 with Retry-After")
def _(t):
    w = t.register()
    t.mg.fail.add("add")
    offer(w, WIC_SDP % "actpass")
    check(w.get(503).header("Retry-After"))
    t.mg.fail.clear()
    t.mg.tx(f"MEGACO/1 [{LO}]:{MG_PORT}\nTransaction = 7 {{ Context = - {{ "
            'ServiceChange = ROOT { Services { Method = Forced, Reason = "905 Term taken out of service" } } } }')
    t.log_wait("iq.gateway_lost.*")
    until(lambda: not t.show("gateways")[0]["in_service"], "gateway out of service")
    offer(w, WIC_SDP % "actpass")
    check(w.get(503).header("Retry-After"))
    t.core.none("INVITE", 0.2)


# ---- towards the core -------------------------------------------------------------------------------------

@case("W2-ERR-31, -32, -35: a dead flow is 430, no binding 480, a dialog nobody knows 481", reg={"guard_s": 30})
def _(t):
    w = t.register()
    t.core.send(core_request(t, w, "MESSAGE", route=f"<sip:bdeadbeef000000000000000000000000@{LO}:{MW_PORT};lr>"))
    t.core.get(480)
    t.core.send(core_request(t, w, "BYE", to=f"<{ALICE}>;tag=gone"))
    t.core.get(481)
    t.core.send(core_request(t, w, "INFO", to=f"<{ALICE}>;tag=gone",
                             route=f"<sip:bdeadbeef000000000000000000000000@{LO}:{MW_PORT};lr>"))
    t.core.get(481)
    w.close()
    t.log_wait("reg.connection_lost")
    t.core.send(core_request(t, w, "MESSAGE"))
    t.core.get(430)


@case("W2-ERR-33: a WIC that does not answer is 408, and it is pinged at once", w2={"t1_ms": 100, "ping_interval_s": 3600})
def _(t):
    w = t.register()
    t.core.send(core_request(t, w, "MESSAGE", body="x", ctype="text/plain"))
    w.get("MESSAGE")
    t.core.get(408, 10)
    while w.frame(5)[0] != PING:
        pass


@case("W2-ERR-34: ringing ends with Timer C: CANCEL to the WIC, 408 to the core", mw={"timer_c_s": 10}, w2={"t1_ms": 100})
def _(t):
    w = t.register()
    m = t.invite_in(w, "c1")
    w.send(response(m, 180, "Ringing", WIC_CONTACT, tag="at"))
    t.core.get(180)
    c = w.get("CANCEL", 15)
    w.send(response(c, 200, "OK"))
    w.send(response(m, 487, "Terminated", tag="at"))
    check(t.core.recv().status in (408, 487))


@case("W2-ERR-37, -39, -45, -48, -49: what the core answers is passed as it is, without recursion")
def _(t):
    w = t.register()
    for status, extra in ((422, "Min-SE: 900"), (580, ""), (403, ""), (405, "Allow: MESSAGE"), (302, "Contact: <sip:x@127.0.0.9>"),
                          (603, ""), (407, 'Proxy-Authenticate: Digest realm="home1.example", nonce="n"')):
        offer(w, WIC_SDP % "actpass", extra="Session-Expires: 90")
        i = t.core.get("INVITE")
        t.core.send(response(i, status, "No", extra))
        m = w.get(status)
        check(not extra or extra in m, m)
        t.core.get("ACK")
        t.metric("calls", 0)
    t.core.none("INVITE", 0.2)


@case("W2-ERR-36, -40: an offer during an offer of the other side is 491, of one's own 500 (RFC 3311 5.2); a cancelled INVITE 487")
def _(t):
    w = t.register()
    w.send(request("INVITE", BOB, branch="i1", cid="c1", body=WIC_SDP % "actpass"))
    i = t.core.get("INVITE")
    t.core.send(response(i, 180, "Ringing", CORE_CONTACT))
    w.get(180)
    w.send(request("UPDATE", CORE_URI, cid="c1", cseq=2, to=f"<{BOB}>;tag=ct", body=WIC_SDP % "actpass"))
    w.get(500)
    t.core.send(core_request(t, w, "UPDATE", frm=f"<{BOB}>;tag=ct", cid="c1", to=f"<{ALICE}>;tag=a1", body=CORE_SDP))
    t.core.get(491)
    w.send(request("CANCEL", BOB, branch="i1", cid="c1"))
    w.get(200)
    t.core.send(response(t.core.get("CANCEL"), 200, "OK"))
    t.core.send(response(i, 487, "Terminated"))
    w.get(487)


@case("own failure responses name their source where that is asked for (W2-HDR-10)", mw={"response_source": True})
def _(t):
    w = t.register()
    message(w, extra="Proxy-Require: foo")
    check(w.get(420).header("Response-Source") == "<urn:3gpp:fe:p-cscf.orig>")
    t.core.send(core_request(t, w, "BYE", to=f"<{ALICE}>;tag=gone"))
    check(t.core.get(481).header("Response-Source") == "<urn:3gpp:fe:p-cscf.term>")


run()
