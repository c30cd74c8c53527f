# SPDX-License-Identifier: Apache-2.0
"""Where requests go: DNS (RFC 3263), entry points and their state, route sets, identities, charging, topology."""
from dns import Dns
from harness import *

A, B = f"{LO}:{CORE_PORT}", "127.0.0.2:5161"
TWO = {"entry": [A, B], "t1_ms": 50}
NOBODY = {**TWO, "t1_ms": 20}      # where all that happens is that timers end
CORE_CONTACT = f"Contact: <{CORE_URI}>"
WIC_CONTACT = "Contact: <sip:alice@abc.invalid;transport=ws>"
HOME_ENTRY = "sip:core.home1.example"


def other():
    return Core(port=5161, host="127.0.0.2")


def message(w, uri=BOB, **k):
    w.send(request("MESSAGE", uri, body=k.pop("body", "hi"), ctype=k.pop("ctype", "text/plain"), **k))


def core_request(t, w, method, extra="", user="alice", **k):
    k.setdefault("to", f"<sip:{user}@home1.example>")
    return request(method, f"sip:{user}@abc.invalid;transport=ws", via=t.core.via, frm=f"<{BOB}>;tag=b1",
                   contact=f"<{CORE_URI}>", extra=f"Route: {w.path}\n{extra}", **k)


def points(t):
    return {p["entry"]: p for p in t.show("core")}


def answer_register(core, w, r, extra="", user="alice"):
    core.send(response(r, 200, "OK", f"Contact: <sip:{user}@abc.invalid;transport=ws>;expires=3600\n"
                       f"Service-Route: <sip:orig@home1.example;lr>\nP-Associated-URI: <sip:{user}@home1.example>{extra}"))
    w.path = r.header("Path")
    w.get(200)


def register_request(user="alice", cid=None, **k):
    uri = f"sip:{user}@home1.example"
    return request("REGISTER", "sip:home1.example", cid=cid, frm=f"<{uri}>;tag=f1", to=f"<{uri}>",
                   contact=f'<sip:{user}@abc.invalid;transport=ws>;+sip.instance="<urn:uuid:{user}>";reg-id=1',
                   extra="Expires: 3600", **k)


# ---- DNS --------------------------------------------------------------------------------------------------

def zone():
    return {("core.home1.example", "NAPTR"): [(20, 1, "s", "SIP+D2T", "_sip._tcp.core.home1.example"),
                                              (10, 5, "s", "SIPS+D2T", "_sips._tcp.core.home1.example"),
                                              (10, 9, "s", "SIP+D2U", "_sip._udp.core.home1.example")],
            ("_sip._udp.core.home1.example", "SRV"): [(20, 1, 5161, "b.home1.example"),
                                                      (10, 1, CORE_PORT, "a.home1.example")],
            ("_sip._tcp.core.home1.example", "SRV"): [(1, 1, 5161, "b.home1.example")],
            ("a.home1.example", "A"): [LO], ("b.home1.example", "A"): ["127.0.0.2"]}


NAMED = {"entry": [HOME_ENTRY], "dns": f"{LO}:5353", "t1_ms": 50}


def with_dns(sentence, records=zone, mw=NAMED, ttl=60, **conf):
    def add(fn):
        def body(_):
            d = Dns(records(), ttl=ttl)
            t = Rig({"mw": {**mw}, **conf})
            try:
                fn(t, d)
            finally:
                wrong = t.stop()
                d.close()
            check(not wrong, wrong)
        return case(sentence, start=False)(body)
    return add


def resolved(t, n=1):
    return until(lambda: len(points(t)) >= n and points(t), f"{n} entry points known")


@with_dns("NAPTR, SRV and A lead to the core; the transport is chosen by NAPTR, the server by priority (RFC 3263)")
def _(t, d):
    p = resolved(t, 2)
    check(p[A]["transport"] == "udp", p)
    w = t.register()
    message(w)
    t.core.get("MESSAGE")
    check(("_sips._tcp.core.home1.example", "SRV") not in d.asked, d.asked)


@with_dns("the SRV target of the next priority takes over when the first is silent, and back-off follows Retry-After")
def _(t, d):
    resolved(t, 2)
    b = other()
    w = t.register()
    message(w, cid="m1")
    m = t.core.get("MESSAGE")
    t.core.send(response(m, 503, "Busy", "Retry-After: 60"))
    n = b.get("MESSAGE")
    check(n.header("Call-ID") == "m1" and n.header("Via") != m.header("Via"), n)
    b.send(response(n, 200, "OK"))
    w.get(200)
    message(w, cid="m2")
    b.get("MESSAGE")
    check(points(t)[A]["state"] == "busy", points(t))
    b.close()


@with_dns("without NAPTR SRV is asked for, without SRV the host itself", mw={**NAMED, "entry": ["srv.example", "host.example"]},
          records=lambda: {("_sip._udp.srv.example", "SRV"): [(1, 1, CORE_PORT, "a.example")], ("a.example", "A"): [LO],
                           ("host.example", "A"): ["127.0.0.2"]})
def _(t, d):
    p = resolved(t, 2)
    check(set(p) == {A, "127.0.0.2:5060"}, p)


