/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of w2gwctl share: one file a command group, one function each. */
#ifndef W2GWCTL_H
#define W2GWCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#define CTL_OK 0
#define CTL_FAILED 1	/* the process cannot be asked, or refuses */
#define CTL_USAGE 2

/** A command group: argv[0] is its name. @return exit status; CTL_USAGE: the caller prints the usage */
int ctl_agw(int argc, char **argv);
int ctl_cscf(int argc, char **argv);
int ctl_iq(int argc, char **argv);
int ctl_user(int argc, char **argv);
int ctl_why(int argc, char **argv);
extern const char ctl_agw_usage[], ctl_cscf_usage[], ctl_iq_usage[], ctl_user_usage[], ctl_why_usage[];

#define CTL_AGW_SOCKET "/var/run/dpdk/w2gw/dpdk_telemetry.v2"
#define CTL_CSCF_SOCKET "/run/w2gw/epcscf.sock"

/** Options every group has. */
struct ctl_options {
	const char *path;       /* of the socket */
	bool as_json, is_help;
};
/**
 * Read the common options; the words are left at argv[optind].
 * @return false: wrong, getopt has said why
 */
bool ctl_options(int argc, char **argv, const char *path, struct ctl_options *o);
/**
 * Take an option a group has for itself out of the words, before ctl_options() reads the common ones.
 * @param value  of the option, as it was when it is not there; NULL: it has none
 * @return was it there?
 */
bool ctl_take_option(int *argc, char **argv, const char *name, const char **value);
bool ctl_is_one_of(const char *const *names, const char *name);

/* socket.c */
/** -1: said why on stderr. type: SOCK_STREAM or SOCK_SEQPACKET. */
int ctl_open(const char *path, int type);
/** One line to epcscf, its JSON back; NULL: said why. */
json_t *ctl_ask(const char *path, const char *command);
/** The same, and an answer with "error" is printed and taken for none. */
json_t *ctl_ask_ok(const char *path, const char *command);

/* cscf.c */
/** A long table of epcscf, page by page, so that no answer holds up the process. NULL: said why. */
json_t *ctl_ask_pages(const char *path, const char *name);

/* agw.c */
/** One question to eimsagw ("/w2gw/context,17"), its JSON back; NULL: said why. */
json_t *ctl_ask_agw(const char *path, const char *command);

/* table.c: everything printed is escaped, for it may come from a stranger's SIP message (threat P11). */
void ctl_print_tables(json_t *j);
void ctl_print(FILE *f, json_t *j, bool as_json);
/** s as it may go to a terminal: \xNN for control characters; line ends stay when keep_lines. */
void ctl_put_escaped(FILE *f, const char *s, bool keep_lines);
/** Columns s takes when escaped. */
size_t ctl_width(const char *s);

/* cscf_trace.c */
int ctl_trace(int argc, char **argv);
/** Send the command and print the records that come; text by put. @return exit status */
int ctl_follow(const char *path, const char *command, bool as_json, void (*put)(json_t *record));

/* ladder.c */
void ctl_ladder_head(FILE *f);
void ctl_ladder_row(FILE *f, json_t *record);
/** "12:00:01.123" of a record, UTC. */
const char *ctl_time_text(json_t *record, char dst[32]);

/* pcap.c: a capture Wireshark opens, messages as they were traced (masked). */
/** NULL: said why. */
FILE *ctl_pcap_open(const char *path);
void ctl_pcap_put(FILE *f, json_t *record);

#endif
