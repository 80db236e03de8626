/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/cli/options.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/config/config.h"

#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(struct cli_options, field)

/* Values are read and checked by common/config; short names and groups stand beside it. */
static const struct mu_option table[] = {
    {.name = "output",
     .type = MU_OPTION_CHOICE,
     .offset = AT(output),
     .def = "table",
     .choices = "table|json|csv|yaml",
     .help = "how to print objects"},
    {.name = "fields",
     .type = MU_OPTION_STRING,
     .offset = AT(fields),
     .arg = "NAME[:HEADER],...",
     .help = "print these fields only; members of members as memory.size"},
    {.name = "no-header",
     .type = MU_OPTION_BOOL,
     .offset = AT(no_header),
     .help = "no header line in tables and CSV"},
    {.name = "filter",
     .type = MU_OPTION_STRING,
     .offset = AT(filter),
     .arg = "FILTER",
     .help = "only objects that match, e.g. power_state:Running"},
    {.name = "limit",
     .type = MU_OPTION_INT,
     .offset = AT(limit),
     .arg = "N",
     .help = "at most N objects; top: end after N rounds",
     .min = 1,
     .max = 1000000},
    {.name = "wait",
     .type = MU_OPTION_BOOL,
     .offset = AT(wait),
     .help = "wait until the task has ended (the default)"},
    {.name = "no-wait",
     .type = MU_OPTION_BOOL,
     .offset = AT(no_wait),
     .help = "print the task's id and return at once"},
    {.name = "timeout",
     .type = MU_OPTION_DURATION,
     .offset = AT(timeout),
     .def = "10m",
     .arg = "TIME",
     .help = "how long to wait, e.g. 30s or 5m; the task goes on after that",
     .min = 1,
     .max = 7 * 86400000LL},
    {.name = "force",
     .type = MU_OPTION_BOOL,
     .offset = AT(force),
     .help = "do not ask the guest: power off, reset"},
    {.name = "host",
     .type = MU_OPTION_STRING,
     .offset = AT(host),
     .arg = "HOST",
     .help = "the host it is about; not needed when there is only one"},
    {.name = "json",
     .type = MU_OPTION_STRING,
     .offset = AT(json),
     .arg = "FILE|-",
     .help = "arguments from a file, as a JSON object"},
    {.name = "unit",
     .type = MU_OPTION_STRING,
     .offset = AT(unit),
     .arg = "UNIT",
     .help = "only entries of this unit, e.g. muster-agent.service"},
    {.name = "since",
     .type = MU_OPTION_STRING,
     .offset = AT(since),
     .arg = "TIME",
     .help = "only what is since then: 90s, 15m, 2h, 3d ago, or 2026-01-31[ 12:30[:00]] UTC"},
    {.name = "granularity",
     .type = MU_OPTION_CHOICE,
     .offset = AT(granularity),
     .def = "seconds",
     .choices = "seconds|minutes|hours|days",
     .help = "the last 10 minutes, 2 hours, week or year"},
    {.name = "export",
     .type = MU_OPTION_STRING,
     .offset = AT(export),
     .arg = "FILE|-",
     .help = "write all that is kept of it to a file, for `rrdtool restore`"},
    {.name = "flavour",
     .type = MU_OPTION_CHOICE,
     .offset = AT(flavour),
     .def = "rrdtool",
     .choices = "rrdtool|xapi",
     .help = "of --export: names that RRDtool takes, or whole ones as XAPI writes them"},
    {.name = "batch",
     .type = MU_OPTION_BOOL,
     .offset = AT(batch),
     .help = "no screen, no keys: all lines, round after round, for files and scripts"},
    {.name = "delay",
     .type = MU_OPTION_DURATION,
     .offset = AT(delay),
     .def = "5s",
     .arg = "TIME",
     .help = "between rounds; values are measured every 5 s",
     .min = 1000,
     .max = 3600000},
    {.name = "sort",
     .type = MU_OPTION_STRING,
     .offset = AT(sort),
     .arg = "NAME,...",
     .help = "in order of these columns or properties, -NAME for the most first; top: cpu, memory, "
	     "net, disk or name, keys c, m, n, d, a"},
    {.name = "lines",
     .type = MU_OPTION_INT,
     .offset = AT(lines),
     .def = "200",
     .arg = "N",
     .help = "the newest N entries",
     .min = 1,
     .max = 2000},
    {.name = "read-only",
     .type = MU_OPTION_BOOL,
     .offset = AT(read_only),
     .help = "look, do not type"},
    {.name = "take",
     .type = MU_OPTION_BOOL,
     .offset = AT(take),
     .help = "type even if somebody else does, who can then only look"},
    {.name = "template",
     .type = MU_OPTION_STRING,
     .offset = AT(template),
     .arg = "TEMPLATE",
     .help = "what to make it of: one of `template list`"},
    {.name = "sr",
     .type = MU_OPTION_STRING,
     .offset = AT(sr),
     .arg = "SR",
     .help = "where its disks are made; import: of a FILE of this machine"},
    {.name = "network",
     .type = MU_OPTION_STRING,
     .offset = AT(network),
     .arg = "NETWORK",
     .help = "give it a card in this network; vm import: put all its cards there"},
    {.name = "cdrom",
     .type = MU_OPTION_STRING,
     .offset = AT(cdrom),
     .arg = "VDI",
     .help = "install from this image"},
    {.name = "image",
     .type = MU_OPTION_STRING,
     .offset = AT(image),
     .arg = "VDI",
     .help = "its first disk is a clone of this one, such as a cloud image"},
    {.name = "disk",
     .type = MU_OPTION_STRING,
     .offset = AT(disk),
     .arg = "SIZE",
     .help = "of its first disk, e.g. 20GiB"},
    {.name = "cloud-config",
     .type = MU_OPTION_STRING,
     .offset = AT(cloud_config),
     .arg = "FILE",
     .help = "user data for cloud-init"},
    {.name = "start",
     .type = MU_OPTION_BOOL,
     .offset = AT(start),
     .help = "start it when it is there"},
    {.name = "format",
     .type = MU_OPTION_STRING,
     .offset = AT(format),
     .arg = "FORMAT",
     .help =
	 "raw, qcow2, vhd, vmdk (or ova, xl, libvirt, to import); else the file's name says it"},
    {.name = "name",
     .type = MU_OPTION_STRING,
     .offset = AT(name),
     .arg = "NAME",
     .help = "of the new disk or VM; else the file's"},
    {.name = "resume",
     .type = MU_OPTION_BOOL,
     .offset = AT(resume),
     .help = "go on where an earlier run was cut off"},
    {.name = "dry-run",
     .type = MU_OPTION_BOOL,
     .offset = AT(dry_run),
     .help = "say what would be, and change nothing"},
    {.name = "file",
     .type = MU_OPTION_STRING,
     .offset = AT(file),
     .arg = "FILE|-",
     .help = "what is declared, as YAML documents"},
    {.name = "yes",
     .type = MU_OPTION_BOOL,
     .offset = AT(yes),
     .help = "do not ask before something is changed"},
    {.name = "watch",
     .type = MU_OPTION_BOOL,
     .offset = AT(watch),
     .help = "again whenever something changes, until interrupted; or each --delay"},
    {.name = "otp",
     .type = MU_OPTION_STRING,
     .offset = AT(otp),
     .arg = "CODE",
     .help = "one-time or recovery code, for users who have these"},
    {.name = "url",
     .type = MU_OPTION_STRING,
     .offset = AT(url),
     .arg = "URL",
     .help = "the aggregator, e.g. https://muster.example:8443 (MUSTER_URL)"},
    {.name = "token",
     .type = MU_OPTION_STRING,
     .offset = AT(token),
     .arg = "TOKEN",
     .help = "access token; other users see it here, MUSTER_TOKEN is better"},
    {.name = "ca",
     .type = MU_OPTION_STRING,
     .offset = AT(ca),
     .arg = "FILE",
     .help = "certificate that the aggregator's is checked against (MUSTER_CA)"},
    {.name = "socket",
     .type = MU_OPTION_STRING,
     .offset = AT(socket),
     .arg = "PATH",
     .help = "a local agent's or aggregator's socket instead (MUSTER_SOCKET)"},
    {.name = "insecure",
     .type = MU_OPTION_BOOL,
     .offset = AT(insecure),
     .help = "do not check the aggregator's certificate"},
    {.name = "verbose",
     .type = MU_OPTION_BOOL,
     .offset = AT(verbose),
     .help = "show the API calls on stderr"},
    {.name = "help", .type = MU_OPTION_BOOL, .offset = AT(help), .help = "this text"},
    {.name = "version", .type = MU_OPTION_BOOL, .offset = AT(version), .help = "print the version"},
    {.name = NULL},
};

