/* SPDX-License-Identifier: Apache-2.0 */
/* A leg and its peers over TCP of the loopback: whose connection it is, what is under way when it ends, who may hold whom. */
#include "dataplane/slow/msrp_leg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/socket.h>
#include <cmocka.h>

#define GOT_MAX (1u << 20)
#define TRIES   200000u

static struct dp_msrp_set *set;
static struct dp_msrp *leg;
static uint64_t now;
static struct {
	unsigned events[3], refused[3], messages;
	bool is_full;              /* the channel takes nothing */
	char got[GOT_MAX];         /* by the channel */
	size_t len;
} R;

static enum gw_err channel(void *user, struct gw_sv message)
{
	(void)user;
	if (R.is_full)
		return GW_EAGAIN;
	R.messages++;
	if (R.len + message.len < GOT_MAX) {
		memcpy(R.got + R.len, message.p, message.len);
		R.len += message.len;
	}
	return GW_OK;
}

static void event(void *user, enum dp_msrp_event ev)
{
	(void)user;
	R.events[ev]++;
}

static void refused(void *user, enum dp_msrp_refusal why)
{
	(void)user;
	R.refused[why]++;
}

static const struct dp_msrp_ops ops = { channel, event, refused };

static struct gw_addr loopback(void)
{
	return (struct gw_addr){ .family = 4, .b = { 127, 0, 0, 1 } };
}

static struct dp_msrp_start description(const char *peer_path)
{
	return (struct dp_msrp_start){ .source = { .net = loopback(), .prefix = 32 }, .nonce = 7,
		.side = { { GW_SV("msrps://g:9/dc;dc"), GW_SV("msrps://w:9/wic;dc") }, { GW_SV("msrp://g:1/ours;tcp"), gw_sv_cstr(peer_path) } } };
}

static void begin(const struct dp_msrp_start *how)
{
	struct gw_addr at = loopback();

	memset(&R, 0, sizeof(R));
	assert_int_equal(dp_msrp_set_new(&set, 2), GW_OK);
	assert_int_equal(dp_msrp_new(&leg, set, &at, &ops, NULL), GW_OK);
	(void)dp_msrp_poll(set, now);
	assert_int_equal(dp_msrp_start(leg, how), GW_OK);
}

static void finish(void)
{
	dp_msrp_free(leg);
	dp_msrp_set_free(set);
}

/* Until it is so; what goes over the loopback takes the kernel's time, not ours. */
#define UNTIL(cond)                                                                                                \
	do {                                                                                                       \
		for (unsigned tries_ = 0; tries_ < TRIES && !(cond); tries_++) {                                   \
			(void)dp_msrp_poll(set, now);                                                              \
			if (tries_ % 64 == 63)                                                                     \
				(void)sched_yield();                                                               \
		}                                                                                                  \
		assert_true(cond);                                                                                 \
	} while (0)

static void seconds(unsigned n)
{
	while (n--) {
		now += 1000;
		for (unsigned i = 0; i < 5; i++)
			(void)dp_msrp_poll(set, now);
	}
}

