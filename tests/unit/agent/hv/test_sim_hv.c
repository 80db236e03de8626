/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated host's memory on disk: a killed agent finds its domains again. */
#include "agent/hv/drivers.h"
#include "common/log/log.h"
#include "common/os/file.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct env {
	char dir[64];
	struct mu_loop *loop;
	struct mu_timer *guard;
	struct hv *hv;
	struct hv_op op;
	bool over;
};

static void too_long(void *ctx)
{
	(void)ctx;
	cr_assert(false, "nothing happened for a minute");
}

static void make_dir(struct env *e)
{
	snprintf(e->dir, sizeof e->dir, "/tmp/test-sim-hv.XXXXXX");
	cr_assert_not_null(mkdtemp(e->dir));
}

static void remove_dir(struct env *e)
{
	static const char *const names[] = {"sim-host.json", "sim-host.json.damaged-1"};

	for (size_t i = 0; i < MU_ARRAY_SIZE(names); i++) {
		char path[128];

		snprintf(path, sizeof path, "%s/%s", e->dir, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(e->dir);
}

static void open_sim(struct env *e)
{
	const struct hv_sim_options options = {
	    .name = "sim-1", .state_dir = e->dir, .seed = 3, .n_foreign = 2, .create_ms = 20};
	const struct hv_ops *ops;
	void *impl;
	struct mu_error err = MU_ERROR_INIT;

	e->loop = mu_loop_new();
	e->guard = mu_timer_new(e->loop, too_long, NULL);
	mu_timer_set(e->guard, MU_SEC(60));
	cr_assert_eq(hv_sim_new(e->loop, &options, &ops, &impl, &err), 0, "%s", err.text);
	e->hv = hv_new(e->loop, ops, impl);
}

static void on_over(void *ctx)
{
	struct env *e = ctx;

	e->over = true;
	mu_loop_stop(e->loop);
}

static void close_sim(struct env *e)
{
	e->over = false;
	hv_free(e->hv, on_over, e);
	while (!e->over)
		mu_loop_run(e->loop);
	mu_timer_free(e->guard);
	mu_loop_free(e->loop);
}

static void kill_self(struct hv_op *op)
{
	cr_assert_eq(op->r, 0, "%s", op->err.text);
	(void)kill(getpid(), SIGKILL);
}

/* In a child: make a domain and die in the callback that says it is there. */
static void agent_that_is_killed(struct env *e)
{
	struct hv_vm_config c = {.id = {{{9}}},
				 .name = "survivor",
				 .vcpus = 1,
				 .vcpus_max = 1,
				 .memory_bytes = 64 << 20,
				 .memory_max_bytes = 64 << 20,
				 .kernel = "/sim/vmlinuz"};

	open_sim(e);
	e->op = (struct hv_op){.kind = HV_CREATE, .config = &c, .done = kill_self};
	hv_op_start(e->hv, &e->op);
	mu_loop_run(e->loop);
	_exit(1);
}

Test(sim_hv, domains_outlive_a_killed_agent)
{
	struct env e = {0};
	struct hv_domain domains[8];
	struct model_host h;
	size_t n = 0;
	int status = 0;
	pid_t pid;

	make_dir(&e);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0)
		agent_that_is_killed(&e);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "%d", status);
	open_sim(&e);
	cr_assert_eq(hv_list(e.hv, domains, 8, &n, NULL), 0);
	cr_assert_eq(n, 3);
	cr_assert_str_eq(domains[2].name, "survivor");
	cr_assert(domains[2].ours && !domains[2].incomplete && !domains[2].paused);
	cr_assert(!domains[0].ours);
	cr_assert_eq(hv_host_info(e.hv, &h, NULL), 0);
	cr_assert_str_eq(h.name, "sim-1");
	close_sim(&e);
	remove_dir(&e);
}

static int n_warnings;

static void count_warnings(enum mu_log_level level, const char *line, void *ctx)
{
	(void)ctx;
	if (level == MU_LOG_WARNING && strstr(line, "state is damaged"))
		n_warnings++;
}

Test(sim_hv, damaged_state_is_put_aside)
{
	struct env e = {0};
	struct hv_domain domains[8];
	char path[128];
	size_t n = 0;

	make_dir(&e);
	snprintf(path, sizeof path, "%s/sim-host.json", e.dir);
	cr_assert_eq(mu_file_replace(path, "{\"format\":", 10, 0600, NULL), 0);
	mu_log_to(count_warnings, NULL);
	open_sim(&e);
	cr_assert_eq(n_warnings, 1);
	cr_assert_eq(hv_list(e.hv, domains, 8, &n, NULL), 0);
	cr_assert_eq(n, 2, "a new host with its foreign domains");
	snprintf(path, sizeof path, "%s/sim-host.json.damaged-1", e.dir);
	cr_assert_eq(access(path, F_OK), 0);
	close_sim(&e);
	remove_dir(&e);
}

Test(sim_hv, bad_options_are_refused)
{
	static const struct hv_sim_options bad[] = {
	    {.cpus = 4096},
	    {.memory_bytes = 1 << 20},
	    {.n_foreign = 1000000},
	    {.state_dir = "/proc/nonexistent"},
	};
	struct mu_loop *loop = mu_loop_new();

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		struct mu_error err = MU_ERROR_INIT;
		const struct hv_ops *ops;
		void *impl;

		cr_assert_lt(hv_sim_new(loop, &bad[i], &ops, &impl, &err), 0, "%zu", i);
		cr_assert(strstr(err.text, "simulated host"), "%s", err.text);
	}
	mu_loop_free(loop);
}
