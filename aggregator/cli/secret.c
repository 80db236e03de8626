/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/secret.h"

#include "aggregator/cli/terminal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Byte by byte: what follows the line is not ours. */
static int read_line(char ret[static CLI_SECRET_MAX + 1], struct mu_error *err)
{
	size_t n = 0;
	ssize_t r;
	char c;

	while ((r = read(STDIN_FILENO, &c, 1)) != 0 && c != '\n') {
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return mu_error_errno(err, errno, "stdin");
		if (n == CLI_SECRET_MAX || c == '\0')
			return mu_error_set(err, MU_E_INVALID, "at most %d bytes, and no NUL",
					    CLI_SECRET_MAX);
		ret[n++] = c;
	}
	if (r == 0 && n == 0)
		return mu_error_set(err, MU_E_INVALID,
				    "stdin has ended; hint: a password is a line of it");
	ret[n] = '\0';
	return 0;
}

int cli_secret_read(const char *prompt, char ret[static CLI_SECRET_MAX + 1], struct mu_error *err)
{
	int r;

	if (!isatty(STDIN_FILENO))
		return read_line(ret, err);
	if (cli_terminal_begin_hidden(STDIN_FILENO, err) < 0)
		return MU_FAILED;
	(void)fputs(prompt, stderr);
	r = read_line(ret, err);
	(void)fputc('\n', stderr);
	cli_terminal_end();
	return r;
}

int cli_secret_new(const char *prompt, char ret[static CLI_SECRET_MAX + 1], struct mu_error *err)
{
	char again[CLI_SECRET_MAX + 1];
	bool same;

	if (cli_secret_read(prompt, ret, err) < 0)
		return MU_FAILED;
	if (!isatty(STDIN_FILENO))
		return 0;
	if (cli_secret_read("The same again: ", again, err) < 0)
		return MU_FAILED;
	same = strcmp(ret, again) == 0;
	explicit_bzero(again, sizeof again);
	return same ? 0 : mu_error_set(err, MU_E_INVALID, "these are two different passwords");
}
