# SPDX-License-Identifier: Apache-2.0
"""
Several workers: a flow belongs to one of them, the others hand its packets over, and nobody hears a difference. The gateway is
a full ICE agent here, everywhere else a lite one: it checks Chromium's addresses, in either role, and asks for its consent.
"""
from . import call as calls
from .gateway import Eimsagw
from .proc import wait_until
from .scenario_calls import heard_both, same
from .scenarios import check

WORKERS, CALLS = 3, 4


def run(setting):
    case = setting.cases.case
    with setting.lab(ice="full") as lab:
        lab.agw = Eimsagw(lab.root, lab.build, lab.work, workers=WORKERS)
        lab.start()
        base = lab.base_line()
        browser = lab.browser()
        for n in range(CALLS):      # each takes ports of its own, and with them a worker
            with case(f"call_{n + 1}_is_heard"):
                heard_both(calls.outgoing(lab, browser, lab.phones["bob"], 1) if n % 2 else
                           calls.incoming(lab, browser, lab.phones["bob"], 1))
        with case("packets_were_handed_to_their_owners"):
            rows, drops = lab.agw.show("workers"), lab.agw.show("drops")
            check(len(rows) == WORKERS, f"{len(rows)} workers")
            check(sum(r["tx_packets"] > 100 for r in rows) >= 2, f"sent by {[r['tx_packets'] for r in rows]}")
            # the kernel's tap soon learns by which queue a flow answers, and brings its packets there
            check(sum(r["handed_over"] for r in rows) > 0, f"handed over {[r['handed_over'] for r in rows]}")
            check(drops["DP_DROP_HANDOVER_RING"] == 0, f"{drops['DP_DROP_HANDOVER_RING']} lost between workers")
        with case("the_gateway_sent_checks_and_none_failed"):
            check(drops["ctx_ice_sent"] >= 2 * CALLS, f"{drops['ctx_ice_sent']} sent")     # a check and a question for consent at least
            check(drops["ctx_ice_failed"] == 0 and drops["ctx_consent_lost"] == 0, drops)
        with case("nothing_is_left"):
            wait_until("base line", lambda: same(base, lab.base_line()), 30)
