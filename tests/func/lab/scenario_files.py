# SPDX-License-Identifier: Apache-2.0
"""A file of 100 MB each way between the page and an MSRP phone of the core: what it is, how fast, and in flat memory of eimsagw."""
from .scenario_data import js
from .scenario_msrp import FILES, page_call, page_files
from .scenario_video import over
from .t140_peer import TalkPhone

BYTES = 100_000_000


def run(setting):
    with setting.lab(data="[msrp, t140]") as lab:
        lab.start(phones=())
        phone, alice = TalkPhone(), lab.browser("alice")
        js(alice, FILES)
        with setting.cases.case("a_hundred_megabytes_each_way_in_flat_memory"):
            grown, rates = page_files(lab, alice, page_call(alice, phone, "passive"), BYTES, 300)
            print(f"eimsagw grew by {grown:.1f} MB; {rates[0] / 1e6:.1f} MB/s to the core, {rates[1] / 1e6:.1f} MB/s to the page", flush=True)
            over(lab, alice)
        phone.stop()