@with_dns("a port in the URI leaves NAPTR and SRV out; a transport chooses the SRV",
          mw={**NAMED, "entry": [f"host.example:{CORE_PORT}", "sip:tcp.example;transport=tcp"]},
          records=lambda: {("host.example", "A"): [LO], ("_sip._tcp.tcp.example", "SRV"): [(1, 1, 5161, "b.example")],
                           ("b.example", "A"): ["127.0.0.2"]})
def _(t, d):
    p = resolved(t, 2)
    check(p[A]["transport"] == "udp" and p[B]["transport"] == "tcp", p)
    check(not [k for k in d.asked if k[0] == "host.example" and k[1] != "A"], d.asked)
    check(not [k for k in d.asked if k[1] == "NAPTR"], d.asked)


@with_dns("names are asked for again when their TTL ends, and the old answer counts while DNS is silent (RFC 8767)", ttl=1)
def _(t, d):
    resolved(t, 2)
    d.records[("b.home1.example", "A")] = ["127.0.0.3"]
    d.wait(("core.home1.example", "NAPTR"), 2)
    until(lambda: "127.0.0.3:5161" in points(t), "new address known", 10)
    d.silent = True
    d.wait(("core.home1.example", "NAPTR"), 3)
    t.register()


@with_dns("a name that leads nowhere: 503 with Retry-After, and it is asked for again", records=dict)
def _(t, d):
    w = t.ws()
    d.wait(("core.home1.example", "A"))
    w.send(register_request())
    check(w.get(503).header("Retry-After"))
    t.metric("dns_failed", 1)


@with_dns("without entry points it is the home domain", mw={**NAMED, "entry": []},
          records=lambda: {("_sip._udp.home1.example", "SRV"): [(1, 1, CORE_PORT, "a.example")], ("a.example", "A"): [LO]})
def _(t, d):
    resolved(t)
    t.register()


@with_dns("a Service-Route by name is resolved when it leads to a node of the core; names of a WIC never are",
          mw={"dns": f"{LO}:5353", "trusted": ["127.0.0.2/32"]},
          records=lambda: {("scscf.home1.example", "A"): ["127.0.0.2"], ("evil.example", "A"): ["127.0.0.9"],
                           ("_sip._udp.scscf.home1.example", "SRV"): [(1, 1, 5161, "scscf.home1.example")]})
def _(t, d):
    b, w = other(), t.ws()
    w.send(register_request())
    r = t.core.get("REGISTER")
    t.core.send(response(r, 200, "OK", f"{WIC_CONTACT};expires=3600\nService-Route: <sip:orig@scscf.home1.example;lr>"))
    w.get(200)
    message(w)             # nobody waits for DNS: the entry point takes what comes before its answer
    t.core.get("MESSAGE")
    until(lambda: t.show("names"), "S-CSCF known")
    message(w)
    check(b.get("MESSAGE").header("Route") == "<sip:orig@scscf.home1.example;lr>")
    b.close()
    for host in ("x.invalid", "evil.example"):
        message(w, uri=f"sip:x@{host}", extra=f"Route: <sip:{host};lr>")
    time.sleep(0)
    t.metric("dns_lookups", 1)
    check(not [k for k in d.asked if "invalid" in k[0] or "evil" in k[0]], d.asked)


# ---- entry points -----------------------------------------------------------------------------------------

@case("no answer from an entry point: the next one, with the same Call-ID and another branch (W2-REG-17, W2-REG-81)", mw=TWO)
def _(t):
    b, w = other(), t.ws()
    w.send(register_request(cid="r1"))
    first = t.core.get("REGISTER")
    r = b.get("REGISTER", 10)
    check(r.header("Call-ID") == "r1" and r.header("CSeq") == first.header("CSeq"), r)
    check(r.header("Via") != first.header("Via") and len(r.headers("Via")) == 2, r)
    answer_register(b, w, r)
    check(points(t)[A]["state"] == "down", points(t))
    message(w)          # what is down is not asked first any more
    b.get("MESSAGE")
    check(t.metrics()["core_entries_down"] == 1)
    b.close()


@case("no entry point answers: 504 (W2-ERR-20)", mw=NOBODY)
def _(t):
    b, w = other(), t.ws()
    w.send(register_request())
    t.core.get("REGISTER")
    b.get("REGISTER", 10)
    w.get(504, 10)
    b.close()


@case("an INVITE nobody takes: the next entry point, then 504 and no context (W2-ERR-21)", mw=NOBODY)
def _(t):
    b, w = other(), t.register()
    w.send(request("INVITE", BOB, cid="c1", body=WIC_SDP % "actpass",
                   extra="Accept: application/sdp, application/3gpp-ims+xml"))
    t.core.get("INVITE")
    check(b.get("INVITE", 10).header("Call-ID") == "c1")
    m = w.get(504, 10)
    check("<type>restoration</type>" in m.body and "<action>initial-registration</action>" in m.body, m)
    t.metric("iq_contexts", 0)
    b.close()


