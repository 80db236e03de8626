/* SPDX-License-Identifier: Apache-2.0 */
/* The machine itself: memory, CPUs, features, clock, and what its events lead to. */
#include "agent/hv/dconf/dconf.h"
#include "agent/import/import_libvirt.h"

#include <string.h>

#define HVM "b_info/type.hvm/"

/* KiB of an element such as <memory unit='MiB'>512</memory>. */
static int read_kib(struct xml_node *node, int64_t *ret, struct mu_error *err)
{
	static const struct {
		const char *name;
		int64_t bytes;
	} units[] = {
	    {"b", 1},
	    {"bytes", 1},
	    {"KB", 1000},
	    {"k", 1024},
	    {"KiB", 1024},
	    {"MB", 1000000},
	    {"M", 1 << 20},
	    {"MiB", 1 << 20},
	    {"GB", 1000000000},
	    {"G", 1 << 30},
	    {"GiB", 1 << 30},
	    {"T", INT64_C(1) << 40},
	    {"TiB", INT64_C(1) << 40},
	};
	const char *unit = xml_take_attr(node, "unit");
	int64_t n;

	if (libvirt_number(node, "the size", xml_take_text(node), INT64_C(1) << 44, &n, err) < 0)
		return MU_FAILED;
	for (size_t i = 0; i < MU_ARRAY_SIZE(units); i++) {
		if (strcmp(units[i].name, unit ? unit : "KiB") != 0)
			continue;
		if (n > (INT64_C(1) << 44) / units[i].bytes)
			break;
		*ret = (n * units[i].bytes + 1023) / 1024;
		return 0;
	}
	return xml_invalid(err, node, "the size is too large or its unit is not known");
}

/* "0-3,^2" as libxl's list of CPUs. */
static int read_cpu_list(struct libvirt *l, const struct xml_node *node, const char *text,
			 struct mu_value **ret, struct mu_error *err)
{
	enum { CPUS = 1024 };
	bool *cpus = mu_arena_calloc(l->arena, CPUS, sizeof *cpus);
	char *rest = mu_arena_strdup(l->arena, text);

	*ret = mu_value_list(l->arena);
	for (char *item; (item = strsep(&rest, ","));) {
		bool on = *item != '^';
		char *dash = strchr(item, '-');
		int64_t first, last;

		if (dash)
			*dash++ = '\0';
		if (libvirt_number(node, "a CPU", item + !on, CPUS - 1, &first, err) < 0 ||
		    libvirt_number(node, "a CPU", dash ? dash : item + !on, CPUS - 1, &last, err) <
			0)
			return MU_FAILED;
		for (int64_t i = first; i <= last; i++)
			cpus[i] = on;
	}
	for (int i = 0; i < CPUS; i++) {
		if (cpus[i])
			mu_value_push(*ret, mu_value_int(l->arena, i));
	}
	return 0;
}

/* Memory and CPUs */

static int read_memory(struct libvirt *l, struct xml_node *domain, struct mu_error *err)
{
	struct xml_node *memory = xml_child(domain, "memory");
	struct xml_node *current = xml_child(domain, "currentMemory");
	int64_t max, target;

	if (!memory)
		return xml_invalid(err, domain, "<domain> has no <memory>");
	if (read_kib(memory, &max, err) < 0)
		return MU_FAILED;
	target = max;
	if (current && read_kib(current, &target, err) < 0)
		return MU_FAILED;
	libvirt_int(l, "b_info/max_memkb", max);
	libvirt_int(l, "b_info/target_memkb", target);
	xml_done(memory);
	xml_done(current);
	return 0;
}

static int read_pins(struct libvirt *l, struct xml_node *tune, struct mu_value *maps,
		     struct mu_error *err)
{
	for (struct xml_node *pin; (pin = xml_child(tune, "vcpupin"));) {
		const char *cpuset = xml_take_attr(pin, "cpuset");
		struct mu_value *map, *at = maps->first;
		int64_t vcpu;

		if (libvirt_number(pin, "vcpu", xml_take_attr(pin, "vcpu"),
				   (int64_t)maps->n_children - 1, &vcpu, err) < 0 ||
		    read_cpu_list(l, pin, cpuset ? cpuset : "", &map, err) < 0)
			return MU_FAILED;
		for (int64_t i = 0; i < vcpu; i++)
			at = at->next;
		at->first = map->first;
		at->last = map->last;
		at->n_children = map->n_children;
		xml_drop(pin);
	}
	return 0;
}

