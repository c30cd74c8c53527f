/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Works on the database itself, not through epcscf: it does the same whether epcscf runs or not, and no password
 * crosses a socket. A running epcscf notices within a second and takes back what a locked, changed or deleted user
 * had been granted.
 */
#include "control/ctl/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "control/waf/password.h"
#include "control/waf/users.h"

#define BUSY_MS 5000

struct options {
	const char *db, *domain, *impi;
	const char *impu[CP_IMPUS_MAX];
	unsigned n_impus;
	int password_stdin, as_json;
};

const char ctl_user_usage[] =
	"  user add LOGIN --domain DOMAIN | --impi IMPI --impu URI [--impu URI]... [--password-stdin]\n"
	"  user passwd LOGIN [--password-stdin]\n"
	"  user lock|unlock|del LOGIN\n"
	"  user list [--json]                           users of the embedded WAF\n"
	"      --domain DOMAIN   short for --impi LOGIN@DOMAIN --impu sip:LOGIN@DOMAIN\n"
	"      --password-stdin  the first line of the standard input, instead of asking twice\n"
	"      --db PATH         default /var/lib/w2gw/users.db (web.waf.users_db)\n";

static int read_line(char *out, size_t cap)
{
	size_t n;

	if (!fgets(out, (int)cap, stdin))
		return -1;
	n = strcspn(out, "\r\n");
	if (!out[n] && !feof(stdin))
		return -1;	/* longer than we take */
	out[n] = '\0';
	return 0;
}

static int ask(const char *prompt, char *out, size_t cap)
{
	struct termios before, quiet;
	int is_terminal = tcgetattr(STDIN_FILENO, &before) == 0, r;

	if (is_terminal) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
		fputs(prompt, stderr);
	}
	r = read_line(out, cap);
	if (is_terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	return r;
}

static int read_password(const struct options *o, char hash[CP_HASH_BYTES])
{
	char one[CP_PASSWORD_MAX + 2], two[CP_PASSWORD_MAX + 2];
	const char *wrong = NULL;

	if (!o->password_stdin && !isatty(STDIN_FILENO))
		wrong = "no terminal to ask for the password: use --password-stdin";
	else if (ask(o->password_stdin ? "" : "Password: ", one, sizeof(one)))
		wrong = "no password, or a longer one than 256 bytes";
	else if (!o->password_stdin && (ask("Again: ", two, sizeof(two)) || strcmp(one, two) != 0))
		wrong = "the two passwords differ";
	else if (cp_password_hash(gw_sv_cstr(one), hash))
		wrong = "the password is empty or longer than 256 bytes";
	OPENSSL_cleanse(one, sizeof(one));
	OPENSSL_cleanse(two, sizeof(two));
	if (wrong)
		fprintf(stderr, "w2gwctl: %s\n", wrong);
	return wrong ? 1 : 0;
}

static int report(struct cp_users *u, enum gw_err err, const char *login)
{
	switch (err) {
	case GW_OK:
		return 0;
	case GW_ENOENT:
		fprintf(stderr, "w2gwctl: there is no user %s\n", login);
		break;
	case GW_EEXIST:
		fprintf(stderr, "w2gwctl: the user %s, or one with this IMPI, is there already\n", login);
		break;
	case GW_EINVAL:
		fputs("w2gwctl: a login is letters, digits and ._-@+; an IMPI has no blanks, an IMPU is a sip: or tel: URI with a user part\n", stderr);
		break;
	default:
		fprintf(stderr, "w2gwctl: %s\n", cp_users_error(u));
	}
	return 1;
}

static int add(struct cp_users *u, const struct options *o, const char *login)
{
	char hash[CP_HASH_BYTES], impi[320], impu[330];
	struct cp_user user = { .login = gw_sv_cstr(login), .impi = gw_sv_cstr(o->impi) };

	for (unsigned i = 0; i < o->n_impus; i++)
		user.impu[user.n_impus++] = gw_sv_cstr(o->impu[i]);
	if (o->domain) {
		snprintf(impi, sizeof(impi), "%s@%s", login, o->domain);
		snprintf(impu, sizeof(impu), "sip:%s", impi);
		if (!o->impi)
			user.impi = gw_sv_cstr(impi);
		if (!user.n_impus)
			user.impu[user.n_impus++] = gw_sv_cstr(impu);
	}
	if (!user.impi.len || !user.n_impus)
		return CTL_USAGE;
	if (read_password(o, hash))
		return 1;
	user.hash = gw_sv_cstr(hash);
	return report(u, cp_users_add(u, &user), login);
}

