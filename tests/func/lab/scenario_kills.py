# SPDX-License-Identifier: Apache-2.0
"""
kill -9 of either process at twelve steps of a real call (threat Q4): within a minute the other one has let go of the call or goes on
with it, and then calls, contexts, flows, ports and buffers are what they were before; who lived takes no more memory in the end.
"""
import re

from . import ns
from .proc import wait_until
from .scenario_calls import same
from .scenarios import check

PATIENCE_S = 60
MEMORY_MB = 8


def calling(lab, browser, phone):
    browser.do("dial", target=phone.user)


def ringing(lab, browser, phone):
    calling(lab, browser, phone)
    browser.in_call("ringing")


def picked_up(lab, browser, phone):
    ringing(lab, browser, phone)
    phone.answer()


def after(lab, browser, phone, line):
    mark = lab.agw.proc.mark()
    picked_up(lab, browser, phone)
    lab.agw.proc.wait_line(line, 15, mark)


def with_a_pair(lab, browser, phone):
    after(lab, browser, phone, r"ice\.selected")


def with_keys(lab, browser, phone):
    after(lab, browser, phone, r"dtls\.up")


def talking(lab, browser, phone):
    picked_up(lab, browser, phone)
    browser.wait("s.call.media === 'heard'")


def held(lab, browser, phone):
    talking(lab, browser, phone)
    browser.do("click", selector="#hold")
    browser.wait("s.call.held")


def resumed(lab, browser, phone):
    held(lab, browser, phone)
    browser.do("click", selector="#hold")
    browser.wait("!s.call.held")


def hanging_up(lab, browser, phone):
    talking(lab, browser, phone)
    browser.do("click", selector="#hangup")


def hung_up_by_the_phone(lab, browser, phone):
    talking(lab, browser, phone)
    phone.hangup()


def called(lab, browser, phone):
    phone.dial("sip:alice@home1.example")
    browser.wait("s.call.state === 'ringing' && s.call.direction === 'in'", 15)


def called_and_talking(lab, browser, phone):
    called(lab, browser, phone)
    browser.do("click", selector="#answer")
    browser.wait("s.call.media === 'heard'")


STEPS = (calling, ringing, picked_up, with_a_pair, with_keys, talking, held, resumed, hanging_up, hung_up_by_the_phone, called,
         called_and_talking)


def memory_mb(daemon):
    with open(f"/proc/{daemon.proc.pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read())[1]) / 1024


def gateway_again(lab):
    lab.agw.kill()
    lab.agw.start()
    for link in (ns.ACCESS, ns.CORE):
        ns.wait_carrier(link)
    lab.cscf.wait_gateway(PATIENCE_S)


def controller_again(lab):
    lab.cscf.kill()
    lab.cscf.start()
    lab.cscf.wait_gateway(PATIENCE_S)
    wait_until("the browser's new WebSocket", lambda: any(r["connected"] for r in lab.cscf.show("registrations")), PATIENCE_S)


def end_what_goes_on(browser, phone):
    """A person whose call has lived on, or whose phone still rings, hangs up."""
    browser.do("eval", code="document.getElementById('hangup').click()")
    phone.hangup()
    browser.wait("['ended', 'idle'].includes(s.call.state)", PATIENCE_S)


def run(setting):
    case = setting.cases.case
    with setting.lab() as lab:
        lab.start(phones=())
        phone = lab.phone("carol", answer="manual")
        browser = lab.browser()
        base = lab.base_line()
        for victim, again, other in (("gateway", gateway_again, lab.cscf), ("controller", controller_again, lab.agw)):
            memory = None
            for step in STEPS:
                with case(f"{victim}_killed_{step.__name__}"):
                    step(lab, browser, phone)
                    again(lab)
                    if other is lab.agw:
                        end_what_goes_on(browser, phone)
                    wait_until("base line", lambda: same(base, lab.base_line()), PATIENCE_S)
                    end_what_goes_on(browser, phone)
                memory = memory or memory_mb(other)
            with case(f"who_lived_when_the_{victim}_was_killed_takes_no_more_memory"):
                now = memory_mb(other)
                check(now < memory + MEMORY_MB, f"{other.name} has grown from {memory:.1f} to {now:.1f} MB")
