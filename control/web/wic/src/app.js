/* SPDX-License-Identifier: Apache-2.0 */
/* The face of the phone: shows what phone.js says, passes on what the user does. */
import { OAuth } from './oauth.js';
import { Phone } from './phone.js';
import { Plot } from './plot.js';

const $ = (id) => document.getElementById(id);
const KEYS = [['1', ''], ['2', 'ABC'], ['3', 'DEF'], ['4', 'GHI'], ['5', 'JKL'], ['6', 'MNO'], ['7', 'PQRS'],
	['8', 'TUV'], ['9', 'WXYZ'], ['*', ''], ['0', '+'], ['#', '']];
const REGISTRATION = {
	idle: ['', 'not registered'], connecting: ['busy', 'connecting'], registering: ['busy', 'registering'],
	registered: ['ok', 'registered'], refused: ['bad', 'refused'], lost: ['busy', 'connection lost, trying again'],
	leaving: ['busy', 'signing out'], gone: ['', 'not registered'],
};
const CALL = {
	starting: 'Preparing', calling: 'Calling', ringing: 'Ringing', answering: 'Answering', active: 'In call',
	ended: 'Call ended',
};
const LOG_LINES = 200;
const ENDED_SHOWN_MS = 2500;
const RENEWAL_MS = 30000;

const phone = new Phone($('far'));
const plot = new Plot($('plot'));
let endedTimer = 0;
let domain = '';
let oauth = null;
let signInError = '';

/* ---- account ------------------------------------------------------------------------------------------ */

async function fillAccount() {
	let config = { wsPath: '/w2', domain: '', signIn: ['digest'] };

	try {
		config = { ...config, ...await (await fetch('config.json')).json() };
	} catch {
		note('config.json is not there: fill in the addresses yourself');
	}
	const scheme = location.protocol === 'http:' ? 'ws' : 'wss';
	const saved = JSON.parse(localStorage.getItem('w2gw.account') || '{}');

	$('server').value = `${scheme}://${location.host}${config.wsPath}`;
	domain = config.domain;
	$('impu').value = saved.impu || '';
	$('impi').value = saved.impi || '';
	$('impu').placeholder = `sip:name@${config.domain || 'home1.example'}`;
	$('account-form').hidden = !config.signIn.includes('digest');
	$('sign-in').hidden = !config.signIn.includes('oauth');
	$('or-password').hidden = $('account-form').hidden || $('sign-in').hidden;
	if (config.signIn.includes('oauth'))
		await startOAuth(config.oauth);
}

/* ---- signing in at the authorization server ------------------------------------------------------------- */

function registerWithToken() {
	const { impu, impi, access } = oauth.tokens;

	phone.register({ server: $('server').value, impu, impi, token: access });
}

async function signIn(prompt) {
	signInError = '';
	try {
		await oauth.begin(prompt);
	} catch (e) {
		signInError = e.message;
		draw();
	}
}

async function startOAuth(config) {
	oauth = new OAuth(config);
	oauth.addEventListener('token', () => {
		note('fresh access token');
		phone.setToken(oauth.tokens.access);
	});
	oauth.addEventListener('end', () => {
		signInError = 'The sign-in has ended';
		phone.stop();
		phone.setRegistration('gone');
	});
	try {
		if (await oauth.finish())
			registerWithToken();
		else if (oauth.wasSignedIn)	/* the page was loaded again: the server may still know us */
			await oauth.begin('none');
	} catch (e) {
		signInError = e.message;
	}
}

let lastRenewal = -Infinity;

/* The network takes our token no more: perhaps a fresh one helps; if there is none the sign-in has ended. */
async function renewToken() {
	if (performance.now() - lastRenewal < RENEWAL_MS)
		return;
	lastRenewal = performance.now();
	if (await oauth.refresh())
		registerWithToken();
}

$('sign-in').addEventListener('click', () => signIn());

/* The core of the matter is over first: a token that is revoked could not de-register any more. */
phone.addEventListener('change', () => {
	const { state, code } = phone.state().registration;

	if (!oauth || !oauth.tokens || !phone.account || !phone.account.token)
		return;
	if (state === 'gone')
		oauth.signOut().catch((e) => note(`sign-out: ${e.message}`));
	else if (state === 'refused' && code === 401)
		renewToken();
});