@case("a call goes on with the entry point that took its INVITE: answer, ACK, BYE", mw=TWO)
def _(t):
    b, w = other(), t.register()
    w.send(request("INVITE", BOB, cid="c1", body=WIC_SDP % "actpass"))
    m = t.core.get("INVITE")
    t.core.send(response(m, 503, "Busy"))
    check(t.core.get("ACK").header("Via") == m.header("Via"))
    i = b.get("INVITE")
    b.send(response(i, 180, "Ringing", f"Contact: <sip:bob@{B}>"))
    b.send(response(i, 200, "OK", f"Contact: <sip:bob@{B}>", body=CORE_SDP))
    w.get(200)
    w.send(request("ACK", f"sip:bob@{B}", cid="c1", to=f"<{BOB}>;tag=ct"))
    b.get("ACK")
    w.send(request("BYE", f"sip:bob@{B}", cid="c1", cseq=2, to=f"<{BOB}>;tag=ct"))
    b.send(response(b.get("BYE"), 200, "OK"))
    w.get(200)
    b.close()


@case("CANCEL reaches the entry point the INVITE has moved to, and a cancelled INVITE moves no more", mw=TWO)
def _(t):
    b, w = other(), t.register()
    w.send(request("INVITE", BOB, branch="i1", cid="c1", body=WIC_SDP % "actpass"))
    t.core.send(response(t.core.get("INVITE"), 503, "Busy"))
    i = b.get("INVITE")
    b.send(response(i, 180, "Ringing", f"Contact: <sip:bob@{B}>"))
    w.get(180)
    w.send(request("CANCEL", BOB, branch="i1", cid="c1"))
    w.get(200)
    b.send(response(b.get("CANCEL"), 200, "OK"))
    b.send(response(i, 487, "Terminated"))
    w.get(487)
    t.metric("calls", 0)
    b.close()


@case("all entry points are busy: the last 503 is passed, then ours until Retry-After ends (W2-REG-46)", mw=TWO)
def _(t):
    b, w = other(), t.register()
    message(w)
    t.core.send(response(t.core.get("MESSAGE"), 503, "Busy", "Retry-After: 50 (maintenance)"))
    b.send(response(b.get("MESSAGE"), 503, "Busy", "Retry-After: 1;duration=9"))
    check(w.get(503).header("Retry-After").startswith("1"))
    message(w)
    check(w.get(503).header("Retry-After") == "1")
    t.core.none("MESSAGE", 0.2)
    until(lambda: points(t)[B]["state"] == "up", "Retry-After is over")
    message(w)
    b.get("MESSAGE")
    b.close()


@case("a refused TCP connection: the next entry point at once (W2-ERR-50)",
      mw={"entry": ["sip:127.0.0.5:5160;transport=tcp", A], "t1_ms": 500})
def _(t):
    t.register()
    check(points(t)["127.0.0.5:5160"]["state"] == "down" and t.metrics()["sip_moved"] == 1, points(t))


@case("silent entry points are asked by OPTIONS; what waits there goes on, and a sign of life brings them back",
      mw={"entry": [A, B], "probe_s": 1, "probe_timeout_ms": 300})
def _(t):
    b, w = other(), t.register()
    b.send(response(b.get("OPTIONS"), 404))       # any answer is a sign of life
    message(w, cid="m1")
    t.core.get("MESSAGE")
    check(b.get("MESSAGE", 10).header("Call-ID") == "m1")    # long before Timer F
    check(points(t)[A]["state"] == "down", points(t))
    t.core.send(response(t.core.get("OPTIONS"), 200, "OK"))
    until(lambda: points(t)[A]["state"] == "up", "up again")
    t.log_wait("core.entry_up")
    message(w, cid="m2")
    t.core.get("MESSAGE")
    b.close()


@case("a slow core is not left: 100, or an answer to OPTIONS, is a sign of life", mw={**TWO, "probe_s": 1, "probe_timeout_ms": 300,
                                                                                     "t1_ms": 500})
def _(t):
    b, w = other(), t.register()
    message(w)
    m = t.core.get("MESSAGE")
    for _ in range(2):
        t.core.send(response(t.core.get("OPTIONS"), 200, "OK"))
    t.core.send(response(m, 200, "OK"))
    w.get(200)
    b.none("MESSAGE", 0.1)
    b.close()


@case("a challenge of the core to our own requests is never answered (threat P6)",
      mw={"probe_s": 1, "probe_timeout_ms": 300})
def _(t):
    w = t.register()
    ask = 'WWW-Authenticate: Digest realm="evil", nonce="n"\nProxy-Authenticate: Digest realm="evil", nonce="n"'
    o = t.core.get("OPTIONS")
    t.core.send(response(o, 401, "Unauthorized", ask))
    i = t.invite(w, "c1")
    t.core.send(response(i, 200, "OK", CORE_CONTACT, body=CORE_SDP))
    w.get(200)
    w.send(request("ACK", CORE_URI, cid="c1", to=f"<{BOB}>;tag=ct"))
    t.mg.tx("x")
    w.close()
    t.metric("reg_bindings", 1)
    o = t.core.get("OPTIONS")
    check("Authorization" not in o, o)
    t.core.send(response(o, 407, "Proxy", ask))
    o = t.core.get("OPTIONS", 3)
    check("Authorization" not in o and points(t)[A]["state"] == "up", o)


# ---- loops ------------------------------------------------------------------------------------------------

