/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of the trace: what each wants to see, and what it missed. */
#include "control/app/trace.h"

#include <stdlib.h>
#include <time.h>

#include "control/app/metrics.h"
#include "control/app/trace_mask.h"

#define READERS_MAX 8
#define CALLS_MAX 64		/* of one user, remembered for messages that do not name it */
#define FILTER_BYTES 512
#define TEXT_BYTES 262144	/* of a masked message; more is cut off */

struct reader {
	struct cp_ctl_stream *stream;        /* NULL: free */
	bool is_iq;                          /* H.248 messages instead of SIP and procedures */
	uint32_t context;                    /* of these; 0: all */
	char call[FILTER_BYTES], user[FILTER_BYTES];
	uint64_t calls[CALLS_MAX];           /* hashes of Call-IDs */
	unsigned n_calls;
	uint64_t dropped;
};

unsigned cp_trace_readers;
static struct reader readers[READERS_MAX];

/* ---- filters ------------------------------------------------------------------------------------------ */

static bool is_end(char c)
{
	return c == '>' || c == ';' || c == '?' || c == ' ' || c == ',' || c == '\t' || c == '\r';
}

/* Does the value name user@host or +number, behind a scheme or alone? */
static bool names(struct gw_sv value, struct gw_sv user)
{
	for (size_t i = 0; user.len && i + user.len <= value.len; i++) {
		size_t e = i + user.len;

		if ((i == 0 || value.p[i - 1] == ':') && gw_sv_ieq(gw_sv_sub(value, i, e), user) &&
			(e == value.len || is_end(value.p[e])))
			return true;
	}
	return false;
}

static bool is_of_user(struct reader *r, struct gw_sv msg, struct gw_sv call)
{
	static const struct { struct gw_sv name; char compact; } where[] = { { GW_SV_INIT("From"), 'f' },
		{ GW_SV_INIT("To"), 't' }, { GW_SV_INIT("P-Asserted-Identity"), 0 },
		{ GW_SV_INIT("P-Preferred-Identity"), 0 }, { GW_SV_INIT("P-Called-Party-ID"), 0 } };
	struct gw_sv user = gw_sv_cstr(r->user), line = msg, method, uri;
	uint64_t hash = gw_sv_hash(call);
	bool is_found = gw_sv_line(&line, &method) && gw_sv_word(&method, &uri) && gw_sv_word(&method, &uri) &&
		names(uri, user);

	for (unsigned i = 0; i < CALLS_MAX && i < r->n_calls; i++)
		if (r->calls[i] == hash)
			return true;
	for (size_t i = 0; !is_found && i < sizeof(where) / sizeof(where[0]); i++)
		is_found = names(cp_trace_header(msg, where[i].name, where[i].compact), user);
	if (is_found && call.len)
		r->calls[r->n_calls++ % CALLS_MAX] = hash;
	return is_found;
}

static bool wants(struct reader *r, struct gw_sv msg, struct gw_sv call)
{
	if (!r->stream || r->is_iq)
		return false;
	if (r->call[0] && !gw_sv_eq(call, gw_sv_cstr(r->call)))
		return false;
	return !r->user[0] || is_of_user(r, msg, call);
}

/* ---- records -------------------------------------------------------------------------------------------- */

static double wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (double)ts.tv_sec + (double)(ts.tv_nsec / 1000) / 1e6;
}

static void put_dropped(struct reader *r)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "{\"dropped\":%llu}", (unsigned long long)r->dropped);

	if (r->dropped && cp_ctl_stream_put(r->stream, gw_sv(line, (size_t)n)) == GW_OK)
		r->dropped = 0;
}

static void put(struct reader *r, const char *line)
{
	put_dropped(r);
	if (r->dropped || cp_ctl_stream_put(r->stream, gw_sv_cstr(line))) {
		r->dropped++;
		CP_COUNT(trace_dropped);
	}
}

