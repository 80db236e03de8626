/* SPDX-License-Identifier: Apache-2.0 */
/* What a console's readers see of its ring, and what of a VNC viewer's stream goes on. */
#include "agent/core/console_ring.h"
#include "agent/core/rfb.h"
#include "common/base/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* The ring */

static struct console_ring *ring;

static void setup_ring(void)
{
	ring = mu_xcalloc(1, sizeof *ring);
}

static void teardown_ring(void)
{
	mu_free_cleanup(&ring);
}

TestSuite(ring, .init = setup_ring, .fini = teardown_ring);

/* The byte at each position is its position's. */
static char byte_at(uint64_t pos)
{
	return (char)(pos * 7 % 251);
}

static void add(size_t len)
{
	char *data = mu_xmalloc(len + 1);

	for (size_t i = 0; i < len; i++)
		data[i] = byte_at(ring->end + i);
	console_ring_add(ring, data, len);
	mu_free_cleanup(&data);
}

/* Read all from `pos` on, `max` at a time, checking each byte; how many there were. */
static uint64_t read_all(uint64_t pos, size_t max, uint64_t *ret_lost)
{
	uint64_t n = 0, lost;
	const char *data;
	size_t len;

	*ret_lost = 0;
	while ((data = console_ring_at(ring, &pos, max, &len, &lost))) {
		cr_assert(len > 0 && len <= max);
		for (size_t i = 0; i < len; i++)
			cr_assert_eq(data[i], byte_at(pos + i));
		*ret_lost += lost;
		pos += len;
		n += len;
	}
	*ret_lost += lost;
	return n;
}

Test(ring, empty)
{
	uint64_t lost;

	cr_expect_eq(console_ring_begin(ring), 0);
	cr_expect_eq(read_all(0, 100, &lost), 0);
	cr_expect_eq(lost, 0);
}

Test(ring, all_of_it_until_it_is_full)
{
	uint64_t lost;

	add(1000);
	cr_expect_eq(read_all(0, 7, &lost), 1000);
	cr_expect_eq(read_all(990, 100, &lost), 10);
	cr_expect_eq(read_all(1000, 100, &lost), 0);
	add(CONSOLE_RING_BYTES - 1000);
	cr_expect_eq(console_ring_begin(ring), 0);
	cr_expect_eq(read_all(0, 4096, &lost), CONSOLE_RING_BYTES);
	cr_expect_eq(lost, 0);
}

Test(ring, a_reader_that_was_overtaken_is_told)
{
	uint64_t lost;

	add(CONSOLE_RING_BYTES);
	add(100);
	cr_expect_eq(console_ring_begin(ring), 100);
	cr_expect_eq(read_all(0, 1000000, &lost), CONSOLE_RING_BYTES);
	cr_expect_eq(lost, 100);
	cr_expect_eq(read_all(100, 1000000, &lost), CONSOLE_RING_BYTES);
	cr_expect_eq(lost, 0);
	add(5 * CONSOLE_RING_BYTES + 3); /* at one go */
	cr_expect_eq(read_all(0, 999, &lost), CONSOLE_RING_BYTES);
	cr_expect_eq(lost, 5 * CONSOLE_RING_BYTES + 103);
}

/* VNC */

#define HELLO "RFB 003.008\n\x01\x01"
#define HELLO_LEN 14
#define UPDATE "\x03\0\0\0\0\0\x02\x80\x01\xe0"
#define KEY "\x04\x01\0\0\0\0\0\x61"
#define POINTER "\x05\x01\0\1\0\1"

static struct mu_str out;
static struct rfb rfb;
static struct mu_error err;

static void setup_rfb(void)
{
	memset(&rfb, 0, sizeof rfb);
	memset(&out, 0, sizeof out);
	mu_error_clear(&err);
}

static void teardown_rfb(void)
{
	mu_str_deinit(&out);
}

TestSuite(rfb, .init = setup_rfb, .fini = teardown_rfb);

static void hello(void)
{
	cr_assert_eq(rfb_step(&rfb, HELLO, HELLO_LEN, false, &out, &err), 0);
	mu_str_reset(&out);
}

static void expect_out(const char *what, size_t len)
{
	cr_expect_eq(out.len, len, "%zu bytes", out.len);
	cr_expect(out.len == len && memcmp(out.data, what, len) == 0);
	mu_str_reset(&out);
}

/* The same, however it is cut. */
static void pass(const char *in, size_t in_len, bool may_type, const char *want, size_t want_len)
{
	for (size_t cut = 1; cut <= in_len; cut++) {
		setup_rfb();
		hello();
		for (size_t i = 0; i < in_len; i += cut) {
			size_t n = in_len - i < cut ? in_len - i : cut;

			cr_assert_eq(rfb_step(&rfb, in + i, n, may_type, &out, &err), 0, "%s",
				     err.text);
		}
		expect_out(want, want_len);
		teardown_rfb();
	}
}

