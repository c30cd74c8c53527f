# SPDX-License-Identifier: Apache-2.0
"""Signing in at the embedded WAF: a real browser, no SIP password, a core that trusts the token (scenarios 2 and 3)."""
from . import call as calls
from .proc import wait_until
from .scenarios import check

STORED = "JSON.stringify([{...localStorage}, {...sessionStorage}])"


def row_of(lab, impu):
    rows = [r for r in lab.cscf.show("registrations") if r["impu"] == impu]
    check(len(rows) == 1 and rows[0]["registered"] and rows[0]["connected"], f"{impu}: {rows}")
    return rows[0]


def run(setting):
    case = setting.cases.case
    with setting.lab() as lab:
        lab.start()
        bob = lab.phones["bob"]
        lab.cscf.user("add", "alice", "--domain", "home1.example", password="alice-web")
        core = lab.capture("lo", "core", "port 5060")
        browser = lab.browser(register=False)
        with case("wrong_password_is_refused_on_the_page"):
            said = browser.do("signInForm", login="alice", password="alice")
            check("is wrong" in said, said)
        with case("browser_registers_with_a_token_and_no_sip_password"):
            browser.do("open", url=lab.url())
            check(browser.sign_in("alice", "alice-web") == "sip:alice@home1.example", "another IMPU")
            browser.registered()
            row_of(lab, "sip:alice@home1.example")
            check(len(lab.core.bindings("alice")) == 1, "bindings in the core")
        with case("no_token_is_kept_in_the_browsers_storage"):
            token = browser.do("eval", code="window.phone.account.token")
            check(token.count(".") == 2, "no JWT")
            stored = browser.do("eval", code=STORED)
            check(token not in stored and token[:20] not in stored, stored)
        with case("calls_in_both_directions"):
            for result in (calls.outgoing(lab, browser, bob, 2), calls.incoming(lab, browser, bob, 2)):
                check(result["browser_heard"] and result["phone_heard"], str(result))
        with case("no_trace_of_a_token_on_mw"):
            with open(core.path, "rb") as f:
                seen = f.read()
            check(b"auth-done" in seen, "no REGISTER with auth-done in the capture")
            check(b"Bearer" not in seen and token[:20].encode() not in seen, "a token crossed Mw")
        with case("a_page_loaded_again_is_signed_in_without_a_password"):
            browser.do("open", url=lab.url())
            browser.registered()
            check(browser.do("eval", code="window.phone.account.token") != token, "the same token")
            wait_until("one binding in the core", lambda: len(lab.core.bindings("alice")) == 1, 5)
        with case("sign_out_ends_registration_and_session"):
            browser.do("click", selector="#leave")
            browser.wait("s.registration.state === 'gone'")
            wait_until("no binding in the core", lambda: not lab.core.bindings("alice"), 5)
            wait_until("the grant is revoked", lambda: lab.cscf.counters()["waf_revoked"] == 1, 5)
            browser.do("open", url=lab.url())
            check(browser.do("signInForm") == "", "no sign-in page")
        with case("a_locked_user_loses_his_registration"):
            browser.do("open", url=lab.url())
            browser.sign_in("alice", "alice-web")
            browser.registered()
            lab.cscf.user("lock", "alice")
            wait_until("no binding in the core", lambda: not lab.core.bindings("alice"), 10)
            browser.wait("s.registration.state !== 'registered'", 15)
            lab.cscf.user("unlock", "alice")
        with case("a_guest_registers_with_an_impu_of_the_pool"):
            guest = lab.browser("guest", register=False)
            impu = guest.sign_in()
            check(impu == "sip:guest1@home1.example", impu)
            guest.registered()
            row_of(lab, impu)
            check(lab.core.bindings("guest1"), "no binding in the core")
        with case("a_guests_sign_out_ends_registration_and_gives_the_impu_back"):
            wait_until("one place is taken", lambda: lab.cscf.counters()["waf_guests"] == 1, 5)
            guest.do("click", selector="#leave")
            guest.wait("s.registration.state === 'gone'")
            wait_until("no binding in the core", lambda: not lab.core.bindings("guest1"), 5)
            wait_until("no place is taken", lambda: lab.cscf.counters()["waf_guests"] == 0, 5)
        lab.wait_idle()