static struct gw_sv masked(struct gw_sv msg, char *dst, size_t cap)
{
	struct gw_buf b = gw_buf(dst, cap);

	cp_trace_mask(&b, msg);
	while (b.overflow && b.len && ((unsigned char)b.p[b.len - 1] & 0x80))
		b.len--;	/* not in the middle of a character */
	return gw_buf_sv(&b);
}

void cp_trace_sip(enum cp_trace_dir dir, const struct cp_peer *peer, struct gw_sv bytes)
{
	static const char *const protos[] = { "none", "wss", "ws", "udp", "tcp" };
	static char text[TEXT_BYTES];
	bool is_w2 = cp_peer_is_w2(peer);
	struct gw_sv call = cp_trace_header(bytes, GW_SV("Call-ID"), 'i'), t = GW_SV_NONE, c;
	char addr[GW_ADDR_STR_BYTES], conn[24], id[1024];
	char *line = NULL;
	json_t *j;

	for (unsigned i = 0; i < READERS_MAX; i++) {
		if (!wants(&readers[i], bytes, call))
			continue;
		if (!line) {
			t = masked(bytes, text, sizeof(text));
			c = masked(call, id, sizeof(id));
			snprintf(conn, sizeof(conn), "%llx", (unsigned long long)peer->conn);
			j = json_pack("{s:f, s:s, s:s, s:s, s:s, s:s, s:s%, s:s%}", "time", wall(), "side",
				is_w2 ? "w2" : "mw", "dir", dir == CP_TRACE_IN ? "in" : "out", "transport",
				protos[peer->proto], "peer", gw_addr_str(&peer->addr, addr), "connection", conn,
				"call", c.p, gw_sv_trim(c).len, "text", t.p, t.len);
			line = j ? json_dumps(j, JSON_COMPACT) : NULL;
			json_decref(j);
		}
		if (line)
			put(&readers[i], line);
	}
	free(line);
}

void cp_trace_iq(enum cp_trace_dir dir, const char *call_id, const char *user, const char *what)
{
	struct gw_sv call = gw_sv_cstr(call_id), c, t;
	char id[1024], text[512], from[FILTER_BYTES + 32];
	char *line = NULL;
	json_t *j;

	snprintf(from, sizeof(from), "x\nFrom: <%s>\n", user ? user : "");
	for (unsigned i = 0; i < READERS_MAX; i++) {
		if (!wants(&readers[i], gw_sv_cstr(from), call))
			continue;
		if (!line) {
			c = masked(call, id, sizeof(id));
			t = masked(gw_sv_cstr(what), text, sizeof(text));
			j = json_pack("{s:f, s:s, s:s, s:s%, s:s%}", "time", wall(), "side", "iq", "dir",
				dir == CP_TRACE_IN ? "in" : "out", "call", c.p, gw_sv_trim(c).len, "text", t.p,
				gw_sv_trim(t).len);
			line = j ? json_dumps(j, JSON_COMPACT) : NULL;
			json_decref(j);
		}
		if (line)
			put(&readers[i], line);
	}
	free(line);
}

/* Does a message name this context: C=17{, Context = 17 {? */
static bool names_context(struct gw_sv msg, uint32_t context)
{
	struct gw_sv id;
	uint32_t v;

	for (size_t i = 0; i + 2 < msg.len; i++) {
		size_t at = i, end;

		if (gw_sv_istarts(gw_sv_sub(msg, i, msg.len), GW_SV("Context")))
			at += 7;
		else if (msg.p[i] == 'C' || msg.p[i] == 'c')
			at++;
		else
			continue;
		while (at < msg.len && msg.p[at] == ' ')
			at++;
		if (at == msg.len || msg.p[at] != '=')
			continue;
		end = gw_sv_chr(msg, '{', at);
		id = gw_sv_trim(gw_sv_sub(msg, at + 1, end));
		if (gw_sv_uint_max(id, UINT32_MAX, &v) == GW_OK && v == context)
			return true;
	}
	return false;
}