@case("a request that comes back unchanged and would go the same way: 482; without hops left: 483 (threat P12)")
def _(t):
    w = t.register()
    message(w, cid="m1", branch="l1")
    m = t.core.get("MESSAGE")
    back = m.replace(f"Route: <sip:orig@home1.example;lr>", f"Route: {w.path}")
    t.core.send(back.replace("Via: ", f"Via: {t.core.via};branch=z9hG4bKmirror\r\nVia: ", 1))
    n = w.get("MESSAGE")               # a spiral: it went to the core, now it goes to the WIC
    w.send(n.replace("Via: ", "Via: SIP/2.0/WS abc.invalid;branch=z9hG4bKagain\r\nVia: ", 1))
    w.get(482)
    w.send(response(n, 482, "Loop Detected"))
    t.core.get(482)
    t.core.none("MESSAGE", 0.2)
    check(t.metrics()["sip_loops"] == 1)
    for hops, status in (("0", 483), ("255", None)):
        w.send(request("MESSAGE", BOB, body="x", ctype="text/plain").replace("Max-Forwards: 70", f"Max-Forwards: {hops}"))
        if status:
            w.get(status)
        else:
            check(t.core.get("MESSAGE").header("Max-Forwards") == "70")


# ---- Service-Route ----------------------------------------------------------------------------------------

@case("a Route that is not the Service-Route is refused where the operator says so (W2-ERR-22)", mw={"foreign_route": "refuse"})
def _(t):
    w = t.register()
    ours = f"<sip:localhost:{W2_PORT};transport=ws;lr>"
    for route, status in (("<sip:127.0.0.9;lr>", 400), ("<sip:orig@home1.example;lr>, <sip:x@y;lr>", 400),
                          (f"{ours}, <sip:term@home1.example;lr>", 400), (f"{ours}, <sip:orig@home1.example;lr>", 0),
                          (ours, 0), ("<sip:orig@HOME1.example;lr>", 0)):
        message(w, extra=f"Route: {route}")
        if status:
            w.get(status)
        else:
            check(t.core.get("MESSAGE").headers("Route") == ["<sip:orig@home1.example;lr>"])
    message(w)
    t.core.get("MESSAGE")


# ---- dialogs without a session -------------------------------------------------------------------------------

def subscribe(t, w, cid="s1"):
    w.send(request("SUBSCRIBE", BOB, cid=cid, extra="Event: presence\nExpires: 600"))
    m = t.core.get("SUBSCRIBE")
    r = response(m, 200, "OK", f"{CORE_CONTACT}\nExpires: 600")
    above = f"Record-Route: <sip:p2@{A};lr>\r\nRecord-Route: <sip:p1@scscf.example;lr>\r\nRecord-Route"
    t.core.send(r.replace("Record-Route", above, 1))
    return m, w.get(200)


def icid(m):
    return re.search('icid-value="?([^";]+)', m.header("P-Charging-Vector")).group(1)


def back_route(m):
    return "\n".join(f"Route: {r}" for r in reversed(m.headers("Record-Route")))


@case("requests of a subscription take its route set and charging identifier, out of our Record-Route (W2-SIP-04, -80)")
def _(t):
    w = t.register()
    m, r = subscribe(t, w)
    w.send(request("SUBSCRIBE", CORE_URI, cid="s1", cseq=2, to=f"<{BOB}>;tag=ct", extra=f"{back_route(r)}\nEvent: presence"))
    n = t.core.get("SUBSCRIBE")
    check(n.headers("Route") == [f"<sip:p1@scscf.example;lr>", f"<sip:p2@{A};lr>"][::1], n)
    check(icid(n) == icid(m) and "w2rs" not in n and "term-ioi" not in r and "P-Charging" not in r, n)
    t.core.send(response(n, 200, "OK", CORE_CONTACT))
    w.get(200)
    t.core.send(core_request(t, w, "NOTIFY", "Event: presence\nSubscription-State: active", cid="s1",
                             to=f"<{ALICE}>;tag=a1"))
    w.send(response(w.get("NOTIFY"), 200, "OK"))
    t.core.get(200)


@case("a sealed route set that is changed, or of another dialog, is worth nothing")
def _(t):
    w = t.register()
    _, r = subscribe(t, w)
    good = back_route(r)
    for cid, route in (("s1", good.replace("w2rs=", "w2rs=A")), ("s2", good)):
        w.send(request("SUBSCRIBE", CORE_URI, cid=cid, cseq=2, to=f"<{BOB}>;tag=ct", extra=route + "\nEvent: presence"))
        check(t.core.get("SUBSCRIBE").headers("Route") == ["<sip:orig@home1.example;lr>"])


@case("a subscription of the core is routed back as it was made")
def _(t):
    w = t.register()
    t.core.send(core_request(t, w, "SUBSCRIBE", f"Record-Route: <sip:p1@{A};lr>\nRecord-Route: <sip:p2@far.example;lr>\n"
                             'Event: x\nP-Charging-Vector: icid-value="abc";orig-ioi=far.example', cid="s3"))
    m = w.get("SUBSCRIBE")
    w.send(response(m, 200, "OK", f"{WIC_CONTACT}\nExpires: 60"))
    t.core.get(200)
    route = "\n".join(f"Route: {r}" for r in m.headers("Record-Route"))
    w.send(request("NOTIFY", CORE_URI, cid="s3", frm=f"<{ALICE}>;tag=ct", to=f"<{BOB}>;tag=b1",
                   extra=f"{route}\nEvent: x\nSubscription-State: active"))
    n = t.core.get("NOTIFY")
    check(n.headers("Route") == [f"<sip:p1@{A};lr>", "<sip:p2@far.example;lr>"] and icid(n) == "abc", n)