static int read_affinity(struct libvirt *l, struct xml_node *domain, const struct xml_node *vcpu,
			 const char *cpuset, int64_t max, struct mu_error *err)
{
	struct xml_node *tune = xml_child(domain, "cputune");
	struct mu_value *maps = mu_value_list(l->arena);
	struct mu_value *all;
	bool pinned = xml_child(tune, "vcpupin") != NULL;

	if (!cpuset && !pinned)
		return 0;
	if (read_cpu_list(l, vcpu, cpuset ? cpuset : "0-1023", &all, err) < 0)
		return MU_FAILED;
	for (int64_t i = 0; i < max; i++)
		mu_value_push(maps, mu_value_copy(l->arena, all));
	if (read_pins(l, tune, maps, err) < 0)
		return MU_FAILED;
	dconf_set(l->arena, l->root, "b_info/vcpu_hard_affinity", maps);
	return 0;
}

static int read_vcpus(struct libvirt *l, struct xml_node *domain, struct mu_error *err)
{
	struct xml_node *vcpu = xml_child(domain, "vcpu");
	const char *current = xml_take_attr(vcpu, "current");
	const char *cpuset = xml_take_attr(vcpu, "cpuset");
	const char *placement = xml_take_attr(vcpu, "placement");
	int64_t max = 1, online;

	if (placement && strcmp(placement, "static") != 0)
		return xml_invalid(err, vcpu, "vCPUs can only be placed statically");
	if (vcpu && (libvirt_number(vcpu, "<vcpu>", xml_take_text(vcpu), 128, &max, err) < 0))
		return MU_FAILED;
	online = max;
	if (current && libvirt_number(vcpu, "current", current, max, &online, err) < 0)
		return MU_FAILED;
	if (read_affinity(l, domain, vcpu, cpuset, max, err) < 0)
		return MU_FAILED;
	libvirt_int(l, "b_info/max_vcpus", max);
	for (int64_t i = 0; i < online; i++)
		mu_value_push(dconf_list(l->arena, l->root, "b_info/avail_vcpus"),
			      mu_value_int(l->arena, i));
	xml_done(vcpu);
	return 0;
}

static int read_tune(struct libvirt *l, struct xml_node *domain, struct mu_error *err)
{
	struct xml_node *tune = xml_child(domain, "cputune");
	struct xml_node *shares = xml_child(tune, "shares");
	int64_t n;

	if (shares) {
		if (libvirt_number(shares, "<shares>", xml_take_text(shares), 65535, &n, err) < 0)
			return MU_FAILED;
		libvirt_int(l, "b_info/sched_params/weight", n);
	}
	xml_done(shares);
	xml_done(tune);
	return 0;
}

/* xl's name of a CPU feature is libvirt's but for these. */
static const char *feature_name(const char *name)
{
	static const struct libvirt_word renamed[] = {{"cx16", "cmpxchg16"},
						      {"cid", "cntxid"},
						      {"ds_cpl", "dscpl"},
						      {"pclmuldq", "pclmulqdq"},
						      {"pni", "sse3"},
						      {"ht", "htt"},
						      {"pn", "psn"},
						      {"clflush", "clfsh"},
						      {"sep", "sysenter"},
						      {"cx8", "cmpxchg8"},
						      {"nodeid_msr", "nodeid"},
						      {"cr8legacy", "altmovcr8"},
						      {"lahf_lm", "lahfsahf"},
						      {"cmp_legacy", "cmplegacy"},
						      {"fxsr_opt", "ffxsr"},
						      {"pdpe1gb", "page1gb"},
						      {"spec-ctrl", "ibrsb"},
						      {NULL, NULL}};
	const char *word = libvirt_word(renamed, name);

	return word ? word : name;
}

