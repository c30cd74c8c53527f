# SPDX-License-Identifier: Apache-2.0
"""Binary search for the no-drop rate, with the loss verification of ETSI GS NFV-TST 009: a failed step is tried again."""

TRIES = 3               # the host may have taken the CPU once or twice; a gateway at its limit loses each time
RESOLUTION = 0.02       # of the highest rate


class SearchError(Exception):
    """Packets are lost at any rate."""


def no_drop_rate(trial, highest, say, tries=TRIES, resolution=RESOLUTION):
    """
    @param trial    rate -> packets lost
    @param highest  rate to begin with, lossless or not
    @return the highest lossless rate found
    """
    def passes(rate):
        lost = []
        while len(lost) < tries and 0 not in lost:
            lost.append(trial(rate))
        say(f"{rate / 1e6:.2f} Mpps: lost {lost}")
        return lost[-1] == 0

    if passes(highest):
        return highest
    good, bad = 0.0, highest
    while bad - good > resolution * highest:
        rate = (good + bad) / 2
        if passes(rate):
            good = rate
        else:
            bad = rate
    if good == 0:
        raise SearchError("packets are lost at any rate")
    return good
