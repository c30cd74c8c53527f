# SPDX-License-Identifier: Apache-2.0
"""Every single datagram of ICE and DTLS is lost, doubled and overtaken in turn: the call comes up each time. A table of all."""
from .scenario_path import every_one, handshakes


def run(setting):
    for role in ("active", "passive"):      # the browser's ClientHello, with its post-quantum key share, comes where we are passive
        with setting.lab(with_path=True, dtls_role=role) as lab:
            lab.start()
            browser = lab.browser()
            with setting.cases.case(f"every_datagram_of_ice_and_dtls_is_lost_doubled_and_swapped_and_we_are_{role}"):
                handshakes(lab, browser, every_one(lab, browser))
