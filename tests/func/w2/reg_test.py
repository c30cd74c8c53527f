# SPDX-License-Identifier: Apache-2.0
"""Life of a registration: outbound and flow tokens, 2xx of the core, reg-event, ends of all kinds (W2-REG-23 to -73)."""
from harness import *

EVENT = {"subscribe": True}
CORE_CONTACT = f"Contact: <{CORE_URI}>"


def ask(w, user="alice", cseq=2, expires=3600, host="abc.invalid", instance=None, params=";reg-id=1", cid=None,
        via="", auth=True, extra=""):
    """Send a REGISTER over w."""
    uri = f"sip:{user}@home1.example"
    digest = f'Authorization: Digest username="{user}", realm="home1.example", nonce="n", uri="sip:home1.example", '
    m = request("REGISTER", "sip:home1.example", cid=cid or "reg" + user, cseq=cseq, via=f"SIP/2.0/WS {host}",
                frm=f"<{uri}>;tag=f1", to=f"<{uri}>", extra=f"Expires: {expires}\n" + extra +
                (f'\n{digest}response="r"' if auth else ""),
                contact=f'<sip:{user}@{host};transport=ws>;+sip.instance="<urn:uuid:{instance or user}>"{params}')
    w.send(m.replace(";rport\r\n", f";rport{via}\r\n", 1))
    return m


def grant(t, r, extra="", params="", expires=3600, user="alice", route=True, pau=True):
    """The core's 200 to a REGISTER."""
    contact = r.header("Contact").split(">")[0] + ">"
    t.core.send(response(r, 200, "OK", (f"Contact: {contact};expires={expires}{params}\n" if expires else "") +
                         ("Service-Route: <sip:orig@home1.example;lr>\n" if route else "") +
                         (f"P-Associated-URI: <sip:{user}@home1.example>\n" if pau else "") + extra))


def registered(t, w=None, **how):
    w = w or t.ws()
    ask(w, **how)
    r = t.core.get("REGISTER")
    w.path = r.header("Path")
    grant(t, r, user=how.get("user", "alice"))
    w.get(200)
    return w


def rows(t):
    """What epcscf shows of each registration, with what the core said of it."""
    return [{**r, **r["core"]} for r in t.show("registrations")]


def gone(t, n=0):
    until(lambda: len(rows(t)) == n, f"{n} registrations")


def message(w, user="alice", extra=""):
    w.send(request("MESSAGE", BOB, frm=f"<sip:{user}@home1.example>;tag=m", body="hi", ctype="text/plain",
                   extra=extra))


def call(t, w, cid="c1"):
    """A call from the WIC that is answered. @return the core's INVITE"""
    i = t.invite(w, cid)
    t.core.send(response(i, 200, "OK", CORE_CONTACT, body=CORE_SDP))
    w.get(200)
    w.send(request("ACK", CORE_URI, cid=cid, to=f"<{BOB}>;tag=ct"))
    t.core.get("ACK")
    return i


def released(t, w):
    """Both sides get a BYE, and the context goes."""
    for side, send in ((t.core, t.core.send), (w, w.send)):
        bye = side.get("BYE")
        check("cause=503" in bye.header("Reason"), bye)
        send(response(bye, 200, "OK"))
    t.mg.wait("sub")


# ---- reg-event: the core's side ---------------------------------------------------------------------------

def contact(state="active", event="registered", user="alice", host="abc.invalid", more="", reg_id=""):
    extra = f'<unknown-param name="reg-id">{reg_id}</unknown-param>' if reg_id else ""
    return (f'<contact id="c" state="{state}" event="{event}" {more}><uri>sip:{user}@{host};transport=ws</uri>'
            f'{extra}</contact>')


def reginfo(version, *contacts, full=False, state="active", aor=ALICE):
    return (f'<?xml version="1.0"?><reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="{version}" '
            f'state="{"full" if full else "partial"}"><registration aor="{aor}" id="a" state="{state}">'
            + "".join(contacts) + "</registration></reginfo>")


