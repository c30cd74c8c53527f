/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Video of one call: the own camera, the far picture, and what the connection has to offer or answer for them. The line
 * of video stays once it is there (its transport with it): a camera that goes off turns its direction, RFC 3264 8.
 */

import { linesOf } from './sdp.js';

/** Does a description ask for a picture? */
export function offersVideo(sdp) {
	return linesOf(sdp, 'video').length > 0;
}

function lineOf(connection) {
	return connection.getTransceivers().find((t) => t.receiver.track.kind === 'video' && t.direction !== 'stopped');
}

export class Video {
	constructor(constraints) {
		this.constraints = constraints;
		this.own = null;	/* MediaStream of the camera */
		this.far = null;
	}

	/** @return {Promise<boolean>} false: no camera, or it may not be used */
	async open() {
		if (this.own)
			return true;
		try {
			const stream = await navigator.mediaDevices.getUserMedia({ video: this.constraints });

			if (this.isOver)	/* the call ended while the browser asked */
				stream.getTracks().forEach((t) => t.stop());
			else
				this.own = stream;
		} catch {
			return false;
		}
		return Boolean(this.own);
	}

	/** The camera goes off, so does its light. */
	close() {
		if (this.own)
			this.own.getTracks().forEach((t) => t.stop());
		this.own = null;
	}

	end() {
		this.isOver = true;
		this.close();
		this.far = null;
	}

	/** Before the description is made: our camera is sent, or no more. The far picture is welcome either way. */
	send(connection) {
		const line = lineOf(connection);
		const track = this.own ? this.own.getVideoTracks()[0] : null;

		if (line) {
			line.sender.replaceTrack(track);
			line.direction = track ? 'sendrecv' : 'recvonly';
		} else if (track) {
			connection.addTransceiver(track, { direction: 'sendrecv', streams: [this.own] });
		}
	}

	/** Answers a line of video with port 0. */
	refuse(connection) {
		const line = lineOf(connection);

		if (line)
			line.stop();
	}

	/** After each negotiation. @return {{own, far}} which of the pictures there are now */
	follow(connection) {
		const line = lineOf(connection);
		const direction = line && line.currentDirection || 'inactive';
		const far = direction === 'sendrecv' || direction === 'recvonly';

		if (!far)
			this.far = null;
		else if (!this.far || this.far.getTracks()[0] !== line.receiver.track)
			this.far = new MediaStream([line.receiver.track]);
		if (this.own && direction !== 'sendrecv' && direction !== 'sendonly')
			this.close();
		return { own: Boolean(this.own), far };
	}
}
