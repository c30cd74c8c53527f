/* SPDX-License-Identifier: Apache-2.0 */
/* The one table of names (iq.md 4.1), and what configuration made of it. */
#include "proto/iq/names.h"

#include "proto/base/words.h"

#include <assert.h>

struct row {
	struct gw_sv logical, name, alias, emitted;
	enum iq_kind kind;
	enum iq_type type;
};

static struct row names[IQ_NAME_COUNT] = {
#define IQ_NAME_ROW(id, kind, type, trust, logical, text, other)                                       \
	[IQ_##id] = { GW_SV_INIT(logical), GW_SV_INIT(text), GW_SV_INIT(other), GW_SV_INIT(text),  \
		IQ_K_##kind, IQ_T_##type },
	IQ_NAME_LIST(IQ_NAME_ROW)
#undef IQ_NAME_ROW
};

static struct iq_param_row params[] = {
#define IQ_PARAM_ROW(owner, type, words, required, logical, text)                                  \
	{ IQ_##owner, IQ_T_##type, GW_SV_INIT(words), required, GW_SV_INIT(logical), GW_SV_INIT(text), GW_SV_INIT(text) },
	IQ_PARAM_LIST(IQ_PARAM_ROW)
#undef IQ_PARAM_ROW
};
#define N_PARAMS (sizeof(params) / sizeof(params[0]))

static_assert(IQ_EV_PAYLOAD < 32, "masks of events fit 32 bits");

static struct gw_words index_of_names;

static struct gw_sv package_of(struct gw_sv name)
{
	struct gw_sv pkg, item;

	gw_sv_cut(name, '/', &pkg, &item);
	return pkg;
}

static enum gw_err index_name(unsigned i, struct gw_sv text)
{
	struct gw_sv pkg = package_of(text);
	enum gw_err err = gw_words_add(&index_of_names, text, i);

	/* a package stands beside its items: without a slash it is none of them */
	return err == GW_OK ? gw_words_add(&index_of_names, pkg, IQ_NAME_COUNT) : err;
}

/* Before main, so that no thread ever sees half of it. */
__attribute__((constructor)) static void index_names(void)
{
	bool ok = true;

	for (unsigned i = 1; i < IQ_NAME_COUNT; i++)
		ok = index_name(i, names[i].name) == GW_OK &&
			(names[i].alias.len == 0 || index_name(i, names[i].alias) == GW_OK) && ok;
	assert(ok && "two rows of the table have one name, or gw_words is too small");
	(void)ok;
}

enum iq_name iq_name_lookup(struct gw_sv name)
{
	unsigned id = gw_words_find(&index_of_names, name);

