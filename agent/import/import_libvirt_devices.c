/* SPDX-License-Identifier: Apache-2.0 */
/* <devices>: one function per element. Consoles: import_libvirt_graphics.c. */
#include "agent/hv/dconf/dconf.h"
#include "agent/import/import_libvirt.h"
#include "common/base/str.h"

#include <string.h>

/* A member of a device. */
static void put_text(struct libvirt *l, struct mu_value *v, const char *name, const char *text)
{
	if (text)
		dconf_put(l->arena, v, name, mu_value_string(l->arena, text));
}

static void put_int(struct libvirt *l, struct mu_value *v, const char *name, int64_t n)
{
	if (n)
		dconf_put(l->arena, v, name, mu_value_int(l->arena, n));
}

static struct mu_value *add(struct libvirt *l, const char *list)
{
	return mu_value_push(dconf_list(l->arena, l->root, list), mu_value_object(l->arena));
}

/* <backenddomain name='...'/>: the device is served by another domain. */
static void read_backend(struct libvirt *l, struct xml_node *node, struct mu_value *v)
{
	struct xml_node *backend = xml_child(node, "backenddomain");

	put_text(l, v, "backend_domname", xml_take_attr(backend, "name"));
	xml_done(backend);
}

/* Disks */

static int read_driver(struct libvirt *l, struct xml_node *node, struct mu_value *disk,
		       struct mu_error *err)
{
	static const struct libvirt_word backends[] = {{"qemu", "qdisk"}, {"file", "qdisk"},
						       {"tap", "tap"},    {"tap2", "tap"},
						       {"phy", "phy"},    {NULL, NULL}};
	static const struct libvirt_word formats[] = {{"raw", "raw"},     {"qcow", "qcow"},
						      {"qcow2", "qcow2"}, {"vhd", "vhd"},
						      {"vpc", "vhd"},     {NULL, NULL}};
	struct xml_node *driver = xml_child(node, "driver");
	const char *name = xml_take_attr(driver, "name");
	const char *type = xml_take_attr(driver, "type");
	const char *discard = xml_take_attr(driver, "discard");
	const char *format = type ? libvirt_word(formats, type) : "raw";

	/* The driver has no use for these. */
	(void)xml_take_attr(driver, "cache");
	(void)xml_take_attr(driver, "io");
	if (!format || (name && !libvirt_word(backends, name)))
		return xml_invalid(err, driver, "<driver> is none of Xen's");
	put_text(l, disk, "format", format);
	put_text(l, disk, "backend", libvirt_word(backends, name));
	if (discard)
		put_text(l, disk, "discard_enable", strcmp(discard, "unmap") ? "False" : "True");
	xml_done(driver);
	return 0;
}

/* What the driver passes over in every device: where the guest would see it, its name, and locks.
 */
static void drop_common(struct xml_node *node)
{
	static const char *const names[] = {"address", "alias", "shareable"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(names); i++)
		xml_drop(xml_child(node, names[i]));
}

static int read_target(struct libvirt *l, struct xml_node *node, struct mu_value *disk,
		       struct mu_error *err)
{
	struct xml_node *target = xml_child(node, "target");
	const char *dev = xml_take_attr(target, "dev");

	if (!dev)
		return xml_invalid(err, node, "<disk> has no <target dev=...>");
	put_text(l, disk, "vdev", dev);
	(void)xml_take_attr(target, "bus"); /* the device's name says it, too */
	(void)xml_take_attr(target, "tray");
	xml_done(target);
	return 0;
}

static int read_disk(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	const char *type = xml_take_attr(node, "type");
	const char *device = xml_take_attr(node, "device");
	struct xml_node *source = xml_child(node, "source");
	struct xml_node *readonly = xml_child(node, "readonly");
	struct xml_node *script = xml_child(node, "script");
	bool cdrom = mu_str_equal(device, "cdrom");
	struct mu_value *disk;
	const char *path;

	if (type && strcmp(type, "file") != 0 && strcmp(type, "block") != 0)
		return xml_invalid(err, node,
				   "<disk type='%.40s'>: only files and block devices of the host "
				   "can be disks here",
				   type);
	if (device && strcmp(device, "disk") != 0 && !cdrom)
		return xml_invalid(err, node, "<disk device='%.40s'> is none of Xen's", device);
	disk = add(l, "disks");
	path = xml_take_attr(source, mu_str_equal(type, "block") ? "dev" : "file");
	put_text(l, disk, "pdev_path", path);
	if (read_driver(l, node, disk, err) < 0 || read_target(l, node, disk, err) < 0)
		return MU_FAILED;
	if (cdrom) {
		put_int(l, disk, "is_cdrom", 1);
		put_int(l, disk, "removable", 1);
	} else {
		put_int(l, disk, "readwrite", !readonly);
	}
	if (cdrom && !path)
		put_text(l, disk, "format", "empty");
	put_text(l, disk, "script", xml_take_attr(script, "path"));
	read_backend(l, node, disk);
	xml_done(source);
	xml_done(readonly);
	xml_done(script);
	drop_common(node);
	return 0;
}

