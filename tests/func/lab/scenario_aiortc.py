# SPDX-License-Identifier: Apache-2.0
"""A second independent stack makes the same call: SIP over WebSocket of our own script, media by aiortc."""
import asyncio
import time

from .call import HEARD
from .gateway import ACCESS_V4, W2_PORT
from .scenarios import check
from .wsclient import Client

URL = f"wss://{ACCESS_V4}:{W2_PORT}/w2"


async def talk(lab):
    client = Client(URL, "web1")
    await client.connect()
    try:
        status = await client.register(password="wrong")
        check(status == 403, f"a wrong password gave {status}")
        status = await client.register()
        check(status == 200, f"REGISTER gave {status}")
        call = await client.call("bob")
        await asyncio.wait_for(call.connected.wait(), 15)
        await asyncio.sleep(3)
        share = call.heard(lab.phones["bob"].tone_hz)
        status = await call.bye()
        check(status == 200, f"BYE gave {status}")
        check(share >= HEARD, f"the client heard the tone in {share:.0%} of the blocks")
        status = await client.register(expires=0)
        check(status == 200, f"de-registration gave {status}")
    finally:
        await client.close()


def run(setting):
    case = setting.cases.case
    with setting.lab() as lab:
        lab.start()
        began = time.time()
        with case("aiortc_registers_calls_and_hears_the_phone"):
            asyncio.run(talk(lab))
        with case("the_phone_heard_aiortc"):
            share, seconds = lab.phones["bob"].heard(1000, began)
            check(share >= HEARD, f"{share:.0%} of {seconds} s")
        with case("nothing_is_left"):
            lab.wait_idle()
