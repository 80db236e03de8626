/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/golden/agent/golden.h"

#include "common/os/file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char separator[] = "---\n";

struct run {
	bool update;
	int n;
	int n_failed;
};

static void print_indented(const char *title, const char *text)
{
	printf("# %s\n", title);
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		printf("#   %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

static int update(const char *path, const char *input, const char *actual, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;

	mu_str_printf(&text, "%s%s%s", input, separator, actual);
	return mu_file_replace(path, text.data, text.len, 0644, err);
}

static int one(const char *path, const char *name, void *ctx, struct mu_error *err)
{
	MU_CLEANUP(mu_str_deinit) struct mu_str text = MU_STR_INIT;
	MU_CLEANUP(mu_str_deinit) struct mu_str actual = MU_STR_INIT;
	const char *expected;
	struct run *run = ctx;
	char *cut;

	if (mu_file_read(path, 1 << 20, &text, err) < 0)
		return MU_FAILED;
	cut = strstr(text.data, separator);
	if (!cut)
		return mu_error_set(err, MU_E_INVALID, "%s has no line \"---\"", path);
	*cut = '\0';
	expected = cut + strlen(separator);
	golden_case(text.data, &actual);
	mu_str_add(&actual, "");
	if (run->update)
		return update(path, text.data, actual.data, err);
	run->n++;
	if (!strcmp(actual.data, expected)) {
		printf("ok %d - %s\n", run->n, name);
		return 0;
	}
	run->n_failed++;
	printf("not ok %d - %s\n", run->n, name);
	print_indented("expected", expected);
	print_indented("found", actual.data);
	return 0;
}

int main(int argc, char **argv)
{
	struct run run = {.update = argc > 2 && !strcmp(argv[1], "--update")};
	struct mu_error err = MU_ERROR_INIT;

	if (argc < 2)
		return 2;
	if (mu_file_list(argv[argc - 1], ".case", one, &run, &err) < 0) {
		printf("Bail out! %s\n", err.text);
		return 1;
	}
	if (!run.update)
		printf("1..%d\n", run.n);
	return run.n_failed || (!run.update && !run.n);
}
