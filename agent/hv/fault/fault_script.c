/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A script is rules separated by ';'; blanks around a part do not matter:
 *
 *     TARGET[@DOMID]:ACTION[:OPTION]...        seed=N
 *
 *     TARGET   create restore shutdown reboot destroy pause unpause save disk-attach disk-detach
 *              disk-resize cd-insert cd-eject nic-attach nic-detach nic-rate pci-attach
 *              pci-detach pci-assign pci-release usb-attach usb-detach set-vcpus set-memory
 *              set-sched set-affinity                                      (operations)
 *              list stats guest config host console pcis                   (calls)
 *     ACTION   fail[=CODE]   report CODE (IO, EXHAUSTED, ...; default IO), do nothing
 *              deny[=CODE]   do it, but report CODE                        operations only
 *              lie           report success, do nothing; calls answer with nothing
 *              delay=MS      wait first                                    operations only
 *              hang          end only when cancelled                       operations only
 *              hang!         never end                                     operations only
 *     OPTION   N or times=N  strike N times (default: always)
 *              skip=N        let N calls pass first
 *              p=X           strike with probability X, 0 < X <= 1
 *
 * "create:fail:2; shutdown:hang; destroy@7:delay=500:p=0.5; seed=42". Delays of all rules that
 * strike add up; of the other actions the first in the script counts.
 */
#include "agent/hv/fault/fault_script.h"

#include "common/base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DELAY_MAX MU_SEC(3600)

static const char *const target_names[_FAULT_TARGET_COUNT] = {
    [HV_CREATE] = "create",
    [HV_RESTORE] = "restore",
    [HV_SHUTDOWN] = "shutdown",
    [HV_REBOOT] = "reboot",
    [HV_DESTROY] = "destroy",
    [HV_PAUSE] = "pause",
    [HV_UNPAUSE] = "unpause",
    [HV_SAVE] = "save",
    [HV_CHECKPOINT] = "checkpoint",
    [HV_DISK_ATTACH] = "disk-attach",
    [HV_DISK_DETACH] = "disk-detach",
    [HV_DISK_RESIZE] = "disk-resize",
    [HV_CD_INSERT] = "cd-insert",
    [HV_CD_EJECT] = "cd-eject",
    [HV_NIC_ATTACH] = "nic-attach",
    [HV_NIC_DETACH] = "nic-detach",
    [HV_NIC_RATE] = "nic-rate",
    [HV_PCI_ATTACH] = "pci-attach",
    [HV_PCI_DETACH] = "pci-detach",
    [HV_USB_ATTACH] = "usb-attach",
    [HV_USB_DETACH] = "usb-detach",
    [HV_PCI_ASSIGN] = "pci-assign",
    [HV_PCI_RELEASE] = "pci-release",
    [HV_SET_VCPUS] = "set-vcpus",
    [HV_SET_MEMORY] = "set-memory",
    [HV_SET_SCHED] = "set-sched",
    [HV_SET_AFFINITY] = "set-affinity",
    [HV_SET_NAME] = "set-name",
    [FAULT_CALL_LIST] = "list",
    [FAULT_CALL_STATS] = "stats",
    [FAULT_CALL_GUEST] = "guest",
    [FAULT_CALL_CONFIG] = "config",
    [FAULT_CALL_HOST] = "host",
    [FAULT_CALL_CONSOLE] = "console",
    [FAULT_CALL_PCI] = "pcis",
};

static const struct {
	const char *name;
	bool calls_too;
} actions[_FAULT_ACTION_COUNT] = {
    [FAULT_DELAY] = {"delay", false}, [FAULT_FAIL] = {"fail", true},
    [FAULT_DENY] = {"deny", false},   [FAULT_LIE] = {"lie", true},
    [FAULT_HANG] = {"hang", false},   [FAULT_HANG_HARD] = {"hang!", false},
};

/* One piece up to any of `ends`, without blanks around it; *text moves behind it. */
static bool cut(const char **text, const char *ends, char *ret, size_t size)
{
	const char *p = *text + strspn(*text, " \t\n");
	size_t len = strcspn(p, ends);

	*text = p + len;
	while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t' || p[len - 1] == '\n'))
		len--;
	if (len >= size)
		return false;
	memcpy(ret, p, len);
	ret[len] = '\0';
	return true;
}

/* "name=value" -> value, else NULL; the name is left in `piece`. */
static const char *split_value(char *piece)
{
	char *eq = strchr(piece, '=');

	if (!eq)
		return NULL;
	*eq = '\0';
	return eq + 1;
}

static int parse_target(char *piece, struct fault_rule *rule, struct mu_error *err)
{
	char *at = strchr(piece, '@');
	uint64_t domid = 0;

	if (at) {
		*at = '\0';
		if (!mu_parse_u64(at + 1, &domid) || domid == 0 || domid > UINT32_MAX)
			return mu_error_set(err, MU_E_INVALID, "\"@%s\" is no domain id", at + 1);
	}
	rule->domid = (uint32_t)domid;
	for (unsigned i = 0; i < _FAULT_TARGET_COUNT; i++) {
		if (strcmp(piece, target_names[i]) == 0) {
			rule->target = i;
			return 0;
		}
	}
	return mu_error_set(err, MU_E_INVALID,
			    "target \"%s\" is unknown; allowed: create, shutdown, disk-attach "
			    "and the other operations, list stats guest config host console pcis",
			    piece);
}

static int parse_code(const char *value, enum mu_error_code *ret, struct mu_error *err)
{
	*ret = MU_E_IO;
	if (!value)
		return 0;
	for (int code = MU_E_NONE + 1; code < _MU_E_COUNT; code++) {
		if (strcmp(mu_error_name((enum mu_error_code)code), value) == 0) {
			*ret = (enum mu_error_code)code;
			return 0;
		}
	}
	return mu_error_set(err, MU_E_INVALID, "code \"%s\" is unknown; hint: e.g. IO, EXHAUSTED",
			    value);
}