/* In the order of `table`. */
static const struct {
	char letter;
	unsigned groups;
} extras[] = {
    {'o', CLI_OPT_OUTPUT},
    {'c', CLI_OPT_OUTPUT},
    {0, CLI_OPT_OUTPUT},
    {0, CLI_OPT_LIST},
    {'n', CLI_OPT_LIST | CLI_OPT_TOP},
    {0, CLI_OPT_WAIT},
    {0, CLI_OPT_WAIT},
    {'t', CLI_OPT_WAIT},
    {0, CLI_OPT_FORCE},
    {0, CLI_OPT_HOST},
    {0, CLI_OPT_JSON},
    {'u', CLI_OPT_JOURNAL},
    {0, CLI_OPT_JOURNAL | CLI_OPT_STATS},
    {'g', CLI_OPT_STATS},
    {0, CLI_OPT_RRD},
    {0, CLI_OPT_RRD},
    {'b', CLI_OPT_TOP},
    {'d', CLI_OPT_TOP | CLI_OPT_WATCH},
    {'s', CLI_OPT_LIST | CLI_OPT_TOP},
    {0, CLI_OPT_JOURNAL},
    {0, CLI_OPT_CONSOLE},
    {0, CLI_OPT_CONSOLE},
    {0, CLI_OPT_CREATE},
    {0, CLI_OPT_CREATE | CLI_OPT_IMPORT},
    {0, CLI_OPT_CREATE | CLI_OPT_NETWORK},
    {0, CLI_OPT_CREATE},
    {0, CLI_OPT_CREATE},
    {0, CLI_OPT_CREATE},
    {0, CLI_OPT_CREATE},
    {0, CLI_OPT_CREATE},
    {0, CLI_OPT_IMPORT | CLI_OPT_EXPORT},
    {0, CLI_OPT_IMPORT},
    {0, CLI_OPT_IMPORT | CLI_OPT_EXPORT},
    {0, CLI_OPT_DRY_RUN},
    {'f', CLI_OPT_FILE},
    {'y', CLI_OPT_CONFIRM},
    {'w', CLI_OPT_WATCH},
    {0, CLI_OPT_LOGIN},
    {0, CLI_OPT_ALWAYS},
    {0, CLI_OPT_ALWAYS},
    {0, CLI_OPT_ALWAYS},
    {0, CLI_OPT_ALWAYS},
    {0, CLI_OPT_ALWAYS},
    {'v', CLI_OPT_ALWAYS},
    {'h', CLI_OPT_ALWAYS},
    {0, CLI_OPT_ALWAYS},
};