/* The private identity is usually the public one without its scheme: offer it, let the user change it. */
$('impu').addEventListener('change', () => {
	const impu = $('impu').value.trim();

	if (impu && !/^(sips?|tel):/.test(impu))	/* "alice" is enough where the domain is known */
		$('impu').value = `sip:${impu}${domain && !impu.includes('@') ? `@${domain}` : ''}`;
	if (!$('impi').value)
		$('impi').value = $('impu').value.replace(/^sips?:/, '');
});

$('account-form').addEventListener('submit', (e) => {
	e.preventDefault();
	const account = {
		server: $('server').value.trim(), impu: $('impu').value.trim(), impi: $('impi').value.trim(),
		password: $('password').value,
	};

	localStorage.setItem('w2gw.account', JSON.stringify({ impu: account.impu, impi: account.impi }));
	phone.register(account);
});

$('leave').addEventListener('click', () => phone.unregister());

/* ---- dialling ------------------------------------------------------------------------------------------ */

function makePad(box, press) {
	for (const [key, letters] of KEYS) {
		const button = document.createElement('button');
		const small = document.createElement('small');

		button.type = 'button';
		button.textContent = key;
		button.setAttribute('aria-label', key === '*' ? 'star' : key === '#' ? 'hash' : key);
		small.textContent = letters;
		button.append(small);
		button.addEventListener('click', () => press(key));
		box.append(button);
	}
}

makePad($('pad'), (key) => {
	$('target').value += key;
});
makePad($('incall-pad'), (key) => phone.dtmf(key));

