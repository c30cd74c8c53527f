# SPDX-License-Identifier: Apache-2.0
"""The programs of docs/w2.md, with SIP.js and with JsSIP, as their readers would use them."""
import os
import sys

from . import call as calls, ends
from .cut import Relay
from .gateway import ACCESS_V4, W2_PORT
from .proc import wait_until
from .scenario_calls import heard_both, same
from .scenarios import check

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../w2"))
import oauth    # noqa: E402  pylint: disable=wrong-import-position,import-error

ISSUER = {"name": oauth.ISSUER, "keys": oauth.JWKS, "audience": ["epcscf"]}
# A user a registration: the core's event server tells who subscribes right behind a REGISTER of the state before it.
USERS = {"sipjs": ("web1", "web2"), "jssip": ("web3", "web4")}


def token(user, **more):
    return oauth.token(user, impi=f"{user}@home1.example", **more)



def registration(case, lab, name, browser, user):
    with case(f"{name}_wrong_password_is_refused"):
        browser.register(user, "wrong")
        s = browser.wait("s.registration.state === 'refused'")
        check(s["registration"]["code"] == 403, f"the program was told {s['registration']}")
        check(not lab.core.bindings(user), "the core has a binding")
    with case(f"{name}_registers_with_digest_and_instance"):
        browser.register(user)
        browser.registered()
        bound = lab.core.bindings(user)
        check(len(bound) == 1, f"{len(bound)} bindings")
        check(bound[0]["Instance"].startswith("<urn:uuid:") and bound[0]["Reg-Id"] == "1", bound[0])
        check(";ob" in bound[0]["Path"], bound[0]["Path"])
    with case(f"{name}_refreshes_its_binding"):
        mark, before = lab.core.proc.mark(), lab.core.bindings(user)[0]
        browser.do("eval", code="void window.phone.refresh()")
        lab.core.proc.wait_line(f"core.register.ok user={user} ", 5, mark)
        after = lab.core.bindings(user)
        check(len(after) == 1 and after[0]["Path"] == before["Path"], after)
        check(int(after[0]["CSeq"]) > int(before["CSeq"]), f"CSeq {before['CSeq']} -> {after[0]['CSeq']}")


def ways_calls_go(case, lab, name, browser, bob, carol, user):
    with case(f"{name}_calls_and_hangs_up"):
        heard_both(calls.outgoing(lab, browser, bob, 3))
    with case(f"{name}_calls_and_the_phone_hangs_up"):
        heard_both(calls.outgoing(lab, browser, bob, 2, hang_up="phone"))
    with case(f"{name}_is_called_and_the_phone_hangs_up"):
        heard_both(calls.incoming(lab, browser, bob, 3, user=user))
    with case(f"{name}_is_called_and_hangs_up"):
        heard_both(calls.incoming(lab, browser, bob, 2, hang_up="browser", user=user))
    with case(f"{name}_cancels"):
        ends.cancelled(lab, browser, carol, "carol")
    with case(f"{name}_is_told_that_the_phone_is_busy"):
        ends.busy(lab, browser, carol, "carol")
    with case(f"{name}_declines"):
        ends.declined(lab, browser, bob, user)


def within_a_call(case, lab, name, browser, bob):
    def up():
        browser.do("dial", target="bob")
        browser.in_call("active")
        browser.wait("s.call.media === 'heard'")

    def down():
        browser.do("click", selector="#hangup")
        browser.in_call("ended")
        lab.wait_idle()

    with case(f"{name}_sends_touch_tones"):
        mark = bob.mark()
        up()
        browser.do("dtmf", keys="5")
        event = bob.wait_event("CALL_DTMF_START", 5, mark)
        check(event["param"] == "5", event)
    with case(f"{name}_holds_and_resumes"):
        browser.do("eval", code="window.phone.hold(true)")
        check(browser.heard(bob.tone_hz, 1) < 0.2, "the phone is heard on hold")
        browser.do("eval", code="window.phone.hold(false)")
        wait_until("sound again", lambda: browser.heard(bob.tone_hz, 0.5) > 0.8, 5)
    with case(f"{name}_restarts_ice"):
        before = browser.do("eval", code="window.phone.ufrag()")
        browser.do("eval", code="window.phone.restartIce()")
        wait_until("another way", lambda: browser.do("eval", code="window.phone.ufrag()") not in (before, ""), 10)
        check(browser.heard(bob.tone_hz, 1) > 0.8, "no sound after the restart")
        down()


