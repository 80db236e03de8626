/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xl.cfg(5) -> libxl's JSON form. libxlu parses the file, disks, PCI addresses and rates; what a
 * key means is in xl itself and in no library, so it is said here again, by tables. A key that the
 * tables do not have is refused by its name.
 */
#include "agent/hv/xen/xen_xl.h"

#include "agent/hv/dconf/dconf.h"
#include "agent/hv/xl_config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int xl_failed(struct xl *x, struct mu_error *err)
{
	const char *words;

	fflush(x->report);
	words = x->said + x->n_heard;
	x->n_heard = (long)x->n_said;
	if (!*words)
		words = "not in the form that xl.cfg(5) has for it";
	return mu_error_set(err, MU_E_INVALID, "%.*s", (int)strcspn(words, "\n"), words);
}

/* Values of keys */

bool xl_has(const struct xl *x, const char *key)
{
	const char *text;

	return xlu_cfg_get_string(x->cfg, key, &text, 1) == 0 ||
	       xlu_cfg_get_list(x->cfg, key, NULL, NULL, 1) == 0;
}

const char *xl_string(const struct xl *x, const char *key)
{
	const char *text;

	return xlu_cfg_get_string(x->cfg, key, &text, 1) == 0 ? text : NULL;
}

int xl_long(const struct xl *x, const char *key, int64_t min, int64_t max, bool *ret_set,
	    int64_t *ret, struct mu_error *err)
{
	long n = 0;
	int rc = xlu_cfg_get_long(x->cfg, key, &n, 1);

	if (rc == ESRCH) {
		*ret_set = false;
		return 0;
	}
	if (rc != 0)
		return mu_error_set(err, MU_E_INVALID, "%s: not a whole number", key);
	if (n < min || n > max)
		return mu_error_set(err, MU_E_INVALID,
				    "%s: %ld is out of range; hint: allowed are %lld to %lld", key,
				    n, (long long)min, (long long)max);
	*ret_set = true;
	*ret = n;
	return 0;
}

int xl_list(struct xl *x, const char *key,
	    int (*each)(struct xl *x, const char *text, size_t at, struct mu_error *err),
	    struct mu_error *err)
{
	XLU_ConfigList *list;
	int n = 0;
	int rc = xlu_cfg_get_list(x->cfg, key, &list, &n, 1);

	if (rc == ESRCH)
		return 0;
	if (rc != 0)
		return mu_error_set(err, MU_E_INVALID, "%s: not a list; hint: %s = [ \"...\" ]",
				    key, key);
	for (int i = 0; i < n; i++) {
		const char *text = xlu_cfg_get_listitem(list, i);

		if (!text)
			return mu_error_set(err, MU_E_INVALID, "%s: entry %d is not a string", key,
					    i);
		if (each(x, text, (size_t)i, err) < 0)
			return mu_error_prefix(err, "%s: entry %d", key, i);
	}
	return 0;
}

/* The result */

struct mu_value *xl_at(struct xl *x, const char *path)
{
	return dconf_object(x->arena, x->root, path);
}

void xl_put(struct xl *x, const char *path, struct mu_value *v)
{
	dconf_set(x->arena, x->root, path, v);
}

struct mu_value *xl_list_at(struct xl *x, const char *path)
{
	return dconf_list(x->arena, x->root, path);
}

/* What kind of guest decides what the other keys mean. */

static int read_type(struct xl *x, struct mu_error *err)
{
	const char *type = xl_string(x, "type");
	const char *builder = xl_string(x, "builder");
	enum vm_type built;

	x->type = VM_TYPE_PV;
	if (type && !vm_type_parse(type, &x->type))
		return mu_error_set(err, MU_E_INVALID,
				    "type: \"%.40s\" is not known; hint: one of pv, pvh, hvm",
				    type);
	if (builder) {
		if (strcmp(builder, "hvm") && strcmp(builder, "generic"))
			return mu_error_set(err, MU_E_INVALID,
					    "builder: \"%.40s\" is not known; hint: use type",
					    builder);
		built = strcmp(builder, "hvm") ? VM_TYPE_PV : VM_TYPE_HVM;
		if (type && built != x->type)
			return mu_error_set(err, MU_E_INVALID, "builder: contradicts type");
		x->type = built;
	}
	xl_put(x, "c_info/type", mu_value_string(x->arena, vm_type_name(x->type)));
	(void)xl_at(x, mu_arena_printf(x->arena, "b_info/type.%s", vm_type_name(x->type)));
	return 0;
}

static int read_keys(struct xl *x, struct mu_error *err)
{
	if (!xl_string(x, "name"))
		return mu_error_set(err, MU_E_INVALID, "name: required, but missing");
	if (read_type(x, err) < 0 || xl_cpus_read(x, err) < 0 || xl_rows_read(x, err) < 0)
		return MU_FAILED;
	return xl_devices_read(x, err);
}

static int read_text(struct xl *x, const char *text, size_t len, struct mu_error *err)
{
	/* libxlu takes a comment for one only if a newline ends it. */
	const char *whole = mu_arena_printf(x->arena, "%.*s\n", (int)len, text);

	if (xl_scan(whole, len + 1, xl_rows_know, err) < 0)
		return MU_FAILED;
	x->cfg = xlu_cfg_init(x->report, "file");
	if (!x->cfg)
		return mu_error_set(err, MU_E_EXHAUSTED, "libxlu does not start");
	if (xlu_cfg_readdata(x->cfg, whole, (int)len + 1) != 0)
		return xl_failed(x, err);
	return read_keys(x, err);
}

int xl_config_read(struct mu_arena *a, const char *text, size_t len, struct mu_value **ret_libxl,
		   struct mu_error *err)
{
	struct xl x = {.arena = a, .root = mu_value_object(a)};
	int r;

	if (len > XL_CONFIG_MAX)
		return mu_error_set(err, MU_E_TOO_LARGE, "%zu bytes long; hint: at most %d", len,
				    XL_CONFIG_MAX);
	x.report = open_memstream(&x.said, &x.n_said);
	if (!x.report)
		return mu_error_errno(err, errno, "no memory stream");
	r = read_text(&x, text, len, err);
	if (x.cfg)
		xlu_cfg_destroy(x.cfg);
	fclose(x.report);
	free(x.said);
	if (r == 0)
		*ret_libxl = x.root;
	return r;
}
