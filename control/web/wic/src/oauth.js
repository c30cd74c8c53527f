/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing in at an OAuth 2.0 authorization server: code flow with PKCE (RFC 7636) by redirect, refresh, sign-out.
 * Tokens live in this object only. What must survive the redirect (verifier, state) is in sessionStorage and goes
 * when it was used.
 */
const PENDING = 'w2gw.oauth.pending';
const SIGNED_IN = 'w2gw.oauth.signed-in';
const RETRY_MS = 5000;

function base64url(bytes) {
	return btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

function random() {
	return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

/* The identities of the token answer; a server that does not give them there has them in its JWT (RFC 9068). */
function identities(answer) {
	let from = answer;

	if (!from.impu) {
		try {
			const part = answer.access_token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');

			from = JSON.parse(atob(part));
		} catch {
			from = {};
		}
	}
	const impu = [].concat(from.impu || []);

	return { impi: from.impi || '', impu: impu[0] || '', impus: impu };
}

export class OAuth extends EventTarget {
	/** @param {{issuer, clientId, scope}} config */
	constructor(config) {
		super();
		this.config = config;
		this.redirectUri = location.origin + location.pathname;
		this.tokens = null;
		this.timer = 0;
	}

	/** Were we signed in before this page was loaded again? */
	get wasSignedIn() {
		return sessionStorage.getItem(SIGNED_IN) === this.config.issuer;
	}

	async metadata() {
		const { origin, pathname } = new URL(this.config.issuer);
		const path = pathname === '/' ? '' : pathname;
		const places = [`${origin}/.well-known/oauth-authorization-server${path}`,
			`${this.config.issuer}/.well-known/openid-configuration`];

		if (this.known)
			return this.known;
		for (const place of places) {
			const r = await fetch(place).catch(() => null);
			const m = r && r.ok ? await r.json().catch(() => null) : null;

			if (m && m.issuer === this.config.issuer) {	/* RFC 8414 3.3 */
				this.known = m;
				return m;
			}
		}
		throw new Error('the sign-in server does not answer');
	}

	/** Leaves the page; finish() goes on when the user is back. prompt: "none", "login" or nothing. */
	async begin(prompt) {
		const m = await this.metadata();
		const pending = { verifier: random(), state: random(), issuer: this.config.issuer };
		const sha = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(pending.verifier));
		const url = new URL(m.authorization_endpoint);

		sessionStorage.setItem(PENDING, JSON.stringify(pending));
		for (const [name, value] of Object.entries({
			response_type: 'code', client_id: this.config.clientId, redirect_uri: this.redirectUri, scope: this.config.scope,
			state: pending.state, code_challenge: base64url(sha), code_challenge_method: 'S256', ...(prompt ? { prompt } : {}),
		}))
			url.searchParams.set(name, value);
		location.assign(url);
	}

	/** @return {boolean} signed in now; false: this load of the page is not a way back. Throws what went wrong. */
	async finish() {
		const q = new URLSearchParams(location.search);
		const pending = JSON.parse(sessionStorage.getItem(PENDING) || 'null');

		if (!q.has('code') && !q.has('error'))
			return false;
		sessionStorage.removeItem(PENDING);
		history.replaceState(null, '', location.pathname);	/* the code stays in no history */
		if (!pending || pending.state !== q.get('state') || pending.issuer !== this.config.issuer)
			throw new Error('that was not the answer to our question');
		if (q.has('iss') && q.get('iss') !== this.config.issuer)	/* RFC 9207 */
			throw new Error('another server answered');
		if (q.has('error')) {
			sessionStorage.removeItem(SIGNED_IN);
			if (q.get('error') === 'login_required')
				return false;
			throw new Error(q.get('error').replace(/_/g, ' '));
		}
		await this.ask({
			grant_type: 'authorization_code', code: q.get('code'), redirect_uri: this.redirectUri,
			code_verifier: pending.verifier,
		});
		sessionStorage.setItem(SIGNED_IN, this.config.issuer);
		return true;
	}

	async ask(form) {
		const m = await this.metadata();
		const r = await fetch(m.token_endpoint, {
			method: 'POST', body: new URLSearchParams({ client_id: this.config.clientId, ...form }),
		});
		const answer = await r.json().catch(() => ({}));

		if (!r.ok)
			throw Object.assign(new Error((answer.error || `HTTP ${r.status}`).replace(/_/g, ' ')), { status: r.status });
		this.tokens = {
			access: answer.access_token, refresh: answer.refresh_token || '', expiresAt: Date.now() + answer.expires_in * 1000,
			...identities(answer),
		};
		this.plan(answer.expires_in * 500);	/* half its life: time for a network that is away for a while */
	}

	plan(ms) {
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.refresh(), ms);
	}

	/** A fresh access token: "token" event. None to be had any more: "end" event. @return {boolean} */
	async refresh() {
		if (!this.tokens || !this.tokens.refresh)
			return false;
		try {
			await this.ask({ grant_type: 'refresh_token', refresh_token: this.tokens.refresh });
			this.dispatchEvent(new Event('token'));
			return true;
		} catch (e) {
			if (!this.tokens)
				return false;
			if (e.status === 400 || Date.now() > this.tokens.expiresAt) {
				this.forget();
				this.dispatchEvent(new Event('end'));
				return false;
			}
			this.plan(RETRY_MS);
			return false;
		}
	}

	forget() {
		clearTimeout(this.timer);
		this.tokens = null;
		sessionStorage.removeItem(SIGNED_IN);
	}

	async signOut() {
		const { tokens } = this;

		this.forget();
		if (!tokens)
			return;
		const m = await this.metadata();

		if (m.revocation_endpoint)
			await fetch(m.revocation_endpoint, {
				method: 'POST', keepalive: true,
				body: new URLSearchParams({ client_id: this.config.clientId, token: tokens.refresh || tokens.access }),
			});
	}
}
