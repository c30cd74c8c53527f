/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded queue of characters with the rate limit of RFC 4103 6. */
#include "proto/t140/queue.h"

#include "proto/base/utf8.h"

#define MARKER_BYTES 3u

void t140_queue_init(struct t140_queue *q, uint32_t cps)
{
	memset(q, 0, sizeof(*q));
	q->cps = cps;
}

static void put_char(struct t140_queue *q, struct gw_sv c)
{
	/* the last bytes are the marker's: it always finds room */
	if (q->is_cut || q->len + c.len > T140_QUEUE_BYTES - MARKER_BYTES) {
		if (!q->is_cut) {
			memcpy(q->text + q->len, T140_LOSS.p, MARKER_BYTES);
			q->len += MARKER_BYTES;
			q->is_cut = true;
		}
		q->lost_bytes += c.len;
		return;
	}
	memcpy(q->text + q->len, c.p, c.len);
	q->len += (uint32_t)c.len;
}

void t140_queue_put(struct t140_queue *q, struct gw_sv text)
{
	bool was_bad = false;

	while (text.len) {
		unsigned n = gw_utf8_char(text);
		struct gw_sv c = gw_sv_sub(text, 0, n);

		if (n == 0 && !was_bad)
			put_char(q, T140_LOSS);	/* one for a run of bytes that are no text */
		else if (n && !gw_sv_eq(c, T140_BOM))
			put_char(q, c);
		was_bad = n == 0;
		text = gw_sv_sub(text, n ? n : 1, text.len);
	}
}

/* How many characters have left in the window that ends with now. */
static uint32_t taken_until(const struct t140_queue *q, uint64_t second)
{
	uint32_t sum = 0;

	for (uint64_t age = second - q->second; age < T140_CPS_WINDOW && age <= second; age++)
		sum += q->taken[(second - age) % T140_CPS_WINDOW];
	return sum;
}

static uint32_t allowance(const struct t140_queue *q, uint64_t now_ms)
{
	uint64_t all = (uint64_t)q->cps * T140_CPS_WINDOW, gone;

	if (q->cps == 0)
		return UINT32_MAX;
	gone = taken_until(q, now_ms / 1000);
	return gone < all ? (uint32_t)(all - gone < UINT32_MAX ? all - gone : UINT32_MAX) : 0;
}

static void count(struct t140_queue *q, uint32_t chars, uint64_t now_ms)
{
	uint64_t second = now_ms / 1000;

	for (uint64_t s = second - q->second < T140_CPS_WINDOW ? q->second : second - T140_CPS_WINDOW; s < second;)
		q->taken[++s % T140_CPS_WINDOW] = 0;
	q->second = second;
	q->taken[second % T140_CPS_WINDOW] += chars;
}

size_t t140_queue_take(struct t140_queue *q, char *out, size_t max, uint64_t now_ms)
{
	uint32_t left = allowance(q, now_ms), chars = 0;
	size_t n = 0;

	while (n < q->len && chars < left) {
		unsigned c = gw_utf8_char(gw_sv(q->text + n, q->len - n));

		if (n + c > max)
			break;
		n += c;
		chars++;
	}
	if (n == 0)
		return 0;
	memcpy(out, q->text, n);
	q->len -= (uint32_t)n;
	memmove(q->text, q->text + n, q->len);
	q->is_cut = q->is_cut && q->len + MARKER_BYTES > T140_QUEUE_BYTES / 2;	/* room again, and not for one character only */
	count(q, chars, now_ms);
	return n;
}

uint64_t t140_queue_ready(const struct t140_queue *q, uint64_t now_ms)
{
	if (q->len == 0)
		return UINT64_MAX;
	if (allowance(q, now_ms))
		return now_ms;
	/* the window moves by whole seconds; the first that frees something */
	for (uint64_t s = now_ms / 1000 + 1; s <= now_ms / 1000 + T140_CPS_WINDOW; s++)
		if (allowance(q, s * 1000))
			return s * 1000;
	return UINT64_MAX;	/* not reached: a whole window without characters allows some */
}