# ---- topology hiding ------------------------------------------------------------------------------------------

@case("the hosts of the core are not shown on W2, and dialogs work nevertheless (W2-HDR-07)", mw={"hide_topology": True})
def _(t):
    w = t.ws()
    w.send(register_request())
    r = t.core.get("REGISTER")
    t.core.send(response(r, 200, "OK", f"{WIC_CONTACT};expires=3600\nService-Route: <sip:orig@secret.example;lr>\n"
                         f"Path: {r.header('Path')}\nP-Associated-URI: <{ALICE}>"))
    ok = w.get(200)
    w.path = r.header("Path")
    check("secret" not in ok and not ok.headers("Path"), ok)
    message(w, extra=f"Route: {ok.header('Service-Route')}")
    m = t.core.get("MESSAGE")
    check(m.headers("Route") == ["<sip:orig@secret.example;lr>"], m)
    t.core.send(response(m, 606, "No", 'Warning: 399 secret.example "sorry, no"'))
    m = w.get(606)
    check(m.header("Warning") == '399 localhost "sorry, no"', m)
    w.send(request("SUBSCRIBE", BOB, cid="s1", extra="Event: presence"))
    m = t.core.get("SUBSCRIBE")
    r = response(m, 200, "OK", f"{CORE_CONTACT}\nExpires: 600")
    t.core.send(r.replace("Record-Route", "Record-Route: <sip:p1@secret.example;lr>\r\nRecord-Route", 1))
    r = w.get(200)
    check("secret" not in r and len(r.headers("Record-Route")) == 1, r)
    w.send(request("SUBSCRIBE", CORE_URI, cid="s1", cseq=2, to=f"<{BOB}>;tag=ct", extra=f"{back_route(r)}\nEvent: presence"))
    check(t.core.get("SUBSCRIBE").headers("Route") == ["<sip:p1@secret.example;lr>"])
    t.core.send(core_request(t, w, "SUBSCRIBE", "Via: SIP/2.0/UDP secret.example;branch=z9hG4bKx\n"
                             "Record-Route: <sip:p1@secret.example;lr>\nEvent: x", cid="s3"))
    m = w.get("SUBSCRIBE")
    check("secret" not in m and len(m.headers("Via")) == 1 and len(m.headers("Record-Route")) == 1, m)
    w.send(response(m, 200, "OK", f"{WIC_CONTACT}\nExpires: 60"))
    r = t.core.get(200)
    check(len(r.headers("Via")) == 2 and "<sip:p1@secret.example;lr>" in r.headers("Record-Route") and "w2rs" not in r, r)


# ---- identities, charging -------------------------------------------------------------------------------------

def register_with(t, associated, extra=""):
    w = t.ws()
    w.send(register_request())
    r = t.core.get("REGISTER")
    t.core.send(response(r, 200, "OK", f"{WIC_CONTACT};expires=3600\nService-Route: <sip:orig@home1.example;lr>\n"
                         f"P-Associated-URI: {associated}{extra}"))
    w.path = r.header("Path")
    w.get(200)
    return w


@case("preferred identities are asserted when they are the user's: a SIP and a tel one; barred ones never (W2-SIP-02, W2-HDR-03)")
def _(t):
    w = register_with(t, "<sip:alice.2@home1.example>, <tel:+1-555-0001>")      # alice itself is barred
    for ppi, want in (("<tel:+15550001>, <sip:alice.2@home1.example>", ["<sip:alice.2@home1.example>", "<tel:+15550001>"]),
                      ("<tel:+15550001>", ["<tel:+15550001>"]), ("<sip:eve@home1.example>", ["<sip:alice.2@home1.example>"]),
                      (f"<{ALICE}>", ["<sip:alice.2@home1.example>"])):
        message(w, extra=f"P-Preferred-Identity: {ppi}")
        m = t.core.get("MESSAGE")
        check(m.headers("P-Asserted-Identity") == want and not m.headers("P-Preferred-Identity"), m)


@case("the identity that was called answers (W2-SIP-21)")
def _(t):
    w = register_with(t, "<sip:alice@home1.example>, <sip:desk@home1.example>, <tel:+15550001>")
    for called, want in (("<sip:desk@home1.example>", "<sip:desk@home1.example>"), ("<tel:+15550001>", "<tel:+15550001>"),
                         ("<sip:eve@home1.example>", "<sip:alice@home1.example>")):
        t.core.send(core_request(t, w, "MESSAGE", f"P-Called-Party-ID: {called}", body="x", ctype="text/plain"))
        m = w.get("MESSAGE")
        check(m.header("P-Called-Party-ID") == called, m)
        w.send(response(m, 200, "OK"))
        check(t.core.get(200).headers("P-Asserted-Identity") == [want])


