# SPDX-License-Identifier: Apache-2.0
"""10,000 data channels opened and closed between two browsers in relay mode: each is seen at the other side, and nothing stays."""
from .proc import wait_until
from .scenario_calls import same
from .scenario_data import ECHO, connected, exchange, js, ring
from .scenario_kills import memory_mb
from .scenario_video import over, up
from .scenarios import check

CHANNELS, AT_ONCE = 10_000, 100
MEMORY_MB = 4


def run(setting):
    case = setting.cases.case
    with setting.lab() as lab:
        lab.start()
        alice, web1 = lab.browser("alice", tone_hz=1000), lab.browser("web1", tone_hz=1400)
        for browser in (alice, web1):
            js(browser, ECHO)
        base = lab.base_line()
        with case("ten_thousand_channels_opened_and_closed"):
            ring(alice, web1, {"data": True})
            web1.do("click", selector="#answer")
            up(alice, web1)
            connected(alice, web1)
            for browser in (alice, web1):
                js(browser, "dc.listen()")
            before = memory_mb(lab.agw)
            js(alice, f"dc.many({CHANNELS}, {AT_ONCE})", 600)
            wait_until("the other side's closing", lambda: js(web1, "dc.closed") >= CHANNELS, 30)
            grown = memory_mb(lab.agw) - before
            check(grown < MEMORY_MB, f"eimsagw grew by {grown:.1f} MB")
            exchange(web1, (1, 1200, 65535, 262144), {})
            over(lab, alice, web1)
        with case("everything_is_back_at_its_base_line"):
            wait_until("base line", lambda: same(base, lab.base_line()), 10)
