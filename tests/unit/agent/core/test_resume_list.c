/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/resume_list.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define THIS_BOOT "11111111-1111-4111-8111-111111111111"
#define NEXT_BOOT "22222222-2222-4222-8222-222222222222"

static struct vm_id vm(uint8_t n)
{
	return (struct vm_id){{{n, 1}}};
}

static void add(struct resume_list *l, uint8_t n)
{
	struct vm_id id = vm(n);

	resume_list_add(l, &id);
}

static bool has(const struct resume_list *l, uint8_t n)
{
	struct vm_id id = vm(n);

	return resume_list_has(l, &id);
}

static bool drop(struct resume_list *l, uint8_t n)
{
	struct vm_id id = vm(n);

	return resume_list_drop(l, &id);
}

Test(resume_list, vms_come_once_and_go)
{
	struct resume_list l;

	resume_list_init(&l);
	add(&l, 1);
	add(&l, 2);
	add(&l, 3);
	add(&l, 2);
	cr_expect_eq(l.n_vms, 3);
	cr_expect(drop(&l, 2));
	cr_expect_not(drop(&l, 2));
	cr_expect(has(&l, 1) && !has(&l, 2) && has(&l, 3));
	resume_list_deinit(&l);
}

Test(resume_list, has_an_end)
{
	struct resume_list l;

	resume_list_init(&l);
	for (uint32_t i = 0; i <= RESUME_LIST_MAX; i++) {
		struct vm_id id = {{{9}}};

		memcpy(&id.uuid.bytes[8], &i, sizeof i);
		resume_list_add(&l, &id);
	}
	cr_expect_eq(l.n_vms, RESUME_LIST_MAX);
	resume_list_deinit(&l);
}

Test(resume_list, is_due_in_the_next_boot_or_when_the_host_was_not_told_to_go)
{
	struct resume_list l = {.boot_id = THIS_BOOT, .sealed = true};

	cr_expect_not(resume_list_due(&l, NEXT_BOOT), "there is nobody in it");
	add(&l, 1);
	cr_expect_not(resume_list_due(&l, THIS_BOOT));
	cr_expect(resume_list_due(&l, NEXT_BOOT));
	l.sealed = false;
	cr_expect(resume_list_due(&l, THIS_BOOT));
	resume_list_deinit(&l);
}

Test(resume_list, round_trips)
{
	struct resume_list l = {.boot_id = THIS_BOOT, .sealed = true, .user = "b\xc3\xbcro"}, back;
	struct mu_error err = MU_ERROR_INIT;
	struct mu_str text = MU_STR_INIT;

	add(&l, 1);
	add(&l, 2);
	resume_list_encode(&l, &text);
	cr_assert_eq(resume_list_decode(text.data, text.len, &back, &err), 0, "%s", err.text);
	cr_expect_str_eq(back.boot_id, THIS_BOOT);
	cr_expect_str_eq(back.user, l.user);
	cr_expect(back.sealed && back.n_vms == 2 && has(&back, 1) && has(&back, 2));
	mu_str_deinit(&text);
	resume_list_deinit(&l);
	resume_list_deinit(&back);
}

Test(resume_list, what_cannot_be_read)
{
#define HEAD "{\"version\":1,\"sealed\":false,\"bootId\":\"b\",\"by\":\"u\""
	static const struct {
		const char *text, *words;
	} cases[] = {
	    {"{", "line 1"},
	    {"{}", "version"},
	    {"{\"version\":2}", "version"},
	    {"{\"version\":1,\"sealed\":1}", "sealed"},
	    {"{\"version\":1,\"sealed\":true}", "bootId"},
	    {"{\"version\":1,\"sealed\":true,\"bootId\":\"" THIS_BOOT "1\"}", "bootId"},
	    {"{\"version\":1,\"sealed\":true,\"bootId\":\"b\"}", "by"},
	    {HEAD "}", "vms"},
	    {HEAD ",\"vms\":[1]}", "vms"},
	    {HEAD ",\"vms\":[\"" THIS_BOOT "\",\"web\"]}", "vms"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mu_error err = MU_ERROR_INIT;
		struct resume_list l;

		cr_expect_lt(resume_list_decode(cases[i].text, strlen(cases[i].text), &l, &err), 0,
			     "%s", cases[i].text);
		cr_expect(strstr(err.text, cases[i].words), "%s: %s", cases[i].text, err.text);
	}
}
