/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/core/notify.h"
#include "common/base/str.h"
#include "common/base/url.h"

#include <stddef.h>
#include <string.h>

static const char *const type_names[_NOTIFY_TYPE_COUNT] = {
    [NOTIFY_WEBHOOK] = "webhook",
    [NOTIFY_MAIL] = "mail",
};

/* Members that are texts. */
static const struct text {
	const char *name;
	size_t offset;
	size_t max;
	bool lines; /* may have more than one */
} texts[] = {
    {"name", offsetof(struct notify_target, name), MODEL_NAME_MAX, false},
    {"url", offsetof(struct notify_target, url), NOTIFY_URL_MAX, false},
    {"secret", offsetof(struct notify_target, secret), NOTIFY_SECRET_MAX, false},
    {"ca", offsetof(struct notify_target, ca), NOTIFY_CA_MAX, true},
    {"user", offsetof(struct notify_target, user), NOTIFY_ADDRESS_MAX, false},
    {"from", offsetof(struct notify_target, from), NOTIFY_ADDRESS_MAX, false},
};

static int need_string(const struct mu_value *v, const char *name, struct mu_error *err)
{
	if (v->kind == MU_VALUE_STRING)
		return 0;
	return mu_error_set(err, MU_E_INVALID, "body.%s: must be a string, is %s", name,
			    mu_value_kind_name(v->kind));
}

static int read_text(struct notify_target *t, const struct text *m, const struct mu_value *v,
		     struct mu_error *err)
{
	size_t len;

	if (need_string(v, m->name, err) < 0)
		return MU_FAILED;
	len = strlen(v->string);
	if (len > m->max)
		return mu_error_set(err, MU_E_INVALID, "body.%s: is longer than %zu bytes", m->name,
				    m->max);
	for (size_t i = 0; i < len && !m->lines; i++) {
		if ((unsigned char)v->string[i] < ' ' || v->string[i] == 0x7f)
			return mu_error_set(err, MU_E_INVALID,
					    "body.%s: has a control character in it", m->name);
	}
	memcpy((char *)t + m->offset, v->string, len + 1);
	return 0;
}

/* As much of RFC 5321 as is needed to be sure that it is one address. */
static int check_address(const char *name, const char *text, struct mu_error *err)
{
	const char *at = strchr(text, '@');
	bool good = at && at > text && at[1] && strlen(text) <= NOTIFY_ADDRESS_MAX;

	for (const char *p = text; *p && good; p++)
		good = (unsigned char)*p > ' ' && *p != 0x7f && !strchr("<>,;\"()", *p);
	if (good)
		return 0;
	return mu_error_set(err, MU_E_INVALID, "body.%s: '%.80s' is not a mail address", name,
			    text);
}

static int read_to(struct notify_target *t, const struct mu_value *v, struct mu_error *err)
{
	if (v->kind != MU_VALUE_LIST || v->n_children > NOTIFY_TO_MAX)
		return mu_error_set(err, MU_E_INVALID,
				    "body.to: must be a list of at most %d addresses",
				    NOTIFY_TO_MAX);
	mu_value_each(one, v)
	{
		if (need_string(one, "to", err) < 0 || check_address("to", one->string, err) < 0)
			return MU_FAILED;
		memcpy(t->to[t->n_to++], one->string, strlen(one->string) + 1);
	}
	return 0;
}

static int read_type(struct notify_target *t, const struct mu_value *v, struct mu_error *err)
{
	for (unsigned i = 0; i < _NOTIFY_TYPE_COUNT; i++) {
		if (mu_str_equal(mu_value_as_string(v), type_names[i])) {
			t->type = (enum notify_type)i;
			return 0;
		}
	}
	return mu_error_set(err, MU_E_INVALID, "body.type: must be one of 'webhook', 'mail'");
}

static int read_level(struct notify_target *t, const struct mu_value *v, struct mu_error *err)
{
	const char *text = mu_value_as_string(v);

	if (text && alarm_level_parse(text, &t->level))
		return 0;
	return mu_error_set(err, MU_E_INVALID, "body.level: must be one of 'warning', 'critical'");
}

