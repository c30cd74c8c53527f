/* SPDX-License-Identifier: Apache-2.0 */
/* Reason phrases, and the one mapping from our errors to status codes. */
#include "proto/sip/msg.h"

const char *sip_reason_phrase(unsigned status)
{
	static const struct {
		unsigned code;
		const char *phrase;
	} table[] = {
		{ 100, "Trying" }, { 180, "Ringing" }, { 181, "Call Is Being Forwarded" },
		{ 182, "Queued" }, { 183, "Session Progress" }, { 199, "Early Dialog Terminated" },
		{ 200, "OK" }, { 202, "Accepted" }, { 204, "No Notification" },
		{ 300, "Multiple Choices" }, { 301, "Moved Permanently" }, { 302, "Moved Temporarily" },
		{ 305, "Use Proxy" }, { 380, "Alternative Service" }, { 400, "Bad Request" },
		{ 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 405, "Method Not Allowed" }, { 406, "Not Acceptable" },
		{ 407, "Proxy Authentication Required" }, { 408, "Request Timeout" },
		{ 413, "Request Entity Too Large" }, { 414, "Request-URI Too Long" },
		{ 415, "Unsupported Media Type" }, { 416, "Unsupported URI Scheme" },
		{ 420, "Bad Extension" }, { 421, "Extension Required" },
		{ 422, "Session Interval Too Small" }, { 423, "Interval Too Brief" },
		{ 430, "Flow Failed" }, { 439, "First Hop Lacks Outbound Support" },
		{ 480, "Temporarily Unavailable" }, { 481, "Call/Transaction Does Not Exist" },
		{ 482, "Loop Detected" }, { 483, "Too Many Hops" }, { 484, "Address Incomplete" },
		{ 486, "Busy Here" }, { 487, "Request Terminated" }, { 488, "Not Acceptable Here" },
		{ 489, "Bad Event" }, { 491, "Request Pending" }, { 493, "Undecipherable" },
		{ 500, "Server Internal Error" }, { 501, "Not Implemented" }, { 502, "Bad Gateway" },
		{ 503, "Service Unavailable" }, { 504, "Server Time-out" },
		{ 505, "Version Not Supported" }, { 513, "Message Too Large" },
		{ 580, "Precondition Failure" }, { 600, "Busy Everywhere" }, { 603, "Decline" },
		{ 604, "Does Not Exist Anywhere" }, { 606, "Not Acceptable" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].code == status)
			return table[i].phrase;
	return "Unknown";
}

unsigned sip_status_of(enum gw_err err)
{
	switch (err) {
	case GW_OK:
		return 200;
	case GW_EBADMSG:
	case GW_EAGAIN:
		return 400;
	case GW_EAUTH:
		return 403;
	case GW_ENOENT:
		return 481;
	case GW_ETIMEOUT:
		return 408;
	case GW_EUNSUPP:
		return 488;
	case GW_ESTATE:
		return 491;
	case GW_ENOSPC:
		return 513;
	case GW_ECLOSED:
		return 430;
	case GW_ELIMIT:
	case GW_EIO:
		return 503;
	case GW_ENOMEM:
	case GW_EINVAL:
	case GW_EEXIST:
	case GW_ERR_COUNT:
		break;
	}
	return 500;
}
