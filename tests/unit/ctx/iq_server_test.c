/* SPDX-License-Identifier: Apache-2.0 */
/* The Iq server against two controllers on real sockets and a clock of its own; the tables are stand-ins. */
#include "dataplane/ctx/iq_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "dataplane/ctx/ctx_int.h"

/* ---- stand-ins for the tables: one context with one termination ------------------------------------------ */

static enum dp_dtls_state dtls_state;

uint32_t dp_ctx_random(void)
{
	return 0;
}

struct gw_list *dp_ctx_list(struct dp_ctx *c)
{
	return &c->contexts;
}

void dp_iq_root_heard(struct dp_iq *q)
{
	(void)q;
}

void dp_iq_root_clear(struct dp_iq *q)
{
	(void)q;
}

void dp_iq_service_told(struct dp_iq *q)
{
	(void)q;
}

void dp_stream_stats(struct dp_ctx *c, const struct dp_stream *s, struct dp_flow_stats *in, struct dp_flow_stats *out)
{
	(void)c, (void)s;
	memset(in, 0, sizeof(*in));
	memset(out, 0, sizeof(*out));
}

const char *dp_term_id(const struct dp_term *t, char text[DP_TERM_ID_BYTES])
{
	snprintf(text, DP_TERM_ID_BYTES, "ip/1/%s/%u", t->realm->interface, t->number);
	return text;
}

struct dp_stream *dp_term_stream(const struct dp_term *t, uint16_t id)
{
	return t->streams->id == id ? t->streams : NULL;
}

enum dp_dtls_state dp_dtls_state(const struct dp_dtls *d)
{
	(void)d;
	return dtls_state;
}

void dp_iq_execute(struct dp_iq *q, const struct iq_txn *req, struct iq_txn *reply)
{
	(void)q;
	*reply = (struct iq_txn){ .kind = IQ_REPLY, .id = req->id, .error = 501, .error_text = GW_SV("a\nb") };
}

bool dp_iq_is_service_change(const struct iq_txn *req)
{
	(void)req;
	return false;
}

/* ---- the rig ------------------------------------------------------------------------------------------------ */

struct rig {
	struct gw_timers timers;
	struct dp_ctx tables;
	struct dp_context cx;
	struct dp_term *t;
	struct dp_stream s;
	struct dp_access a;
	struct dp_wanted_list *wanted;
	struct dp_realm realm;
	struct dp_iq *q;
	int controller[2];
	struct sockaddr_in gateway;
	uint64_t now;
	char got[2048];
};

static int udp(struct gw_addr *a)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&in, n) == 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	*a = (struct gw_addr){ .family = 4, .port = ntohs(in.sin_port), .b = { 127, 0, 0, 1 } };
	return fd;
}

/* What controller k has; only the last datagram, "" for none. */
static const char *take(struct rig *r, int k)
{
	socklen_t len = sizeof(r->gateway);
	ssize_t n, got = 0;

	while ((n = recvfrom(r->controller[k], r->got, sizeof(r->got) - 1, 0, (struct sockaddr *)&r->gateway,
			&len)) > 0)
		got = n;
	r->got[got] = '\0';
	return r->got;
}

static void say(struct rig *r, int k, const char *text)
{
	assert_true(sendto(r->controller[k], text, strlen(text), 0, (struct sockaddr *)&r->gateway,
			    sizeof(r->gateway)) > 0);
	(void)dp_iq_poll(r->q, r->now);
}

static void accept_registration(struct rig *r, int k)
{
	char text[128];
	unsigned tid;

	assert_int_equal(sscanf(strstr(r->got, "T="), "T=%u", &tid), 1);
	snprintf(text, sizeof(text), "!/1 [127.0.0.1]:2944 P=%u{C=-{SC=ROOT{SV{V=3}}}}", tid);
	say(r, k, text);
}

static void advance(struct rig *r, uint64_t ms)
{
	for (uint64_t end = r->now + ms; r->now < end; r->now += 50) {
		(void)dp_iq_poll(r->q, r->now);
		(void)gw_timers_run(&r->timers, r->now);
	}
}