static const struct text *text_find(const char *name)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(texts); i++) {
		if (strcmp(texts[i].name, name) == 0)
			return &texts[i];
	}
	return NULL;
}

static int read_member(struct notify_target *t, const struct mu_value *v, struct mu_error *err)
{
	const struct text *m = text_find(v->name);

	if (m)
		return read_text(t, m, v, err);
	if (strcmp(v->name, "type") == 0)
		return read_type(t, v, err);
	if (strcmp(v->name, "level") == 0)
		return read_level(t, v, err);
	if (strcmp(v->name, "to") == 0)
		return read_to(t, v, err);
	return mu_error_set(err, MU_E_INVALID, "body.%.60s: there is no such field", v->name);
}

static int check(const struct notify_target *t, struct mu_error *err)
{
	bool mail = t->type == NOTIFY_MAIL;
	const char *plain = mail ? "smtp://" : "http://";
	const char *secure = mail ? "smtps://" : "https://";

	if (!t->name[0])
		return mu_error_set(err, MU_E_INVALID, "body.name: is missing");
	if (!mu_str_has_prefix(t->url, plain) && !mu_str_has_prefix(t->url, secure))
		return mu_error_set(err, MU_E_INVALID,
				    "body.url: a %s needs one that begins with %s or %s",
				    type_names[t->type], secure, plain);
	if (mail && t->n_to == 0)
		return mu_error_set(err, MU_E_INVALID, "body.to: is missing");
	if (mail)
		return check_address("from", t->from, err);
	if (t->n_to || t->from[0] || t->user[0])
		return mu_error_set(err, MU_E_INVALID, "body.%s: has no meaning with a webhook",
				    t->n_to      ? "to"
				    : t->from[0] ? "from"
						 : "user");
	return 0;
}

int notify_target_read(struct notify_target *ret, const struct mu_uuid *id,
		       const struct mu_value *v, struct mu_error *err)
{
	*ret = (struct notify_target){.id = *id, .level = ALARM_WARNING};
	mu_value_each(child, v)
	{
		if (read_member(ret, child, err) < 0)
			return MU_FAILED;
	}
	return check(ret, err);
}

int notify_target_check_new(const struct notify_target *t, struct mu_error *err)
{
	if (!mu_url_has_user(t->url))
		return 0;
	return mu_error_set(err, MU_E_INVALID, "body.url: a URL with a user in it; hint: %s",
			    t->type == NOTIFY_MAIL
				? "'user' and 'secret' sign in"
				: "what only the server may know goes into its path or query");
}

/* Its path and query may be a secret. */
static const char *shown_url(struct mu_arena *a, const char *url)
{
	char origin[MU_URL_ORIGIN_TEXT];

	(void)mu_url_origin(url, origin);
	return mu_arena_printf(a, "%s%s", origin, mu_url_has_path(url) ? "/..." : "");
}

struct mu_value *notify_target_value(struct mu_arena *a, const struct notify_target *t,
				     bool secrets)
{
	struct mu_value *v = mu_value_object(a);
	struct mu_value *to;

	mu_value_set_string(a, v, "type", type_names[t->type]);
	mu_value_set_string(a, v, "level", alarm_level_name(t->level));
	for (size_t i = 0; i < MU_ARRAY_SIZE(texts); i++) {
		const char *text = (const char *)t + texts[i].offset;

		if (strcmp(texts[i].name, "secret") == 0 && !secrets)
			mu_value_set_bool(a, v, "hasSecret", text[0] != '\0');
		else if (strcmp(texts[i].name, "url") == 0 && !secrets)
			mu_value_set_string(a, v, "url", shown_url(a, text));
		else if (text[0])
			mu_value_set_string(a, v, texts[i].name, text);
	}
	if (t->type != NOTIFY_MAIL)
		return v;
	to = mu_value_set(a, v, "to", mu_value_list(a));
	for (size_t i = 0; i < t->n_to; i++)
		mu_value_push(to, mu_value_string(a, t->to[i]));
	return v;
}
