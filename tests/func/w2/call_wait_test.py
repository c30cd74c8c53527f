# SPDX-License-Identifier: Apache-2.0
"""Calls and time-outs that no configuration shortens: Timer D (RFC 3261 17.1.1.2), a gateway that is silent. All at once."""
import types

from dialogs import *


@case("refused INVITE and re-INVITE know their calls no more when Timer D ends")
def _(t):
    w = t.register()
    t.core.send(response(t.invite(w, "c1"), 486, "Busy"))
    w.get(486)
    call_out(t, w, "c2")
    w.send(in_dialog("INVITE", "c2", body=WIC_SDP % "actpass"))
    t.core.send(response(t.core.get("INVITE"), 488, "No"))
    w.get(488)
    check(t.metrics()["calls"] == 1, "a refused re-INVITE ended the call")
    w.send(in_dialog("BYE", "c2", 3))
    t.core.send(response(t.core.get("BYE"), 200, "OK"))
    w.get(200)
    t.metric("calls", 0)
    time.sleep(33)  # Timer D has no event of its own
    t.metrics()


@case("BYE in an early dialog: the INVITE gets 487, the core CANCEL and BYE, nothing stays (W2-SIP-41)",
      w2={"t1_ms": 100})
def _(t):
    w = t.register()
    i = t.invite(w, "c1")
    t.core.send(response(i, 180, "Ringing", CORE_CONTACT))
    w.get(180)
    w.send(in_dialog("BYE", "c1"))
    w.get(487)
    t.core.get("CANCEL")
    t.core.send(response(t.core.get("BYE"), 200, "OK"))
    t.core.send(response(i, 487, "Request Terminated"))
    w.get(200)
    t.metric("calls", 0)
    check(t.mg.wait("sub"), "context kept")
    t.metric("sip_transactions", 0, 45)  # Timer D


def disconnected(mg):
    """Registers as a gateway that has kept its contexts."""
    mg.tx(f"MEGACO/1 [{LO}]:{MG_PORT}\nTransaction = {random.randrange(1, 1 << 30)} {{ Context = - {{ ServiceChange = "
          'ROOT { Services { Method = Disconnected, Reason = "900 Service Restored", Version = 3 } } } }')


@case("a gateway silent for 30 s is called back within 60 s, cleared, then used (threats Q3, Q4)", iq={"audit_s": 1})
def _(t):
    w = t.register()
    call_out(t, w, "c1")
    t.mg.register = types.MethodType(disconnected, t.mg)
    t.mg.silent = True
    t.metric("iq_gateways_up", 0, 45)
    check(t.metrics()["calls"] == 0, "calls of a lost gateway stay")
    t.mg.seen.clear()
    t.mg.silent = False
    t.metric("iq_gateways_up", 1, 60)
    check([x[1] for x in t.mg.seen if x[0] == "sub"] == ["*"], t.mg.seen)
    call_out(t, w, "c2")


run_together()
