/* SPDX-License-Identifier: Apache-2.0 */
/* How one sees the guest: <graphics>, <video>, <serial>, <console>. */
#include "agent/hv/dconf/dconf.h"
#include "agent/import/import_libvirt.h"
#include "common/base/str.h"

#include <string.h>

#define HVM "b_info/type.hvm/"

enum { VNC_PORT_MIN = 5900 };

static void put(struct libvirt *l, struct mu_value *at, const char *path, const char *text)
{
	if (text)
		dconf_set(l->arena, at, path, mu_value_string(l->arena, text));
}

/* The console of an HVM guest, or a framebuffer of another. */
static struct mu_value *place(struct libvirt *l)
{
	struct mu_value *vfb;
	size_t n;

	if (l->type == VM_TYPE_HVM)
		return dconf_object(l->arena, l->root, "b_info/type.hvm");
	n = dconf_list(l->arena, l->root, "vfbs")->n_children;
	vfb = mu_value_push(dconf_list(l->arena, l->root, "vfbs"), mu_value_object(l->arena));
	mu_value_set_int(l->arena, vfb, "devid", (int64_t)n);
	mu_value_set_int(
	    l->arena,
	    mu_value_push(dconf_list(l->arena, l->root, "vkbs"), mu_value_object(l->arena)),
	    "devid", (int64_t)n);
	return vfb;
}

/* The attribute, or <listen type='address' address='...'/>, which says the same. */
static const char *read_listen(struct xml_node *node)
{
	const char *text = xml_take_attr(node, "listen");
	struct xml_node *listen = xml_child(node, "listen");
	const char *type = xml_take_attr(listen, "type");
	const char *address = NULL;

	if (mu_str_equal(type, "address"))
		address = xml_take_attr(listen, "address");
	xml_done(listen);
	return text ? text : address;
}

/* -1 is libvirt's word for "choose one". */
static int read_port(struct libvirt *l, struct xml_node *node, const char *attr, int64_t min,
		     struct mu_value *at, const char *path, struct mu_error *err)
{
	const char *text = xml_take_attr(node, attr);
	int64_t n;

	if (!text || !strcmp(text, "-1"))
		return 0;
	if (libvirt_number(node, attr, text, 65535, &n, err) < 0)
		return MU_FAILED;
	if (n < min)
		return xml_invalid(err, node, "%s is below %lld", attr, (long long)min);
	if (n > min)
		dconf_set(l->arena, at, path, mu_value_int(l->arena, n - min));
	return 0;
}

static int read_vnc(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	struct mu_value *at = place(l);
	const char *autoport = xml_take_attr(node, "autoport");
	bool port = xml_has_attr(node, "port");

	put(l, at, "vnc/enable", "True");
	put(l, at, "vnc/findunused",
	    (autoport && libvirt_yes(autoport)) || !port ? "True" : "False");
	put(l, at, "vnc/listen", read_listen(node));
	put(l, at, "vnc/passwd", xml_take_attr(node, "passwd"));
	put(l, at, "keymap", xml_take_attr(node, "keymap"));
	return read_port(l, node, "port", VNC_PORT_MIN, at, "vnc/display", err);
}

static int read_sdl(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	struct mu_value *at = place(l);

	(void)err;
	if (l->type != VM_TYPE_HVM)
		put(l, at, "vnc/enable", "False");
	put(l, at, "sdl/enable", "True");
	put(l, at, "sdl/display", xml_take_attr(node, "display"));
	put(l, at, "sdl/xauthority", xml_take_attr(node, "xauth"));
	return 0;
}

static int read_spice(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	struct mu_value *at = dconf_object(l->arena, l->root, "b_info/type.hvm");
	struct xml_node *mouse = xml_child(node, "mouse");
	struct xml_node *clipboard = xml_child(node, "clipboard");
	const char *password = xml_take_attr(node, "passwd");
	const char *mode, *copy;

	if (l->type != VM_TYPE_HVM)
		return xml_invalid(err, node, "only hvm guests have SPICE");
	put(l, at, "spice/enable", "True");
	put(l, at, "spice/host", read_listen(node));
	put(l, at, "spice/passwd", password);
	put(l, at, "spice/disable_ticketing", password ? "False" : "True");
	mode = xml_take_attr(mouse, "mode");
	if (mode)
		put(l, at, "spice/agent_mouse", strcmp(mode, "client") ? "False" : "True");
	copy = xml_take_attr(clipboard, "copypaste");
	if (copy) {
		put(l, at, "spice/vdagent", libvirt_yes(copy) ? "True" : "False");
		put(l, at, "spice/clipboard_sharing", libvirt_yes(copy) ? "True" : "False");
	}
	xml_done(mouse);
	xml_done(clipboard);
	if (libvirt_yes(xml_take_attr(node, "autoport")) && !xml_has_attr(node, "port"))
		return xml_invalid(
		    err, node, "libxl chooses no port for SPICE; hint: autoport='no' port='5901'");
	if (read_port(l, node, "port", 0, at, "spice/port", err) < 0)
		return MU_FAILED;
	return read_port(l, node, "tlsPort", 0, at, "spice/tls_port", err);
}

