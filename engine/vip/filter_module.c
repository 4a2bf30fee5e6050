/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * filter_module.c: the filter as a loadable kernel module (kmod/mod), spoken to by generic netlink (filter_genl.h).
 *
 * Owns: one netlink socket per open filter, in the network namespace that the process was in when it opened it.  The kernel loads the module
 * by its alias when the family is asked for, where modprobe finds it.  What is attached belongs to the interface and not to this process.
 */
#include "config.h"
#include "vip/filter.h"

#include "filter_genl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* the longest message: READ's answer with every group */
#define ROOM	(sizeof(struct filter_tables) + sizeof(struct filter_conf) + 4096)

struct filter {
	struct mnl_socket *socket;
	uint16_t family;
	uint32_t version;	/* FILTER_ABI of the module that is loaded */
	uint32_t seq;
	uint32_t ifindex, module_id;
	unsigned int groups;	/* of its conf */
	char *buf;		/* ROOM bytes */
};

static struct nlmsghdr *
begin(struct filter *f, uint16_t type, uint8_t command, uint8_t version)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(f->buf);
	struct genlmsghdr *g;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = ++f->seq;
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->cmd = command;
	g->version = version;
	return nlh;
}

/* About this filter */
static struct nlmsghdr *
begin_ours(struct filter *f, uint8_t command)
{
	struct nlmsghdr *nlh = begin(f, f->family, command, FILTER_GENL_VERSION);

	mnl_attr_put_u32(nlh, FILTER_GENL_A_IFINDEX, f->ifindex);
	mnl_attr_put_u32(nlh, FILTER_GENL_A_MODULE, f->module_id);
	return nlh;
}

/* Send, and hear the kernel out; false with errno */
static bool
ask(struct filter *f, struct nlmsghdr *nlh, mnl_cb_t take, void *data)
{
	unsigned int port = mnl_socket_get_portid(f->socket);
	uint32_t seq = nlh->nlmsg_seq;
	ssize_t n;
	int more;

	if (mnl_socket_sendto(f->socket, nlh, nlh->nlmsg_len) < 0)
		return false;
	do {
		n = mnl_socket_recvfrom(f->socket, f->buf, ROOM);
		if (n < 0 && errno == EINTR) {
			more = MNL_CB_OK;
			continue;
		}
		if (n <= 0)
			return false;
		more = mnl_cb_run(f->buf, (size_t)n, seq, port, take, data);
	} while (more > MNL_CB_STOP);
	return more == MNL_CB_STOP;
}

static int
take_family(const struct nlmsghdr *nlh, void *data)
{
	struct filter *f = data;
	const struct nlattr *a;

	mnl_attr_for_each(a, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_ID && mnl_attr_validate(a, MNL_TYPE_U16) >= 0)
			f->family = mnl_attr_get_u16(a);
		else if (mnl_attr_get_type(a) == CTRL_ATTR_VERSION && mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
			f->version = mnl_attr_get_u32(a);
	}
	return MNL_CB_OK;
}

static void
module_release(struct filter *f)
{
	if (f == NULL)
		return;
	if (f->socket != NULL)
		mnl_socket_close(f->socket);
	free(f->buf);
	free(f);
}