static int read_feature(struct libvirt *l, struct xml_node *node, struct mu_error *err)
{
	static const struct libvirt_word policies[] = {{"force", "1"},    {"require", "1"},
						       {"optional", "x"}, {"disable", "0"},
						       {"forbid", "0"},   {NULL, NULL}};
	const char *name = xml_take_attr(node, "name");
	const char *policy = xml_take_attr(node, "policy");
	const char *value = libvirt_word(policies, policy ? policy : "require");

	if (!name || !value)
		return xml_invalid(err, node,
				   "<feature> has no name, or a policy that is not known");
	/* These two are the guest's own virtualisation. */
	if (!strcmp(name, "vmx") || !strcmp(name, "svm")) {
		libvirt_switch(l, "b_info/nested_hvm", *value == '1');
	} else {
		if (!l->cpuid->len)
			mu_str_add(l->cpuid, "host");
		mu_str_printf(l->cpuid, ",%s=%s", feature_name(name), value);
	}
	xml_drop(node);
	return 0;
}

static int read_cpu(struct libvirt *l, struct xml_node *domain, struct mu_error *err)
{
	struct xml_node *cpu = xml_child(domain, "cpu");
	const char *mode = xml_take_attr(cpu, "mode");

	if (!cpu)
		return 0;
	if (mode && strcmp(mode, "host-passthrough") != 0)
		return xml_invalid(
		    err, cpu, "Xen's guests have the host's CPU; hint: mode='host-passthrough'");
	(void)xml_take_attr(cpu, "check");
	(void)xml_take_attr(cpu, "migratable");
	if (l->type == VM_TYPE_HVM && mode)
		libvirt_switch(l, "b_info/nested_hvm", true);
	for (struct xml_node *feature; (feature = xml_child(cpu, "feature"));) {
		if (read_feature(l, feature, err) < 0)
			return MU_FAILED;
	}
	xml_done(cpu);
	return 0;
}

/* Features, clock, events */

static int read_xen_features(struct libvirt *l, struct xml_node *xen)
{
	struct xml_node *e820 = xml_child(xen, "e820_host");
	struct xml_node *passthrough = xml_child(xen, "passthrough");
	const char *state = xml_take_attr(e820, "state");
	const char *mode = xml_take_attr(passthrough, "mode");
	bool on = libvirt_yes(xml_take_attr(passthrough, "state"));

	if (e820 && l->type == VM_TYPE_PV)
		libvirt_switch(l, "b_info/type.pv/e820_host", libvirt_yes(state));
	if (passthrough)
		libvirt_text(l, "c_info/passthrough", on ? (mode ? mode : "enabled") : "disabled");
	xml_done(e820);
	xml_done(passthrough);
	xml_done(xen);
	return 0;
}

static int read_hyperv(struct libvirt *l, struct xml_node *hyperv, struct mu_error *err)
{
	/* libxl's numbers of what it calls viridian enlightenments. */
	static const struct {
		const char *name;
		int bit;
	} known[] = {{"relaxed", 0}, {"vapic", 5},  {"frequencies", 1}, {"tlbflush", 4},
		     {"synic", 7},   {"stimer", 8}, {"ipi", 9}};
	const char *mode = xml_take_attr(hyperv, "mode");

	if (mode && !strcmp(mode, "passthrough")) {
		libvirt_switch(l, HVM "viridian", true);
		return 0;
	}
	for (size_t i = 0; i < MU_ARRAY_SIZE(known); i++) {
		struct xml_node *node = xml_child(hyperv, known[i].name);
		bool on = node && libvirt_yes(xml_take_attr(node, "state"));

		if (node)
			mu_value_push(
			    dconf_list(l->arena, l->root,
				       on ? HVM "viridian_enable" : HVM "viridian_disable"),
			    mu_value_int(l->arena, known[i].bit));
		xml_done(node);
	}
	(void)err;
	return 0;
}

static int read_features(struct libvirt *l, struct xml_node *domain, struct mu_error *err)
{
	static const struct {
		const char *name;
		const char *path;
		bool pv; /* means something there, too */
	} switches[] = {
	    {"acpi", "b_info/acpi", false},      {"apic", "b_info/apic", false},
	    {"pae", HVM "pae", false},           {"hap", "c_info/hap", true},
	    {"viridian", HVM "viridian", false},
	};
	struct xml_node *features = xml_child(domain, "features");
	struct xml_node *xen = xml_child(features, "xen");
	struct xml_node *hyperv = xml_child(features, "hyperv");

	for (size_t i = 0; i < MU_ARRAY_SIZE(switches); i++) {
		struct xml_node *node = xml_child(features, switches[i].name);
		bool on = node && libvirt_yes(xml_take_attr(node, "state"));

		/* The driver takes an HVM guest at its word: what it does not name is off. */
		if (l->type == VM_TYPE_HVM && (node || i < 3))
			libvirt_switch(l, switches[i].path, on);
		else if (node && switches[i].pv)
			libvirt_switch(l, switches[i].path, on);
		xml_done(node);
	}
	if (xen)
		(void)read_xen_features(l, xen);
	if (hyperv && l->type == VM_TYPE_HVM && read_hyperv(l, hyperv, err) < 0)
		return MU_FAILED;
	xml_done(hyperv);
	xml_done(features);
	return 0;
}