int libvirt_graphics(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	const char *type = xml_take_attr(node, "type");

	xml_drop(xml_child(node, "alias"));
	if (mu_str_equal(type, "vnc"))
		return read_vnc(l, node, err);
	if (mu_str_equal(type, "sdl"))
		return read_sdl(l, node, err);
	if (mu_str_equal(type, "spice"))
		return read_spice(l, node, err);
	return xml_invalid(err, node, "<graphics type='%.40s'> is none of Xen's", type ? type : "");
}

int libvirt_video(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	static const struct libvirt_word kinds[] = {{"vga", "std"},   {"cirrus", "cirrus"},
						    {"qxl", "qxl"},   {"xen", "xen"},
						    {"none", "none"}, {NULL, NULL}};
	struct xml_node *model = xml_child(node, "model");
	const char *type = xml_take_attr(model, "type");
	const char *vram = xml_take_attr(model, "vram");
	const char *kind = libvirt_word(kinds, type);
	int64_t n;

	if (!kind)
		return xml_invalid(err, node, "<model type='%.40s'> is none of Xen's",
				   type ? type : "");
	(void)xml_take_attr(model, "heads");
	(void)xml_take_attr(model, "primary");
	if (vram && libvirt_number(model, "vram", vram, INT32_MAX, &n, err) < 0)
		return MU_FAILED;
	if (l->type == VM_TYPE_HVM) {
		libvirt_text(l, HVM "vga/kind", strcmp(kind, "xen") ? kind : "none");
		if (vram)
			libvirt_int(l, "b_info/video_memkb", n);
	}
	xml_drop(xml_child(node, "address"));
	xml_drop(xml_child(node, "alias"));
	xml_done(model);
	return 0;
}

/* QEMU's word for where a serial port leads to; NULL: none that libxl passes on. */
static const char *port_text(struct libvirt *l, struct xml_node *node)
{
	static const struct libvirt_word plain[] = {
	    {"pty", "pty"}, {"null", "null"}, {"stdio", "stdio"}, {"vc", "vc"}, {NULL, NULL}};
	const char *type = xml_take_attr(node, "type");
	struct xml_node *source = xml_child(node, "source");
	struct xml_node *protocol = xml_child(node, "protocol");
	const char *path = xml_take_attr(source, "path");
	const char *mode = xml_take_attr(source, "mode");
	const char *host = xml_take_attr(source, "host");
	const char *service = xml_take_attr(source, "service");
	const char *kind = xml_take_attr(protocol, "type");
	const char *wait = mu_str_equal(mode, "bind") ? ",server,nowait" : "";

	xml_done(source);
	xml_done(protocol);
	if (libvirt_word(plain, type))
		return libvirt_word(plain, type);
	if ((mu_str_equal(type, "file") || mu_str_equal(type, "pipe")) && path)
		return mu_arena_printf(l->arena, "%s:%s", type, path);
	if (mu_str_equal(type, "dev"))
		return path;
	if (mu_str_equal(type, "unix") && path)
		return mu_arena_printf(l->arena, "unix:%s%s", path, wait);
	if (mu_str_equal(type, "tcp") && service)
		return mu_arena_printf(l->arena, "%s:%s:%s%s",
				       mu_str_equal(kind, "telnet") ? "telnet" : "tcp",
				       host ? host : "", service, wait);
	return NULL;
}

int libvirt_serial(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	const char *text = port_text(l, node);
	struct mu_value *hvm = dconf_object(l->arena, l->root, "b_info/type.hvm");
	struct mu_value *list = mu_value_find(hvm, "serial_list");
	const char *first = mu_value_as_string(mu_value_get(hvm, "serial"));

	if (!text || l->type != VM_TYPE_HVM)
		return xml_invalid(err, node, "<serial> is none that Xen has");
	xml_drop(xml_child(node, "target"));
	xml_drop(xml_child(node, "alias"));
	if (!first && !list) {
		put(l, hvm, "serial", text);
		return 0;
	}
	/* libxl has one, or a list of them. */
	if (!list) {
		list = dconf_list(l->arena, hvm, "serial_list");
		mu_value_push(list, mu_value_string(l->arena, first));
		mu_value_remove(hvm, "serial");
	}
	mu_value_push(list, mu_value_string(l->arena, text));
	return 0;
}

/* Every guest has a console on a pty; it mirrors the first serial port of an HVM guest. */
int libvirt_console(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	const char *type = xml_take_attr(node, "type");

	(void)l;
	if (!mu_str_equal(type, "pty"))
		return xml_invalid(err, node, "a console of Xen's is a pty");
	(void)xml_take_attr(node, "tty");
	xml_drop(xml_child(node, "source"));
	xml_drop(xml_child(node, "target"));
	xml_drop(xml_child(node, "alias"));
	return 0;
}
