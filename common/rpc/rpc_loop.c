/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread sits in grpc_completion_queue_next(). It is the only place where gRPC's core makes
 * progress on Linux (callback queues have no poller of their own), so it must never wait for
 * anything else: what it is given goes on a list, and the loop is woken when the list was empty.
 * A burst of completions costs one wake-up.
 *
 *     gRPC's threads --> completion queue --> CQ thread --> finished list --> loop: tag->done()
 *
 * A wake-up takes the whole list, so each one belongs to one list that was not empty. rpc_free()
 * may be called from a tag's `done`, or while a wake-up is on its way that will find nothing: then
 * the wake-up frees the memory.
 */
#include "common/rpc/rpc_loop.h"

#include "common/base/assert.h"
#include "common/rpc/rpc.h"
#include "common/rpc/rpc_log.h"

#include <grpc/support/time.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
/* gRPC is not instrumented: tell TSan of the hand-over through it. */
#define TAG_RELEASE(tag) __tsan_release(tag)
#define TAG_ACQUIRE(tag) __tsan_acquire(tag)
#else
#define TAG_RELEASE(tag) (void)(tag)
#define TAG_ACQUIRE(tag) (void)(tag)
#endif

struct kept {
	struct kept *next;
	void *p;
	void (*free_it)(void *p);
};

struct rpc {
	struct mu_loop *loop;
	grpc_completion_queue *cq;
	pthread_t thread;
	unsigned int n_users;
	struct kept *kept;
	struct mu_link accept_watches;

	pthread_mutex_t lock;
	struct rpc_tag *first; /* lock */
	struct rpc_tag **last; /* lock */
	bool accept_failure;   /* lock: told by gRPC's log */
	unsigned int n_posted; /* lock: wake-ups on their way */
	bool dead;             /* lock: rpc_free() was here, the last wake-up frees */
	bool *ret_dead;        /* loop thread: the drain at work wants to know */
};

static void destroy(struct rpc *rpc)
{
	(void)pthread_mutex_destroy(&rpc->lock);
	free(rpc);
}

static void run_tags(struct rpc *rpc, struct rpc_tag *tag)
{
	bool dead = false;

	rpc->ret_dead = &dead;
	while (tag) {
		struct rpc_tag *next = tag->next;

		/* The tag's memory may be gone when this returns; so may rpc. */
		tag->done(tag, tag->ok);
		if (dead) {
			mu_assert(!next);
			return;
		}
		tag = next;
	}
	rpc->ret_dead = NULL;
}

static void tell_accept_watches(struct rpc *rpc)
{
	mu_list_each(it, &rpc->accept_watches)
	{
		struct rpc_accept_watch *watch = MU_CONTAINER_OF(it, struct rpc_accept_watch, link);

		watch->failed(watch->ctx);
	}
}

static void drain(void *ctx)
{
	struct rpc *rpc = ctx;
	struct rpc_tag *tags;
	bool accept_failure, dead, last;

	(void)pthread_mutex_lock(&rpc->lock);
	tags = rpc->first;
	rpc->first = NULL;
	rpc->last = &rpc->first;
	accept_failure = rpc->accept_failure;
	rpc->accept_failure = false;
	dead = rpc->dead;
	last = --rpc->n_posted == 0;
	(void)pthread_mutex_unlock(&rpc->lock);
	if (dead) {
		if (last)
			destroy(rpc);
		return;
	}
	if (accept_failure)
		tell_accept_watches(rpc);
	run_tags(rpc, tags);
}

static void finished(struct rpc *rpc, struct rpc_tag *tag, bool ok)
{
	bool wake;

	tag->ok = ok;
	tag->next = NULL;
	(void)pthread_mutex_lock(&rpc->lock);
	wake = rpc->first == NULL;
	*rpc->last = tag;
	rpc->last = &tag->next;
	if (wake)
		rpc->n_posted++;
	(void)pthread_mutex_unlock(&rpc->lock);
	if (wake)
		mu_loop_post_from_thread(rpc->loop, drain, rpc);
}