_Static_assert(MU_ARRAY_SIZE(extras) <= 64, "bits of `used`");
_Static_assert(MU_ARRAY_SIZE(extras) == MU_ARRAY_SIZE(table) - 1, "one entry per option");

/* The option that an argument names: "--name", "--name=value", "-x", "-xvalue". */
static int find(const char *arg, const char **ret_value)
{
	const char *name = arg + 2, *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);

	*ret_value = NULL;
	for (size_t i = 0; i < MU_ARRAY_SIZE(extras); i++) {
		if (arg[1] == '-') {
			if (strncmp(table[i].name, name, len) == 0 && table[i].name[len] == '\0') {
				*ret_value = equals ? equals + 1 : NULL;
				return (int)i;
			}
		} else if (extras[i].letter == arg[1]) {
			*ret_value = arg[2] ? arg + 2 : NULL;
			return (int)i;
		}
	}
	return -1;
}

/* One option, `arg` of argv[*i]; *i moves past a value in the next argument. */
static int read_one(struct cli_options *o, const char *arg, int argc, char **argv, int *i,
		    struct mu_error *err)
{
	const char *value;
	int found = find(arg, &value);
	const struct mu_option *option;

	if (found < 0)
		return mu_error_set(err, MU_E_INVALID, "unknown option %.60s; hint: --help", arg);
	option = &table[found];
	if (!value && option->type == MU_OPTION_BOOL)
		value = "true";
	if (!value && *i + 1 >= argc)
		return mu_error_set(err, MU_E_INVALID, "--%s needs a value (%s)", option->name,
				    option->arg ? option->arg : option->choices);
	if (!value)
		value = argv[++*i];
	o->used |= UINT64_C(1) << found;
	return mu_config_set(table, o, option->name, value, "command line", err);
}

