# SPDX-License-Identifier: Apache-2.0
"""One of the two processes goes away in a call and comes back."""
import time

from . import call as calls
from . import ns
from .proc import wait_until
from .scenario_calls import heard_both
from .scenarios import check


def begin(browser):
    browser.do("dial", target="bob")
    browser.in_call("active")
    browser.wait("s.call.media === 'heard'")


def run(setting):
    case = setting.cases.case
    with setting.lab() as lab:
        lab.start()
        bob, browser = lab.phones["bob"], lab.browser()
        for how in ("stopped", "killed"):
            with case(f"gateway_{how}_the_lost_call_is_released_and_the_next_one_works"):
                begin(browser)
                mark, log = bob.mark(), lab.cscf.proc.mark()
                loop = lab.capture("lo", "sip", "port 5060 or port 5062")   # long ones go by TCP
                if how == "stopped":
                    check(lab.agw.stop() == 0, "eimsagw did not stop clean")
                else:
                    lab.agw.kill()
                lab.agw.start()
                for link in (ns.ACCESS, ns.CORE):
                    ns.wait_carrier(link)
                bob.wait_event("CALL_CLOSED", 20, mark)
                browser.in_call("ended", 10)
                loop.stop()
                reasons = [r[0] for r in loop.fields('sip.Method == "BYE" && ip.src == 10.20.0.2', "sip.Reason")]
                check(reasons and all("503" in r for r in reasons), f"Reason of the BYEs: {reasons}")
                lab.cscf.proc.wait_line(r"iq.gateway_up", 20, log)
                lab.cscf.wait_gateway()
                lab.wait_idle()
                heard_both(calls.outgoing(lab, browser, bob, 2))
        with case("epcscf_killed_no_packet_of_the_running_call_is_lost"):
            begin(browser)
            lab.cscf.kill()
            first = browser.stats()
            time.sleep(6)
            last = browser.stats()
            came = last["packetsIn"] - first["packetsIn"]
            check(came >= 285, f"{came} packets in 6 s")
            check(last["lostIn"] - first["lostIn"] <= 1, f"{last['lostIn'] - first['lostIn']} lost")
            check(browser.heard(bob.tone_hz, 1) > 0.8, "the sound stopped")
        with case("epcscf_started_again_knows_the_call_and_the_browser_ends_it"):
            mark = bob.mark()
            lab.cscf.start()
            lab.cscf.wait_gateway()
            wait_until("the browser's new WebSocket",
                       lambda: any(r["connected"] for r in lab.cscf.show("registrations")), 40)
            check(lab.audit()[:3] == (1, 1, 1), f"calls, contexts: {lab.audit()}")
            browser.do("click", selector="#hangup")
            browser.in_call("ended", 10)
            bob.wait_event("CALL_CLOSED", 10, mark)
            lab.wait_idle()
            heard_both(calls.outgoing(lab, browser, bob, 2))