static void *run_queue(void *ctx)
{
	struct rpc *rpc = ctx;

	for (;;) {
		grpc_event event =
		    grpc_completion_queue_next(rpc->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);

		if (event.type == GRPC_QUEUE_SHUTDOWN)
			return NULL;
		if (event.type == GRPC_OP_COMPLETE) {
			TAG_ACQUIRE(event.tag);
			finished(rpc, event.tag, event.success != 0);
		}
	}
}

/* On whichever of gRPC's threads had the failure; rpc_log.c keeps it from running after
 * rpc_log_detach(). */
static void accept_failed(void *ctx)
{
	struct rpc *rpc = ctx;
	bool wake;

	(void)pthread_mutex_lock(&rpc->lock);
	wake = !rpc->accept_failure;
	rpc->accept_failure = true;
	if (wake)
		rpc->n_posted++;
	(void)pthread_mutex_unlock(&rpc->lock);
	if (wake)
		mu_loop_post_from_thread(rpc->loop, drain, rpc);
}

struct rpc *rpc_new(struct mu_loop *loop)
{
	struct rpc *rpc = mu_xcalloc(1, sizeof *rpc);
	sigset_t all, before;

	rpc->loop = loop;
	rpc->last = &rpc->first;
	mu_link_init(&rpc->accept_watches);
	(void)pthread_mutex_init(&rpc->lock, NULL);
	/* Signals are the loop's; the library's threads inherit this mask. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rpc_log_attach(accept_failed, rpc);
	grpc_init();
	rpc->cq = grpc_completion_queue_create_for_next(NULL);
	mu_assert(pthread_create(&rpc->thread, NULL, run_queue, rpc) == 0);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rpc;
}

struct rpc *rpc_free(struct rpc *rpc)
{
	bool posted;

	if (!rpc)
		return NULL;
	mu_assert(rpc->n_users == 0);
	grpc_completion_queue_shutdown(rpc->cq);
	(void)pthread_join(rpc->thread, NULL);
	mu_assert(!rpc->first);
	grpc_completion_queue_destroy(rpc->cq);
	grpc_shutdown_blocking();
	rpc_log_detach();
	while (rpc->kept) {
		struct kept *k = rpc->kept;

		rpc->kept = k->next;
		k->free_it(k->p);
		free(k);
	}
	if (rpc->ret_dead)
		*rpc->ret_dead = true;
	(void)pthread_mutex_lock(&rpc->lock);
	rpc->dead = true;
	posted = rpc->n_posted > 0;
	(void)pthread_mutex_unlock(&rpc->lock);
	if (!posted)
		destroy(rpc);
	return NULL;
}

struct mu_loop *rpc_loop(const struct rpc *rpc)
{
	return rpc->loop;
}

grpc_completion_queue *rpc_queue(const struct rpc *rpc)
{
	return rpc->cq;
}

void *rpc_arm(struct rpc_tag *tag)
{
	TAG_RELEASE(tag);
	return tag;
}

void rpc_use(struct rpc *rpc)
{
	rpc->n_users++;
}

void rpc_unuse(struct rpc *rpc)
{
	mu_assert(rpc->n_users > 0);
	rpc->n_users--;
}

void rpc_keep(struct rpc *rpc, void *p, void (*free_it)(void *p))
{
	struct kept *k = mu_xcalloc(1, sizeof *k);

	*k = (struct kept){.next = rpc->kept, .p = p, .free_it = free_it};
	rpc->kept = k;
}

void rpc_watch_accepts(struct rpc *rpc, struct rpc_accept_watch *watch)
{
	mu_list_push_back(&rpc->accept_watches, &watch->link);
}

void rpc_unwatch_accepts(struct rpc_accept_watch *watch)
{
	mu_list_remove(&watch->link);
}