class Notifier:
    """Takes the next SUBSCRIBE and answers it."""
    def __init__(self, t, tag="n1", expires=600000, version=0, answer=True):
        self.t, self.tag, self.cseq = t, tag, 0
        self.sub = t.core.get("SUBSCRIBE")
        if answer:
            self.accept(self.sub, expires)

    def accept(self, sub, expires=600000):
        self.t.core.send(response(sub, 200, "OK", f"{CORE_CONTACT}\nExpires: {expires}", tag=self.tag))

    def send(self, body, state="active;expires=600000", ctype="application/reginfo+xml", cseq=None, tag=None, rr=""):
        self.cseq += 1
        uri = self.sub.header("Contact").strip("<>")
        self.t.core.send(request("NOTIFY", uri, cid=self.sub.header("Call-ID"), cseq=cseq or self.cseq,
                                 via=self.t.core.via, frm=f"<{ALICE}>;tag={tag or self.tag}",
                                 to=self.sub.header("From"), contact=f"<{CORE_URI}>", body=body, ctype=ctype,
                                 extra=f"Event: reg\nSubscription-State: {state}\n{rr}"))

    def notify(self, *a, want=200, **k):
        self.send(*a, **k)
        return self.t.core.get(want)


@case("after the first 200 the default identity is subscribed to, once, until its last contact goes (W2-REG-70)",
      reg=EVENT)
def _(t):
    w = registered(t)
    n = Notifier(t)
    us = f"sip:{LO}:{MW_PORT}"
    check(n.sub.start == f"SUBSCRIBE {ALICE} SIP/2.0" and n.sub.header("To") == f"<{ALICE}>", n.sub)
    check(n.sub.header("From").startswith(f"<{us}>;tag=") and n.sub.header("Contact") == f"<{us}>", n.sub)
    check(n.sub.header("P-Asserted-Identity") == f"<{us}>" and not n.sub.header("Route"), n.sub)
    check(n.sub.header("Event") == "reg" and n.sub.header("Accept") == "application/reginfo+xml", n.sub)
    check(n.sub.header("Expires") == "600000", n.sub.header("Expires"))
    check("icid-value=" in n.sub.header("P-Charging-Vector") and "orig-ioi=" in n.sub.header("P-Charging-Vector"))
    n.notify(reginfo(0, contact(), full=True), rr=f"Record-Route: <sip:p1@{LO}:{CORE_PORT};lr>")
    w2 = registered(t, instance="two", host="two.invalid", cid="other")
    registered(t, w, cseq=3)
    check(t.metrics()["reg_event_subscribes"] == 1, "subscribed again")
    for x, host, cid, cseq in ((w2, "two.invalid", "other", 3), (w, "abc.invalid", "regalice", 4)):
        check(t.metrics()["reg_event_subscribes"] == 1, "un-subscribed too early")
        ask(x, host=host, cid=cid, cseq=cseq, expires=0, instance="two" if x is w2 else None)
        grant(t, t.core.get("REGISTER"), expires=0)
        x.get(200)
    bye = t.core.get("SUBSCRIBE")
    check(bye.header("Expires") == "0" and bye.header("Call-ID") == n.sub.header("Call-ID"), bye)
    check(";tag=n1" in bye.header("To") and bye.header("CSeq") == "2 SUBSCRIBE", bye)
    n.accept(bye, 0)
    n.notify("", state="terminated;reason=timeout")
    t.metric("reg_event_subscriptions", 0)


@case("a NOTIFY may come before the 200, and the next SUBSCRIBE follows its route set", reg=EVENT)
def _(t):
    registered(t)
    n = Notifier(t, answer=False)
    rr = f"Record-Route: <sip:p1@{LO}:{CORE_PORT};lr>, <sip:p2@far.example;lr>"
    n.notify(reginfo(0, contact(), full=True), rr=rr)
    n.accept(n.sub)
    n.notify(reginfo(2, contact()))     # 1 was lost (W2-REG-71)
    again = t.core.get("SUBSCRIBE")
    check(again.start == f"SUBSCRIBE {CORE_URI} SIP/2.0" and again.header("CSeq") == "2 SUBSCRIBE", again)
    check(again.headers("Route") == [f"<sip:p1@{LO}:{CORE_PORT};lr>", "<sip:p2@far.example;lr>"], again)
    check(len(rows(t)) == 1)


