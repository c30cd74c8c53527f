/* SPDX-License-Identifier: Apache-2.0 */
/* Levels of sound: root mean square in dBFS, and the share of one frequency by Goertzel's algorithm. */

export function levelDb(samples) {
	let sum = 0;

	for (const s of samples)
		sum += s * s;
	return sum ? Math.max(-100, 10 * Math.log10(sum / samples.length)) : -100;
}

/* Share (0..1) of the block's energy at hz; a pure tone gives nearly 1. A Hann window keeps neighbours out. */
export function toneShare(samples, rate, hz) {
	const n = samples.length;
	const k = 2 * Math.cos(2 * Math.PI * hz / rate);
	let s1 = 0, s2 = 0, energy = 0;

	for (let i = 0; i < n; i++) {
		const x = samples[i] * 0.5 * (1 - Math.cos(2 * Math.PI * i / (n - 1)));
		const s0 = x + k * s1 - s2;

		energy += x * x;
		s2 = s1;
		s1 = s0;
	}
	if (energy < 1e-9)
		return 0;
	/* |X|^2 of a windowed sine is A^2 n^2 / 16, its windowed energy 3 A^2 n / 16 */
	return Math.min(1, 3 * (s1 * s1 + s2 * s2 - k * s1 * s2) / (energy * n));
}

/* Watches one MediaStream. The context is shared; close() lets go of the stream only. */
export class Listener {
	constructor(context, stream) {
		this.source = context.createMediaStreamSource(stream);
		this.analyser = context.createAnalyser();
		this.analyser.fftSize = 4096;
		this.source.connect(this.analyser);
		this.samples = new Float32Array(this.analyser.fftSize);
		this.rate = context.sampleRate;
	}

	read() {
		this.analyser.getFloatTimeDomainData(this.samples);
		return this.samples;
	}

	level() {
		return levelDb(this.read().subarray(this.samples.length - 1024));
	}

	tone(hz) {
		return toneShare(this.read(), this.rate, hz);
	}

	close() {
		this.source.disconnect();
	}
}