$('erase').addEventListener('click', () => {
	$('target').value = $('target').value.slice(0, -1);
});
$('dial-form').addEventListener('submit', (e) => {
	e.preventDefault();
	const target = $('target').value.trim();

	if (target)
		phone.call(target);
	else
		$('target').focus();
});
$('answer').addEventListener('click', () => phone.answer());
$('decline').addEventListener('click', () => phone.hangup(603));
$('hangup').addEventListener('click', () => phone.hangup());
$('mute').addEventListener('click', () => phone.mute(!phone.state().call.muted));
document.addEventListener('pointerdown', () => phone.wakeAudio());
document.addEventListener('keydown', (e) => {
	if (phone.state().call.state === 'active' && /^[0-9*#]$/.test(e.key))
		phone.dtmf(e.key);
});

/* ---- drawing ------------------------------------------------------------------------------------------- */

function setStep(id, name, ok, bad) {
	const step = $(id);

	step.className = ok ? 'ok' : bad ? 'bad' : 'busy';
	step.setAttribute('aria-label', `${step.textContent}: ${name || 'waiting'}`);
}

function drawCall(call) {
	const incoming = call.direction === 'in' && call.state === 'ringing';
	const ended = call.state === 'ended';
	const cause = [call.cause, call.reason].filter(Boolean).join(', ');

	$('call-state').textContent = incoming ? 'Incoming call' :
		ended && cause ? `${CALL.ended}: ${cause}` : CALL[call.state] || '';
	$('peer').textContent = call.peerName || call.peer.replace(/^sip:/, '');
	$('answer').hidden = $('decline').hidden = !incoming;
	$('hangup').hidden = incoming || ended;
	$('mute').hidden = call.state !== 'active';
	$('mute').setAttribute('aria-pressed', String(call.muted));
	$('mute').setAttribute('aria-label', call.muted ? 'Unmute' : 'Mute');
	$('incall-pad').hidden = call.state !== 'active';
	$('steps').hidden = incoming || ended;
	setStep('step-ice', call.ice, ['connected', 'completed'].includes(call.ice), call.ice === 'failed');
	setStep('step-dtls', call.dtls, call.dtls === 'connected', call.dtls === 'failed');
	setStep('step-media', call.media, call.media === 'heard', false);
}

function draw() {
	const { registration, call } = phone.state();
	const [look, text] = REGISTRATION[registration.state];
	const inCall = !['idle', 'ended'].includes(call.state) || endedTimer;
	const signedOut = ['idle', 'refused', 'gone'].includes(registration.state);

	$('registration').className = `chip ${look}`;
	$('registration-text').textContent = text;
	$('account-error').hidden = registration.state !== 'refused' && !signInError;
	$('account-error').textContent = signInError ? `Not signed in: ${signInError}` :
		`The network refused: ${registration.code || ''} ${registration.reason}`;
	$('account').hidden = inCall || !(signedOut || ['connecting', 'registering'].includes(registration.state) &&
		!draw.wasRegistered);
	$('register').disabled = $('sign-in').disabled = ['connecting', 'registering'].includes(registration.state);
	if (registration.state === 'registered')
		draw.wasRegistered = true;
	if (signedOut)
		draw.wasRegistered = false;
	$('dialer').hidden = inCall || !$('account').hidden;
	$('call').disabled = registration.state !== 'registered';
	$('incall').hidden = !inCall;
	$('me').textContent = phone.account ? phone.account.impu.replace(/^sip:/, '') : '';
	if (inCall)
		drawCall(call);
}

function note(text) {
	const line = document.createElement('li');
	const time = document.createElement('time');

	time.textContent = new Date().toISOString().slice(11, 23);
	line.append(time, text);
	$('log').prepend(line);
	while ($('log').childElementCount > LOG_LINES)
		$('log').lastChild.remove();
}

function drawFigures(s) {
	const { call } = phone.state();
	const ms = (v) => (v === null || v === undefined ? '–' : `${v} ms`);
	const rows = [
		['Answered after', ms(call.setupMs)], ['First sound after', ms(call.mediaMs)],
		['Packets in', s.packetsIn], ['Packets out', s.packetsOut],
		['Lost in / out', `${s.lostIn} / ${s.lostOut}`],
		['Jitter in / out', `${s.jitterInMs} / ${s.jitterOutMs} ms`], ['Round trip', ms(s.roundTripMs)],
		['Codec in / out', `${s.codecIn || '–'} / ${s.codecOut || '–'}`], ['Cipher', s.srtpCipher || '–'],
		['Gateway', s.remote || '–'],
	];

	$('figures').replaceChildren(...rows.map(([name, value]) => {
		const box = document.createElement('div');
		const dt = document.createElement('dt');
		const dd = document.createElement('dd');

		dt.textContent = name;
		dd.textContent = String(value);
		box.append(dt, dd);
		return box;
	}));
}

let ringing = null;

/* Two short tones every two seconds while somebody calls; silent where sound is not allowed yet. */
function ring(on) {
	const context = phone.context;

	if (!on || !context) {
		clearInterval(ringing);
		ringing = null;
		return;
	}
	if (ringing)
		return;
	const burst = () => {
		for (const hz of [440, 480]) {
			const tone = context.createOscillator();
			const gain = context.createGain();

			tone.frequency.value = hz;
			gain.gain.value = 0.05;
			tone.connect(gain).connect(context.destination);
			tone.start();
			tone.stop(context.currentTime + 0.8);
		}
	};

	burst();
	ringing = setInterval(burst, 2000);
}

let lastState = 'idle';

phone.addEventListener('change', () => {
	const { call } = phone.state();

	if (call.state !== lastState) {
		if (call.state === 'ended') {
			clearTimeout(endedTimer);
			endedTimer = setTimeout(() => {
				endedTimer = 0;
				draw();
			}, ENDED_SHOWN_MS);
		} else if (call.state === 'starting') {
			clearTimeout(endedTimer);
			endedTimer = 0;
			plot.reset();
		}
		ring(call.direction === 'in' && call.state === 'ringing');
		lastState = call.state;
	}
	draw();
});
phone.addEventListener('log', (e) => note(e.detail));

setInterval(() => {
	const { in: heard, out: spoken } = phone.levels();

	$('level-in').value = heard;
	$('level-out').value = spoken;
}, 100);

setInterval(async () => {
	const { call } = phone.state();

	if (call.state === 'active') {
		const seconds = Math.floor((Date.now() - call.answeredAt) / 1000);
		const stats = await phone.stats();

		$('clock').textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
		if (stats) {
			plot.add(stats);
			drawFigures(stats);
		}
	} else {
		$('clock').textContent = '';
	}
}, 1000);

drawFigures({
	packetsIn: 0, packetsOut: 0, lostIn: 0, lostOut: 0, jitterInMs: 0, jitterOutMs: 0, roundTripMs: null,
});
window.phone = phone;
fillAccount().then(draw);
