# SPDX-License-Identifier: Apache-2.0
"""Tones: made for fake microphones, found again in recordings by Goertzel's algorithm."""
import array
import math
import wave


def make_tone(path, hz, seconds, rate=48000, level=0.5):
    """A mono 16-bit file whose length is a whole number of periods, so that it can be looped."""
    period = rate // math.gcd(rate, int(hz))
    count = max(1, int(seconds * rate) // period) * period
    one = array.array("h", (int(32767 * level * math.sin(2 * math.pi * hz * i / rate)) for i in range(period)))
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((one * (count // period)).tobytes())


def tone_share(samples, rate, hz):
    """Share (0..1) of the block's energy at hz: nearly 1 for a pure tone, 0 for silence."""
    n = len(samples)
    if n < 64:
        return 0.0
    k = 2 * math.cos(2 * math.pi * hz / rate)
    s1 = s2 = energy = 0.0
    for i, raw in enumerate(samples):
        x = raw * 0.5 * (1 - math.cos(2 * math.pi * i / (n - 1)))
        s1, s2 = x + k * s1 - s2, s1
        energy += x * x
    if energy < n * 400:    # about -60 dBFS of 16-bit samples
        return 0.0
    return min(1.0, 3 * (s1 * s1 + s2 * s2 - k * s1 * s2) / (energy * n))


def read_wav(path):
    """@return (mono samples, rate); tolerates a header whose length was never filled in."""
    with wave.open(path, "rb") as f:
        rate, channels, width = f.getframerate(), f.getnchannels(), f.getsampwidth()
        data = f.readframes(f.getnframes())
    if width != 2:
        return array.array("h"), rate
    samples = array.array("h")
    samples.frombytes(data[:len(data) // 2 * 2])
    return samples[::channels], rate


def heard_share(path, hz, block_s=0.1):
    """@return (share of the blocks in which the tone rules, seconds recorded)"""
    samples, rate = read_wav(path)
    size = int(rate * block_s)
    blocks = [samples[i:i + size] for i in range(0, len(samples) - size + 1, size)]
    if not blocks:
        return 0.0, 0.0
    step = max(1, len(blocks) // 100)   # a long call needs no more than a hundred looks
    looked = blocks[::step]
    good = sum(1 for b in looked if tone_share(b, rate, hz) > 0.7)
    return good / len(looked), len(samples) / rate