static int read_timer(struct libvirt *l, struct xml_node *timer, struct mu_error *err)
{
	static const struct libvirt_word modes[] = {
	    {"native", "native"}, {"paravirt", "native_paravirt"}, {NULL, NULL}};
	const char *name = xml_take_attr(timer, "name");
	const char *mode = xml_take_attr(timer, "mode");
	const char *present = xml_take_attr(timer, "present");
	const char *word = libvirt_word(modes, mode);

	if (mu_str_equal(name, "tsc")) {
		libvirt_text(l, "b_info/tsc_mode", word ? word : "always_emulate");
	} else if (mu_str_equal(name, "hpet")) {
		if (l->type == VM_TYPE_HVM)
			libvirt_switch(l, HVM "hpet", libvirt_yes(present));
	} else {
		return xml_invalid(err, timer, "<timer name='%.40s'> is none of Xen's",
				   name ? name : "");
	}
	xml_done(timer);
	return 0;
}

static int read_clock(struct libvirt *l, struct xml_node *domain, struct mu_error *err)
{
	struct xml_node *clock = xml_child(domain, "clock");
	const char *offset = xml_take_attr(clock, "offset");
	const char *adjust = xml_take_attr(clock, "adjustment");
	const char *basis = xml_take_attr(clock, "basis");
	const char *digits = adjust ? adjust + (*adjust == '-') : NULL;
	int64_t n = 0;

	if (!clock)
		return 0;
	if (mu_str_equal(offset, "localtime") || mu_str_equal(basis, "localtime"))
		libvirt_switch(l, "b_info/localtime", true);
	else if (offset && strcmp(offset, "utc") != 0 && strcmp(offset, "variable") != 0)
		return xml_invalid(err, clock, "<clock offset='%.40s'> is none of Xen's", offset);
	if (mu_str_equal(offset, "variable") && adjust &&
	    libvirt_number(clock, "adjustment", digits, INT32_MAX, &n, err) < 0)
		return MU_FAILED;
	if (n)
		libvirt_int(l, "b_info/rtc_timeoffset", (uint32_t)(digits == adjust ? n : -n));
	for (struct xml_node *timer; (timer = xml_child(clock, "timer"));) {
		if (read_timer(l, timer, err) < 0)
			return MU_FAILED;
		if (xml_child(clock, "timer") == timer)
			break; /* something is left in it: found at the end */
	}
	xml_done(clock);
	return 0;
}

static int read_events(struct libvirt *l, struct xml_node *domain, struct mu_error *err)
{
	static const struct libvirt_word actions[] = {{"destroy", "destroy"},
						      {"restart", "restart"},
						      {"preserve", "preserve"},
						      {"rename-restart", "restart_rename"},
						      {"coredump-destroy", "coredump_destroy"},
						      {"coredump-restart", "coredump_restart"},
						      {NULL, NULL}};
	static const char *const events[] = {"on_poweroff", "on_reboot", "on_crash"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(events); i++) {
		struct xml_node *node = xml_child(domain, events[i]);
		const char *word;

		if (!node) {
			if (!strcmp(events[i], "on_reboot"))
				libvirt_text(l, events[i], "restart");
			continue;
		}
		word = libvirt_word(actions, xml_take_text(node));
		if (!word)
			return xml_invalid(err, node, "<%s> has an action that is none of Xen's",
					   events[i]);
		libvirt_text(l, events[i], word);
		xml_done(node);
	}
	return 0;
}

int libvirt_machine(struct libvirt *l, struct xml_node *domain, struct mu_error *err)
{
	if (read_memory(l, domain, err) < 0 || read_vcpus(l, domain, err) < 0 ||
	    read_tune(l, domain, err) < 0 || read_cpu(l, domain, err) < 0 ||
	    read_features(l, domain, err) < 0 || read_clock(l, domain, err) < 0)
		return MU_FAILED;
	return read_events(l, domain, err);
}
