/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal in raw mode is on the other end: what is typed is echoed here, lines end in CR LF. */
#include "agent/hv/sim/sim_shell.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { KEY_INTERRUPT = 3, KEY_ERASE_BS = 8, KEY_LINE_KILL = 21, KEY_ERASE = 127 };

static void prompt(struct sim_shell *s, struct mu_str *out)
{
	if (s->state == SIM_SHELL_LOGIN)
		mu_str_printf(out, "\r\n%s login: ", s->host);
	else
		mu_str_printf(out, "%s@%s:~$ ", s->user, s->host);
	s->len = 0;
}

void sim_shell_init(struct sim_shell *s, const char *host, struct mu_str *out)
{
	*s = (struct sim_shell){.state = SIM_SHELL_LOGIN};
	(void)snprintf(s->host, sizeof s->host, "%s", host);
	mu_str_add(out, "[    0.000000] Linux version 6.1.0-sim (a simulated guest)\r\n"
			"[    0.000000] Hypervisor detected: Xen\r\n"
			"[    0.812345] Run /sbin/init as init process\r\n");
	prompt(s, out);
}

/* Commands: `rest` is what stands behind the word. */

static void do_echo(struct sim_shell *s, const char *rest, mu_msec up, struct mu_str *out)
{
	(void)s, (void)up;
	mu_str_printf(out, "%s\r\n", rest);
}

static void do_exit(struct sim_shell *s, const char *rest, mu_msec up, struct mu_str *out)
{
	(void)rest, (void)up, (void)out;
	s->state = SIM_SHELL_LOGIN;
}

static void do_hostname(struct sim_shell *s, const char *rest, mu_msec up, struct mu_str *out)
{
	(void)rest, (void)up;
	mu_str_printf(out, "%s\r\n", s->host);
}

static void do_uname(struct sim_shell *s, const char *rest, mu_msec up, struct mu_str *out)
{
	(void)up;
	if (strcmp(rest, "-a") == 0)
		mu_str_printf(out, "Linux %s 6.1.0-sim x86_64 GNU/Linux\r\n", s->host);
	else
		mu_str_add(out, "Linux\r\n");
}

static void do_uptime(struct sim_shell *s, const char *rest, mu_msec up, struct mu_str *out)
{
	(void)s, (void)rest;
	mu_str_printf(out, "up %" PRId64 " min %" PRId64 " s\r\n", up / 60000, up / 1000 % 60);
}

static void do_whoami(struct sim_shell *s, const char *rest, mu_msec up, struct mu_str *out)
{
	(void)rest, (void)up;
	mu_str_printf(out, "%s\r\n", s->user);
}

static void do_yes(struct sim_shell *s, const char *rest, mu_msec up, struct mu_str *out)
{
	char word[SIM_SHELL_LINE_MAX + 1];

	(void)up, (void)out;
	(void)snprintf(word, sizeof word, "%s", *rest ? rest : "y");
	memcpy(s->line, word, sizeof word);
	s->state = SIM_SHELL_YES;
}

static void do_help(struct sim_shell *s, const char *rest, mu_msec up, struct mu_str *out);

static const struct {
	const char *word;
	void (*run)(struct sim_shell *s, const char *rest, mu_msec up, struct mu_str *out);
	const char *help;
} commands[] = {
    {"echo", do_echo, "say the words"},
    {"exit", do_exit, "log out"},
    {"help", do_help, "this list"},
    {"hostname", do_hostname, "the guest's name"},
    {"uname", do_uname, "the system; with -a all about it"},
    {"uptime", do_uptime, "for how long it has run"},
    {"whoami", do_whoami, "who is logged in"},
    {"yes", do_yes, "say a word for ever, until a key is pressed"},
};

static void do_help(struct sim_shell *s, const char *rest, mu_msec up, struct mu_str *out)
{
	(void)s, (void)rest, (void)up;
	for (size_t i = 0; i < MU_ARRAY_SIZE(commands); i++)
		mu_str_printf(out, "%-10s %s\r\n", commands[i].word, commands[i].help);
}

static void run_line(struct sim_shell *s, mu_msec up, struct mu_str *out)
{
	const char *word = s->line + strspn(s->line, " ");
	size_t len = strcspn(word, " ");
	const char *rest = word + len + strspn(word + len, " ");

	if (len == 0)
		return;
	for (size_t i = 0; i < MU_ARRAY_SIZE(commands); i++) {
		if (strlen(commands[i].word) == len && memcmp(commands[i].word, word, len) == 0) {
			commands[i].run(s, rest, up, out);
			return;
		}
	}
	mu_str_printf(out, "sh: %.*s: not found; try help\r\n", (int)len, word);
}

static void enter(struct sim_shell *s, mu_msec up, struct mu_str *out)
{
	mu_str_add(out, "\r\n");
	s->line[s->len] = '\0';
	if (s->state == SIM_SHELL_LOGIN && s->len > 0) {
		mu_utf8_sanitize(s->user, SIM_SHELL_USER_MAX, s->line, s->len);
		s->state = SIM_SHELL_PROMPT;
	} else if (s->state == SIM_SHELL_PROMPT) {
		run_line(s, up, out);
	}
	if (s->state != SIM_SHELL_YES)
		prompt(s, out);
}

static void erase(struct sim_shell *s, size_t n, struct mu_str *out)
{
	for (; n > 0 && s->len > 0; n--) {
		s->len--;
		mu_str_add(out, "\b \b");
	}
}

static void key(struct sim_shell *s, char c, mu_msec up, struct mu_str *out)
{
	if (s->state == SIM_SHELL_YES || c == KEY_INTERRUPT) {
		if (s->state == SIM_SHELL_YES)
			s->state = SIM_SHELL_PROMPT;
		mu_str_add(out, "^C\r\n");
		prompt(s, out);
	} else if (c == '\r' || c == '\n') {
		enter(s, up, out);
	} else if (c == KEY_ERASE || c == KEY_ERASE_BS) {
		erase(s, 1, out);
	} else if (c == KEY_LINE_KILL) {
		erase(s, s->len, out);
	} else if ((unsigned char)c >= ' ' && s->len < SIM_SHELL_LINE_MAX) {
		s->line[s->len++] = c;
		mu_str_add_char(out, c);
	}
}

void sim_shell_input(struct sim_shell *s, const char *data, size_t len, mu_msec up,
		     struct mu_str *out)
{
	for (size_t i = 0; i < len; i++)
		key(s, data[i], up, out);
}

bool sim_shell_more(const struct sim_shell *s, struct mu_str *out)
{
	if (s->state != SIM_SHELL_YES)
		return false;
	mu_str_printf(out, "%s\r\n", s->line);
	return true;
}