/* Network cards */

static void read_addresses(struct libvirt *l, struct xml_node *node, struct mu_value *nic)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	struct xml_node *next;

	for (struct xml_node *ip = xml_child(node, "ip"); ip; ip = next) {
		const char *address = xml_take_attr(ip, "address");

		(void)xml_take_attr(ip, "family"); /* the address says it, too */
		mu_str_printf(&text, "%s%s", text.len ? " " : "", address ? address : "");
		xml_done(ip);
		next = xml_child(node, "ip");
		if (next == ip)
			break; /* something is left in it: found at the end */
	}
	if (text.len)
		put_text(l, nic, "ip", text.data);
}

/* <bandwidth><outbound average='KiB per second'/></bandwidth> */
static int read_bandwidth(struct libvirt *l, struct xml_node *node, struct mu_value *nic,
			  struct mu_error *err)
{
	enum { INTERVALS = 20 }; /* of 50 ms in a second */
	struct xml_node *bandwidth = xml_child(node, "bandwidth");
	struct xml_node *outbound = xml_child(bandwidth, "outbound");
	const char *average = xml_take_attr(outbound, "average");
	int64_t n;

	if (average) {
		if (libvirt_number(outbound, "average", average, INT32_MAX, &n, err) < 0)
			return MU_FAILED;
		put_int(l, nic, "rate_bytes_per_interval", n * 1024 / INTERVALS);
		put_int(l, nic, "rate_interval_usecs", 1000000 / INTERVALS);
	}
	xml_done(outbound);
	xml_done(bandwidth);
	return 0;
}

static int read_nic_source(struct libvirt *l, struct xml_node *node, struct mu_value *nic,
			   struct mu_error *err)
{
	const char *type = xml_take_attr(node, "type");
	struct xml_node *source = xml_child(node, "source");

	if (mu_str_equal(type, "network"))
		return xml_invalid(err, node,
				   "the bridge of libvirt's network is not in this file; hint: "
				   "write <interface type='bridge'><source bridge='...'/>");
	if (!mu_str_equal(type, "bridge") && !mu_str_equal(type, "ethernet"))
		return xml_invalid(err, node, "<interface type='%.40s'> is none of Xen's",
				   type ? type : "");
	put_text(l, nic, "bridge", xml_take_attr(source, "bridge"));
	xml_done(source);
	return 0;
}

static int read_interface(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	struct xml_node *mac = xml_child(node, "mac");
	struct xml_node *script = xml_child(node, "script");
	struct xml_node *model = xml_child(node, "model");
	struct xml_node *target = xml_child(node, "target");
	struct xml_node *mtu = xml_child(node, "mtu");
	struct mu_value *nic = add(l, "nics");
	const char *kind, *ifname, *size;
	int64_t n = 0;

	if (read_nic_source(l, node, nic, err) < 0 || read_bandwidth(l, node, nic, err) < 0)
		return MU_FAILED;
	put_text(l, nic, "mac", xml_take_attr(mac, "address"));
	put_text(l, nic, "script", xml_take_attr(script, "path"));
	kind = xml_take_attr(model, "type");
	put_text(l, nic, "model", kind);
	put_text(l, nic, "nictype",
		 l->type == VM_TYPE_HVM && !mu_str_equal(kind, "netfront") ? "vif_ioemu" : "vif");
	ifname = xml_take_attr(target, "dev");
	if (ifname && !mu_str_has_prefix(ifname, "vif")) /* else it is of one run */
		put_text(l, nic, "ifname", ifname);
	size = xml_take_attr(mtu, "size");
	if (size && libvirt_number(mtu, "size", size, 65535, &n, err) < 0)
		return MU_FAILED;
	put_int(l, nic, "mtu", n);
	read_addresses(l, node, nic);
	read_backend(l, node, nic);
	xml_done(mac);
	xml_done(script);
	xml_done(model);
	xml_done(target);
	xml_done(mtu);
	drop_common(node);
	return 0;
}