@case("after a kill the subscription goes on, and tells what was missed (W2-ST-02)", reg=EVENT, mw={"t1_ms": 50})
def _(t):
    registered(t)
    n = Notifier(t, answer=False)
    n.notify(reginfo(3, contact(), full=True), rr=f"Record-Route: <sip:p1@{LO}:{CORE_PORT};lr>")
    n.accept(n.sub)
    registered(t, user="bob")
    t.core.send(response(t.core.get("SUBSCRIBE"), 403))
    t.metric("state_pending", 0)
    t.restart(signal.SIGKILL)
    subs = {}
    while len(subs) < 2:        # some come twice, before they are answered
        m = t.core.get("SUBSCRIBE")
        subs[m.start.split()[1]] = m
    again, other = subs[CORE_URI], subs["sip:bob@home1.example"]
    check(again.header("Call-ID") == n.sub.header("Call-ID") and again.header("CSeq") == "2 SUBSCRIBE", again)
    check(again.headers("Route") == [f"<sip:p1@{LO}:{CORE_PORT};lr>"] and ";tag=n1" in again.header("To"), again)
    check(";tag=" not in other.header("To"), other)      # its set had none: it is asked anew
    n.accept(again)
    n.notify(reginfo(4, contact("terminated", "unregistered"), full=True))
    gone(t, 1)
    check(rows(t)[0]["impu"] == "sip:bob@home1.example", rows(t))


@case("rejected: the call is released, the registration and the socket go (W2-REG-63)", reg=EVENT, mw={"t1_ms": 50})
def _(t):
    w = registered(t)
    n = Notifier(t)
    call(t, w)
    n.notify(reginfo(0, contact("terminated", "rejected"), full=True, state="terminated"),
             state="terminated;reason=noresource")
    released(t, w)
    check(w.closed() == 1008, "not closed with 1008")
    gone(t)
    t.metric("reg_event_subscriptions", 0)
    check(t.metrics()["reg_ended_by_network"] == 1)


@case("unregistered: the registration goes, the socket stays and has no rights", reg=EVENT, mw={"t1_ms": 50})
def _(t):
    w = registered(t)
    Notifier(t).notify(reginfo(0, contact("terminated", "unregistered"), full=True))
    bye = t.core.get("SUBSCRIBE")
    check(bye.header("Expires") == "0", "not un-subscribed")
    message(w)
    w.get(403)
    gone(t)
    message(w)
    w.get(403)
    registered(t, w, cseq=9)
    check(len(rows(t)) == 1 and rows(t)[0]["registered"])


@case("by policy the socket goes whatever the reason", reg={**EVENT, "close_when_ended": True}, mw={"t1_ms": 50})
def _(t):
    w = registered(t)
    Notifier(t).notify(reginfo(0, contact("terminated", "expired"), full=True))
    check(w.closed() == 1008)


@case("the WIC's own subscription passes, and is told the end before the binding goes (W2-REG-72)", reg=EVENT)
def _(t):
    w = registered(t)
    n = Notifier(t)
    w.send(request("SUBSCRIBE", ALICE, cid="own", to=f"<{ALICE}>", extra="Event: reg\nExpires: 3600"))
    own = t.core.get("SUBSCRIBE")
    check(own.header("Call-ID") == "own" and len(own.headers("Record-Route")) == 2, own)
    check(own.header("Route") == "<sip:orig@home1.example;lr>", own)
    t.core.send(response(own, 200, "OK", f"{CORE_CONTACT}\nExpires: 3600"))
    w.get(200)
    end = reginfo(0, contact("terminated", "deactivated"), full=True, state="terminated")
    n.notify(end)
    t.core.send(request("NOTIFY", "sip:alice@abc.invalid;transport=ws", cid="own", cseq=1, via=t.core.via,
                        frm=f"<{ALICE}>;tag=ct", to=f"<{ALICE}>;tag=a1", contact=f"<{CORE_URI}>", body=end,
                        ctype="application/reginfo+xml", extra="Event: reg\nSubscription-State: terminated\n"
                        "Route: " + own.headers("Record-Route")[0]))
    told = w.get("NOTIFY")
    check("deactivated" in told.body)
    w.send(response(told, 200, "OK"))
    t.core.get(200)
    check(w.closed() == 1008)


