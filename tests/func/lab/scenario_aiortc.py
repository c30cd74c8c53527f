# SPDX-License-Identifier: Apache-2.0
"""A second independent stack makes the same call: SIP over WebSocket of our own script, media by aiortc."""
import asyncio
import os
import time

from .call import HEARD
from .gateway import ACCESS_V4, W2_PORT
from .scenario_data import ECHO, js
from .scenarios import check
from .wsclient import Call, Client

SIZES = (1, 1200, 16384, 65536)
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


async def data(lab):
    """It calls a browser with sound and a data channel, where every message comes back."""
    alice, client = lab.browser("alice"), Client(URL, "web1")
    js(alice, ECHO)
    await client.connect()
    try:
        check(await client.register() == 200, "REGISTER")
        call = Call(client, 1000)
        channel, back, sent = call.pc.createDataChannel("echo"), asyncio.Queue(), [os.urandom(n) for n in SIZES]
        channel.on("message", back.put_nowait)

        def answer():
            alice.wait("s.call.state === 'ringing' && s.call.direction === 'in'", 15)
            js(alice, "phone.answer().then(() => dc.listen())")

        await asyncio.gather(call.invite("alice", 20), asyncio.to_thread(answer))
        for _ in range(150):
            if channel.readyState == "open":
                break
            await asyncio.sleep(0.1)
        check(channel.readyState == "open", f"the channel is {channel.readyState}")
        for message in sent:
            channel.send(message)
        for message in sent:
            check(await asyncio.wait_for(back.get(), 10) == message, f"{len(message)} bytes are not what they were")
        check(await call.bye() == 200, "BYE")
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
        with case("aiortc_and_chromium_exchange_messages_over_a_data_channel"):
            asyncio.run(data(lab))
        with case("nothing_is_left"):
            lab.wait_idle()
