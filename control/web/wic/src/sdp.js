/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a description. */

/** Those of a kind that are not refused: one of port 0 may have the transport of its group (RFC 9143 6). */
export function linesOf(sdp, kind) {
	return (sdp || '').split(/^(?=m=)/m).filter((line) => line.startsWith(`m=${kind} `) &&
		(!line.startsWith(`m=${kind} 0 `) || /^a=bundle-only/m.test(line)));
}
