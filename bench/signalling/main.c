/* SPDX-License-Identifier: Apache-2.0 */
/* w2gw-sigload: options, then the event loop. */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/signalling/load.h"

static const char help[] =
	"w2gw-sigload -e EDGE_IP:PORT -c CORE_IP:PORT [options]: load for the WebSocket edge of a SIP core.\n"
	"Plays the browsers and the core, so the edge has to send to CORE_IP:PORT by UDP. Commands come by "
	"standard input.\n"
	"  -p PATH     of the WebSocket (/)\n"
	"  -s A.B.C    the browsers' addresses are A.B.C.1 and on (127.0.0)\n"
	"  -n SOURCES  so many addresses (64)\n"
	"  -m IP       where media of both ends is said to be (127.0.0.1)\n"
	"  -t FILE     access tokens: the number of users, then a token a line, of each user in turn\n"
	"  -a IP, -r IP  where the edge must have media sent: of browsers, of the core\n";

uint64_t load_now_ns(void)
{
	return uv_hrtime();
}

void load_wrong(struct load *l, const char *what, struct gw_sv message)
{
	l->tally.wrong++;
	if (!l->tally.why[0])
		snprintf(l->tally.why, sizeof(l->tally.why), "%s%s%.*s", what, message.len ? ": " : "",
			GW_SV_FMT(message));
}

static unsigned split_port(char *text)
{
	char *colon = strrchr(text, ':');

	if (!colon)
		return 0;
	*colon = '\0';
	return (unsigned)strtoul(colon + 1, NULL, 10);
}

static void options(struct load_conf *c, int argc, char **argv)
{
	int o;

	*c = (struct load_conf){.path = "/",
		.source = "127.0.0",
		.sources = 64,
		.media_ip = "127.0.0.1",
		.relay_access = "127.0.0.1",
		.relay_core = "127.0.0.1"};
	while ((o = getopt(argc, argv, "e:c:p:s:n:m:a:r:t:h")) >= 0)
		switch (o) {
		case 'e':
			c->edge_port = split_port(optarg);
			c->edge_ip = optarg;
			break;
		case 'c':
			c->core_port = split_port(optarg);
			c->core_ip = optarg;
			break;
		case 'p':
			c->path = optarg;
			break;
		case 's':
			c->source = optarg;
			break;
		case 'n':
			c->sources = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'm':
			c->media_ip = optarg;
			break;
		case 'a':
			c->relay_access = optarg;
			break;
		case 't':
			c->token_file = optarg;
			break;
		case 'r':
			c->relay_core = optarg;
			break;
		default:
			fputs(help, o == 'h' ? stdout : stderr);
			exit(o == 'h' ? 0 : 2);
		}
	if (!c->edge_port || !c->core_port || c->sources < 1 || c->sources > 254) {
		fputs(help, stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	static struct load l;
	struct rlimit files;
	int r;

	options(&l.conf, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	gw_list_init(&l.idle);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	l.tls = SSL_CTX_new(TLS_client_method());
	if (!l.tls)
		return 1;
	SSL_CTX_set_verify(l.tls, SSL_VERIFY_NONE, NULL); /* the edge's certificate signs itself */
	SSL_CTX_set_mode(l.tls, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(l.tls, SSL_SESS_CACHE_OFF);
	if (l.conf.token_file && (r = tokens_read(&l.tokens, l.conf.token_file))) {
		fprintf(stderr, "w2gw-sigload: %s: %s\n", l.conf.token_file, uv_strerror(r));
		return 1;
	}
	if ((r = uv_loop_init(&l.loop)) || (r = core_start(&l)) || (r = play_start(&l))) {
		fprintf(stderr, "w2gw-sigload: %s\n", uv_strerror(r));
		return 1;
	}
	puts("{\"ready\": true}");
	fflush(stdout);
	return uv_run(&l.loop, UV_RUN_DEFAULT);
}