/* "-yf FILE" is "-y -f FILE". */
static int read_option(struct cli_options *o, int argc, char **argv, int *i, struct mu_error *err)
{
	const char *arg = argv[*i], *rest;
	char first[3] = "-?";
	int found = find(arg, &rest);

	while (arg[1] != '-' && found >= 0 && table[found].type == MU_OPTION_BOOL && rest) {
		first[1] = arg[1];
		if (read_one(o, first, argc, argv, i, err) < 0)
			return MU_FAILED;
		arg = rest - 1; /* what stands before it is not read again */
		found = find(arg, &rest);
	}
	return read_one(o, arg, argc, argv, i, err);
}

int cli_options_parse(struct cli_options *ret, int argc, char **argv, int *ret_argc,
		      struct mu_error *err)
{
	int n_words = 1;
	bool options = true;

	*ret = (struct cli_options){.used = 0};
	mu_config_defaults(table, ret);
	for (int i = 1; i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0)
			options = false;
		else if (!options || argv[i][0] != '-' || argv[i][1] == '\0')
			argv[n_words++] = argv[i]; /* never ahead of i */
		else if (read_option(ret, argc, argv, &i, err) < 0)
			return MU_FAILED;
	}
	if (ret->wait && ret->no_wait)
		return mu_error_set(err, MU_E_INVALID, "--wait and --no-wait exclude each other");
	if (ret->url && ret->socket)
		return mu_error_set(err, MU_E_INVALID, "--url and --socket exclude each other");
	*ret_argc = n_words;
	return 0;
}

const char *cli_options_refused(const struct cli_options *o, unsigned groups)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(extras); i++)
		if ((o->used & UINT64_C(1) << i) && extras[i].groups &&
		    !(extras[i].groups & groups))
			return table[i].name;
	return NULL;
}

static const char *from_environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

void cli_options_environment(struct cli_options *o)
{
	if (!o->url && !o->socket) {
		o->url = from_environment("MUSTER_URL");
		o->socket = o->url ? NULL : from_environment("MUSTER_SOCKET");
	}
	if (!o->token)
		o->token = from_environment("MUSTER_TOKEN");
	if (!o->ca)
		o->ca = from_environment("MUSTER_CA");
}

static bool applies(size_t i, unsigned groups)
{
	return extras[i].groups == CLI_OPT_ALWAYS || (extras[i].groups & groups);
}

void cli_options_help(unsigned groups, FILE *out)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(extras); i++) {
		const struct mu_option *o = &table[i];
		const char *arg = o->arg ? o->arg : o->choices;
		int n;

		if (!applies(i, groups))
			continue;
		n = extras[i].letter ? fprintf(out, "  -%c, --%s", extras[i].letter, o->name)
				     : fprintf(out, "      --%s", o->name);
		if (o->type != MU_OPTION_BOOL)
			n += fprintf(out, " %s", arg);
		(void)fprintf(out, "%*s%s", n < 37 ? 38 - n : 2, "", o->help);
		if (o->def)
			(void)fprintf(out, " (%s)", o->def);
		(void)fputc('\n', out);
	}
}

void cli_options_each(unsigned groups, void (*each)(void *ctx, const char *name), void *ctx)
{
	for (size_t i = 0; i < MU_ARRAY_SIZE(extras); i++)
		if (applies(i, groups)) {
			MU_CLEANUP(mu_free) char *name = mu_xasprintf("--%s", table[i].name);

			each(ctx, name);
		}
}
