/* SPDX-License-Identifier: Apache-2.0 */
/* The devices of xl.cfg: a list per kind, a string of options per device. */
#include "agent/hv/dconf/dconf.h"
#include "agent/hv/xen/xen_xl.h"
#include "agent/hv/xen/xen_xl_value.h"
#include "common/base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define TABLE(t) t, MU_ARRAY_SIZE(t)

/* A device of a list that xl numbers. */
static struct mu_value *add(struct xl *x, const char *list, size_t at)
{
	struct mu_value *v = mu_value_push(xl_list_at(x, list), mu_value_object(x->arena));

	mu_value_set_int(x->arena, v, "devid", (int64_t)at);
	return v;
}

static int need(const struct mu_value *v, const char *member, const char *option,
		struct mu_error *err)
{
	if (mu_value_get(v, member))
		return 0;
	return mu_error_set(err, MU_E_INVALID, "option %s: required, but missing", option);
}

/* Disks: libxlu reads them. */

static int add_disk(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	libxl_device_disk disk;
	int rc;

	(void)at;
	libxl_device_disk_init(&disk);
	rc = xlu_disk_parse(x->cfg, 1, &text, &disk);
	if (rc == 0)
		mu_value_push(xl_list_at(x, "disks"),
			      XL_VALUE(x, libxl_device_disk_gen_json, &disk));
	libxl_device_disk_dispose(&disk);
	return rc == 0 ? 0 : xl_failed(x, err);
}

/* Network cards */

static const char *const nic_types[] = {"vif", "vif", "ioemu", "vif_ioemu", NULL};
static const struct xl_option nic_options[] = {
    {"type", XL_OPT_WORD, "nictype", nic_types, 0},
    {"bridge", XL_OPT_TEXT, "bridge", NULL, 0},
    {"netdev", XL_OPT_TEXT, "gatewaydev", NULL, 0},
    {"gatewaydev", XL_OPT_TEXT, "gatewaydev", NULL, 0},
    {"ip", XL_OPT_TEXT, "ip", NULL, 0},
    {"script", XL_OPT_TEXT, "script", NULL, 0},
    {"backend", XL_OPT_TEXT, "backend_domname", NULL, 0},
    {"vifname", XL_OPT_TEXT, "ifname", NULL, 0},
    {"model", XL_OPT_TEXT, "model", NULL, 0},
    {"forwarddev", XL_OPT_TEXT, "coloft_forwarddev", NULL, 0},
    {"devid", XL_OPT_INT, "devid", NULL, 255},
    {"mtu", XL_OPT_INT, "mtu", NULL, 65535},
};

static int read_mac(struct xl *x, const char *text, struct mu_value *nic, struct mu_error *err)
{
	unsigned m[6];
	char mac[18];
	int used = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5],
		   &used) != 6 ||
	    text[used])
		return mu_error_set(err, MU_E_INVALID, "option mac: \"%.40s\" is no MAC address",
				    text);
	(void)snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
		       m[4], m[5]);
	dconf_put(x->arena, nic, "mac", mu_value_string(x->arena, mac));
	return 0;
}

static int read_rate(struct xl *x, const char *text, struct mu_value *nic, struct mu_error *err)
{
	libxl_device_nic rate;
	int rc;

	libxl_device_nic_init(&rate);
	rc = xlu_vif_parse_rate(x->cfg, text, &rate);
	if (rc == 0) {
		dconf_put(x->arena, nic, "rate_bytes_per_interval",
			  mu_value_int(x->arena, (int64_t)rate.rate_bytes_per_interval));
		dconf_put(x->arena, nic, "rate_interval_usecs",
			  mu_value_int(x->arena, rate.rate_interval_usecs));
	}
	libxl_device_nic_dispose(&rate);
	return rc == 0 ? 0 : xl_failed(x, err);
}

