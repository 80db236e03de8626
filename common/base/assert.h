/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assertions for bugs, never for the world: always on, in every build. A failed one prints where
 * and aborts, so that the supervisor restarts the process from its durable state.
 */
#ifndef MUSTER_BASE_ASSERT_H
#define MUSTER_BASE_ASSERT_H

_Noreturn void mu_assert_failed(const char *expr, const char *file, int line, const char *func);

#define mu_assert(expr) ((expr) ? (void)0 : mu_assert_failed(#expr, __FILE__, __LINE__, __func__))

#define mu_assert_unreachable() mu_assert_failed("unreachable", __FILE__, __LINE__, __func__)

#endif