	return id < IQ_NAME_COUNT ? (enum iq_name)id : IQ_NAME_UNKNOWN;
}

struct gw_sv iq_name_text(enum iq_name id)
{
	return names[id].emitted;
}

struct gw_sv iq_name_logical(enum iq_name id)
{
	return names[id].logical;
}

enum iq_kind iq_name_kind(enum iq_name id)
{
	return names[id].kind;
}

enum iq_type iq_name_type(enum iq_name id)
{
	return names[id].type;
}

bool iq_package_known(struct gw_sv name)
{
	return gw_words_find(&index_of_names, package_of(name)) == IQ_NAME_COUNT;
}

const struct iq_param_row *iq_param_row(enum iq_name owner, struct gw_sv name)
{
	const struct iq_param_row *p;

	for (unsigned i = 0; (p = iq_param_row_at(owner, i)); i++)
		if (gw_sv_ieq(name, p->emitted) || gw_sv_ieq(name, p->name))
			return p;
	return NULL;
}

const struct iq_param_row *iq_param_row_at(enum iq_name owner, unsigned i)
{
	for (size_t k = 0; k < N_PARAMS; k++)
		if (params[k].owner == owner && i-- == 0)
			return &params[k];
	return NULL;
}

static bool is_decimal(struct gw_sv v)
{
	size_t digits = 0, dots = 0;

	for (size_t i = 0; i < v.len; i++) {
		digits += v.p[i] >= '0' && v.p[i] <= '9';
		dots += v.p[i] == '.';
	}
	return digits && dots <= 1 && digits + dots == v.len;
}

/* As gw_sv_has_word, whatever the case. */
static bool has_word(struct gw_sv words, struct gw_sv v)
{
	struct gw_sv w;

	while (gw_sv_word(&words, &w))
		if (gw_sv_ieq(w, v))
			return true;
	return false;
}

unsigned iq_value_fault(enum iq_type type, struct gw_sv words, struct gw_sv v)
{
	uint32_t n;

	switch (type) {
	case IQ_T_NONE:
		return 0;
	case IQ_T_BOOL:
		return gw_sv_ieq(v, GW_SV("ON")) || gw_sv_ieq(v, GW_SV("OFF")) ? 0 : 449;
	case IQ_T_UINT:
		return gw_sv_u32(v, &n) ? 449 : 0;
	case IQ_T_U16:
		return gw_sv_uint_max(v, UINT16_MAX, &n) ? 449 : 0;
	case IQ_T_DSCP:         /* hexadecimal 0..3F */
		return gw_sv_hex32(v, &n) || n > 63 ? 449 : 0;
	case IQ_T_PERCENT:
		return gw_sv_uint_max(v, 100, &n) ? 449 : 0;
	case IQ_T_DECIMAL:
		return is_decimal(v) ? 0 : 449;
	case IQ_T_STRING:
	case IQ_T_LIST:
		return v.len ? 0 : 449;
	case IQ_T_ENUM:
		return has_word(words, v) ? 0 : 454;
	}
	return 449;
}

static bool is_name(struct gw_sv v)
{
	for (size_t i = 0; i < v.len; i++) {
		char c = gw_lower(v.p[i]);

		if (!(c >= 'a' && c <= 'z') && (i == 0 || (c != '_' && !(c >= '0' && c <= '9'))))
			return false;
	}
	return v.len > 0 && v.len <= 64;        /* T-5 */
}

/* Texts given by configuration live as long as the process, whatever becomes of the file's memory. */
static bool keep(struct gw_sv text, struct gw_sv *out)
{
	static char pool[16384];
	static size_t used;

	if (text.len > sizeof(pool) - used)
		return false;
	memcpy(pool + used, text.p, text.len);
	*out = gw_sv(pool + used, text.len);
	used += text.len;
	return true;
}

static const char unknown_name[] = "no name of Iq is called so";
static const char taken_name[] = "another name of Iq has this text";
static const char too_long[] = "names are too long together";

static const char *override_param(enum iq_name owner, struct gw_sv logical, struct gw_sv emitted)
{
	struct iq_param_row *mine = NULL;
	const struct iq_param_row *p;

	if (!is_name(emitted))
		return "must be a name: a letter, then letters, digits or _";
	for (unsigned i = 0; (p = iq_param_row_at(owner, i)); i++) {
		if (gw_sv_ieq(p->logical, logical))
			mine = &params[p - params];
		else if (gw_sv_ieq(p->emitted, emitted) || gw_sv_ieq(p->name, emitted))
			return taken_name;
	}
	if (!mine)
		return unknown_name;
	return keep(emitted, &mine->emitted) ? NULL : too_long;
}

static const char *override_name(unsigned i, struct gw_sv emitted)
{
	struct gw_sv pkg, item, kept;
	unsigned has = gw_words_find(&index_of_names, emitted);

	if (!gw_sv_cut(emitted, '/', &pkg, &item) || !is_name(pkg) || !is_name(item))
		return "must be package/name";
	if (has && has != i)
		return taken_name;
	if (!keep(emitted, &kept) || index_name(i, kept))
		return too_long;
	names[i].emitted = kept;
	return NULL;
}

const char *iq_names_override(struct gw_sv logical, struct gw_sv emitted)
{
	for (unsigned i = 1; i < IQ_NAME_COUNT; i++) {
		struct gw_sv l = names[i].logical;

		if (gw_sv_istarts(logical, l) && logical.len > l.len && logical.p[l.len] == '.')
			return override_param((enum iq_name)i, gw_sv_sub(logical, l.len + 1, logical.len), emitted);
		if (gw_sv_ieq(logical, l))
			return override_name(i, emitted);
	}
	return unknown_name;
}

void iq_names_log(const struct gw_log *log)
{
	const struct iq_param_row *p;

	for (unsigned i = 1; i < IQ_NAME_COUNT; i++) {
		GW_LOG_DEBUG(log, "iq.name", "%.*s=%.*s", GW_SV_FMT(names[i].logical), GW_SV_FMT(names[i].emitted));
		for (unsigned k = 0; (p = iq_param_row_at((enum iq_name)i, k)); k++)
			GW_LOG_DEBUG(log, "iq.name", "%.*s.%.*s=%.*s", GW_SV_FMT(names[i].logical), GW_SV_FMT(p->logical),
				GW_SV_FMT(p->emitted));
	}
}
