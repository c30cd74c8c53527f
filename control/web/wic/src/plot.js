/* SPDX-License-Identifier: Apache-2.0 */
/* A strip chart of the last minute: packets a second in and out, lost packets as bars. */

const SECONDS = 60;
const LINE_PX = 28;	/* at least, between two lines of the grid */
const MIN_TOP = 60;

/* The smallest of 1, 2, 5, 10, 20, 50... that puts no more than so many lines below top. */
function gridStep(top, lines) {
	const least = Math.max(top / lines, 1);
	const power = 10 ** Math.floor(Math.log10(least));

	return power * [1, 2, 5, 10].find((n) => n * power >= least);
}

export class Plot {
	constructor(canvas) {
		this.canvas = canvas;
		this.points = [];
		this.last = null;
		new ResizeObserver(() => this.draw()).observe(canvas);
	}

	reset() {
		this.points = [];
		this.last = null;
		this.draw();
	}

	/** Called about once a second with the running totals. */
	add(stats) {
		const now = performance.now();
		const before = this.last;

		this.last = { at: now, stats };
		if (!before)
			return;
		const per = (key) => Math.max(0, (stats[key] - before.stats[key]) * 1000 / (now - before.at));

		this.points.push({
			in: per('packetsIn'), out: per('packetsOut'), lost: per('lostIn') + per('lostOut'),
		});
		if (this.points.length > SECONDS)
			this.points.shift();
		this.draw();
	}

	draw() {
		const { canvas, points } = this;
		const scale = devicePixelRatio || 1;
		const width = canvas.clientWidth, height = canvas.clientHeight;
		const style = getComputedStyle(document.documentElement);
		const colour = (name) => style.getPropertyValue(`--${name}`).trim();
		const c = canvas.getContext('2d');

		canvas.width = width * scale;
		canvas.height = height * scale;
		c.scale(scale, scale);
		const top = Math.max(MIN_TOP, ...points.map((p) => Math.max(p.in, p.out, p.lost))) * 1.1;
		const y = (v) => height - 4 - (height - 12) * v / top;

		c.font = '10px system-ui, sans-serif';
		c.textBaseline = 'middle';
		const step = gridStep(top, Math.max(Math.floor(height / LINE_PX), 1));
		const left = 8 + c.measureText(String(Math.floor(top / step) * step)).width;
		const x = (i) => left + (width - left - 2) * (i + SECONDS - points.length) / (SECONDS - 1);

		for (let v = 0; v <= top; v += step) {
			c.fillStyle = colour('muted');
			c.fillText(String(v), 0, y(v));
			c.fillStyle = colour('line');
			c.fillRect(left, y(v), width - left, 1);
		}
		c.fillStyle = colour('lost');
		points.forEach((p, i) => {
			if (p.lost > 0)
				c.fillRect(x(i) - 2, y(p.lost), 4, height - 4 - y(p.lost));
		});
		for (const key of ['out', 'in']) {
			c.strokeStyle = colour(key);
			c.lineWidth = 2;
			c.lineJoin = 'round';
			c.beginPath();
			points.forEach((p, i) => (i ? c.lineTo(x(i), y(p[key])) : c.moveTo(x(i), y(p[key]))));
			c.stroke();
		}
	}
}