static void set_up(struct rig *r)
{
	struct dp_iq_conf conf = { .mid = "[192.0.2.10]:2944", .n_controllers = 2, .profile = "ThreeGIq/2",
		.timers = &r->timers };

	memset(r, 0, sizeof(*r));
	r->now = 1000;
	(void)gw_timers_run(&r->timers, r->now);
	for (int k = 0; k < 2; k++)
		r->controller[k] = udp(&conf.controllers[k]);
	close(udp(&conf.bind));
	gw_list_init(&r->tables.contexts);
	gw_list_append(&r->tables.contexts, &r->cx.node);
	assert_int_equal(dp_pool_init(&r->tables.term_pool, 1, sizeof(struct dp_term)), GW_OK);
	r->t = dp_pool_take(&r->tables.term_pool);
	r->cx.id = 17;
	r->cx.terms[r->cx.n_terms++] = r->t;
	memcpy(r->realm.interface, "acc0", 5);
	r->s = (struct dp_stream){ .term = r->t, .id = 1, .access = &r->a };
	r->wanted = calloc(1, sizeof(*r->wanted) + 3 * sizeof(r->wanted->w[0]));
	assert_non_null(r->wanted);
	r->wanted->n = 3;
	r->wanted->w[0].event = IQ_EV_CONSENT;
	r->wanted->w[1].event = IQ_EV_HANGTERM;
	r->wanted->w[2].event = IQ_EV_X_DTLS;
	*r->t = (struct dp_term){ .generation = 0x80000001, .ctx = &r->cx, .realm = &r->realm, .number = 1,
		.streams = &r->s, .n_streams = 1, .events_id = 5, .wanted = r->wanted };
	assert_int_equal(dp_iq_new(&r->q, &conf, r->now), GW_OK);
	dp_iq_attach(r->q, &r->tables);
	advance(r, 300);
	assert_non_null(strstr(take(r, 0), "MT=RS,RE=\"901"));
	accept_registration(r, 0);
	assert_true(dp_iq_registered(r->q));
}

static void tear_down(struct rig *r)
{
	dp_iq_free(r->q);
	close(r->controller[0]);
	close(r->controller[1]);
	gw_timers_free(&r->timers);
	dp_pool_free(&r->tables.term_pool);
	free(r->wanted);
}

static bool is_held(const struct rig *r)
{
	return r->t->is_held != 0;
}

static void notify_without_answer_registers_again_then_elsewhere(void **state)
{
	struct rig r;

	(void)state;
	set_up(&r);
	dp_iq_notify(r.q, r.t, &r.s, IQ_EV_CONSENT, NULL, 0);
	assert_non_null(strstr(take(&r, 0), "stuncf/cft"));
	advance(&r, 36000);	/* 30 s and a pause between repetitions */
	assert_non_null(strstr(take(&r, 0), "MT=DC,RE=\"900"));
	assert_false(dp_iq_registered(r.q));
	dtls_state = DP_DTLS_UP;
	dp_iq_notify(r.q, r.t, &r.s, IQ_EV_X_DTLS, NULL, 0);
	dp_iq_notify(r.q, r.t, NULL, IQ_EV_HANGTERM, NULL, 0);
	assert_string_equal(take(&r, 1), "");
	advance(&r, 36000);
	assert_non_null(strstr(take(&r, 1), "MT=FL,RE=\"909"));
	accept_registration(&r, 1);
	/* each in a message of its own: both are on the wire, the last is of the higher name */
	assert_non_null(strstr(take(&r, 1), "xwrtc/dtls{ST=1,state=\"up\"}"));
	assert_int_equal(dp_iq_counters(r.q)[iq_held], 2);
	advance(&r, 700);
	assert_false(is_held(&r));
	tear_down(&r);
}

static void notify_of_a_termination_that_is_gone_is_not_kept(void **state)
{
	struct rig r;

	(void)state;
	set_up(&r);
	dp_iq_notify(r.q, r.t, &r.s, IQ_EV_CONSENT, NULL, 0);
	r.t->generation++;
	advance(&r, 36000);
	assert_int_equal(dp_iq_counters(r.q)[iq_held], 0);
	assert_false(is_held(&r));
	tear_down(&r);
}

static void answer_that_cannot_be_written_becomes_an_error(void **state)
{
	struct rig r;

	(void)state;
	set_up(&r);
	for (int i = 0; i < 2; i++) {	/* and is the answer from then on */
		say(&r, 0, "!/3 [127.0.0.1]:2944 T=9{C=-{AV=ROOT{AT{}}}}");
		assert_non_null(strstr(take(&r, 0), "P=9{ER=500"));
	}
	assert_int_equal(dp_iq_counters(r.q)[iq_unanswerable], 1);
	assert_int_equal(dp_iq_counters(r.q)[iq_duplicates], 1);
	tear_down(&r);
}

static void other_controller_is_refused_and_not_believed(void **state)
{
	struct rig r;

	(void)state;
	set_up(&r);
	say(&r, 1, "!/3 [127.0.0.1]:2944 T=9{C=*{W-S=*{AT{}}}}");
	assert_non_null(strstr(take(&r, 1), "P=9{ER=402"));
	assert_int_equal(dp_iq_counters(r.q)[iq_requests], 0);
	dp_iq_notify(r.q, r.t, &r.s, IQ_EV_CONSENT, NULL, 0);
	take(&r, 0);
	say(&r, 1, "!/3 [127.0.0.1]:2944 P=2{C=17{N=ip/1/acc0/1}}");	/* 1 was the registration */
	advance(&r, 1000);
	assert_non_null(strstr(take(&r, 0), "stuncf/cft"));	/* still repeated */
	tear_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notify_without_answer_registers_again_then_elsewhere),
		cmocka_unit_test(notify_of_a_termination_that_is_gone_is_not_kept),
		cmocka_unit_test(answer_that_cannot_be_written_becomes_an_error),
		cmocka_unit_test(other_controller_is_refused_and_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