void cp_trace_h248(enum cp_trace_dir dir, const char *gateway, struct gw_sv bytes)
{
	static char text[TEXT_BYTES];
	char *line = NULL;
	struct gw_sv t;
	json_t *j;

	for (unsigned i = 0; i < READERS_MAX; i++) {
		const struct reader *r = &readers[i];

		if (!r->stream || !r->is_iq || (r->context && !names_context(bytes, r->context)))
			continue;
		if (!line) {
			t = masked(bytes, text, sizeof(text));
			j = json_pack("{s:f, s:s, s:s, s:s, s:s%}", "time", wall(), "side", "iq", "dir",
				dir == CP_TRACE_IN ? "in" : "out", "peer", gateway, "text", t.p, t.len);
			line = j ? json_dumps(j, JSON_COMPACT) : NULL;
			json_decref(j);
		}
		if (line)
			put(&readers[i], line);
	}
	free(line);
}

/* ---- readers -------------------------------------------------------------------------------------------- */

static void on_close(void *user)
{
	struct reader *r = user;

	*r = (struct reader){ .stream = NULL };
	cp_trace_readers--;
}

/* "sip:" and the angle brackets are no part of what is looked for. */
static struct gw_sv bare(struct gw_sv user)
{
	if (user.len && user.p[0] == '<')
		user = gw_sv_sub(user, 1, gw_sv_chr(user, '>', 0));
	if (gw_sv_istarts(user, GW_SV("sip:")) || gw_sv_istarts(user, GW_SV("tel:")))
		return gw_sv_sub(user, 4, user.len);
	return gw_sv_istarts(user, GW_SV("sips:")) ? gw_sv_sub(user, 5, user.len) : user;
}

/* NULL: all are taken. */
static struct reader *free_reader(void)
{
	for (unsigned i = 0; i < READERS_MAX; i++)
		if (!readers[i].stream) {
			readers[i] = (struct reader){ .stream = NULL };
			return &readers[i];
		}
	return NULL;
}

static void begin(struct reader *r, struct cp_ctl_stream *s)
{
	r->stream = s;
	cp_trace_readers++;
	cp_ctl_stream_on_close(s, on_close, r);
	put(r, "{\"tracing\":true}");
}

static json_t *iq_trace(void *user, struct gw_sv args, struct cp_ctl_stream *s)
{
	struct reader *r = free_reader();
	struct gw_sv key, value;

	(void)user;
	if (!r)
		return cp_ctl_error("too many traces");
	r->is_iq = true;
	gw_sv_cut(args, '=', &key, &value);
	if (args.len && (!gw_sv_eq(key, GW_SV("context")) || gw_sv_uint_max(value, UINT32_MAX, &r->context)))
		return cp_ctl_error("iq trace [context=N]");
	begin(r, s);
	return NULL;
}

static json_t *trace(void *user, struct gw_sv args, struct cp_ctl_stream *s)
{
	struct reader *r = free_reader();
	struct gw_sv word, key, value;

	(void)user;
	if (!r)
		return cp_ctl_error("too many traces");
	while (gw_sv_word(&args, &word)) {
		gw_sv_cut(word, '=', &key, &value);
		if (gw_sv_eq(key, GW_SV("call")) && value.len && gw_sv_copy(value, r->call, sizeof(r->call)) == GW_OK)
			continue;
		if (gw_sv_eq(key, GW_SV("user")) && bare(value).len &&
			gw_sv_copy(bare(value), r->user, sizeof(r->user)) == GW_OK)
			continue;
		return cp_ctl_error("trace [call=CALL-ID] [user=IMPU]");
	}
	begin(r, s);
	return NULL;
}

enum gw_err cp_trace_open(struct cp_ctl *c)
{
	enum gw_err err = cp_ctl_streaming(c, "iq trace", iq_trace, NULL);

	return err ? err : cp_ctl_streaming(c, "trace", trace, NULL);
}