/* Options that are not simply kept. */
static int nic_option(struct xl *x, const char *option, struct mu_value *nic, struct mu_error *err)
{
	const char *equals = strchr(option, '=');

	if (mu_str_has_prefix(option, "mac="))
		return read_mac(x, option + 4, nic, err);
	if (mu_str_has_prefix(option, "rate="))
		return read_rate(x, option + 5, nic, err);
	if (!strcmp(option, "trusted") || !strcmp(option, "untrusted")) {
		dconf_put(x->arena, nic, "trusted",
			  mu_value_string(x->arena, *option == 't' ? "True" : "False"));
		return 0;
	}
	if (!mu_str_has_prefix(option, "colo_") || !equals)
		return 1;
	/* These all have the same name on both sides. */
	dconf_put(x->arena, nic, mu_arena_strndup(x->arena, option, (size_t)(equals - option)),
		  mu_value_string(x->arena, equals + 1));
	return 0;
}

static int add_nic(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	return xl_options_read(x, text, TABLE(nic_options), nic_option, add(x, "nics", at), err);
}

/* Framebuffers and keyboards */

static const struct xl_option vfb_options[] = {
    {"vnc", XL_OPT_DEFBOOL, "vnc/enable", NULL, 0},
    {"vnclisten", XL_OPT_TEXT, "vnc/listen", NULL, 0},
    {"vncpasswd", XL_OPT_TEXT, "vnc/passwd", NULL, 0},
    {"vncdisplay", XL_OPT_INT, "vnc/display", NULL, 59635},
    {"vncunused", XL_OPT_DEFBOOL, "vnc/findunused", NULL, 0},
    {"keymap", XL_OPT_TEXT, "keymap", NULL, 0},
    {"sdl", XL_OPT_DEFBOOL, "sdl/enable", NULL, 0},
    {"opengl", XL_OPT_DEFBOOL, "sdl/opengl", NULL, 0},
    {"display", XL_OPT_TEXT, "sdl/display", NULL, 0},
    {"xauthority", XL_OPT_TEXT, "sdl/xauthority", NULL, 0},
};

static struct mu_value *add_framebuffer(struct xl *x, size_t at)
{
	struct mu_value *vfb = add(x, "vfbs", at);

	(void)add(x, "vkbs", at);
	(void)dconf_object(x->arena, vfb, "vnc");
	return vfb;
}

static int add_vfb(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	return xl_options_read(x, text, TABLE(vfb_options), NULL, add_framebuffer(x, at), err);
}

/* The keys of the same names are the one console of an HVM guest, or the first framebuffer of
 * another that has no list of them. */
static int read_consoles(struct xl *x, struct mu_error *err)
{
	int64_t n = 0;
	bool set;
	struct mu_value *at;

	if (xl_list(x, "vfb", add_vfb, err) < 0 ||
	    xl_long(x, "vnc", 0, INT32_MAX, &set, &n, err) < 0)
		return MU_FAILED;
	if (x->type == VM_TYPE_HVM)
		at = xl_at(x, "b_info/type.hvm");
	else if (n && !mu_value_get(x->root, "vfbs"))
		at = add_framebuffer(x, 0);
	else
		return 0;
	for (size_t i = 0; i < MU_ARRAY_SIZE(vfb_options); i++) {
		const char *key = vfb_options[i].name;
		const char *text = xl_string(x, key);

		if (text && xl_option_read(x, mu_arena_printf(x->arena, "%s=%s", key, text),
					   TABLE(vfb_options), at, err) < 0)
			return MU_FAILED;
	}
	return 0;
}

static const char *const vkb_backends[] = {"qemu", "qemu", "linux", "linux", NULL};
static const struct xl_option vkb_options[] = {
    {"backend", XL_OPT_TEXT, "backend_domname", NULL, 0},
    {"backend-type", XL_OPT_WORD, "backend_type", vkb_backends, 0},
    {"unique-id", XL_OPT_TEXT, "unique_id", NULL, 0},
    {"feature-disable-keyboard", XL_OPT_BOOL, "feature_disable_keyboard", NULL, 0},
    {"feature-disable-pointer", XL_OPT_BOOL, "feature_disable_pointer", NULL, 0},
    {"feature-abs-pointer", XL_OPT_BOOL, "feature_abs_pointer", NULL, 0},
    {"feature-raw-pointer", XL_OPT_BOOL, "feature_raw_pointer", NULL, 0},
    {"feature-multi-touch", XL_OPT_BOOL, "feature_multi_touch", NULL, 0},
    {"multi-touch-width", XL_OPT_INT, "multi_touch_width", NULL, 0},
    {"multi-touch-height", XL_OPT_INT, "multi_touch_height", NULL, 0},
    {"multi-touch-num-contacts", XL_OPT_INT, "multi_touch_num_contacts", NULL, 0},
    {"width", XL_OPT_INT, "width", NULL, 0},
    {"height", XL_OPT_INT, "height", NULL, 0},
};

