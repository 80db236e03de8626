/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated guest's shell: keys in, what a terminal would show out. */
#include "agent/hv/sim/sim_shell.h"

#include <criterion/criterion.h>
#include <string.h>

static struct sim_shell shell;
static struct mu_str out;

static void setup(void)
{
	memset(&out, 0, sizeof out);
	sim_shell_init(&shell, "web", &out);
	cr_assert(strstr(out.data, "Hypervisor detected: Xen"));
	cr_assert(strstr(out.data, "\r\nweb login: "));
	mu_str_reset(&out);
}

static void teardown(void)
{
	mu_str_deinit(&out);
}

TestSuite(sim_shell, .init = setup, .fini = teardown);

static void keys(const char *text, const char *want)
{
	sim_shell_input(&shell, text, strlen(text), 125000, &out);
	cr_expect_str_eq(out.data, want, "%s", out.data);
	mu_str_reset(&out);
}

Test(sim_shell, login_and_logout)
{
	keys("\r", "\r\n\r\nweb login: ");
	keys("joe\r", "joe\r\njoe@web:~$ ");
	keys("whoami\r", "whoami\r\njoe\r\njoe@web:~$ ");
	keys("exit\r", "exit\r\n\r\nweb login: ");
	keys("ann\n", "ann\r\nann@web:~$ ");
}

Test(sim_shell, commands)
{
	keys("joe\r", "joe\r\njoe@web:~$ ");
	keys("uname\r", "uname\r\nLinux\r\njoe@web:~$ ");
	keys("uname -a\r", "uname -a\r\nLinux web 6.1.0-sim x86_64 GNU/Linux\r\njoe@web:~$ ");
	keys("hostname\r", "hostname\r\nweb\r\njoe@web:~$ ");
	keys("uptime\r", "uptime\r\nup 2 min 5 s\r\njoe@web:~$ ");
	keys("  echo  a  b\r", "  echo  a  b\r\na  b\r\njoe@web:~$ ");
	keys("  \r", "  \r\njoe@web:~$ ");
	keys("ech x\r", "ech x\r\nsh: ech: not found; try help\r\njoe@web:~$ ");
	sim_shell_input(&shell, "help\r", 5, 0, &out);
	cr_expect(strstr(out.data, "yes        say a word for ever"));
}

Test(sim_shell, editing)
{
	keys("jox\177e\r", "jox\b \be\r\njoe@web:~$ ");
	keys("\177\b", "");
	keys("ab\25", "ab\b \b\b \b");
	keys("abc\3", "abc^C\r\njoe@web:~$ ");
	keys("\33[A\t", "[A"); /* what is no text is not heard */
}

Test(sim_shell, a_line_has_an_end)
{
	char text[3 * SIM_SHELL_LINE_MAX];

	keys("joe\r", "joe\r\njoe@web:~$ ");
	memset(text, 'x', sizeof text);
	sim_shell_input(&shell, text, sizeof text, 0, &out);
	cr_expect_eq(out.len, SIM_SHELL_LINE_MAX);
}

Test(sim_shell, yes_until_a_key_is_pressed)
{
	cr_expect_not(sim_shell_more(&shell, &out));
	keys("joe\r", "joe\r\njoe@web:~$ ");
	keys("yes on and on\r", "yes on and on\r\n");
	cr_expect(sim_shell_more(&shell, &out));
	cr_expect(sim_shell_more(&shell, &out));
	cr_expect_str_eq(out.data, "on and on\r\non and on\r\n");
	mu_str_reset(&out);
	keys("q", "^C\r\njoe@web:~$ ");
	cr_expect_not(sim_shell_more(&shell, &out));
	keys("yes\r", "yes\r\n");
	cr_expect(sim_shell_more(&shell, &out));
	cr_expect_str_eq(out.data, "y\r\n");
}