@case("one contact of two ends; a document without it after a gap ends the other", reg=EVENT, mw={"t1_ms": 50})
def _(t):
    w, w2 = registered(t), None
    n = Notifier(t)
    n.notify(reginfo(0, contact(), full=True))
    w2 = registered(t, instance="two", host="two.invalid", cid="other")
    n.notify(reginfo(1, contact(host="two.invalid", event="created")))
    n.notify(reginfo(2, contact("terminated", "expired")))
    gone(t, 1)
    check("two.invalid" in rows(t)[0]["contact"], rows(t))
    n.notify(reginfo(2, contact("terminated", "expired", host="two.invalid")))     # old news
    n.notify(reginfo(5, contact("active", "refreshed", host="else.invalid")))      # 3 and 4 were lost
    again = t.core.get("SUBSCRIBE")
    check(";tag=n1" in again.header("To") and again.header("Expires") == "600000", again)
    check(len(rows(t)) == 1 and rows(t)[0]["registered"], "an old version was applied")
    n.accept(again)
    n.notify(reginfo(6, contact(host="else.invalid"), full=True))
    gone(t)
    check(t.metrics()["reg_event_gaps"] == 1)
    message(w2)
    w2.get(403)


@case("a notifier that sends full states and does not count is understood", reg=EVENT, mw={"t1_ms": 50})
def _(t):
    registered(t)
    n = Notifier(t)
    n.notify(reginfo(0, contact(), full=True))
    n.notify(reginfo(0, contact("terminated", "unregistered"), full=True, state="terminated"))
    gone(t)


@case("two flows with one Contact URI are told apart by reg-id", reg=EVENT, mw={"t1_ms": 50})
def _(t):
    w1 = registered(t)
    n = Notifier(t)
    w2 = registered(t, params=";reg-id=2", cseq=3)
    check(len(rows(t)) == 2 and w1.path != w2.path, rows(t))
    n.notify(reginfo(0, contact(reg_id=1), contact("terminated", "expired", reg_id=2), full=True))
    gone(t, 1)
    message(w1)
    t.core.get("MESSAGE")
    message(w2)
    w2.get(403)


@case("an identity that leaves the set may not be used any more, and the rest goes on", reg=EVENT)
def _(t):
    w = t.ws()
    ask(w)
    grant(t, t.core.get("REGISTER"), pau=False, extra=f"P-Associated-URI: <{ALICE}>, <tel:+15551230001>")
    w.get(200)
    n = Notifier(t)
    ppi = "P-Preferred-Identity: <tel:+15551230001>"
    message(w, extra=ppi)
    check(t.core.get("MESSAGE").header("P-Asserted-Identity") == "<tel:+15551230001>")
    n.notify(reginfo(0, contact("terminated", "deactivated"), full=True, state="terminated", aor="tel:+15551230001")
             .replace("</reginfo>", reginfo(0, contact()).split('state="partial">')[1]))
    check(len(rows(t)) == 1 and rows(t)[0]["registered"], rows(t))
    message(w, extra=ppi)
    check(t.core.get("MESSAGE").header("P-Asserted-Identity") == f"<{ALICE}>")


@case("shortened takes time off, and nothing adds to it (W2-REG-73)", reg=EVENT)
def _(t):
    registered(t)
    n = Notifier(t)
    n.notify(reginfo(0, contact("active", "shortened", more='expires="600"'), full=True))
    check(590 < rows(t)[0]["expires_s"] <= 600, rows(t))
    n.notify(reginfo(1, contact("active", "shortened", more='expires="9999"')))
    check(rows(t)[0]["expires_s"] <= 600, rows(t))


@case("documents that are none, too big or of another kind are refused and change nothing", reg=EVENT)
def _(t):
    registered(t)
    n = Notifier(t)
    end = contact("terminated", "rejected")
    bomb = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    for body in ("no xml", "<presence/>", bomb + reginfo(0, end, full=True).split("?>")[1],
                 reginfo(0, end, full=True)[:-3]):
        n.notify(body, want=400)
    n.notify(reginfo(0, end, full=True), ctype="application/pidf+xml", want=415)
    n.notify(reginfo(0, *[contact(host=f"{i}.invalid") for i in range(300)]), want=413)
    n.notify(reginfo(0, contact(), full=True))
    n.send(reginfo(1, end), cseq=1)     # behind what was there (RFC 3261 12.2.2)
    t.core.get(500)
    n.send(reginfo(1, end), tag="fork")
    t.core.get(481)
    check(len(rows(t)) == 1 and rows(t)[0]["registered"], rows(t))
    check(t.metrics()["reg_event_bad_notify"] == 8, t.metrics())