static int add_vkb(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	struct mu_value *vkb = add(x, "vkbs", xl_list_at(x, "vkbs")->n_children);

	(void)at;
	if (xl_options_read(x, text, TABLE(vkb_options), NULL, vkb, err) < 0)
		return MU_FAILED;
	if (mu_value_get(vkb, "multi_touch_width") || mu_value_get(vkb, "multi_touch_height") ||
	    mu_value_get(vkb, "multi_touch_num_contacts"))
		dconf_put(x->arena, vkb, "feature_multi_touch", mu_value_bool(x->arena, true));
	return need(vkb, "backend_type", "backend-type", err);
}

/* PCI: libxlu reads the addresses; what is said for all devices is said for each. */

static int pci_default(struct xl *x, const char *key, bool *ret, struct mu_error *err)
{
	int64_t n;
	bool set;

	if (xl_long(x, key, 0, 1, &set, &n, err) < 0)
		return MU_FAILED;
	*ret = set && n;
	return 0;
}

static int add_pci(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	const char *policy = mu_value_as_string(
	    mu_value_get(xl_at(x, "b_info"), "type.hvm") && x->type == VM_TYPE_HVM
		? mu_value_get(xl_at(x, "b_info/type.hvm/rdm"), "policy")
		: NULL);
	libxl_device_pci pci;
	int rc;

	(void)at;
	libxl_device_pci_init(&pci);
	if (pci_default(x, "pci_msitranslate", &pci.msitranslate, err) < 0 ||
	    pci_default(x, "pci_power_mgmt", &pci.power_mgmt, err) < 0 ||
	    pci_default(x, "pci_permissive", &pci.permissive, err) < 0 ||
	    pci_default(x, "pci_seize", &pci.seize, err) < 0)
		return MU_FAILED;
	if (policy)
		(void)libxl_rdm_reserve_policy_from_string(policy, &pci.rdm_policy);
	rc = xlu_pci_parse_spec_string(x->cfg, &pci, text);
	if (rc == 0)
		mu_value_push(xl_list_at(x, "pcidevs"),
			      XL_VALUE(x, libxl_device_pci_gen_json, &pci));
	libxl_device_pci_dispose(&pci);
	if (rc != 0)
		return xl_failed(x, err);
	if (x->type == VM_TYPE_PV)
		xl_put(x, "b_info/type.pv/e820_host", mu_value_string(x->arena, "True"));
	return 0;
}

/* Raw resources of the host */

/* "2f8-2ff", "70" */
static int add_ioports(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	struct mu_value *v;
	unsigned first, last;
	int used = 0, n;

	(void)at;
	n = sscanf(text, "%4x%n-%4x%n", &first, &used, &last, &used);
	if (n == 1)
		last = first;
	if (n < 1 || text[used] || last < first || !isxdigit((unsigned char)*text))
		return mu_error_set(err, MU_E_INVALID, "\"%.40s\" is no range of I/O ports", text);
	v = mu_value_push(xl_list_at(x, "b_info/ioports"), mu_value_object(x->arena));
	if (first)
		mu_value_set_int(x->arena, v, "first", first);
	mu_value_set_int(x->arena, v, "number", last - first + 1);
	return 0;
}

static int add_irq(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	int64_t n;

	(void)at;
	if (!xl_number(text, 10, UINT32_MAX - 1, &n))
		return mu_error_set(err, MU_E_INVALID, "\"%.40s\" is no interrupt", text);
	mu_value_push(xl_list_at(x, "b_info/irqs"), mu_value_int(x->arena, n));
	return 0;
}

