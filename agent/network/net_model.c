/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every modelled host has eth0 in xenbr0, with the host's own address, and eth1 in xenbr1, without
 * one, so that a fleet of them has networks in common; what else is there, how fast it is and which
 * addresses it has follows from the seed. Cards in no bridge are for networks of one's own.
 */
#include "agent/network/net_model.h"

#include "agent/network/core/net_check.h"
#include "common/base/rand.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CARDS_MAX = 4, MTU = 1500, JUMBO_MTU = 9000 };

struct net_model {
	pthread_mutex_t lock; /* a reading may go on while a network is made */
	struct net_facts facts;
	int32_t next_index;
};

static struct net_link *add_link(struct net_model *m, const char *name, enum net_kind kind)
{
	struct net_link *l = net_facts_add_link(&m->facts);

	if (!l)
		return NULL;
	l->index = m->next_index++;
	(void)snprintf(l->name, sizeof l->name, "%s", name);
	l->kind = kind;
	l->up = l->carrier = true;
	l->mtu = MTU;
	return l;
}

/* Of an address that nobody sells cards with. */
static void add_card(struct net_model *m, unsigned n, const uint8_t mac[5], int32_t speed)
{
	char name[MODEL_DEVICE_MAX + 1];
	struct net_link *l;

	(void)snprintf(name, sizeof name, "eth%u", n);
	l = add_link(m, name, NET_KIND_CARD);
	(void)snprintf(l->mac, sizeof l->mac, "02:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		       mac[3], (mac[4] & 0xf8) | n);
	l->speed_mbps = speed;
}

static struct net_link *link_find(struct net_model *m, const char *name)
{
	const struct net_link *l = net_link_find(&m->facts, name);

	return l ? &m->facts.links[l - m->facts.links] : NULL;
}

static void add_bridge(struct net_model *m, const char *name, const char *port, int32_t mtu)
{
	struct net_link *bridge = add_link(m, name, NET_KIND_BRIDGE);
	int32_t index = bridge->index;
	struct net_link *card;

	bridge->mtu = mtu;
	if (!port)
		return;
	card = link_find(m, port);
	card->master = index;
	if (card->mtu < mtu)
		card->mtu = mtu;
	memcpy(link_find(m, name)->mac, card->mac, sizeof card->mac);
}

static void add_address(struct net_model *m, const char *device, struct mu_rand *r)
{
	int32_t index = link_find(m, device)->index;
	struct net_addr *a = net_facts_add_addr(&m->facts);
	struct net_route *way_out = net_facts_add_route(&m->facts);
	unsigned net = (unsigned)mu_rand_below(r, 4);

	a->link = way_out->link = index;
	a->global = true;
	a->prefix = 24;
	(void)snprintf(a->text, sizeof a->text, "10.90.%u.%u", net,
		       10 + (unsigned)mu_rand_below(r, 240));
	(void)snprintf(way_out->gateway, sizeof way_out->gateway, "10.90.%u.1", net);
	(void)snprintf(m->facts.dns, sizeof m->facts.dns, "10.90.%u.1", net);
}

struct net_model *net_model_new(uint64_t seed)
{
	static const int32_t speeds[] = {1000, 10000, 25000};
	struct net_model *m = mu_xcalloc(1, sizeof *m);
	struct mu_rand r = {seed};
	uint64_t mac = mu_rand_next(&r);
	unsigned n_cards = 2 + (unsigned)mu_rand_below(&r, CARDS_MAX - 1);
	int32_t speed = speeds[mu_rand_below(&r, MU_ARRAY_SIZE(speeds))];
	uint8_t bytes[5];

	(void)pthread_mutex_init(&m->lock, NULL);
	net_facts_init(&m->facts);
	m->next_index = 2; /* 1 is the loopback's */
	memcpy(bytes, &mac, sizeof bytes);
	for (unsigned i = 0; i < n_cards; i++)
		add_card(m, i, bytes, i ? speed : 1000);
	add_bridge(m, "xenbr0", "eth0", MTU);
	add_bridge(m, "xenbr1", "eth1", mu_rand_below(&r, 2) ? JUMBO_MTU : MTU);
	add_address(m, "xenbr0", &r);
	return m;
}

struct net_model *net_model_free(struct net_model *m)
{
	if (!m)
		return NULL;
	net_facts_deinit(&m->facts);
	(void)pthread_mutex_destroy(&m->lock);
	free(m);
	return NULL;
}

void net_model_read(struct net_model *m, struct net_facts *ret)
{
	const struct net_facts *f = &m->facts;

	(void)pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < f->n_links; i++)
		*net_facts_add_link(ret) = f->links[i];
	for (size_t i = 0; i < f->n_addrs; i++)
		*net_facts_add_addr(ret) = f->addrs[i];
	for (size_t i = 0; i < f->n_routes; i++)
		*net_facts_add_route(ret) = f->routes[i];
	memcpy(ret->dns, f->dns, sizeof ret->dns);
	(void)pthread_mutex_unlock(&m->lock);
}

static int make(struct net_model *m, const struct net_record *rec, struct mu_error *err)
{
	const struct net_link *card = *rec->pif ? link_find(m, rec->pif) : NULL;
	struct net_link *vlan;

	if (net_link_find(&m->facts, rec->bridge))
		return mu_error_set(err, MU_E_EXISTS, "%s exists", rec->bridge);
	if (*rec->pif && !card)
		return mu_error_set(err, MU_E_NOT_FOUND, "no such card %s", rec->pif);
	if (m->facts.n_links + 2 > NET_LINKS_MAX)
		return mu_error_set(err, MU_E_EXHAUSTED, "more than %d links", NET_LINKS_MAX);
	if (*rec->vlan_device) {
		const struct net_link below = *card;

		vlan = add_link(m, rec->vlan_device, NET_KIND_VLAN);
		vlan->vlan = rec->vlan;
		vlan->lower = below.index;
		vlan->mtu = below.mtu;
		vlan->speed_mbps = below.speed_mbps;
		memcpy(vlan->mac, below.mac, sizeof vlan->mac);
	}
	add_bridge(m, rec->bridge, net_record_port(rec),
		   rec->mtu ? rec->mtu
		   : card   ? link_find(m, rec->pif)->mtu
			    : MTU);
	return 0;
}

int net_model_make(struct net_model *m, const struct net_record *rec, struct mu_error *err)
{
	int r;

	(void)pthread_mutex_lock(&m->lock);
	r = make(m, rec, err);
	(void)pthread_mutex_unlock(&m->lock);
	return r;
}

static void remove_link(struct net_model *m, const char *name)
{
	struct net_facts *f = &m->facts;
	size_t at = (size_t)(net_link_find(f, name) - f->links);
	int32_t index = f->links[at].index;

	for (size_t i = 0; i < f->n_links; i++) {
		if (f->links[i].master == index)
			f->links[i].master = 0;
	}
	memmove(&f->links[at], &f->links[at + 1], (f->n_links - at - 1) * sizeof *f->links);
	f->n_links--;
}

void net_model_remove(struct net_model *m, const struct net_record *rec)
{
	const char *names[NET_LEFTOVERS_MAX];
	size_t n;

	(void)pthread_mutex_lock(&m->lock);
	n = net_leftovers(&m->facts, rec, names);
	for (size_t i = 0; i < n; i++)
		remove_link(m, names[i]);
	(void)pthread_mutex_unlock(&m->lock);
}