/* Passed through */

static int read_pci(struct libvirt *l, struct xml_node *node, bool managed, struct mu_error *err)
{
	static const struct {
		const char *attr;
		const char *member;
		int64_t max;
	} parts[] = {{"domain", "domain", 0xffff},
		     {"bus", "bus", 0xff},
		     {"slot", "dev", 0x1f},
		     {"function", "func", 7}};
	struct xml_node *source = xml_child(node, "source");
	struct xml_node *address = xml_child(source, "address");
	struct mu_value *pci = add(l, "pcidevs");
	const char *filter = xml_take_attr(source, "writeFiltering");
	int64_t n = 0;

	if (!address)
		return xml_invalid(err, node, "<hostdev> has no <source><address>");
	for (size_t i = 0; i < MU_ARRAY_SIZE(parts); i++) {
		const char *text = xml_take_attr(address, parts[i].attr);

		if (libvirt_number(address, parts[i].attr, text ? text : "0", parts[i].max, &n,
				   err) < 0)
			return MU_FAILED;
		put_int(l, pci, parts[i].member, n);
	}
	put_int(l, pci, "vfunc_mask", 1 << n); /* the function came last */
	if (managed)
		dconf_put(l->arena, pci, "seize", mu_value_bool(l->arena, true));
	if (filter && !libvirt_yes(filter))
		dconf_put(l->arena, pci, "permissive", mu_value_bool(l->arena, true));
	xml_done(address);
	xml_done(source);
	return 0;
}

static int read_usb(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	struct xml_node *source = xml_child(node, "source");
	struct xml_node *address = xml_child(source, "address");
	struct mu_value *usb = add(l, "usbdevs");
	int64_t bus, device;

	if (!address)
		return xml_invalid(
		    err, node,
		    "libxl knows USB devices by bus and device number only; hint: "
		    "<address bus='...' device='...'/> instead of vendor and product");
	if (libvirt_number(address, "bus", xml_take_attr(address, "bus"), 255, &bus, err) < 0 ||
	    libvirt_number(address, "device", xml_take_attr(address, "device"), 255, &device, err) <
		0)
		return MU_FAILED;
	usb = dconf_object(l->arena, usb, "type.hostdev");
	put_int(l, usb, "hostbus", bus);
	put_int(l, usb, "hostaddr", device);
	xml_done(address);
	xml_done(source);
	return 0;
}

static int read_hostdev(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	struct xml_node *driver = xml_child(node, "driver");
	const char *mode = xml_take_attr(node, "mode");
	const char *type = xml_take_attr(node, "type");
	const char *managed = xml_take_attr(node, "managed");
	int r;

	if (mode && strcmp(mode, "subsystem") != 0)
		return xml_invalid(err, node, "<hostdev mode='%.40s'> is none of Xen's", mode);
	if (mu_str_equal(type, "pci"))
		r = read_pci(l, node, managed && libvirt_yes(managed), err);
	else if (mu_str_equal(type, "usb"))
		r = read_usb(l, node, err);
	else
		return xml_invalid(err, node, "<hostdev type='%.40s'> is none of Xen's",
				   type ? type : "");
	if (mu_str_equal(xml_take_attr(driver, "name"), "xen"))
		xml_done(driver);
	drop_common(node);
	return r;
}

/* Small ones */

static int read_emulator(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	const char *path = xml_take_text(node);

	(void)err;
	libvirt_text(l, "b_info/device_model", path);
	libvirt_text(l, "b_info/device_model_version",
		     strstr(path, "qemu-dm") ? "qemu_xen_traditional" : "qemu_xen");
	return 0;
}

