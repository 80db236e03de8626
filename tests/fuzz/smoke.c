/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A deterministic stand-in for libFuzzer: takes a seed of the target's, damages it a few times
 * (flip, overwrite, insert, delete, duplicate, cut, splice with another seed) and runs the target.
 * Found inputs are reproduced by running it again: the same numbers give the same inputs.
 */
#include "common/base/rand.h"
#include "common/base/str.h"
#include "tests/fuzz/fuzz.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DEFAULT_ITERATIONS = 300000, DAMAGE_MAX = 8, SEEDS_MAX = 64 };

struct input {
	uint8_t data[FUZZ_INPUT_MAX];
	size_t len;
};

static size_t at(struct mu_rand *rand, const struct input *in)
{
	return (size_t)mu_rand_below(rand, in->len);
}

static uint8_t odd_byte(struct mu_rand *rand)
{
	static const uint8_t odd[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0x0a, 0x12, 0x22};

	return mu_rand_below(rand, 2) ? odd[mu_rand_below(rand, sizeof odd)]
				      : (uint8_t)mu_rand_next(rand);
}

/* Bytes [from, from + n) once more at `to`. */
static void duplicate(struct input *in, size_t from, size_t to, size_t n)
{
	uint8_t piece[256];

	if (n > sizeof piece)
		n = sizeof piece;
	if (n > in->len - from)
		n = in->len - from;
	if (n > FUZZ_INPUT_MAX - in->len)
		n = FUZZ_INPUT_MAX - in->len;
	memcpy(piece, in->data + from, n);
	memmove(in->data + to + n, in->data + to, in->len - to);
	memcpy(in->data + to, piece, n);
	in->len += n;
}

static void delete (struct input *in, size_t from, size_t n)
{
	if (n > in->len - from)
		n = in->len - from;
	memmove(in->data + from, in->data + from + n, in->len - from - n);
	in->len -= n;
}

static void splice(struct mu_rand *rand, struct input *in, size_t n_seeds)
{
	static struct input other;
	size_t keep = at(rand, in), from, n;

	other.len = fuzz_seed((size_t)mu_rand_below(rand, n_seeds), other.data);
	from = at(rand, &other);
	n = other.len - from;
	if (n > FUZZ_INPUT_MAX - keep)
		n = FUZZ_INPUT_MAX - keep;
	memcpy(in->data + keep, other.data + from, n);
	in->len = keep + n;
}

static void damage(struct mu_rand *rand, struct input *in, size_t n_seeds)
{
	if (in->len == 0)
		return;
	switch (mu_rand_below(rand, 7)) {
	case 0:
		in->data[at(rand, in)] ^= (uint8_t)(1u << mu_rand_below(rand, 8));
		break;
	case 1:
		in->data[at(rand, in)] = odd_byte(rand);
		break;
	case 2:
		in->data[at(rand, in)]++;
		break;
	case 3:
		duplicate(in, at(rand, in), at(rand, in), 1 + (size_t)mu_rand_below(rand, 64));
		break;
	case 4:
		delete (in, at(rand, in), 1 + (size_t)mu_rand_below(rand, 16));
		break;
	case 5:
		in->len = at(rand, in);
		break;
	default:
		splice(rand, in, n_seeds);
		break;
	}
}

static int write_corpus(const char *dir, size_t n_seeds)
{
	static struct input in;

	for (size_t i = 0; i < n_seeds; i++) {
		char path[4096];
		FILE *f;

		in.len = fuzz_seed(i, in.data);
		(void)snprintf(path, sizeof path, "%s/seed-%zu", dir, i);
		f = fopen(path, "wb");
		if (!f || fwrite(in.data, 1, in.len, f) != in.len || fclose(f) != 0) {
			perror(path);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct input in;
	uint64_t iterations = DEFAULT_ITERATIONS, seed = 1;
	size_t n_seeds = 0;
	struct mu_rand rand;

	while (n_seeds < SEEDS_MAX && fuzz_seed(n_seeds, in.data) > 0)
		n_seeds++;
	if (argc == 3 && strcmp(argv[1], "--write-corpus") == 0)
		return write_corpus(argv[2], n_seeds);
	if (n_seeds == 0 || (argc > 1 && !mu_parse_u64(argv[1], &iterations)) ||
	    (argc > 2 && !mu_parse_u64(argv[2], &seed))) {
		fprintf(stderr, "usage: %s [iterations [seed]] | --write-corpus DIR\n", argv[0]);
		return 2;
	}
	rand.state = seed;
	for (uint64_t i = 0; i < iterations; i++) {
		uint64_t n = i < n_seeds ? 0 : 1 + mu_rand_below(&rand, DAMAGE_MAX);

		in.len = fuzz_seed((size_t)(i % n_seeds), in.data);
		while (n-- > 0)
			damage(&rand, &in, n_seeds);
		(void)LLVMFuzzerTestOneInput(in.data, in.len);
	}
	printf("%" PRIu64 " inputs out of %zu seeds\n", iterations, n_seeds);
	return 0;
}