/* "START,NUMBER[@GUEST]", of frames, hexadecimal */
static int add_iomem(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	char *rest = mu_arena_strdup(x->arena, text);
	const char *start = strsep(&rest, ",");
	const char *number = rest ? strsep(&rest, "@") : NULL;
	int64_t s, n, g = 0;
	struct mu_value *v;

	(void)at;
	if (!number || !xl_number(start, 16, INT64_MAX, &s) ||
	    !xl_number(number, 16, INT64_MAX, &n) || (rest && !xl_number(rest, 16, INT64_MAX, &g)))
		return mu_error_set(err, MU_E_INVALID, "\"%.40s\" is no range of memory frames",
				    text);
	v = mu_value_push(xl_list_at(x, "b_info/iomem"), mu_value_object(x->arena));
	mu_value_set_int(x->arena, v, "start", s);
	mu_value_set_int(x->arena, v, "number", n);
	if (rest)
		mu_value_set_int(x->arena, v, "gfn", g);
	return 0;
}

static int add_dtdev(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	(void)at, (void)err;
	mu_value_set_string(x->arena,
			    mu_value_push(xl_list_at(x, "dtdevs"), mu_value_object(x->arena)),
			    "path", text);
	return 0;
}

/* USB */

static const char *const usb_types[] = {"auto",        "auto", "pv",   "pv", "devicemodel",
					"devicemodel", "qusb", "qusb", NULL};
static const struct xl_option usbctrl_options[] = {
    {"type", XL_OPT_WORD, "type", usb_types, 0},
    {"version", XL_OPT_INT, "version", NULL, 3},
    {"ports", XL_OPT_INT, "ports", NULL, 31},
};

static int add_usbctrl(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	struct mu_value *v = add(x, "usbctrls", at);

	if (xl_options_read(x, text, TABLE(usbctrl_options), NULL, v, err) < 0)
		return MU_FAILED;
	if (mu_str_equal(mu_value_as_string(mu_value_get(v, "type")), "auto"))
		mu_value_remove(v, "type"); /* libxl's default */
	return 0;
}

static const struct xl_option usbdev_options[] = {
    {"hostbus", XL_OPT_INT, "type.hostdev/hostbus", NULL, 255},
    {"hostaddr", XL_OPT_INT, "type.hostdev/hostaddr", NULL, 255},
    {"controller", XL_OPT_INT, "ctrl", NULL, 255},
    {"port", XL_OPT_INT, "port", NULL, 31},
};

static int usbdev_option(struct xl *x, const char *option, struct mu_value *usbdev,
			 struct mu_error *err)
{
	(void)x, (void)usbdev, (void)err;
	return strcmp(option, "type=hostdev") != 0; /* there is no other */
}

static int add_usbdev(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	struct mu_value *usbdev =
	    mu_value_push(xl_list_at(x, "usbdevs"), mu_value_object(x->arena));

	(void)at;
	return xl_options_read(x, text, TABLE(usbdev_options), usbdev_option, usbdev, err);
}

/* Those that are rare */

static const struct xl_option p9_options[] = {
    {"tag", XL_OPT_TEXT, "tag", NULL, 0},
    {"path", XL_OPT_TEXT, "path", NULL, 0},
    {"security_model", XL_OPT_TEXT, "security_model", NULL, 0},
    {"backend", XL_OPT_TEXT, "backend_domname", NULL, 0},
};

static int add_p9(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	struct mu_value *v = mu_value_push(xl_list_at(x, "p9s"), mu_value_object(x->arena));

	(void)at; /* libxl numbers these */
	if (xl_options_read(x, text, TABLE(p9_options), NULL, v, err) < 0 ||
	    need(v, "tag", "tag", err) < 0 || need(v, "path", "path", err) < 0)
		return MU_FAILED;
	return need(v, "security_model", "security_model", err);
}

static const struct xl_option backend_options[] = {
    {"backend", XL_OPT_TEXT, "backend_domname", NULL, 0},
    {"uuid", XL_OPT_TEXT, "uuid", NULL, 0},
};

static int add_vtpm(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	struct mu_value *v = add(x, "vtpms", at);

	if (xl_options_read(x, text, TABLE(backend_options), NULL, v, err) < 0)
		return MU_FAILED;
	return need(v, "backend_domname", "backend", err);
}

static int add_pvcalls(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	return xl_options_read(x, text, backend_options, 1, NULL, add(x, "pvcallsifs", at), err);
}