@case("one charging identifier serves a call in both directions (W2-SIP-04, -23)", mw={"orig_ioi": "visited1.example"})
def _(t):
    w = t.register()
    i = t.invite(w, "c1")
    check("orig-ioi=visited1.example" in i.header("P-Charging-Vector") and "term-ioi" not in i, i)
    t.core.send(response(i, 200, "OK", f'{CORE_CONTACT}\nP-Charging-Vector: icid-value="{icid(i)}";term-ioi=far.example',
                         body=CORE_SDP))
    check("ioi" not in w.get(200))
    w.send(request("ACK", CORE_URI, cid="c1", to=f"<{BOB}>;tag=ct"))
    w.send(request("INFO", CORE_URI, cid="c1", cseq=2, to=f"<{BOB}>;tag=ct", body="x", ctype="text/plain"))
    check(icid(t.core.get("INFO")) == icid(i))
    w.send(request("BYE", CORE_URI, cid="c1", cseq=3, to=f"<{BOB}>;tag=ct"))
    check(icid(t.core.get("BYE")) == icid(i))
    m = t.invite_in(w, "c2", extra='P-Charging-Vector: icid-value="core1";orig-ioi=far.example')
    w.send(response(m, 200, "OK", WIC_CONTACT, tag="at", body=WIC_SDP % "active"))
    check(t.core.get(200).header("P-Charging-Vector") == 'icid-value="core1";orig-ioi=far.example;term-ioi=visited1.example')
    w.send(request("BYE", CORE_URI, cid="c2", frm=f"<{ALICE}>;tag=at", to=f"<{BOB}>;tag=b1"))
    check(icid(t.core.get("BYE")) == "core1")


@case("what nodes of the core tell each other stays there (W2-SIP-22, W2-HDR-05, -06)", mw={"pass_headers": ["X-Info"]})
def _(t):
    w = t.register()
    inside = ("P-Charging-Vector: icid-value=1;orig-ioi=inside", "P-Charging-Function-Addresses: ccf=inside",
              "P-Served-User: <sip:inside@x>", "P-Visited-Network-ID: inside", "P-Early-Media: supported",
              "P-Access-Network-Info: 3GPP-NR;cell=inside", "P-Profile-Key: <sip:inside@x>", "P-Private: inside",
              "P-Asserted-Service: urn:inside", "Remote-Party-ID: <sip:inside@x>", "P-Preferred-Identity: <sip:inside@x>")
    outside = ("P-Asserted-Identity: <sip:bob@home2.example>", "Feature-Caps: *;+g.3gpp.x", "X-Info: 1",
               "P-Called-Party-ID: <sip:alice@home1.example>", "Session-ID: 1", "Resource-Priority: wps.1")
    t.core.send(core_request(t, w, "MESSAGE", "\n".join(inside + outside), body="x", ctype="text/plain"))
    m = w.get("MESSAGE")
    check("inside" not in m and not [h for h in outside if not m.headers(h.split(":")[0])], m)
    message(w)
    t.core.send(response(t.core.get("MESSAGE"), 200, "OK", "\n".join(inside + outside)))
    m = w.get(200)
    check("inside" not in m and not [h for h in outside if not m.headers(h.split(":")[0])], m)


@case("access network, service and priority: ours only where configured or granted (W2-REG-14, W2-HDR-09, -13)",
      mw={"access_network_info": "IEEE-802.11", "mmtel": True})
def _(t):
    w = t.register()
    pri = "Resource-Priority: wps.0\nP-Access-Network-Info: IEEE-802.3;np"
    i = t.invite(w, "c1", extra=pri)
    check(not i.headers("Resource-Priority") and "urn:urn-7:3gpp-service.ims.icsi.mmtel" in i.header("P-Preferred-Service"), i)
    check(i.headers("P-Access-Network-Info") == ["IEEE-802.3", "IEEE-802.11;network-provided"], i)
    check("g.3gpp.icsi-ref" in i.header("Accept-Contact"), i)
    w = register_with(t, f"<{ALICE}>", "\nResource-Priority: wps.1")
    message(w, extra=pri)
    m = t.core.get("MESSAGE")
    check(m.header("Resource-Priority") == "wps.0" and not m.headers("P-Preferred-Service"), m)


# ---- other methods ---------------------------------------------------------------------------------------------

@case("methods pass with their headers and bodies, known or not (W2-SIP-80 to -86)")
def _(t):
    w = t.register()
    xml = "<resource-lists/>"
    for method, extra, ctype in (("MESSAGE", "", "multipart/mixed;boundary=b"), ("PUBLISH", "Event: presence\nSIP-If-Match: 7", "application/pidf+xml"),
                                 ("REFER", "Refer-To: <sip:c@x?Replaces=1%40x>\nReferred-By: <sip:a@x>\nRefer-Sub: false", "text/plain"),
                                 ("OPTIONS", "Accept: application/sdp", "application/sdp"), ("INFO", "Info-Package: g.3gpp.x", "text/plain"),
                                 ("SUBSCRIBE", "Event: reg", "application/resource-lists+xml"), ("FROBNICATE", "", "text/x")):
        w.send(request(method, BOB, cid=method, extra=extra + "\nSupported: trickle-ice, sec-agree, ice, 100rel", body=xml, ctype=ctype))
        m = t.core.get(method)
        check(m.body == xml and m.header("Content-Type") == ctype and m.header("Supported") == "100rel", m)
        for line in extra.split("\n"):
            check(line in m, m)
        t.core.send(response(m, 200, "OK", CORE_CONTACT, body=xml, ctype=ctype))
        r = w.get(200)
        check(r.body == xml, r)
        t.core.send(core_request(t, w, method, extra, cid=method + "t", body=xml, ctype=ctype))
        m = w.get(method)
        check(m.body == xml, m)
        w.send(response(m, 405, "No", "Allow: INVITE"))
        t.core.get(405)