static int connect_from(const char *ip)
{
	struct sockaddr_in from = { .sin_family = AF_INET }, to = { .sin_family = AF_INET, .sin_port = htons(dp_msrp_local(leg)->port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	inet_pton(AF_INET, ip, &from.sin_addr);
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	return fd;
}

static void say(int fd, const char *text)
{
	size_t n = strlen(text);

	assert_int_equal(send(fd, text, n, MSG_NOSIGNAL), n);
}

#define SEND(tid, path, body) "MSRP " tid " SEND\r\nTo-Path: " path "\r\nFrom-Path: msrp://p:1/theirs;tcp\r\nMessage-ID: m" tid "\r\n" \
	"Byte-Range: 1-*/*\r\nContent-Type: text/plain\r\n\r\n" body "\r\n-------" tid "$\r\n"
#define EMPTY "MSRP abcd SEND\r\nTo-Path: msrp://g:1/ours;tcp\r\nFrom-Path: msrp://p:1/theirs;tcp\r\nMessage-ID: first\r\n-------abcd$\r\n"

static bool has(const char *text)
{
	return gw_sv_find(gw_sv(R.got, R.len), gw_sv_cstr(text)) < R.len;
}

/* Has the gateway closed it? What it said before is in text. */
static bool is_closed(int fd, char *text, size_t cap, size_t *len)
{
	ssize_t n = recv(fd, text + *len, cap - 1 - *len, MSG_DONTWAIT);

	if (n > 0)
		*len += (size_t)n;
	text[*len] = '\0';
	return n == 0 || (n < 0 && errno != EAGAIN);
}

static void expect_closed(int fd, const char *status)
{
	char text[4096];
	size_t len = 0;

	UNTIL(is_closed(fd, text, sizeof(text), &len));
	assert_true(status ? strstr(text, status) != NULL : len == 0);
	close(fd);
}

static void a_connection_belongs_to_the_session_that_it_names(void **state)
{
	struct dp_msrp_start how = description("msrp://p:1/theirs;tcp");
	int silent, wrong, right, second;

	(void)state;
	begin(&how);
	silent = connect_from("127.0.0.1");
	UNTIL(dp_msrp_poll(set, now) == 0);
	assert_false(dp_msrp_message(leg, GW_SV("MSRP aaaa SEND\r\n")));	/* nobody is there */
	wrong = connect_from("127.0.0.1");
	say(wrong, SEND("tid1", "msrp://g:1/guessed;tcp", "hello"));
	expect_closed(wrong, "MSRP tid1 481");
	assert_int_equal(R.refused[DP_MSRP_OTHER_SESSION], 1);
	assert_int_equal(R.events[DP_MSRP_CONNECTED], 0);
	right = connect_from("127.0.0.1");
	say(right, "MSRP tid2 SEND\r\nTo-Path: msrp://g:1/ou");
	UNTIL(dp_msrp_poll(set, now) == 0);
	assert_int_equal(R.events[DP_MSRP_CONNECTED], 0);	/* half a name */
	say(right, strstr(SEND("tid2", "msrp://g:1/ours;tcp", "it is me"), "rs;tcp"));
	UNTIL(has("it is me"));
	assert_int_equal(R.events[DP_MSRP_CONNECTED], 1);
	second = connect_from("127.0.0.1");
	say(second, SEND("tid3", "msrp://g:1/ours;tcp", "me too"));
	expect_closed(second, "MSRP tid3 506");
	assert_int_equal(R.refused[DP_MSRP_OTHER_SESSION], 2);
	assert_false(has("me too") || has("hello"));
	now += DP_MSRP_GUEST_MS;
	expect_closed(silent, NULL);
	assert_int_equal(R.refused[DP_MSRP_UNBOUND], 1);
	assert_int_equal(shutdown(right, SHUT_WR), 0);
	UNTIL(R.events[DP_MSRP_CLOSED] == 1);
	close(right);
	finish();
}

/* The one that has waited longest gives its place to who comes, so that nobody keeps the right one out by waiting. */
static void strangers_are_closed_and_so_is_one_guest_too_many(void **state)
{
	struct dp_msrp_start how = description("msrp://p:1/theirs;tcp");
	int fd[DP_MSRP_GUESTS], more;

	(void)state;
	begin(&how);
	expect_closed(connect_from("127.0.0.2"), NULL);
	assert_int_equal(R.refused[DP_MSRP_STRANGER], 1);
	for (unsigned i = 0; i < DP_MSRP_GUESTS; i++) {
		fd[i] = connect_from("127.0.0.1");
		UNTIL(dp_msrp_poll(set, now) == 0);
	}
	more = connect_from("127.0.0.1");
	UNTIL(R.refused[DP_MSRP_UNBOUND] == 1);
	expect_closed(fd[0], NULL);
	say(fd[1], "GET / HTTP/1.1\r\n\r\n");
	expect_closed(fd[1], NULL);
	assert_int_equal(R.refused[DP_MSRP_UNBOUND], 2);
	say(more, EMPTY);
	UNTIL(R.events[DP_MSRP_CONNECTED] == 1);
	finish();
	close(more);
	for (unsigned i = 2; i < DP_MSRP_GUESTS; i++)
		close(fd[i]);
}

static void source_filters_hold(void **state)
{
	struct dp_msrp_start how = description("msrp://p:1/theirs;tcp");

	(void)state;
	how.source.net.b[3] = 0;
	how.source.prefix = 30;
	how.source.first_port = how.source.last_port = 9;
	begin(&how);
	expect_closed(connect_from("127.0.0.2"), NULL);
	assert_int_equal(R.refused[DP_MSRP_STRANGER], 1);
	how.source.last_port = 0;	/* the same peer: only the filter is another */
	assert_int_equal(dp_msrp_start(leg, &how), GW_OK);
	assert_int_equal(dp_msrp_starts(leg), 1);
	expect_closed(connect_from("127.0.0.4"), NULL);
	assert_int_equal(R.refused[DP_MSRP_STRANGER], 2);
	say(connect_from("127.0.0.2"), EMPTY);
	UNTIL(R.events[DP_MSRP_CONNECTED] == 1);
	finish();
}

static void another_description_begins_anew_at_the_same_port(void **state)
{
	struct dp_msrp_start how = description("msrp://p:1/theirs;tcp"), other = description("msrp://q:1/fork;tcp");
	uint16_t port;
	int first, then;

	(void)state;
	begin(&how);
	port = dp_msrp_local(leg)->port;
	first = connect_from("127.0.0.1");
	say(first, SEND("tid1", "msrp://g:1/ours;tcp", "first"));
	UNTIL(has("first"));
	how.nonce = 8;
	assert_int_equal(dp_msrp_start(leg, &how), GW_OK);	/* repeated: nothing */
	say(first, SEND("tid2", "msrp://g:1/ours;tcp", "still"));
	UNTIL(has("still"));
	assert_int_equal(dp_msrp_start(leg, &other), GW_OK);
	expect_closed(first, "200 OK");
	assert_int_equal(dp_msrp_starts(leg), 2);
	assert_int_equal(dp_msrp_local(leg)->port, port);
	then = connect_from("127.0.0.1");
	say(then, EMPTY);
	UNTIL(R.events[DP_MSRP_CONNECTED] == 2);
	assert_true(dp_msrp_message(leg, GW_SV("MSRP wicm SEND\r\nTo-Path: msrps://g:9/dc;dc\r\nFrom-Path: msrps://w:9/wic;dc\r\n"
		"Message-ID: mmmm\r\nContent-Type: text/plain\r\n\r\nx\r\n-------wicm$\r\n")));
	{
		char text[4096] = "";
		size_t len = 0;

		UNTIL(!is_closed(then, text, sizeof(text), &len) && strstr(text, "To-Path: msrp://q:1/fork;tcp\r\n"));
	}
	assert_int_equal(R.events[DP_MSRP_CLOSED] + R.events[DP_MSRP_FAILED], 0);
	assert_true(dp_msrp_counts(leg, MSRP_STREAM)->messages >= 2);	/* those before are not forgotten */
	dp_msrp_stop(leg);
	assert_int_equal(dp_msrp_start(leg, &how), GW_OK);
	assert_true(dp_msrp_is_ended(leg));	/* for good */
	close(then);
	finish();
}

static void what_came_before_the_end_is_delivered(void **state)
{
	struct dp_msrp_start how = description("msrp://p:1/theirs;tcp");
	int fd;

	(void)state;
	begin(&how);
	R.is_full = true;
	fd = connect_from("127.0.0.1");
	for (unsigned i = 0; i < 100; i++)
		say(fd, SEND("tid1", "msrp://g:1/ours;tcp", "a message that waits"));
	say(fd, SEND("last", "msrp://g:1/ours;tcp", "and goodbye"));
	close(fd);
	seconds(5);
	assert_int_equal(R.events[DP_MSRP_CLOSED], 0);
	R.is_full = false;
	UNTIL(R.events[DP_MSRP_CLOSED] + R.events[DP_MSRP_FAILED] == 1);
	assert_int_equal(R.messages, 101);
	assert_true(has("and goodbye"));
	finish();
}

/* A peer that writes before it reads. @return what it has written */
static size_t flood(int fd)
{
	static const char text[] = SEND("tid1", "msrp://g:1/ours;tcp", "many");
	size_t n = 0, at = 0;

	for (unsigned idle = 0; idle < 200; idle++) {
		ssize_t w = send(fd, text + at, sizeof(text) - 1 - at, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (w > 0) {
			n += (size_t)w;
			at = (at + (size_t)w) % (sizeof(text) - 1);
			idle = 0;
		}
		(void)dp_msrp_poll(set, now);
	}
	return n;
}

static void a_peer_that_we_hold_is_not_given_up(void **state)
{
	struct dp_msrp_start how = description("msrp://p:1/theirs;tcp");
	int fd;

	(void)state;
	begin(&how);
	fd = connect_from("127.0.0.1");
	say(fd, SEND("tid0", "msrp://g:1/ours;tcp", "one"));
	UNTIL(has("one"));
	R.is_full = true;
	assert_true(flood(fd) > 100000);	/* not read: the channel has no room */
	seconds(10 * DP_MSRP_STUCK_MS / 1000);
	assert_int_equal(R.events[DP_MSRP_FAILED], 0);
	R.is_full = false;
	UNTIL(R.messages > 500);
	finish();
	close(fd);
}

static void a_peer_that_takes_nothing_is_given_up(void **state)
{
	struct dp_msrp_start how = description("msrp://p:1/theirs;tcp");
	char body[DP_MSRP_MESSAGE_MAX / 2];
	struct gw_buf b = gw_buf(body, sizeof(body));
	unsigned taken = 0;
	int fd;

	(void)state;
	gw_buf_puts(&b, "MSRP wicm SEND\r\nTo-Path: msrps://g:9/dc;dc\r\nFrom-Path: msrps://w:9/wic;dc\r\nMessage-ID: mmmm\r\n"
		"Byte-Range: 1-*/*\r\nContent-Type: text/plain\r\n\r\n");
	while (b.len < sizeof(body) - 30)
		gw_buf_putc(&b, 'x');
	gw_buf_puts(&b, "\r\n-------wicm+\r\n");
	begin(&how);
	fd = connect_from("127.0.0.1");
	say(fd, EMPTY);
	UNTIL(R.events[DP_MSRP_CONNECTED]);
	for (unsigned idle = 0; idle < 200; idle++) {
		if (dp_msrp_message(leg, gw_buf_sv(&b))) {
			taken++;
			idle = 0;
		}
		(void)dp_msrp_poll(set, now);
	}
	assert_in_range(taken, 4, 200);	/* the kernel's buffers, and ours */
	seconds(DP_MSRP_STUCK_MS / 1000 - 2);
	assert_false(dp_msrp_is_ended(leg));
	seconds(5);
	assert_int_equal(R.events[DP_MSRP_FAILED], 1);
	finish();
	close(fd);
}

static void a_message_too_large_is_413_and_the_session_goes_on(void **state)
{
	static const char beginning[] = "MSRP wic2 SEND\r\nTo-Path: msrps://g:9/dc;dc\r\nFrom-Path: msrps://w:9/wic;dc\r\nMessage-ID: mmmm\r\n"
		"Byte-Range: 5-*/99999999\r\nContent-Type: text/plain\r\n\r\nxxxxxxxxxxx";
	struct dp_msrp_start how = description("msrp://p:1/theirs;tcp");
	char text[8192] = "";
	size_t len = 0;
	int fd;

	(void)state;
	begin(&how);
	fd = connect_from("127.0.0.1");
	say(fd, EMPTY);
	UNTIL(R.events[DP_MSRP_CONNECTED]);
	assert_true(dp_msrp_message(leg, GW_SV("MSRP wic1 SEND\r\nTo-Path: msrps://g:9/dc;dc\r\nFrom-Path: msrps://w:9/wic;dc\r\nMessage-ID: mmmm\r\n"
		"Byte-Range: 1-4/99999999\r\nContent-Type: text/plain\r\n\r\nabcd\r\n-------wic1+\r\n")));
	assert_true(dp_msrp_oversize(leg, gw_sv_cstr(beginning)));
	UNTIL(has("MSRP wic2 413"));
	UNTIL(!is_closed(fd, text, sizeof(text), &len) && strstr(text, "#\r\n"));	/* the receiver knows that no more comes */
	assert_true(strstr(text, "Byte-Range: 5-*/99999999") != NULL);
	assert_true(dp_msrp_oversize(leg, GW_SV("no MSRP at all")));
	assert_false(dp_msrp_is_ended(leg));
	finish();
	close(fd);
}

static void limits_hold(void **state)
{
	static char path[MSRP_PATH_MAX + 64];
	struct dp_msrp_start how = description("msrp://p:1/theirs;tcp");
	struct gw_addr at = loopback();
	struct dp_msrp *second, *third;

	(void)state;
	begin(&how);
	assert_int_equal(dp_msrp_new(&second, set, &at, &ops, NULL), GW_OK);
	assert_int_equal(dp_msrp_new(&third, set, &at, &ops, NULL), GW_ELIMIT);
	while (strlen(path) + 23 <= MSRP_PATH_MAX)
		strcat(path, "msrp://relay:2855/x;tcp ");
	strcat(path, "msrp://relay:2855/x;tcp ");
	how = description(path);
	assert_int_equal(dp_msrp_start(second, &how), GW_EINVAL);
	assert_true(dp_msrp_is_ended(second));
	dp_msrp_free(second);
	assert_int_equal(dp_msrp_new(&third, set, &at, &ops, NULL), GW_OK);
	dp_msrp_free(third);
	finish();
}

int main(void)
{
#define T(f) cmocka_unit_test(f)
	const struct CMUnitTest tests[] = {
		T(a_connection_belongs_to_the_session_that_it_names),
		T(strangers_are_closed_and_so_is_one_guest_too_many),
		T(source_filters_hold),
		T(another_description_begins_anew_at_the_same_port),
		T(what_came_before_the_end_is_delivered),
		T(a_peer_that_we_hold_is_not_given_up),
		T(a_peer_that_takes_nothing_is_given_up),
		T(a_message_too_large_is_413_and_the_session_goes_on),
		T(limits_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