static int read_controller(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	static const struct libvirt_word plain[] = {
	    {"ide", ""}, {"pci", ""}, {"scsi", ""}, {"fdc", ""}, {NULL, NULL}};
	static const struct libvirt_word buses[] = {{"qusb1", "1"}, {"qusb2", "2"}, {NULL, NULL}};
	const char *type = xml_take_attr(node, "type");
	const char *model = xml_take_attr(node, "model");
	const char *ports = xml_take_attr(node, "ports");
	const char *frames = xml_take_attr(node, "maxGrantFrames");
	const char *channels = xml_take_attr(node, "maxEventChannels");
	struct mu_value *usb;
	int64_t n;

	(void)xml_take_attr(node, "index");
	if (frames) {
		if (libvirt_number(node, "maxGrantFrames", frames, INT32_MAX, &n, err) < 0)
			return MU_FAILED;
		libvirt_int(l, "b_info/max_grant_frames", n);
	}
	if (channels) {
		if (libvirt_number(node, "maxEventChannels", channels, INT32_MAX, &n, err) < 0)
			return MU_FAILED;
		libvirt_int(l, "b_info/event_channels", n);
	}
	drop_common(node);
	if (mu_str_equal(type, "xenbus"))
		return 0;
	if (libvirt_word(plain, type)) { /* the emulated machine has these anyway */
		xml_drop(xml_child(node, "model"));
		return 0;
	}
	if (!mu_str_equal(type, "usb") || !libvirt_word(buses, model))
		return xml_invalid(err, node,
				   "<controller type='%.20s' model='%.20s'> is none of "
				   "Xen's",
				   type ? type : "", model ? model : "");
	usb = add(l, "usbctrls");
	put_text(l, usb, "type", "qusb");
	put_int(l, usb, "version", *libvirt_word(buses, model) - '0');
	if (ports && libvirt_number(node, "ports", ports, 31, &n, err) < 0)
		return MU_FAILED;
	put_int(l, usb, "ports", ports ? n : 0);
	return 0;
}

static int read_input(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	const char *type = xml_take_attr(node, "type");
	const char *bus = xml_take_attr(node, "bus");

	(void)err;
	drop_common(node);
	/* PS/2 and Xen's own are there in any case. */
	if (l->type == VM_TYPE_HVM && mu_str_equal(bus, "usb") && type)
		mu_value_push(dconf_list(l->arena, l->root, "b_info/type.hvm/usbdevice_list"),
			      mu_value_string(l->arena, type));
	return 0;
}

static int read_sound(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	(void)err;
	drop_common(node);
	if (l->type == VM_TYPE_HVM)
		libvirt_text(l, "b_info/type.hvm/soundhw", xml_take_attr(node, "model"));
	return 0;
}

static int read_balloon(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	const char *model = xml_take_attr(node, "model");

	(void)l;
	drop_common(node);
	if (mu_str_equal(model, "xen") || mu_str_equal(model, "none"))
		return 0; /* it is part of the guest */
	return xml_invalid(err, node, "<memballoon model='%.40s'> is none of Xen's",
			   model ? model : "");
}

/* A channel of Xen: <channel type='unix'|'pty'><target type='xen' name='...'/></channel> */
static int read_channel(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	const char *type = xml_take_attr(node, "type");
	struct xml_node *source = xml_child(node, "source");
	struct xml_node *target = xml_child(node, "target");
	const char *target_type = xml_take_attr(target, "type");
	bool socket = mu_str_equal(type, "unix");
	struct mu_value *channel;

	if (!mu_str_equal(target_type, "xen") || (!socket && !mu_str_equal(type, "pty")))
		return xml_invalid(err, node, "<channel> is none of Xen's");
	channel = add(l, "channels");
	put_text(l, channel, "name", xml_take_attr(target, "name"));
	(void)xml_take_attr(target, "state");
	(void)xml_take_attr(source, "mode");
	put_text(l,
		 dconf_object(l->arena, channel, socket ? "connection.socket" : "connection.pty"),
		 "path", socket ? xml_take_attr(source, "path") : NULL);
	xml_done(source);
	xml_done(target);
	drop_common(node);
	return 0;
}

/* All of them */

int libvirt_devices(struct libvirt *l, struct xml_node *devices, struct mu_error *err)
{
	static const struct {
		const char *name;
		int (*read)(struct libvirt *l, struct xml_node *node, struct mu_error *err);
	} readers[] = {
	    {"emulator", read_emulator},     {"disk", read_disk},
	    {"interface", read_interface},   {"hostdev", read_hostdev},
	    {"controller", read_controller}, {"input", read_input},
	    {"sound", read_sound},           {"memballoon", read_balloon},
	    {"channel", read_channel},       {"graphics", libvirt_graphics},
	    {"video", libvirt_video},        {"serial", libvirt_serial},
	    {"console", libvirt_console},
	};
	struct xml_node *next;

	for (struct xml_node *node = devices->children; node; node = next) {
		next = node->next;
		for (size_t i = 0; i < MU_ARRAY_SIZE(readers); i++) {
			if (!xml_is(node, readers[i].name))
				continue;
			if (readers[i].read(l, node, err) < 0)
				return MU_FAILED;
			xml_done(node);
			break;
		}
	}
	return 0;
}