Test(rfb, every_connection_is_a_shared_one)
{
	cr_expect_eq(rfb_step(&rfb, "RFB 003.007\n\x01", 13, true, &out, &err), 0);
	expect_out("RFB 003.007\n\x01", 13);
	cr_expect_eq(rfb_step(&rfb, "\0", 1, true, &out, &err), 0);
	expect_out("\x01", 1);
}

Test(rfb, a_password_goes_through)
{
	cr_expect_eq(rfb_step(&rfb, "RFB 003.008\n\x02", 13, false, &out, &err), 0);
	cr_expect_eq(rfb_step(&rfb, "0123456789abcdef\0" UPDATE, 27, false, &out, &err), 0);
	expect_out("RFB 003.008\n\x02"
		   "0123456789abcdef\x01" UPDATE,
		   40);
}

Test(rfb, who_may_type_does)
{
	pass(UPDATE KEY POINTER "\x06\0\0\0\0\0\0\3abc" UPDATE, 45, true,
	     UPDATE KEY POINTER "\x06\0\0\0\0\0\0\3abc" UPDATE, 45);
}

Test(rfb, who_may_look_only_looks)
{
	pass(UPDATE KEY POINTER "\x06\0\0\0\0\0\0\3abc" UPDATE, 45, false, UPDATE UPDATE, 20);
	/* shut down by xvp; a window of another size; a key by its scan code */
	pass("\xfa\0\1\2"
	     "\xfb\0\2\x80\1\xe0\1\0"
	     "0123456789abcdef"
	     "\xff\0\0\1\0\0\0\x61\0\0\0\x1e" UPDATE,
	     50, false, UPDATE, 10);
	/* the clipboard that says its length as a negative number: -4 */
	pass("\x06\0\0\0\xff\xff\xff\xfc\0\0\0\1" UPDATE, 22, false, UPDATE, 10);
}

Test(rfb, what_changes_nothing_goes_through)
{
	static const struct {
		const char *bytes;
		size_t len;
	} all[] = {
	    {"\0\0\0\0\x20\x18\0\1\0\xff\0\xff\0\xff\x10\x08\0\0\0\0", 20}, /* SetPixelFormat */
	    {"\x02\0\0\2\0\0\0\0\0\0\0\1", 12},                             /* SetEncodings */
	    {"\x02\0\0\0", 4},
	    {"\x96\1\0\0\0\0\2\x80\1\xe0", 10}, /* EnableContinuousUpdates */
	    {"\xf8\0\0\0\0\0\0\1\x03xyz", 12},  /* ClientFence */
	    {"\xff\1\0\0", 4},                  /* QEMU: audio on */
	    {"\xff\1\0\2\3\2\0\0\xac\x44", 10}, /* QEMU: audio format */
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(all); i++)
		pass(all[i].bytes, all[i].len, false, all[i].bytes, all[i].len);
}

Test(rfb, the_right_counts_where_a_message_begins)
{
	hello();
	cr_expect_eq(rfb_step(&rfb, KEY, 3, true, &out, &err), 0);
	cr_expect_eq(rfb_step(&rfb, &KEY[3], 5, true, &out, &err), 0);
	expect_out(KEY, 8);
	cr_expect_eq(rfb_step(&rfb, "\x06\0\0\0\0\0\0\3", 8, true, &out, &err), 0);
	cr_expect_eq(rfb_step(&rfb, "abc" KEY, 11, false, &out, &err), 0);
	expect_out("\x06\0\0\0\0\0\0\3abc", 11);
}

Test(rfb, what_is_not_known_ends_it)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *words;
	} bad[] = {
	    {"RFB 003.003\n", 12, "neither version 3.7 nor 3.8"},
	    {"GET / HTTP/1.1\r\n", 16, "neither version"},
	    {"RFB 003.008\n\x13", 13, "security type 19"},
	    {HELLO "\x77", 15, "message 119"},
	    {HELLO "\xff\x07", 16, "message 255"},
	};

	for (size_t i = 0; i < MU_ARRAY_SIZE(bad); i++) {
		setup_rfb();
		cr_expect_eq(rfb_step(&rfb, bad[i].bytes, bad[i].len, true, &out, &err), MU_FAILED);
		cr_expect_eq(err.code, MU_E_UNSUPPORTED);
		cr_expect(strstr(err.text, bad[i].words), "%s", err.text);
		teardown_rfb();
	}
}