static const struct xl_option vdispl_options[] = {
    {"backend", XL_OPT_TEXT, "backend_domname", NULL, 0},
    {"be-alloc", XL_OPT_BOOL, "be_alloc", NULL, 0},
};

/* "connectors=ID:WIDTHxHEIGHT;..." */
static int vdispl_option(struct xl *x, const char *option, struct mu_value *v, struct mu_error *err)
{
	struct mu_value *list;
	char *rest;

	if (!mu_str_has_prefix(option, "connectors="))
		return 1;
	list = mu_value_list(x->arena);
	rest = mu_arena_strdup(x->arena, option + strlen("connectors="));
	for (char *item; (item = strsep(&rest, ";"));) {
		struct mu_value *c = mu_value_push(list, mu_value_object(x->arena));
		char *size = strchr(item, ':');
		unsigned width, height;
		int used = 0;

		if (!size || sscanf(size + 1, "%9ux%9u%n", &width, &height, &used) != 2 ||
		    size[1 + used])
			return mu_error_set(err, MU_E_INVALID,
					    "connector \"%.40s\" is not ID:WIDTHxHEIGHT", item);
		*size = '\0';
		mu_value_set_string(x->arena, c, "unique_id", item);
		mu_value_set_int(x->arena, c, "width", width);
		mu_value_set_int(x->arena, c, "height", height);
	}
	dconf_put(x->arena, v, "connectors", list);
	return 0;
}

static int add_vdispl(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	struct mu_value *v = add(x, "vdispls", at);

	if (xl_options_read(x, text, TABLE(vdispl_options), vdispl_option, v, err) < 0)
		return MU_FAILED;
	return need(v, "connectors", "connectors", err);
}

static const char *const connections[] = {"pty", "connection.pty", "socket", "connection.socket",
					  NULL};
static const struct xl_option channel_options[] = {
    {"backend", XL_OPT_TEXT, "backend_domname", NULL, 0},
    {"name", XL_OPT_TEXT, "name", NULL, 0},
    {"path", XL_OPT_TEXT, "path", NULL, 0},
    {"connection", XL_OPT_WORD, "connection", connections, 0},
};

static int add_channel(struct xl *x, const char *text, size_t at, struct mu_error *err)
{
	struct mu_value *v = add(x, "channels", at);
	const char *connection, *path;

	if (xl_options_read(x, text, TABLE(channel_options), NULL, v, err) < 0 ||
	    need(v, "connection", "connection", err) < 0)
		return MU_FAILED;
	connection = mu_value_as_string(mu_value_get(v, "connection"));
	path = mu_value_as_string(mu_value_get(v, "path"));
	if (mu_str_has_prefix(connection, "connection.socket") && need(v, "path", "path", err) < 0)
		return MU_FAILED;
	mu_value_remove(v, "connection");
	mu_value_remove(v, "path");
	mu_value_set(x->arena, v, connection, mu_value_object(x->arena));
	if (mu_str_has_prefix(connection, "connection.socket"))
		mu_value_set_string(x->arena, mu_value_find(v, connection), "path", path);
	return 0;
}

int xl_devices_read(struct xl *x, struct mu_error *err)
{
	static const struct {
		const char *key;
		int (*each)(struct xl *x, const char *text, size_t at, struct mu_error *err);
	} lists[] = {
	    {"disk", add_disk},       {"vif", add_nic},         {"pci", add_pci},
	    {"ioports", add_ioports}, {"irqs", add_irq},        {"iomem", add_iomem},
	    {"dtdev", add_dtdev},     {"usbctrl", add_usbctrl}, {"usbdev", add_usbdev},
	    {"p9", add_p9},           {"vtpm", add_vtpm},       {"pvcalls", add_pvcalls},
	    {"vdispl", add_vdispl},   {"channel", add_channel},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(lists); i++) {
		if (xl_list(x, lists[i].key, lists[i].each, err) < 0)
			return MU_FAILED;
	}
	/* After the framebuffers, each of which has a keyboard of its own. */
	if (read_consoles(x, err) < 0 || xl_list(x, "vkb", add_vkb, err) < 0)
		return MU_FAILED;
	return xl_vsnd_read(x, err);
}
