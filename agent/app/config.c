/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/app/config.h"

#include <limits.h>

#define AT(member) offsetof(struct agent_config, member)
#define TEXT(n, member, d, a, h)                                                                   \
	{                                                                                          \
		.name = (n), .type = MU_OPTION_STRING, .offset = AT(member), .def = (d),           \
		.arg = (a), .help = (h)                                                            \
	}
#define FLAG(n, member, h)                                                                         \
	{                                                                                          \
		.name = (n), .type = MU_OPTION_BOOL, .offset = AT(member), .def = "false",         \
		.help = (h)                                                                        \
	}
#define NUMBER(n, member, d, lo, hi, h)                                                            \
	{                                                                                          \
		.name = (n), .type = MU_OPTION_INT, .offset = AT(member), .def = (d), .arg = "N",  \
		.help = (h), .min = (lo), .max = (hi)                                              \
	}
#define TIME(n, member, d, lo, hi, h)                                                              \
	{                                                                                          \
		.name = (n), .type = MU_OPTION_DURATION, .offset = AT(member), .def = (d),         \
		.arg = "TIME", .help = (h), .min = (lo), .max = (hi)                               \
	}
#define CHOICE(n, member, d, c, h)                                                                 \
	{                                                                                          \
		.name = (n), .type = MU_OPTION_CHOICE, .offset = AT(member), .def = (d),           \
		.arg = (c), .help = (h), .choices = (c)                                            \
	}
#define COMMON                                                                                     \
	TEXT("state", state, "/var/lib/muster", "DIR", "what the agent keeps, for itself alone"),  \
	    TEXT("config", file, NULL, "FILE", "read options from FILE first"),                    \
	    CHOICE("log-level", log_level, "info", "error|warning|info|debug",                     \
		   "least severe lines that are written"),                                         \
	    FLAG("version", version, "print the version and exit"),                                \
	    FLAG("help", help, "print this and exit")

const struct mu_option agent_options[] = {
    COMMON,
    TEXT("socket", socket, "/run/muster/agent.sock", "PATH",
	 "admin socket: REST for this host, for root only; empty for none"),
    CHOICE("hypervisor", hypervisor, "xen", "xen|sim", "what to manage: this Xen host, or a model"),
    TEXT("fault", fault, NULL, "SCRIPT", "inject faults into the driver, e.g. \"create:fail:2\""),
    TEXT("name", name, NULL, "NAME", "the host's name (default: the system's host name)"),
    TEXT("aggregator", aggregator, NULL, "HOST:PORT",
	 "dial this instead of the address learnt at enrolment"),
    TEXT("transfer-dir", transfer_dir, NULL, "DIR",
	 "where uploads wait until they are complete, and images are made for downloads (default: "
	 "transfer in the state directory); a local directory with room"),
    TIME("sample-interval", sample_interval, "5s", 5000, 60000,
	 "how often metrics are sampled; on a grid of 5 s"),
    NUMBER("sim-seed", sim_seed, "0", 0, INT64_MAX, "seed of the model; 0: from the host id"),
    NUMBER("sim-cpus", sim_cpus, "8", 1, 128, "CPUs of the simulated host"),
    NUMBER("sim-memory", sim_memory_mib, "65536", 64, 16 << 20, "its memory in MiB"),
    NUMBER("sim-foreign", sim_foreign, "0", 0, 1000, "domains \"made by xl\" it starts with"),
    TIME("sim-create", sim_create, "0ms", 0, 600000,
	 "how long creating a domain takes; 0: as usual"),
    TIME("sim-shutdown", sim_shutdown, "0ms", 0, 600000, "how long a guest takes to shut down"),
    TIME("sim-save", sim_save, "0ms", 0, 600000, "how long saving to a file takes"),
    TIME("sim-restore", sim_restore, "0ms", 0, 600000, "how long restoring takes"),
    TEXT("sim-sysfs", sim_sysfs, NULL, "DIR",
	 "a tree like /sys that describes its devices (default: it has none)"),
    TEXT("sim-power", sim_power, NULL, "PROGRAM",
	 "run with \"poweroff\" or \"reboot\" when it shall go down (default: it cannot)"),
    {.name = NULL},
};

const struct mu_option agent_enrol_options[] = {
    COMMON,
    TEXT("server", server, NULL, "URL", "the aggregator, https://HOST:PORT"),
    TEXT("server-ca", server_ca, NULL, "FILE",
	 "authority (PEM) of the aggregator's HTTPS, if its certificate there is of another one"),
    TEXT("token", token, NULL, "TOKEN", "join token made there: mj1.<secret>.<fingerprint>"),
    TEXT("name", name, NULL, "NAME", "the host's name (default: the system's host name)"),
    {.name = NULL},
};

const struct mu_option agent_import_options[] = {
    COMMON,
    CHOICE(
	"format", format, "xl", "xl|libvirt|ova",
	"what FILE is: a configuration file of xl, domain XML of libvirt's Xen driver, or an OVA"),
    {.name = NULL},
};