@case("nothing but REGISTER passes before registration, nor with another user's identity behind it (threat P7)")
def _(t):
    w = t.ws()
    for method in ("INVITE", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO", "REFER", "OPTIONS", "UPDATE", "PRACK", "BYE",
                   "FROBNICATE"):
        w.send(request(method, BOB, body="x", ctype="text/plain"))
        w.get(403)
    w.send(request("ACK", BOB))
    t.core.none(None, 0.3)
    t.register(w)
    message(w, frm="<sip:eve@home1.example>;tag=1", extra="P-Preferred-Identity: <sip:eve@home1.example>\n"
            "P-Asserted-Identity: <sip:eve@home1.example>\nP-Served-User: <sip:eve@home1.example>")
    check(t.core.get("MESSAGE").headers("P-Asserted-Identity") == [f"<{ALICE}>"])


# ---- emergency --------------------------------------------------------------------------------------------------

SOS = ("urn:service:sos", "urn:service:sos.police", "tel:112", "tel:1-1-2;phone-context=x", "sip:112@home1.example;user=phone",
       "sip:1-1-2;phone-context=home1.example@home1.example")


@case("emergencies are answered 380 before any other rule (W2-EMG-01, -03, -04, W2-ERR-44)",
      emergency={"numbers": ["911", "112"], "reason": "Use another phone"})
def _(t):
    for w in (t.ws(), t.register()):
        for uri in SOS:
            for method in ("INVITE", "MESSAGE"):
                w.send(request(method, uri, body=WIC_SDP % "actpass"))
                m = w.get(380)
                check(m.header("Contact") == "<urn:service:sos>" and m.header("P-Asserted-Identity") == "<sip:localhost>", m)
                check(m.header("Content-Type") == "application/3gpp-ims+xml", m)
                check("<type>emergency</type>" in m.body and "<reason>Use another phone</reason>" in m.body, m)
    t.core.none("INVITE", 0.3)
    for uri in ("urn:service:sosx", "tel:1123", "sip:bob@112.example"):
        message(w, uri=uri)
        t.core.get("MESSAGE")


@case("with an E-CSCF emergency calls of the registered go there, and the gateway is told (W2-EMG-02, -05)",
      emergency={"numbers": ["112"], "ecscf": "sip:127.0.0.2:5161"})
def _(t):
    e, w = other(), t.register()
    for cid, uri in (("c1", "urn:service:sos.fire"), ("c2", "tel:112")):
        w.send(request("INVITE", uri, cid=cid, body=WIC_SDP % "actpass", extra="Route: <sip:x@y;lr>\n"
                       "Geolocation: <cid:1>\nP-Preferred-Identity: <sip:alice@home1.example>"))
        i = e.get("INVITE")
        check(i.start == f"INVITE {'urn:service:sos.fire' if cid == 'c1' else 'urn:service:sos'} SIP/2.0", i)
        check(i.headers("Route") == ["<sip:127.0.0.2:5161;lr>"] and i.headers("P-Asserted-Identity") == [f"<{ALICE}>"], i)
        check("RTP/AVP" in i.body and i.headers("Geolocation"), i)
        check(re.search(r"\bEG\b", t.mg.wait("add")[2]), t.mg.wait("add"))
    e.send(response(i, 200, "OK", f"Contact: <sip:psap@{B}>", body=CORE_SDP))
    w.get(200)
    w.send(request("BYE", f"sip:psap@{B}", cid="c2", cseq=2, to=f"<{BOB}>;tag=ct"))
    e.get("BYE")
    t.ws().send(request("INVITE", "urn:service:sos", body=WIC_SDP % "actpass"))
    e.none("INVITE", 0.3)
    e.close()


ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=a1'
E_CSCF = {"ecscf": "sip:127.0.0.2:5161", "numbers": ["112"]}


@case("who is not registered may call for help where that is allowed, and shows nobody's identity (W2-EMG-04)",
      emergency={**E_CSCF, "anonymous": "allow"}, mw={"access_network_info": "3GPP-E-UTRAN-FDD"},
      w2={"first_register_s": 1})
