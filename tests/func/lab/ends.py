# SPDX-License-Identifier: Apache-2.0
"""Ways a call does not come about, whatever program the browser runs."""
from .scenarios import check


def cancelled(lab, browser, phone, name):
    """The browser hangs up while the phone rings."""
    mark = phone.mark()
    browser.do("dial", target=name)
    browser.in_call("ringing")
    browser.do("click", selector="#hangup")
    browser.in_call("ended")
    phone.wait_event("CALL_CLOSED", 5, mark)
    lab.wait_idle()


def busy(lab, browser, phone, name):
    """The phone says so."""
    mark = phone.mark()
    browser.do("dial", target=name)
    phone.wait_event("CALL_INCOMING", 10, mark)
    phone.hangup()
    s = browser.in_call("ended")["call"]
    check(s["code"] == 486, f"the browser was told {s['code']}")
    lab.wait_idle()


def declined(lab, browser, phone, user):
    """The browser does not want the phone's call."""
    mark = phone.mark()
    phone.dial(f"sip:{user}@home1.example")
    browser.in_call("ringing")
    browser.do("click", selector="#decline")
    closed = phone.wait_event("CALL_CLOSED", 10, mark)
    check(closed["param"].startswith("603"), closed["param"])
    lab.wait_idle()
