/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PV sound cards of xl.cfg: a list per card, whose strings say "card", "pcm" or "stream" first and
 * then options; a pcm belongs to the card, a stream to the pcm before it.
 */
#include "agent/hv/dconf/dconf.h"
#include "agent/hv/xen/xen_xl.h"
#include "common/base/str.h"

#include <string.h>
#include <strings.h>

static const char *const directions[] = {"P", "p", "p", "p", "C", "c", "c", "c", NULL};

#define PARAMS                                                                                     \
	{"channels-min", XL_OPT_INT, "params/channels_min", NULL, 0},                              \
	    {"channels-max", XL_OPT_INT, "params/channels_max", NULL, 0},                          \
	{                                                                                          \
		"buffer-size", XL_OPT_INT, "params/buffer_size", NULL, 0                           \
	}

static const struct xl_option card_options[] = {
    PARAMS,
    {"backend", XL_OPT_TEXT, "backend_domname", NULL, 0},
    {"short-name", XL_OPT_TEXT, "short_name", NULL, 0},
    {"long-name", XL_OPT_TEXT, "long_name", NULL, 0},
};
static const struct xl_option pcm_options[] = {
    PARAMS,
    {"name", XL_OPT_TEXT, "name", NULL, 0},
};
static const struct xl_option stream_options[] = {
    PARAMS,
    {"unique-id", XL_OPT_TEXT, "unique_id", NULL, 0},
    {"type", XL_OPT_WORD, "type", directions, 0},
};

/* "sample-rates=44100;48000", "sample-formats=s16_le;s24_le" */
static int list_option(struct xl *x, const char *option, struct mu_value *object,
		       struct mu_error *err)
{
	bool rates = mu_str_has_prefix(option, "sample-rates=");
	struct mu_value *list;
	char *rest;

	if (!rates && !mu_str_has_prefix(option, "sample-formats="))
		return 1;
	list = mu_value_list(x->arena);
	rest = mu_arena_strdup(x->arena, strchr(option, '=') + 1);
	for (char *item; (item = strsep(&rest, ";"));) {
		libxl_vsnd_pcm_format format;
		int64_t n;

		if (rates ? !xl_number(item, 0, UINT32_MAX, &n)
			  : libxl_vsnd_pcm_format_from_string(item, &format) != 0)
			return mu_error_set(err, MU_E_INVALID, "\"%.40s\" is no %s", item,
					    rates ? "sample rate" : "sample format");
		mu_value_push(list, rates ? mu_value_int(x->arena, n)
					  : mu_value_string(
						x->arena, libxl_vsnd_pcm_format_to_string(format)));
	}
	dconf_put(x->arena, dconf_object(x->arena, object, "params"),
		  rates ? "sample_rates" : "sample_formats", list);
	return 0;
}

static struct mu_value *append(struct xl *x, struct mu_value *object, const char *name)
{
	struct mu_value *list = mu_value_find(object, name);

	if (!list)
		list = mu_value_set(x->arena, object, name, mu_value_list(x->arena));
	return mu_value_push(list, mu_value_object(x->arena));
}

static int read_item(struct xl *x, const char *text, struct mu_value *card, struct mu_error *err)
{
	size_t len = strcspn(text, ",");
	const char *options = text[len] ? text + len + 1 : "";
	struct mu_value *pcms = mu_value_find(card, "pcms");

	if (len == 4 && !strncasecmp(text, "card", len))
		return xl_options_read(x, options, card_options, MU_ARRAY_SIZE(card_options),
				       list_option, card, err);
	if (len == 3 && !strncasecmp(text, "pcm", len))
		return xl_options_read(x, options, pcm_options, MU_ARRAY_SIZE(pcm_options),
				       list_option, append(x, card, "pcms"), err);
	if (len == 6 && !strncasecmp(text, "stream", len))
		return xl_options_read(
		    x, options, stream_options, MU_ARRAY_SIZE(stream_options), list_option,
		    append(x, pcms ? pcms->last : append(x, card, "pcms"), "streams"), err);
	return mu_error_set(err, MU_E_INVALID, "\"%.*s\" is not card, pcm or stream",
			    (int)(len < 40 ? len : 40), text);
}

static int read_card(struct xl *x, XLU_ConfigValue *entry, size_t at, struct mu_error *err)
{
	struct mu_value *card = mu_value_push(xl_list_at(x, "vsnds"), mu_value_object(x->arena));
	XLU_ConfigList *items;
	const char *text;

	mu_value_set_int(x->arena, card, "devid", (int64_t)at);
	if (xlu_cfg_value_get_list(x->cfg, entry, &items, 1) != 0)
		return mu_error_set(err, MU_E_INVALID, "not a list");
	for (int i = 0; (text = xlu_cfg_get_listitem(items, i)); i++) {
		if (read_item(x, text, card, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

int xl_vsnd_read(struct xl *x, struct mu_error *err)
{
	XLU_ConfigList *cards;
	int n;

	if (!xl_has(x, "vsnd"))
		return 0;
	if (xlu_cfg_get_list(x->cfg, "vsnd", &cards, &n, 1) != 0)
		return mu_error_set(err, MU_E_INVALID, "vsnd: not a list");
	for (int i = 0; i < n; i++) {
		if (read_card(x, xlu_cfg_get_listitem2(cards, i), (size_t)i, err) < 0)
			return mu_error_prefix(err, "vsnd: card %d", i);
	}
	return 0;
}
