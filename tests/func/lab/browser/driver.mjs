/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives the browser phone in a headless Chromium. One JSON object a line in, one a line out:
 * {"id", "do", ...arguments} -> {"id", "ok", "value" | "error"}. argv: MICROPHONE_WAV
 */
import { createInterface } from 'node:readline';

import { chromium } from 'playwright-core';

const microphone = process.argv[2];
const SWITCHES = [
	'--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking',
	'--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--disable-gpu',
	'--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
	`--use-file-for-fake-audio-capture=${microphone}`, '--ignore-certificate-errors',
	'--autoplay-policy=no-user-gesture-required', '--disable-features=WebRtcHideLocalIpsWithMdns',
];

const LAUNCHES = 3;

let browser, context, page;
const consoleLines = [];

/* Waits in the page, on the phone's own change events, so that nothing is missed between two looks. */
function waitInPage({ test, timeoutMs }) {
	return new Promise((resolve, reject) => {
		const wanted = new Function('s', `return (${test})`);
		const look = () => {
			const s = window.phone.state();

			if (!wanted(s))
				return;
			done();
			resolve(s);
		};
		const done = () => {
			clearTimeout(timer);
			window.phone.removeEventListener('change', look);
		};
		const timer = setTimeout(() => {
			done();
			reject(new Error(`not (${test}) within ${timeoutMs} ms: ${JSON.stringify(window.phone.state())}`));
		}, timeoutMs);

		window.phone.addEventListener('change', look);
		look();
	});
}

/* Looks at the sound for a while; gives the share of the looks in which the tone rules. */
async function toneInPage({ hz, ms, direction }) {
	let good = 0, looks = 0;
	const end = performance.now() + ms;

	while (performance.now() < end) {
		await new Promise((resolve) => setTimeout(resolve, 100));
		looks++;
		if (window.phone.toneLevel(hz, direction) > 0.7)
			good++;
	}
	return good / looks;
}

/* On a loaded machine Chromium now and then dies before it listens; what it said goes to our log. */
async function start(tries) {
	try {
		return await chromium.launch({
			executablePath: '/usr/bin/chromium', headless: true, args: SWITCHES, ignoreDefaultArgs: ['--mute-audio'],
		});
	} catch (e) {
		console.error(`launch failed: ${e.message || e}`);
		if (tries <= 1)
			throw e;
		return start(tries - 1);
	}
}

const commands = {
	async launch({ viewport, dark }) {
		browser = await start(LAUNCHES);
		context = await browser.newContext({
			ignoreHTTPSErrors: true, permissions: ['microphone', 'camera'], viewport: viewport || { width: 1100, height: 760 },
			colorScheme: dark ? 'dark' : 'light',
		});
		return browser.version();
	},
	async open({ url }) {
		if (!page) {	/* the same tab again is a reload: its sessionStorage stays, its sockets go */
			page = await context.newPage();
			page.on('console', (m) => consoleLines.push(`${m.type()}: ${m.text()}`));
			page.on('pageerror', (e) => consoleLines.push(`error: ${e.message}`));
		}
		await page.goto(url, { timeout: 20000 });
		await page.waitForFunction(() => window.phone && document.getElementById('server').value);
		return page.title().catch(() => '');	/* on its way to the sign-in page and back */
	},
	/* As a person would: by the form. */
	async register({ impu, impi, password }) {
		await page.fill('#impu', impu);
		await page.fill('#impi', impi);
		await page.fill('#password', password);
		await page.click('#register');
		return true;
	},
	/* The sign-in page itself: fill in and send, or only look. Gives what the page then says. */
	async signInForm({ login, password }) {
		await page.click('#sign-in', { timeout: 30000, noWaitAfter: true });
		await page.waitForSelector('button[value=login]', { timeout: 20000 });
		if (login) {
			await page.fill('input[name=login]', login);
			await page.fill('input[name=password]', password);
			await Promise.all([page.waitForNavigation({ timeout: 20000 }), page.click('button[value=login]')]);
		}
		return page.evaluate(() => [...document.querySelectorAll('[role=alert]')].map((e) => e.textContent).join(' '));
	},
	/* By redirect over the sign-in page and back; without a login: as guest. */
	async signIn({ login, password }) {
		await page.click('#sign-in', { timeout: 30000, noWaitAfter: true });
		await page.waitForSelector('button[value=login]', { timeout: 20000 });
		if (login) {
			await page.fill('input[name=login]', login);
			await page.fill('input[name=password]', password);
		}
		await page.click(`button[value=${login ? 'login' : 'guest'}]`);
		await page.waitForFunction(() => window.phone && window.phone.account, null, { timeout: 20000 });
		return page.evaluate(() => window.phone.account.impu);
	},
	/* A redirect on the way takes the page from under the wait: it goes on in the next one. */
	async wait({ test, timeout_s }) {
		const end = Date.now() + timeout_s * 1000;

		for (;;) {
			try {
				await page.waitForFunction(() => window.phone, null, { timeout: Math.max(end - Date.now(), 1) });
				return await page.evaluate(waitInPage, { test, timeoutMs: Math.max(end - Date.now(), 1) });
			} catch (e) {
				if (!/context was destroyed|navigation/i.test(String(e.message)))
					throw e;
			}
		}
	},
	async dial({ target, video }) {
		await page.fill('#target', target);
		await page.click(video ? '#call-video' : '#call');
		return true;
	},
	click: async ({ selector }) => {
		await page.click(selector, { timeout: 15000 });
		return true;
	},
	fill: async ({ selector, text }) => {
		await page.fill(selector, text);
		return true;
	},
	state: () => page.evaluate(() => window.phone.state()),
	stats: () => page.evaluate(() => window.phone.stats()),
	tone: ({ hz, ms, direction }) => page.evaluate(toneInPage, { hz, ms, direction: direction || 'in' }),
	dtmf: ({ keys }) => page.evaluate((k) => window.phone.dtmf(k), keys),
	eval: ({ code }) => page.evaluate(code),
	screenshot: async ({ path, fullPage }) => {
		await page.screenshot({ path, fullPage: Boolean(fullPage) });
		return true;
	},
	console: () => consoleLines.splice(0),
	async close() {
		await browser.close();
		setImmediate(() => process.exit(0));
		return true;
	},
};

for await (const line of createInterface({ input: process.stdin })) {
	if (!line.trim())
		continue;
	const { id, do: name, ...args } = JSON.parse(line);

	(async () => {
		try {
			const value = await commands[name](args);

			console.log(JSON.stringify({ id, ok: true, value: value === undefined ? null : value }));
		} catch (e) {
			console.log(JSON.stringify({ id, ok: false, error: String(e.message || e).split('\n')[0] }));
		}
	})();
}
process.exit(0);
