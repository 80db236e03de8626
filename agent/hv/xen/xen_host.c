/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/hv/xen/xen_host.h"

#include "common/base/str.h"
#include "common/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, MIB = 1 << 20, PROC_MAX = 4 << 20, CPUINFO_HEAD = 8192 };

int xen_host_check_dom0(struct mu_error *err)
{
	static const char path[] = "/proc/xen/capabilities";
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str text = MU_STR_INIT;

	if (mu_file_read(path, 4096, &text, err) < 0)
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "this is no Xen dom0: %s cannot be read; hint: boot the Xen "
				    "hypervisor, or mount -t xenfs xenfs /proc/xen",
				    path);
	if (!text.data || !strstr(text.data, "control_d"))
		return mu_error_set(err, MU_E_UNSUPPORTED,
				    "this is a Xen guest, not dom0 (%s has no control_d)", path);
	return 0;
}

static bool find_line(const char *text, const char *name, char *dst, size_t size)
{
	const char *p = text, *end;

	while (p && !mu_str_has_prefix(p, name)) {
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
	if (!p)
		return false;
	p += strlen(name);
	p += strspn(p, " \t:");
	end = p + strcspn(p, "\n");
	mu_utf8_sanitize(dst, size - 1, p, (size_t)(end - p));
	return true;
}

bool xen_host_line(const char *path, const char *name, char *dst, size_t size)
{
	__attribute__((cleanup(mu_str_deinit_cleanup))) struct mu_str text = MU_STR_INIT;

	return mu_file_read(path, PROC_MAX, &text, NULL) == 0 && text.data &&
	       find_line(text.data, name, dst, size);
}

/* The kernel makes the text while it is read, and asks every CPU for its clock: the first one's
 * part is enough. */
bool xen_host_cpuinfo(const char *name, char *dst, size_t size)
{
	char text[CPUINFO_HEAD + 1];
	int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd >= 0 ? read(fd, text, CPUINFO_HEAD) : -1;

	if (fd >= 0)
		(void)close(fd);
	if (len < 0)
		return false;
	text[len] = '\0';
	return find_line(text, name, dst, size);
}

static void read_kernel_side(struct model_host *h)
{
	struct utsname u;
	char text[64];
	uint64_t seconds;

	if (uname(&u) == 0)
		mu_utf8_sanitize(h->kernel, MODEL_NAME_MAX, u.release, strlen(u.release));
	if (gethostname(h->name, sizeof h->name) != 0)
		h->name[0] = '\0';
	h->name[sizeof h->name - 1] = '\0';
	(void)xen_host_cpuinfo("model name", h->cpu_model, sizeof h->cpu_model);
	(void)xen_host_line("/proc/sys/kernel/random/boot_id", "", h->boot_id, sizeof h->boot_id);
	if (xen_host_line("/proc/stat", "btime", text, sizeof text) && mu_parse_u64(text, &seconds))
		h->booted_at = (mu_msec)seconds * 1000;
}

static void read_version(xc_interface *xch, struct model_host *h)
{
	xen_extraversion_t extra = {0};
	int version = xc_version(xch, XENVER_version, NULL);

	if (version < 0 || xc_version(xch, XENVER_extraversion, &extra) < 0)
		return;
	extra[sizeof extra - 1] = '\0';
	(void)snprintf(h->xen_version, sizeof h->xen_version, "%d.%d%s", version >> 16,
		       version & 0xffff, extra);
}

int xen_host_info(xc_interface *xch, struct model_host *ret, struct mu_error *err)
{
	xc_physinfo_t info = {0};
	struct model_host h;
	uint32_t per_socket;

	if (xc_physinfo(xch, &info) < 0)
		return mu_error_errno(err, errno, "the hypervisor does not describe the host");
	model_host_init(&h);
	(void)snprintf(h.driver, sizeof h.driver, "xen");
	read_kernel_side(&h);
	read_version(xch, &h);
	h.cpus = info.nr_cpus;
	per_socket = info.threads_per_core * info.cores_per_socket;
	h.sockets = per_socket ? (info.nr_cpus + per_socket - 1) / per_socket : 1;
	h.cpu_mhz = info.cpu_khz / 1000;
	h.memory_total_bytes = (int64_t)info.total_pages * PAGE_BYTES;
	h.memory_free_bytes =
	    (int64_t)(info.free_pages + info.scrub_pages) * PAGE_BYTES / MIB * MIB;
	h.hvm_capable = (info.capabilities & XEN_SYSCTL_PHYSCAP_hvm) != 0;
	*ret = h;
	return 0;
}