/* A socket that knows the family's number; NULL with the reason */
static struct filter *
module_open(int ifindex, int module_id, char *err, size_t errsize)
{
	struct filter *f = calloc(1, sizeof(*f));
	struct nlmsghdr *nlh;

	if (f == NULL || (f->buf = malloc(ROOM)) == NULL) {
		snprintf(err, errsize, "no memory");
		goto out;
	}
	f->ifindex = (uint32_t)ifindex;
	f->module_id = (uint32_t)module_id;
	f->socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (f->socket == NULL || mnl_socket_bind(f->socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		snprintf(err, errsize, "generic netlink: %s", strerror(errno));
		goto out;
	}
	nlh = begin(f, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, FILTER_GENL_NAME);
	if (!ask(f, nlh, take_family, f) || f->family == 0) {
		snprintf(err, errsize, "kernel module " FILTER_GENL_NAME " is not loaded and could not be");
		goto out;
	}
	if (f->version != FILTER_GENL_VERSION) {
		snprintf(err, errsize, "kernel module " FILTER_GENL_NAME " has interface %u, expected %u: build and load the one of this version",
		    f->version, FILTER_GENL_VERSION);
		goto out;
	}
	return f;
out:
	module_release(f);
	return NULL;
}

static bool
module_usable(char *err, size_t errsize)
{
	struct filter *f = module_open(0, 0, err, errsize);

	module_release(f);
	return f != NULL;
}

static int
take_kept(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *a;
	bool *kept = data;

	mnl_attr_for_each(a, nlh, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(a) == FILTER_GENL_A_KEPT && mnl_attr_validate(a, MNL_TYPE_U8) >= 0)
			*kept = mnl_attr_get_u8(a) != 0;
	return MNL_CB_OK;
}

static struct filter *
module_attach(int ifindex, int module_id, const struct filter_conf *conf, bool *kept, char *err, size_t errsize)
{
	struct filter *f = module_open(ifindex, module_id, err, errsize);
	struct nlmsghdr *nlh;

	*kept = false;
	if (f == NULL)
		return NULL;
	f->groups = conf->groups;
	nlh = begin_ours(f, FILTER_GENL_ATTACH);
	mnl_attr_put(nlh, FILTER_GENL_A_CONF, sizeof(*conf), conf);
	if (!ask(f, nlh, take_kept, kept)) {
		snprintf(err, errsize, "kernel module " FILTER_GENL_NAME ": interface %d: %s", ifindex,
		    errno == EMEDIUMTYPE ? "not an Ethernet" : strerror(errno));
		module_release(f);
		return NULL;
	}
	return f;
}

static bool
module_write(struct filter *f, const struct filter_tables *t)
{
	struct nlmsghdr *nlh = begin_ours(f, FILTER_GENL_WRITE);
	struct filter_genl_head head = { .known = t->known, .deaf = t->deaf };
	unsigned int g;

	memcpy(head.mac, t->mac, sizeof(head.mac));
	mnl_attr_put(nlh, FILTER_GENL_A_HEAD, sizeof(head), &head);
	for (g = 0; g < f->groups; g++)
		mnl_attr_put(nlh, FILTER_GENL_A_GROUP, sizeof(t->group[g]), &t->group[g]);
	return ask(f, nlh, NULL, NULL);
}

static void
module_lease(struct filter *f, uint64_t until_ns)
{
	struct nlmsghdr *nlh = begin_ours(f, FILTER_GENL_LEASE);

	mnl_attr_put_u64(nlh, FILTER_GENL_A_LEASE, until_ns);
	if (!ask(f, nlh, NULL, NULL))
		debug_text("kernel module " FILTER_GENL_NAME ": interface %u: the lease was not renewed: %s", f->ifindex, strerror(errno));
}

struct reading {
	struct filter_conf *conf;
	struct filter_tables *tables;
	struct filter_control *control;
	struct filter_counts *counts;
	unsigned int groups, got;	/* groups seen; bit per other part */
};

/* a's bytes to `to` (may be NULL) when they are as many as expected */
static void
take_blob(struct reading *r, const struct nlattr *a, void *to, size_t size)
{
	if (mnl_attr_get_payload_len(a) != size)
		return;
	if (to != NULL)
		memcpy(to, mnl_attr_get_payload(a), size);
	r->got |= 1u << mnl_attr_get_type(a);
}

static int
take_reading(const struct nlmsghdr *nlh, void *data)
{
	struct filter_genl_head head;
	struct reading *r = data;
	const struct nlattr *a;

	mnl_attr_for_each(a, nlh, sizeof(struct genlmsghdr)) {
		switch (mnl_attr_get_type(a)) {
		case FILTER_GENL_A_CONF:
			take_blob(r, a, r->conf, sizeof(*r->conf));
			break;
		case FILTER_GENL_A_CONTROL:
			take_blob(r, a, r->control, sizeof(*r->control));
			break;
		case FILTER_GENL_A_COUNTS:
			take_blob(r, a, r->counts, sizeof(*r->counts));
			break;
		case FILTER_GENL_A_HEAD:
			memset(&head, 0, sizeof(head));
			take_blob(r, a, &head, sizeof(head));
			if (r->tables != NULL) {
				r->tables->known = head.known;
				r->tables->deaf = head.deaf;
				memcpy(r->tables->mac, head.mac, sizeof(head.mac));
			}
			break;
		case FILTER_GENL_A_GROUP:
			if (r->groups < FILTER_GROUPS && mnl_attr_get_payload_len(a) == sizeof(struct filter_group)) {
				if (r->tables != NULL)
					memcpy(&r->tables->group[r->groups], mnl_attr_get_payload(a), sizeof(struct filter_group));
				r->groups++;
			}
			break;
		}
	}
	return MNL_CB_OK;
}

static bool
read_all(struct filter *f, struct reading *r)
{
	const unsigned int all = 1u << FILTER_GENL_A_CONF | 1u << FILTER_GENL_A_CONTROL | 1u << FILTER_GENL_A_COUNTS | 1u << FILTER_GENL_A_HEAD;

	if (r->tables != NULL)
		memset(r->tables, 0, sizeof(*r->tables));
	return ask(f, begin_ours(f, FILTER_GENL_READ), take_reading, r) && (r->got & all) == all;
}

static bool
module_read(struct filter *f, struct filter_conf *conf, struct filter_tables *t, struct filter_control *c, struct filter_counts *n)
{
	struct reading r = { .conf = conf, .tables = t, .control = c, .counts = n };

	return read_all(f, &r);
}

static struct filter *
module_find(int ifindex, int module_id)
{
	struct reading r = { .conf = NULL };
	char err[SK_TEXT_MAX];
	struct filter *f = module_open(ifindex, module_id, err, sizeof(err));

	if (f == NULL)
		return NULL;
	if (!read_all(f, &r)) {
		module_release(f);
		return NULL;
	}
	f->groups = r.groups;
	return f;
}

static void
module_detach(struct filter *f)
{
	if (f == NULL)
		return;
	if (!ask(f, begin_ours(f, FILTER_GENL_DETACH), NULL, NULL) && errno != ENOENT)
		warn_errno("kernel module " FILTER_GENL_NAME ": interface %u: detach", f->ifindex);
	module_release(f);
}

const struct filter_kind_ops filter_module = {
	.name = "module",
	.usable = module_usable,
	.attach = module_attach,
	.find = module_find,
	.write = module_write,
	.lease = module_lease,
	.read = module_read,
	.detach = module_detach,
	.release = module_release,
};