@case("a subscription the core ends or forgets is made again while contacts remain (W2-REG-71)", reg=EVENT)
def _(t):
    registered(t)
    n = Notifier(t)
    n.notify(reginfo(0, contact(), full=True), state="terminated;reason=timeout")
    n2 = Notifier(t, tag="n2")
    check(n2.sub.header("Call-ID") != n.sub.header("Call-ID") and "tag" not in n2.sub.header("To"), n2.sub)
    n2.notify(reginfo(0, contact(), full=True))
    n2.notify(reginfo(3, contact()))
    refresh = t.core.get("SUBSCRIBE")
    check(refresh.header("Call-ID") == n2.sub.header("Call-ID"), refresh)
    t.core.send(response(refresh, 481, "Gone"))
    t.metric("reg_event_subscriptions", 1)
    check(len(rows(t)) == 1)


@case("a core without reg-event is asked once; 423 raises the time", reg=EVENT)
def _(t):
    registered(t)
    sub = t.core.get("SUBSCRIBE")
    t.core.send(response(sub, 423, "Interval Too Brief", "Min-Expires: 700000"))
    sub = t.core.get("SUBSCRIBE")
    check(sub.header("Expires") == "700000", sub)
    t.core.send(response(sub, 489, "Bad Event"))
    t.metric("reg_event_refused", 1)
    registered(t, instance="two", host="two.invalid", cid="other")
    check(t.metrics()["reg_event_subscribes"] == 2)


@case("a NOTIFY that crosses a REGISTER leaves the decision to its answer", reg=EVENT, mw={"t1_ms": 50})
def _(t):
    w = registered(t)
    n = Notifier(t)
    for version, ok in ((0, True), (1, False)):
        ask(w, cseq=5 + version)
        r = t.core.get("REGISTER")
        n.notify(reginfo(version, contact("terminated", "unregistered"), full=True))
        check(rows(t)[0]["registered"], rows(t))
        if ok:
            grant(t, r)
            w.get(200)
            check(rows(t)[0]["registered"])
        else:
            t.core.send(response(r, 403, "Forbidden"))
            w.get(403)
    gone(t)


# ---- the core's 2xx ------------------------------------------------------------------------------------------

@case("a 200 without Service-Route is an error of the core: 502, no registration (W2-REG-42)")
def _(t):
    w = t.ws()
    ask(w)
    grant(t, t.core.get("REGISTER"), route=False)
    check("Service-Route" in w.get(502).header("Warning"))
    check(not rows(t) and t.metrics()["reg_no_service_route"] == 1)
    registered(t, w, cseq=3)
    ask(w, cseq=4)
    grant(t, t.core.get("REGISTER"), route=False)
    w.get(502)
    check(not rows(t), "it goes on with the old route")


@case("an AOR the core leaves out of P-Associated-URI is barred: the first of the list speaks (W2-REG-40)")
def _(t):
    w = t.ws()
    ask(w)
    r = t.core.get("REGISTER")
    grant(t, r, pau=False, extra="P-Associated-URI: <sip:public@home1.example>, <tel:+15551230001>\n"
          f"Path: {r.header('Path')}\nRequire: outbound\nFeature-Caps: *;+g.3gpp.srvcc\nP-Charging-Vector: icid-value=x;orig-ioi=a;term-ioi=home1.example",
          params=';pub-gruu="sip:alice@home1.example;gr=urn:uuid:1"')
    m = w.get(200)
    check('pub-gruu="sip:alice@home1.example;gr=urn:uuid:1"' in m.header("Contact"), m)     # W2-REG-54
    for name in ("Path", "Service-Route", "P-Associated-URI", "Require"):   # W2-REG-41
        check(m.header(name), f"no {name}")
    check(not m.header("P-Charging-Vector"), m)
    row = rows(t)[0]
    check(row["default_impu"] == "sip:public@home1.example" and row["term_ioi"] == "home1.example", row)
    check("gr=urn:uuid:1" in row["granted"] and row["feature_caps"] == "*;+g.3gpp.srvcc", row)
    message(w)
    check(t.core.get("MESSAGE").header("P-Asserted-Identity") == "<sip:public@home1.example>")
    ask(w, cseq=3)
    grant(t, t.core.get("REGISTER"))     # the lists are replaced as a whole
    w.get(200)
    row = rows(t)[0]
    check(row["default_impu"] == ALICE and row["term_ioi"] == row["feature_caps"] == "", row)


