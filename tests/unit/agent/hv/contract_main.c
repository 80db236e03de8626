/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the contract against one driver and prints TAP. Standalone, so that it can be copied into a
 * Xen host's dom0:
 *
 *   hv-contract --driver xen --kernel FILE --ramdisk FILE --memory 96
 *   hv-contract --driver sim|fault
 *   hv-contract ... --only TEXT     only the cases with TEXT in their name
 *   hv-contract ... --group NAME    only basics, trouble, devices or resources
 */
#include "agent/hv/drivers.h"
#include "common/log/log.h"
#include "common/os/clock.h"
#include "tests/unit/agent/hv/contract.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct settings {
	const char *driver;
	const char *only;
	const char *group;
	const char *state_dir;
};

static int open_sim(const struct hv_contract *c, struct mu_loop *loop,
		    const struct hv_ops **ret_ops, void **ret_impl, struct mu_error *err)
{
	const struct settings *s = c->ctx;
	const struct hv_sim_options options = {
	    .name = "contract",
	    .state_dir = s->state_dir,
	    .seed = 1,
	    .n_foreign = 2,
	    .create_ms = 30,
	    .shutdown_ms = 40,
	    .save_ms = 40,
	    .restore_ms = 30,
	    .destroy_ms = 10,
	    .guest_ms = 20,
	};

	return hv_sim_new(loop, &options, ret_ops, ret_impl, err);
}

static int open_driver(const struct hv_contract *c, struct mu_loop *loop, struct hv **ret_hv,
		       struct mu_error *err)
{
	const struct settings *s = c->ctx;
	const struct hv_ops *ops, *under;
	void *impl, *under_impl;
	int r;

	if (strcmp(s->driver, "xen") == 0) {
		r = hv_xen_new(loop, &ops, &impl, err);
	} else if (strcmp(s->driver, "sim") == 0) {
		r = open_sim(c, loop, &ops, &impl, err);
	} else {
		r = open_sim(c, loop, &under, &under_impl, err);
		if (r == 0)
			r = hv_fault_new(loop, "", under, under_impl, &ops, &impl, err);
	}
	if (r < 0)
		return MU_FAILED;
	*ret_hv = hv_new(loop, ops, impl);
	return 0;
}

static void usage(const char *program)
{
	fprintf(stderr,
		"usage: %s --driver sim|fault|xen [--type pv|pvh|hvm] [--kernel PATH]\n"
		"       [--ramdisk PATH] [--memory MIB] [--cmdline TEXT] [--boot-ms MS]\n"
		"       [--only TEXT] [--group basics|trouble|devices|resources]\n",
		program);
	exit(2);
}

static void copy_path(char *dst, const char *value, const char *program)
{
	if (strlen(value) > HV_PATH_MAX)
		usage(program);
	memcpy(dst, value, strlen(value) + 1);
}

static void parse(int argc, char **argv, struct settings *s, struct hv_contract *c)
{
	static const struct option table[] = {
	    {"driver", required_argument, NULL, 'd'},  {"kernel", required_argument, NULL, 'k'},
	    {"ramdisk", required_argument, NULL, 'r'}, {"memory", required_argument, NULL, 'm'},
	    {"cmdline", required_argument, NULL, 'c'}, {"boot-ms", required_argument, NULL, 'b'},
	    {"only", required_argument, NULL, 'o'},    {"group", required_argument, NULL, 'g'},
	    {"type", required_argument, NULL, 't'},    {NULL, 0, NULL, 0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (opt == 'd')
			s->driver = optarg;
		else if (opt == 'k')
			copy_path(c->guest.kernel, optarg, argv[0]);
		else if (opt == 'r')
			copy_path(c->guest.ramdisk, optarg, argv[0]);
		else if (opt == 'c')
			copy_path(c->guest.cmdline, optarg, argv[0]);
		else if (opt == 'm')
			c->guest.memory_bytes = (int64_t)strtoul(optarg, NULL, 10) << 20;
		else if (opt == 'b')
			c->boot_ms = (mu_msec)strtoul(optarg, NULL, 10);
		else if (opt == 'o')
			s->only = optarg;
		else if (opt == 'g')
			s->group = optarg;
		else if (opt != 't' || !vm_type_parse(optarg, &c->guest.type))
			usage(argv[0]);
	}
	if (!s->driver || (strcmp(s->driver, "sim") != 0 && strcmp(s->driver, "fault") != 0 &&
			   strcmp(s->driver, "xen") != 0))
		usage(argv[0]);
	c->guest.memory_max_bytes = c->guest.memory_bytes;
}

static bool is_asked_for(const struct settings *s, size_t i)
{
	return (!s->only || strstr(hv_contract_case_name(i), s->only)) &&
	       (!s->group || strcmp(hv_contract_case_group(i), s->group) == 0);
}

/* A sim is used up by its case, its host is not: the state directory is that host. `number` is
 * TAP's. */
static int run_case(const struct hv_contract *c, size_t i, size_t number)
{
	mu_msec begin = mu_clock_monotonic();
	struct mu_error err = MU_ERROR_INIT;
	int r = hv_contract_run(c, i, &err);

	printf("%s %zu - %s # %" PRId64 " ms\n", r == 0 ? "ok" : "not ok", number,
	       hv_contract_case_name(i), mu_clock_monotonic() - begin);
	if (r < 0)
		printf("# %s\n", err.text);
	fflush(stdout);
	return r < 0;
}

/* How many failed. */
static int run_all(const struct hv_contract *c)
{
	const struct settings *s = c->ctx;
	size_t n = 0, number = 0;
	int n_failed = 0;

	for (size_t i = 0; i < hv_contract_n_cases(); i++)
		n += is_asked_for(s, i);
	printf("1..%zu\n", n);
	for (size_t i = 0; i < hv_contract_n_cases(); i++) {
		if (is_asked_for(s, i))
			n_failed += run_case(c, i, ++number);
	}
	return n_failed;
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/hv-contract.XXXXXX";
	struct settings s = {0};
	struct hv_contract c = {
	    .open = open_driver,
	    .ctx = &s,
	    .guest = {.type = VM_TYPE_PV,
		      .vcpus = 1,
		      .vcpus_max = 1,
		      .memory_bytes = (int64_t)64 << 20,
		      .kernel = "/sim/boot/vmlinuz"},
	    .n_concurrent = 4,
	};
	char state[64], file[96];
	int n_failed;

	parse(argc, argv, &s, &c);
	if (!mkdtemp(dir)) {
		perror(dir);
		return 2;
	}
	snprintf(state, sizeof state, "%s/host", dir);
	s.state_dir = state;
	c.dir = dir;
	if (strcmp(s.driver, "xen") == 0 && c.boot_ms == 0)
		c.boot_ms = MU_SEC(15);
	n_failed = run_all(&c);
	snprintf(file, sizeof file, "%s/sim-host.json", state);
	(void)unlink(file);
	(void)rmdir(state);
	(void)rmdir(dir);
	return n_failed > 0;
}
