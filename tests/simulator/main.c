/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simulator [--runs N] [--break RULE]   seeds 1..N, TAP; with --break a violation must be found
 * simulator --seed N [--break RULE]     one run with its trace
 */
#include "tests/simulator/sim.h"

#include "common/base/str.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const rules[_SIM_BREAK_COUNT] = {
    [SIM_BREAK_NONE] = "none",       [SIM_BREAK_ACK] = "ack",   [SIM_BREAK_RESULT] = "result",
    [SIM_BREAK_JOURNAL] = "journal", [SIM_BREAK_AWAY] = "away", [SIM_BREAK_DELTA] = "delta",
};

static char aborted[96];

/* An assertion of a core has failed: say where to look. */
static void on_abort(int sig)
{
	ssize_t n = write(STDERR_FILENO, aborted, strlen(aborted));

	(void)n;
	(void)signal(sig, SIG_DFL);
}

static int usage(void)
{
	fprintf(stderr, "usage: simulator [--runs N | --seed N] "
			"[--break ack|result|journal|away|delta]\n");
	return 2;
}

static struct sim_met met;

static bool run(uint64_t seed, enum sim_break rule, bool trace, char *failure, size_t size)
{
	(void)snprintf(aborted, sizeof aborted, "aborted in seed %llu; hint: --seed %llu\n",
		       (unsigned long long)seed, (unsigned long long)seed);
	return sim_run(seed, rule, trace, &met, failure, size);
}

/* Every run is good and things happen in them; the first that is not good is shown. */
static int expect_good(uint64_t n)
{
	char failure[512];
	bool enough;

	for (uint64_t seed = 1; seed <= n; seed++) {
		if (run(seed, SIM_BREAK_NONE, false, failure, sizeof failure))
			continue;
		(void)run(seed, SIM_BREAK_NONE, true, failure, sizeof failure);
		printf("1..1\nnot ok 1 - seed %llu: %s\n", (unsigned long long)seed, failure);
		return 1;
	}
	printf("# met: acks %llu, resumes %llu, snapshots %llu, aggregator crashes %llu, agent "
	       "restarts %llu, commands done %llu\n",
	       (unsigned long long)met.n_acks, (unsigned long long)met.n_resumes,
	       (unsigned long long)met.n_snapshots, (unsigned long long)met.n_crashes,
	       (unsigned long long)met.n_restarts, (unsigned long long)met.n_done);
	enough = met.n_acks > 10 * n && met.n_resumes > n && met.n_snapshots > n &&
		 met.n_crashes > n && met.n_restarts > n && met.n_done > n;
	printf("1..1\n%s 1 - %llu fleets\n", enough ? "ok" : "not ok", (unsigned long long)n);
	return enough ? 0 : 1;
}

static int expect_violation(uint64_t n, enum sim_break rule)
{
	char failure[512];

	for (uint64_t seed = 1; seed <= n; seed++) {
		if (run(seed, rule, false, failure, sizeof failure))
			continue;
		printf("1..1\nok 1 - broken rule '%s' is noticed in seed %llu: %s\n", rules[rule],
		       (unsigned long long)seed, failure);
		return 0;
	}
	printf("1..1\nnot ok 1 - broken rule '%s' is not noticed\n", rules[rule]);
	return 1;
}

static bool parse_rule(const char *name, enum sim_break *ret)
{
	for (enum sim_break i = SIM_BREAK_NONE; i < _SIM_BREAK_COUNT; i++) {
		if (strcmp(name, rules[i]) != 0)
			continue;
		*ret = i;
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	enum sim_break rule = SIM_BREAK_NONE;
	uint64_t n_runs = 300;
	uint64_t seed = 0;
	char failure[512];

	for (int i = 1; i + 1 < argc + 1; i += 2) {
		if (i + 1 == argc ||
		    !((!strcmp(argv[i], "--runs") && mu_parse_u64(argv[i + 1], &n_runs)) ||
		      (!strcmp(argv[i], "--seed") && mu_parse_u64(argv[i + 1], &seed)) ||
		      (!strcmp(argv[i], "--break") && parse_rule(argv[i + 1], &rule))))
			return usage();
	}
	(void)signal(SIGABRT, on_abort);
	if (seed)
		return run(seed, rule, true, failure, sizeof failure) ? 0 : 1;
	return rule == SIM_BREAK_NONE ? expect_good(n_runs) : expect_violation(n_runs, rule);
}
