# SPDX-License-Identifier: Apache-2.0
"""The access side fails: browser killed, WebSocket cut (W2-ICE-12, W2-REG-65, -66)."""
import time

from .gateway import ACCESS_V4, W2_PORT
from .cut import Relay
from .proc import wait_until
from .scenario_calls import same
from .scenarios import check


def run(setting):
    case = setting.cases.case
    with setting.lab() as lab:
        lab.start()
        bob = lab.phones["bob"]
        base = lab.base_line()
        with case("websocket_cut_for_10_s_leaves_the_call_up_and_the_client_comes_back"):
            relay = Relay((ACCESS_V4, W2_PORT + 1), (ACCESS_V4, W2_PORT))
            browser = lab.browser(register=False)
            browser.do("open", url=f"https://{ACCESS_V4}:{W2_PORT + 1}/")
            browser.register("alice")
            browser.registered()
            browser.do("dial", target="bob")
            browser.in_call("active")
            browser.wait("s.call.media === 'heard'")
            relay.cut()
            browser.wait("s.transport !== 'open'", 10)
            time.sleep(10)
            check(browser.heard(bob.tone_hz, 1) > 0.8, "the sound stopped while the WebSocket was away")
            relay.mend()
            browser.wait("s.transport === 'open' && s.registration.state === 'registered'", 20)
            check(browser.state()["call"]["state"] == "active", "the call has ended")
            check(browser.heard(bob.tone_hz, 1) > 0.8, "no sound after the WebSocket came back")
            mark = bob.mark()
            bob.hangup()
            browser.in_call("ended", 10)
            bob.wait_event("CALL_CLOSED", 5, mark)
            lab.wait_idle()
            browser.stop()
            relay.stop()
        with case("browser_killed_the_core_gets_bye_with_a_reason_within_40_s"):
            browser = lab.browser("carol")
            browser.do("dial", target="bob")
            browser.in_call("active")
            browser.wait("s.call.media === 'heard'")
            loop = lab.capture("lo", "sip", "port 5060 or port 5062")
            mark, began = bob.mark(), time.monotonic()
            browser.kill()
            bob.wait_event("CALL_CLOSED", 42, mark)
            took = time.monotonic() - began
            loop.stop()
            reasons = [r[0] for r in loop.fields('sip.Method == "BYE"', "sip.Reason")]
            check(took <= 40, f"it took {took:.0f} s")
            check(reasons and all(reasons), f"Reason of the BYEs: {reasons}")
        with case("nothing_is_left_after_the_kill"):
            wait_until("base line", lambda: same(base, lab.base_line()), 30)