static int parse_action_value(const char *value, struct fault_rule *rule, struct mu_error *err)
{
	const char *name = actions[rule->action].name;
	uint64_t ms;

	if (rule->action == FAULT_FAIL || rule->action == FAULT_DENY)
		return parse_code(value, &rule->code, err);
	if (rule->action != FAULT_DELAY) {
		if (value)
			return mu_error_set(err, MU_E_INVALID, "%s takes no value", name);
		return 0;
	}
	if (!value || !mu_parse_u64(value, &ms) || ms > DELAY_MAX)
		return mu_error_set(err, MU_E_INVALID,
				    "delay needs milliseconds, 0 to %" PRId64 ": delay=500",
				    DELAY_MAX);
	rule->delay = (mu_msec)ms;
	return 0;
}

static int parse_action(char *piece, struct fault_rule *rule, struct mu_error *err)
{
	const char *value = split_value(piece);

	for (unsigned i = FAULT_DELAY; i < _FAULT_ACTION_COUNT; i++) {
		if (strcmp(piece, actions[i].name) != 0)
			continue;
		if (rule->target >= _HV_OP_KIND_COUNT && !actions[i].calls_too)
			return mu_error_set(err, MU_E_INVALID,
					    "%s is for operations; %s answers at once, allowed: "
					    "fail lie",
					    piece, target_names[rule->target]);
		rule->action = (enum fault_action)i;
		return parse_action_value(value, rule, err);
	}
	return mu_error_set(err, MU_E_INVALID,
			    "action \"%s\" is unknown; allowed: fail deny lie delay hang hang!",
			    piece);
}

static int parse_option(char *piece, struct fault_rule *rule, struct mu_error *err)
{
	const char *value = split_value(piece);
	char *end;

	if (!value) {
		if (mu_parse_u64(piece, &rule->times))
			return 0;
	} else if (strcmp(piece, "times") == 0) {
		if (mu_parse_u64(value, &rule->times))
			return 0;
	} else if (strcmp(piece, "skip") == 0) {
		if (mu_parse_u64(value, &rule->skip))
			return 0;
	} else if (strcmp(piece, "p") == 0) {
		rule->chance = strtod(value, &end);
		if (end != value && *end == '\0' && rule->chance > 0 && rule->chance <= 1)
			return 0;
		return mu_error_set(err, MU_E_INVALID, "p=%s is not above 0 and at most 1", value);
	}
	return mu_error_set(err, MU_E_INVALID,
			    "option \"%s\" is unknown or no number; allowed: N times=N skip=N p=X",
			    piece);
}

static int parse_rule(const char **text, struct fault_script *s, struct mu_error *err)
{
	struct fault_rule rule = {.times = UINT64_MAX, .chance = 1};
	char piece[64];
	int n = 0;

	do {
		int r;

		if (n > 0)
			++*text;
		if (!cut(text, ":;", piece, sizeof piece))
			return mu_error_set(err, MU_E_INVALID, "a part is longer than %zu bytes",
					    sizeof piece - 1);
		if (n == 0 && mu_str_has_prefix(piece, "seed=") && **text != ':') {
			if (mu_parse_u64(piece + 5, &s->rand.state))
				return 0;
			return mu_error_set(err, MU_E_INVALID, "seed \"%s\" is no number",
					    piece + 5);
		}
		if (n == 0 && piece[0] == '\0' && **text != ':')
			return 0; /* nothing between two ';' */
		r = n == 0   ? parse_target(piece, &rule, err)
		    : n == 1 ? parse_action(piece, &rule, err)
			     : parse_option(piece, &rule, err);
		if (r < 0)
			return MU_FAILED;
		n++;
	} while (**text == ':');
	if (n < 2)
		return mu_error_set(err, MU_E_INVALID, "no action; hint: %s:fail", piece);
	if (s->n_rules == FAULT_RULES_MAX)
		return mu_error_set(err, MU_E_INVALID, "more than %d rules", FAULT_RULES_MAX);
	s->rules[s->n_rules++] = rule;
	return 0;
}

int fault_script_parse(const char *text, struct fault_script *ret, struct mu_error *err)
{
	struct fault_script s = {.n_rules = 0};

	for (unsigned n = 1;; n++) {
		if (parse_rule(&text, &s, err) < 0)
			return mu_error_prefix(err, "fault script, rule %u", n);
		if (*text == '\0')
			break;
		text++;
	}
	*ret = s;
	return 0;
}

static bool strikes(struct fault_script *s, struct fault_rule *rule)
{
	if (rule->skip > 0) {
		rule->skip--;
		return false;
	}
	if (rule->times == 0 || (rule->chance < 1 && mu_rand_unit(&s->rand) >= rule->chance))
		return false;
	if (rule->times != UINT64_MAX)
		rule->times--;
	return true;
}

struct fault_fate fault_script_next(struct fault_script *s, unsigned target, uint32_t domid)
{
	struct fault_fate fate = {.action = FAULT_NONE};

	for (size_t i = 0; i < s->n_rules; i++) {
		struct fault_rule *rule = &s->rules[i];

		if (rule->target != target || (rule->domid != 0 && rule->domid != domid) ||
		    (rule->action != FAULT_DELAY && fate.action != FAULT_NONE) || !strikes(s, rule))
			continue;
		if (rule->action == FAULT_DELAY) {
			fate.delay += rule->delay;
			continue;
		}
		fate.action = rule->action;
		fate.code = rule->code;
	}
	return fate;
}
