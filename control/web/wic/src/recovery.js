/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call whose network has gone or changed: ICE is restarted over the WebSocket (RFC 8445 section 9). DTLS, the gateway's
 * terminations and the core stay as they are.
 */
const PATIENCE_MS = 1000;	/* a path that is only disturbed comes back by itself */
const AGAIN_MS = 4000;

export class Recovery {
	/** @param {function(): boolean} restart begins a restart, or says that it cannot now */
	constructor(connection, restart) {
		this.connection = connection;
		this.restart = restart;
		this.online = () => this.look();
		connection.addEventListener('iceconnectionstatechange', () => this.follow());
		window.addEventListener('online', this.online);
	}

	isBroken() {
		return ['disconnected', 'failed'].includes(this.connection.iceConnectionState);
	}

	follow() {
		clearTimeout(this.timer);
		if (this.isBroken())
			this.after(this.connection.iceConnectionState === 'failed' ? 0 : PATIENCE_MS);
	}

	after(ms) {
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.look(), ms);
	}

	look() {
		if (this.isBroken())
			this.after(this.restart() ? AGAIN_MS : PATIENCE_MS);
	}

	end() {
		clearTimeout(this.timer);
		window.removeEventListener('online', this.online);
	}
}
