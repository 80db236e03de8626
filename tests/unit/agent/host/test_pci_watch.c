/* SPDX-License-Identifier: Apache-2.0 */
/* What the watch tells when devices come, change their driver and go. */
#include "agent/host/pci_watch.h"
#include "common/base/str.h"
#include "tests/unit/agent/host/tree.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct host_id host = {{{9}}};
static struct mu_loop *loop;
static struct host_pci_watch *watch;
static struct mu_str said;
static size_t n_wanted; /* stop the loop after so many words */
static size_t n_said;

static void say(const char *what, const char *more)
{
	mu_str_printf(&said, "%s %s\n", what, more);
	if (++n_said == n_wanted)
		mu_loop_stop(loop);
}

static void on_set(void *ctx, const struct model_object *o)
{
	char text[256];

	(void)ctx;
	cr_expect_eq(o->kind, OBJECT_PCI);
	cr_expect(mu_uuid_equal(&o->host.uuid, &host.uuid));
	snprintf(text, sizeof text, "%s %s%s", o->name, o->pci.driver,
		 o->pci.assignable ? " assignable" : "");
	say("set", text);
}

static void on_removed(void *ctx, const struct mu_uuid *id)
{
	struct mu_uuid expected = object_pci_id(&host, "0000:00:02.0");

	(void)ctx;
	say("removed", mu_uuid_equal(id, &expected) ? "0000:00:02.0" : "another");
}

static void on_failed(void *ctx, const struct mu_error *err)
{
	(void)ctx;
	say("failed", strstr(err->text, "PCI devices") ? "as it should" : err->text);
}

static void on_stopped(void *ctx)
{
	(void)ctx;
	mu_loop_stop(loop);
}

static void expect(size_t n, const char *text)
{
	n_wanted = n;
	n_said = 0;
	mu_str_reset(&said);
	mu_loop_run(loop);
	cr_expect_str_eq(said.data, text);
}

static void setup(void)
{
	tree_make();
	loop = mu_loop_new();
}

static void teardown(void)
{
	mu_str_deinit(&said);
	loop = mu_loop_free(loop);
	tree_clean();
}

TestSuite(pci_watch, .init = setup, .fini = teardown, .timeout = 60);

static void bind(const char *address, const char *driver)
{
	char path[128], target[128];

	snprintf(path, sizeof path, "%s/bus/pci/devices/%s/driver", tree_root, address);
	(void)unlink(path);
	snprintf(path, sizeof path, "bus/pci/devices/%s/driver", address);
	snprintf(target, sizeof target, "../drivers/%s", driver);
	tree_link(path, target);
}

Test(pci_watch, comes_changes_goes)
{
	const struct host_pci_listener listener = {on_set, on_removed, on_failed, NULL};
	char path[256], other[256];

	tree_put("bus/pci/devices/0000:00:02.0/class", "0x030000");
	tree_put("bus/pci/devices/0000:00:03.0/class", "0x020000");
	bind("0000:00:03.0", "e1000");
	watch = host_pci_watch_new(loop, tree_root, &host, &listener);
	expect(2, "set 0000:00:02.0 \nset 0000:00:03.0 e1000\n");
	bind("0000:00:03.0", "pciback");
	host_pci_watch_look(watch);
	host_pci_watch_look(watch); /* while it reads: once more */
	expect(1, "set 0000:00:03.0 pciback assignable\n");
	tree_put("bus/pci/devices/0000:00:01.0/class", "0x020000");
	snprintf(path, sizeof path, "%s/bus/pci/devices/0000:00:02.0", tree_root);
	snprintf(other, sizeof other, "%s/gone", tree_root);
	cr_assert_eq(rename(path, other), 0);
	host_pci_watch_look(watch);
	expect(2, "set 0000:00:01.0 \nremoved 0000:00:02.0\n");
	snprintf(path, sizeof path, "%s/bus/pci/devices", tree_root);
	snprintf(other, sizeof other, "%s/bus/pci/old", tree_root);
	cr_assert_eq(rename(path, other), 0);
	tree_put("bus/pci/devices", "a file");
	host_pci_watch_look(watch);
	expect(1, "failed as it should\n");
	host_pci_watch_stop(watch, on_stopped, NULL);
	expect(0, "");
}

Test(pci_watch, stopped_while_it_reads)
{
	const struct host_pci_listener listener = {on_set, on_removed, on_failed, NULL};

	tree_put("bus/pci/devices/0000:00:02.0/class", "0x030000");
	watch = host_pci_watch_new(loop, tree_root, &host, &listener);
	host_pci_watch_stop(watch, on_stopped, NULL);
	mu_str_add(&said, "");
	mu_loop_run(loop);
	cr_expect_str_eq(said.data, "");
}