def comes_back(case, lab, name, browser, bob, relay, user):
    with case(f"{name}_survives_a_lost_connection"):
        browser.do("dial", target="bob")
        browser.in_call("active")
        browser.wait("s.call.media === 'heard'")
        mark = lab.core.proc.mark()
        relay.cut()
        browser.wait("s.transport !== 'open'", 10)
        relay.mend()
        browser.wait("s.transport === 'open'", 20)
        lab.core.proc.wait_line(f"core.register.ok user={user} ", 10, mark)
        check(browser.heard(bob.tone_hz, 1) > 0.8, "no sound after the WebSocket came back")
        bob.hangup()
        browser.in_call("ended", 10)
        lab.wait_idle()
    with case(f"{name}_de_registers"):
        browser.do("click", selector="#leave")
        browser.wait("s.registration.state === 'gone'")
        wait_until("no binding in the core", lambda: not lab.core.bindings(user), 5)
        wait_until("no binding in epcscf", lambda: not lab.cscf.show("registrations"), 5)
    with case(f"{name}_stays_away_when_the_connection_comes_back"):
        relay.cut()
        browser.wait("s.transport !== 'open'", 10)
        relay.mend()
        browser.wait("s.transport === 'open'", 20)
        browser.do("dial", target="bob")    # behind the REGISTER it would send
        s = browser.in_call("ended")["call"]
        check(s["code"] == 403, f"not refused as not registered: {s}")
    browser.stop()


def with_a_token(case, lab, name, browser, bob, user):
    def show(text):
        browser.do("eval", code=f"void (document.getElementById('token').value = '{text}')")
        browser.register(user, "not needed")

    with case(f"{name}_token_of_somebody_else_is_refused"):
        show(token("carol"))
        s = browser.wait("s.registration.state === 'refused'")
        check(s["registration"]["code"] == 403, f"the program was told {s['registration']}")
    with case(f"{name}_bad_token_is_challenged_for_a_better_one"):
        show(token(user, key=oauth.STRANGER))
        s = browser.wait("s.registration.state === 'refused' && s.registration.code !== 403")
        check(s["registration"]["code"] == 401, f"the program was told {s['registration']}")
    with case(f"{name}_registers_and_calls_with_a_token"):
        mark = lab.core.proc.mark()
        show(token(user))
        browser.registered()
        lab.core.proc.wait_line(f"core.register.ok user={user} ", 5, mark)
        heard_both(calls.outgoing(lab, browser, bob, 2))
        heard_both(calls.incoming(lab, browser, bob, 2, user=user))
    with case(f"{name}_goes_on_with_a_fresh_token"):
        mark = lab.core.proc.mark()
        browser.do("eval", code=f"void window.phone.setToken('{token(user)}')")
        lab.core.proc.wait_line(f"core.register.ok user={user} ", 5, mark)
        check(len(lab.core.bindings(user)) == 1, "bindings in the core")
    with case(f"{name}_de_registers_with_a_token"):
        browser.do("click", selector="#leave")
        browser.wait("s.registration.state === 'gone'")
        wait_until("no binding in the core", lambda: not lab.core.bindings(user), 5)


def run(setting):
    case = setting.cases.case
    with setting.lab(page="snippets", issuers=[ISSUER]) as lab:
        lab.start()
        bob = lab.phones["bob"]
        carol = lab.phone("carol", tone_hz=600, answer="manual", ring_s=20)
        base = lab.base_line()
        relay = Relay((ACCESS_V4, W2_PORT + 1), (ACCESS_V4, W2_PORT))
        for name, page in (("sipjs", "index.html"), ("jssip", "jssip.html")):
            web, digest = USERS[name]
            browser = lab.browser(name, register=False)
            browser.do("open", url=f"https://{ACCESS_V4}:{W2_PORT + 1}/{page}")
            with_a_token(case, lab, name, browser, bob, web)
            browser.do("open", url=f"https://{ACCESS_V4}:{W2_PORT + 1}/{page}")
            registration(case, lab, name, browser, digest)
            ways_calls_go(case, lab, name, browser, bob, carol, digest)
            within_a_call(case, lab, name, browser, bob)
            comes_back(case, lab, name, browser, bob, relay, digest)
        relay.stop()
        with case("nothing_is_left"):
            wait_until("base line", lambda: same(base, lab.base_line()), 30)
        with case("both_processes_stop_clean"):
            status = lab.stop()
            check(not any(status.values()), status)