@case("other answers pass as they are; 439 is counted (W2-REG-43 to -46)")
def _(t):
    w = t.ws()
    for n, (status, header) in enumerate(((423, "Min-Expires: 60"), (439, ""), (305, CORE_CONTACT), (403, ""),
                                          (600, "Retry-After: 9"), (500, "Retry-After: 7"))):
        ask(w, cseq=2 + n)
        t.core.send(response(t.core.get("REGISTER"), status, "Text", header))
        m = w.get(status)
        name, _, value = header.partition(": ")
        check(not name or m.header(name) == value, m)
    check(t.metrics()["reg_no_outbound"] == 1 and not rows(t))


# ---- outbound ------------------------------------------------------------------------------------------------

@case("ob, Flow-Timer and keep for the first hop only (W2-REG-50, W2-WS-12, -13)", w2={"ping_interval_s": 25})
def _(t):
    w = t.ws()
    ask(w, via=";keep")
    r = t.core.get("REGISTER")
    check(r.header("Path").endswith(";lr;ob>"), r)
    check("keep" not in r.headers("Via")[0] and ";keep=25" in r.headers("Via")[1], r)
    grant(t, r)
    m = w.get(200)
    check(m.header("Flow-Timer") == "25" and ";keep=25" in m.header("Via"), m)
    ask(w, cseq=3, params="", instance="plain")
    r = t.core.get("REGISTER")
    check(r.header("Path").endswith(";lr>") and "keep" not in r.headers("Via")[1], r)
    grant(t, r)
    check(not w.get(200).header("Flow-Timer"))
    ask(w, cseq=4, instance="proxied", extra="Via: SIP/2.0/TCP ua.example;branch=z9hG4bKbelow")
    r = t.core.get("REGISTER")
    check(r.header("Path").endswith(";lr>") and len(r.headers("Via")) == 3, r)
    grant(t, r)
    check(not w.get(200).header("Flow-Timer"))
    ask(w, cseq=5, expires=0)
    grant(t, t.core.get("REGISTER"), expires=0)
    check(not w.get(200).header("Flow-Timer"), "Flow-Timer for a flow that is no more")


def invite(t, path, cid, to_tag=""):
    t.core.send(request("INVITE", "sip:alice@abc.invalid;transport=ws", cid=cid, via=t.core.via,
                        frm=f"<{BOB}>;tag=b1", to=f"<{ALICE}>{to_tag}", contact=f"<{CORE_URI}>",
                        extra=f"Route: {path}", body=CORE_SDP))


@case("a token of a flow that is gone is told 430, a forged one 480 (W2-WS-10, W2-ERR-31, -32)")
def _(t):
    w = registered(t)
    path = w.path
    ask(w, cseq=3, expires=0)
    grant(t, t.core.get("REGISTER"), expires=0)
    w.get(200)
    invite(t, path, "dead")
    t.core.get(430)
    invite(t, path, "dead2", to_tag=";tag=x")
    t.core.get(481)
    last = path.index("@") - 1
    invite(t, path[:last] + ("0" if path[last] != "0" else "1") + path[last + 1:], "forged")
    t.core.get(480)


@case("a new connection of the same flow takes over: new token, old token still finds it, old socket closed (W2-REG-51)")
def _(t):
    w = registered(t)
    call(t, w)
    w2 = registered(t, cseq=3)
    check(w.closed() == 1000 and w.path != w2.path, "old socket or token stay")
    check(len(rows(t)) == 1 and t.metrics()["calls"] == 1, rows(t))
    for path in (w.path, w2.path):
        t.core.send(request("MESSAGE", "sip:alice@abc.invalid;transport=ws", via=t.core.via, frm=f"<{BOB}>;tag=b1",
                            to=f"<{ALICE}>", extra=f"Route: {path}", body="hi", ctype="text/plain"))
        w2.send(response(w2.get("MESSAGE"), 200, "OK"))
        t.core.get(200)