def _(t):
    e, w = other(), t.ws()
    claims = ("P-Preferred-Identity: <sip:eve@home1.example>\nP-Asserted-Identity: <sip:eve@home1.example>\n"
              "Route: <sip:x@y;lr>\nGeolocation: <cid:1>")
    w.send(request("INVITE", "tel:112", cid="h", body=WIC_SDP % "actpass", extra=claims,
                   contact="<sip:x@abc.invalid;transport=ws>"))
    i = e.get("INVITE")
    check(i.start == "INVITE urn:service:sos SIP/2.0" and i.headers("Route") == ["<sip:127.0.0.2:5161;lr>"], i)
    check(i.header("From") == ANONYMOUS and "eve" not in i and not i.headers("P-Asserted-Identity"), i)
    check("network-provided" in i.header("P-Access-Network-Info") and i.header("P-Charging-Vector"), i)
    check(i.headers("Geolocation") and "RTP/AVP" in i.body, i)
    check(re.search(r"\bEG\b", t.mg.wait("add")[2]))
    e.send(response(i, 200, "OK", f"Contact: <sip:psap@{B}>", body=CORE_SDP))
    check(w.get(200).header("From") == f"<{ALICE}>;tag=a1")
    e.send(response(i, 200, "OK", f"Contact: <sip:psap@{B}>", body=CORE_SDP))      # again: as the first
    w.send(request("ACK", f"sip:psap@{B}", cid="h", to=f"<{BOB}>;tag=ct"))
    check(e.get("ACK").header("From") == ANONYMOUS)
    # nothing else is open to it
    w.send(request("MESSAGE", BOB, cid="m", body="x", ctype="text/plain"))
    w.get(403)
    w.send(request("INVITE", "urn:service:sos", cid="h2", body=WIC_SDP % "actpass"))
    w.get(380)
    e.send(request("MESSAGE", "sip:x@abc.invalid;transport=ws", cid="m2", via=e.via, frm=f"<{BOB}>;tag=b1",
                   extra=f"Route: {i.headers('Record-Route')[0]}", body="x", ctype="text/plain"))
    e.get(430)
    # the dialog works from both sides
    e.send(request("INFO", "sip:x@abc.invalid;transport=ws", cid="h", via=e.via, frm=f"<{BOB}>;tag=ct", to=ANONYMOUS,
                   extra=f"Route: {i.headers('Record-Route')[0]}"))
    m = w.get("INFO")
    w.send(response(m, 200, "OK"))
    check(not e.get(200).headers("P-Asserted-Identity"))
    w.send(request("BYE", f"sip:psap@{B}", cid="h", cseq=2, to=f"<{BOB}>;tag=ct"))
    m = e.get("BYE")
    check(m.header("From") == ANONYMOUS and not m.headers("P-Asserted-Identity"), m)
    e.send(response(m, 200, "OK"))
    check(w.get(200).header("From") == f"<{ALICE}>;tag=a1")
    t.metric("calls", 0)
    check(t.metrics()["emergency_anonymous"] == 1)
    e.close()


@case("calls for help without registration have limits: calls only, so many at a time, the rate of a source; the connection "
      "goes with them", emergency={**E_CSCF, "anonymous": "allow", "anonymous_calls": 1},
      w2={"requests_per_s_source": 1, "t1_ms": 100})
def _(t):
    e, w, second = other(), t.ws(), t.ws()
    w.send(request("MESSAGE", "urn:service:sos", body="x", ctype="text/plain"))
    w.get(380)
    w.send(request("INVITE", "urn:service:sos", cid="a", body=WIC_SDP % "actpass"))
    i = e.get("INVITE")
    second.send(request("INVITE", "urn:service:sos", cid="b", body=WIC_SDP % "actpass"))
    second.get(380)
    for n in range(30):
        more = t.ws()
        more.send(request("INVITE", "urn:service:sos", cid=f"r{n}", body=WIC_SDP % "actpass"))
        more.get(380)
    check(t.metrics()["rate_refused_source"] > 0)
    e.send(response(i, 486, "Busy Here"))
    w.get(486)
    check(w.closed(15) == 1008)
    t.metric("reg_bindings", 0)
    third = t.ws()
    until(lambda: (third.send(request("INVITE", "urn:service:sos", body=WIC_SDP % "actpass")), e.recv(0.3))[1], "let in again")
    e.close()


@case("a lost connection does not end a call for help at once; registering beside it changes nothing for it",
      emergency={**E_CSCF, "anonymous": "allow"}, reg={"guard_s": 1})
def _(t):
    e, w = other(), t.ws()
    w.send(request("INVITE", "urn:service:sos", cid="h", body=WIC_SDP % "actpass", contact="<sip:x@abc.invalid;transport=ws>"))
    i = e.get("INVITE")
    e.send(response(i, 200, "OK", f"Contact: <sip:psap@{B}>", body=CORE_SDP))
    w.get(200)
    t.register(w)
    message(w)
    check(t.core.get("MESSAGE").headers("P-Asserted-Identity") == [f"<{ALICE}>"])
    w.send(request("INFO", f"sip:psap@{B}", cid="h", cseq=2, to=f"<{BOB}>;tag=ct"))
    check(e.get("INFO").header("From") == ANONYMOUS)
    w.close()
    t.log_wait("reg.connection_lost")
    check(t.metrics()["calls"] == 1)
    m = e.get("BYE")
    check(m.header("From") == ANONYMOUS, m)
    e.close()


@case("a Route of the WIC in REGISTER chooses no node of the core (W2-SIP-03)", mw={"trusted": ["127.0.0.2/32"]})
def _(t):
    e, w = other(), t.ws()
    w.send(register_request().replace("Expires:", "Route: <sip:127.0.0.2:5161;lr>\r\nExpires:"))
    check(not t.core.get("REGISTER").headers("Route"))
    e.none("REGISTER", 0.2)
    e.close()


run()
