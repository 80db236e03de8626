/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of verbs, the texts that come from it, and the functions behind it, by noun.
 */
#ifndef MUSTER_AGGREGATOR_CLI_VERBS_H
#define MUSTER_AGGREGATOR_CLI_VERBS_H

#include "aggregator/cli/cli.h"

#include <stdio.h>

/* The verb that argv[1..] names; *ret_first is the index of its first argument. NULL and a message
 * when there is none. */
const struct cli_verb *cli_verb_find(int argc, char **argv, int *ret_first, struct mu_error *err);
/* Help for all (words = 0), for a noun, or for one verb; false when there is no such. */
bool cli_verb_help(int argc, char **argv, FILE *out);
/* Print what can follow these words, one candidate a line, for the shell's completion. */
void cli_verb_complete(int argc, char **argv, FILE *out);
/* The same for the objects that the verb takes: a collection of the API, or NULL. */
const char *cli_verb_objects(int argc, char **argv);

int cli_host_list(struct cli *cli, int argc, char **argv);
int cli_host_show(struct cli *cli, int argc, char **argv);
int cli_host_dmesg(struct cli *cli, int argc, char **argv);
int cli_host_journal(struct cli *cli, int argc, char **argv);
int cli_host_stats(struct cli *cli, int argc, char **argv);
int cli_host_pci(struct cli *cli, int argc, char **argv);
int cli_host_usb(struct cli *cli, int argc, char **argv);
int cli_vm_list(struct cli *cli, int argc, char **argv);
int cli_vm_show(struct cli *cli, int argc, char **argv);
int cli_vm_action(struct cli *cli, int argc, char **argv);
int cli_vm_edit(struct cli *cli, int argc, char **argv);
int cli_vm_create(struct cli *cli, int argc, char **argv);
int cli_vm_define(struct cli *cli, int argc, char **argv);
/* object.c: a table of those objects of a noun that match, if there are any; `fields` as of -c. */
int cli_object_part(struct cli *cli, const char *noun, const char *filter, const char *fields,
		    struct mu_str *out);
int cli_vm_definition(struct cli *cli, int argc, char **argv);
int cli_vm_undefine(struct cli *cli, int argc, char **argv);
int cli_object_list(struct cli *cli, int argc, char **argv);
int cli_object_show(struct cli *cli, int argc, char **argv);
int cli_sr_stats(struct cli *cli, int argc, char **argv);
int cli_network_create(struct cli *cli, int argc, char **argv);
int cli_network_delete(struct cli *cli, int argc, char **argv);
int cli_join_list(struct cli *cli, int argc, char **argv);
int cli_join_create(struct cli *cli, int argc, char **argv);
int cli_join_delete(struct cli *cli, int argc, char **argv);
int cli_host_revoke(struct cli *cli, int argc, char **argv);
int cli_host_forget(struct cli *cli, int argc, char **argv);
int cli_tag_add(struct cli *cli, int argc, char **argv);
int cli_tag_remove(struct cli *cli, int argc, char **argv);
int cli_verify(struct cli *cli, int argc, char **argv);
int cli_apply(struct cli *cli, int argc, char **argv);
int cli_edit(struct cli *cli, int argc, char **argv);
int cli_query(struct cli *cli, int argc, char **argv);
int cli_audit_list(struct cli *cli, int argc, char **argv);
int cli_audit_show(struct cli *cli, int argc, char **argv);
int cli_audit_head(struct cli *cli, int argc, char **argv);
int cli_audit_verify(struct cli *cli, int argc, char **argv);
int cli_alarm_list(struct cli *cli, int argc, char **argv);
int cli_alarm_show(struct cli *cli, int argc, char **argv);
int cli_alarm_create(struct cli *cli, int argc, char **argv);
int cli_alarm_silence(struct cli *cli, int argc, char **argv);
int cli_alarm_edit(struct cli *cli, int argc, char **argv);
int cli_alarm_delete(struct cli *cli, int argc, char **argv);
int cli_alarm_acknowledge(struct cli *cli, int argc, char **argv);
int cli_alarm_rule_test(struct cli *cli, int argc, char **argv);
int cli_alarm_target_test(struct cli *cli, int argc, char **argv);
int cli_vm_stats(struct cli *cli, int argc, char **argv);
int cli_vm_console(struct cli *cli, int argc, char **argv);
int cli_task_list(struct cli *cli, int argc, char **argv);
int cli_task_show(struct cli *cli, int argc, char **argv);
int cli_task_wait(struct cli *cli, int argc, char **argv);
int cli_task_watch(struct cli *cli, int argc, char **argv);
int cli_task_abort(struct cli *cli, int argc, char **argv);
int cli_task_delete(struct cli *cli, int argc, char **argv);
int cli_task_clear(struct cli *cli, int argc, char **argv);
int cli_device(struct cli *cli, int argc, char **argv);
int cli_call(struct cli *cli, int argc, char **argv);
int cli_object_call(struct cli *cli, int argc, char **argv);
int cli_vm_import(struct cli *cli, int argc, char **argv);
int cli_vm_export(struct cli *cli, int argc, char **argv);
int cli_vdi_import(struct cli *cli, int argc, char **argv);
int cli_vdi_export(struct cli *cli, int argc, char **argv);
/* Waits and prints what comes back, as the options say. */
struct cli_method_call;
int cli_call_method(struct cli *cli, const char *label, const struct cli_method_call *call);
/* Arguments that are ids, for whoever has names. */
int cli_names_to_ids(struct cli *cli, struct mu_value *arguments, struct mu_error *err);
/* The answer to a request for a call: waits and prints what comes back, as the options say. */
int cli_call_finish(struct cli *cli, const char *label, const struct mu_value *answer);
int cli_account_list(struct cli *cli, int argc, char **argv); /* user, group, role */
int cli_account_show(struct cli *cli, int argc, char **argv);
int cli_account_create(struct cli *cli, int argc, char **argv);
int cli_account_edit(struct cli *cli, int argc, char **argv);
int cli_account_delete(struct cli *cli, int argc, char **argv);
int cli_account_privileges(struct cli *cli, int argc, char **argv);
int cli_user_passwd(struct cli *cli, int argc, char **argv);
int cli_group_add(struct cli *cli, int argc, char **argv);
int cli_group_remove(struct cli *cli, int argc, char **argv);
int cli_role_copy(struct cli *cli, int argc, char **argv);
int cli_role_grant(struct cli *cli, int argc, char **argv);
int cli_role_revoke(struct cli *cli, int argc, char **argv);
int cli_role_assign(struct cli *cli, int argc, char **argv);
int cli_role_unassign(struct cli *cli, int argc, char **argv);
int cli_token_list(struct cli *cli, int argc, char **argv);
int cli_token_create(struct cli *cli, int argc, char **argv);
int cli_token_delete(struct cli *cli, int argc, char **argv);
int cli_login(struct cli *cli, int argc, char **argv);
int cli_logout(struct cli *cli, int argc, char **argv);
int cli_top(struct cli *cli, int argc, char **argv);
/* The collection whose events tell of changes of a noun's objects; NULL: none does. */
const char *cli_events_collection(const char *noun);
/* watch.c: the verb again and again, as long as it goes well. */
int cli_watch(struct cli *cli, int argc, char **argv);
int cli_events(struct cli *cli, int argc, char **argv);
int cli_ping(struct cli *cli, int argc, char **argv);

#endif