@case("more flows of one instance than allowed are refused (W2-REG-52)", reg={"flows_per_instance": 2})
def _(t):
    for n in (1, 2):
        registered(t, params=f";reg-id={n}", cseq=n)
    w = t.ws()
    ask(w, params=";reg-id=3", cseq=3)
    w.get(403)
    registered(t, w, params=";reg-id=3", cseq=4, instance="another", host="two.invalid")
    check(len(rows(t)) == 3)


# ---- ends ----------------------------------------------------------------------------------------------------

@case("de-registration releases the calls of the contact and keeps the socket (W2-REG-62)")
def _(t):
    w = registered(t)
    call(t, w)
    ask(w, cseq=3, expires=0)
    grant(t, t.core.get("REGISTER"), expires=0)
    released(t, w)
    w.get(200)
    check(not rows(t))
    registered(t, w, cseq=4)


@case("a binding outlives the granted time by 64*T1, no more (W2-REG-60)", mw={"t1_ms": 50})
def _(t):
    w = t.ws()
    ask(w)
    grant(t, t.core.get("REGISTER"), expires=1)
    w.get(200)
    until(lambda: rows(t)[0]["expires_s"] == 0, "end of the granted time")
    check(rows(t)[0]["registered"])
    gone(t)
    t.log_wait(r'reg\.removed .*why="expired"')


@case("the guard ends the calls of a WIC that stays away; nobody speaks for a digest user (W2-REG-64, -65)",
      reg={"guard_s": 1, "guard_deregister": True})
def _(t):
    w = registered(t)
    call(t, w)
    w.close()
    bye = t.core.get("BYE")
    check("cause=503" in bye.header("Reason"), bye)
    gone(t)
    check(t.metrics()["reg_behalf"] == 0)


# ---- who and how many ------------------------------------------------------------------------------------------

@case("another user on a connection is refused (W2-REG-23)")
def _(t):
    w = registered(t)
    ask(w, user="carol")
    w.get(403)


@case("by policy a connection serves several users, each under its own identity", reg={"users_per_connection": 2})
def _(t):
    w = registered(t)
    registered(t, w, user="carol")
    ask(w, user="dave")
    w.get(403)
    for user in ("carol", "alice", "carol"):
        message(w, user)
        check(t.core.get("MESSAGE").header("P-Asserted-Identity") == f"<sip:{user}@home1.example>")
    ask(w, user="carol", cseq=3, expires=0)
    check('integrity-protected="tls-yes"' in (r := t.core.get("REGISTER")).header("Authorization"), r)
    grant(t, r, user="carol", expires=0)
    w.get(200)
    check([r["impu"] for r in rows(t)] == [ALICE])


@case("new registrations above the rate get 503 with Retry-After; answers to challenges go first (W2-REG-68)",
      reg={"max_per_s": 1})
def _(t):
    w = [t.ws() for _ in range(4)]
    ask(w[0], user="u0", auth=False)
    ask(w[1], user="u1", auth=False)
    t.core.get("REGISTER")
    check(int(w[1].get(503).header("Retry-After")) > 0)
    registered(t, w[2], user="u2")
    registered(t, w[2], user="u2", cseq=3)      # a refresh is no new one
    check(t.metrics()["reg_not_admitted"] == 1)


@case("a flood of REGISTERs nobody answers holds a few transactions a connection, no bindings, no memory (threat P8)",
      reg={"max_per_s": 0})
def _(t):
    w = [t.ws() for _ in range(10)]
    before = t.rss_mb()
    for n in range(400):
        for i, x in enumerate(w):
            ask(x, user=f"u{i}-{n}", auth=n % 2 == 0, extra="Supported: " + "x" * 2000)
    for x in w:
        x.get(503)
    until(lambda: t.metrics()["w2_messages_in"] >= 4000, "all are read")
    m = t.metrics()
    check(m["sip_transactions"] <= 2 * 4 * len(w), f"{m['sip_transactions']} transactions")
    check(not rows(t) and m["reg_bindings"] == 0)
    if "libasan" not in open(f"/proc/{t.p.pid}/maps").read():     # which keeps what was freed
        check(t.rss_mb() - before < 16, f"{t.rss_mb() - before} MB more")


run()