static int passwd(struct cp_users *u, const struct options *o, const char *login)
{
	struct gw_arena a = GW_ARENA_INIT(65536);
	char hash[CP_HASH_BYTES];
	struct cp_user user;
	enum gw_err err = cp_users_get(u, &a, gw_sv_cstr(login), &user);

	gw_arena_reset(&a);
	if (err)
		return report(u, err, login);
	return read_password(o, hash) ? 1 : report(u, cp_users_set_hash(u, gw_sv_cstr(login), hash), login);
}

static void print_user(void *arg, const struct cp_user *u)
{
	json_t *list = arg, *impus = json_array();

	for (unsigned i = 0; i < u->n_impus; i++)
		json_array_append_new(impus, json_stringn(u->impu[i].p, u->impu[i].len));
	if (list) {
		json_array_append_new(list, json_pack("{s:s%, s:s%, s:o, s:b}", "login", u->login.p, u->login.len, "impi",
			u->impi.p, u->impi.len, "impus", impus, "locked", (int)u->is_locked));
		return;
	}
	printf("%-20.*s  %-32.*s  %-6s ", GW_SV_FMT(u->login), GW_SV_FMT(u->impi), u->is_locked ? "locked" : "");
	for (unsigned i = 0; i < u->n_impus; i++)
		printf(" %.*s", GW_SV_FMT(u->impu[i]));
	putchar('\n');
	json_decref(impus);
}

static int list(struct cp_users *u, const struct options *o)
{
	json_t *all = o->as_json ? json_array() : NULL;
	enum gw_err err;

	if (!all)
		printf("%-20s  %-32s  %-6s  %s\n", "login", "impi", "", "impus");
	err = cp_users_each(u, print_user, all);
	if (all) {
		json_dumpf(all, stdout, JSON_INDENT(1));
		putchar('\n');
	}
	json_decref(all);
	return report(u, err, "");
}

static int run(struct cp_users *u, const struct options *o, const char *what, const char *login)
{
	struct gw_sv name = gw_sv_cstr(login);

	if (strcmp(what, "add") == 0)
		return add(u, o, login);
	if (strcmp(what, "passwd") == 0)
		return passwd(u, o, login);
	if (strcmp(what, "lock") == 0)
		return report(u, cp_users_set_locked(u, name, true), login);
	if (strcmp(what, "unlock") == 0)
		return report(u, cp_users_set_locked(u, name, false), login);
	if (strcmp(what, "del") == 0)
		return report(u, cp_users_del(u, name), login);
	return list(u, o);
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option options[] = { { "domain", required_argument, NULL, 'd' },
		{ "impi", required_argument, NULL, 'i' }, { "impu", required_argument, NULL, 'u' },
		{ "password-stdin", no_argument, NULL, 'p' }, { "db", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			o->domain = optarg;
			break;
		case 'i':
			o->impi = optarg;
			break;
		case 'u':
			if (o->n_impus == CP_IMPUS_MAX)
				return CTL_USAGE;
			o->impu[o->n_impus++] = optarg;
			break;
		case 'p':
			o->password_stdin = 1;
			break;
		case 'f':
			o->db = optarg;
			break;
		case 'j':
			o->as_json = 1;
			break;
		default:
			if (c == 'h')
				fputs(ctl_user_usage, stdout);
			return c == 'h' ? -1 : CTL_USAGE;
		}
	}
	return 0;
}

static int is_known(const char *what, int arguments)
{
	static const char *const with_login[] = { "add", "passwd", "lock", "unlock", "del" };

	for (size_t i = 0; i < sizeof(with_login) / sizeof(with_login[0]); i++)
		if (strcmp(what, with_login[i]) == 0)
			return arguments == 2;
	return strcmp(what, "list") == 0 && arguments == 1;
}

int ctl_user(int argc, char **argv)
{
	struct options o = { .db = "/var/lib/w2gw/users.db" };
	int r = parse(argc, argv, &o);
	struct cp_users *u;
	char why[256];

	if (r)
		return r < 0 ? CTL_OK : r;
	if (optind >= argc || !is_known(argv[optind], argc - optind))
		return CTL_USAGE;
	if (cp_users_open(&u, o.db, BUSY_MS, why)) {
		fprintf(stderr, "w2gwctl: %s\n", why);
		return 1;
	}
	r = run(u, &o, argv[optind], argv[optind + 1]);
	cp_users_close(u);
	return r;
}
