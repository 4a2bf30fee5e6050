/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * impl.h: what the files of the room share: a row, what a kind of checker is, and the services that kinds use.
 *
 * A row is OFF, or on and INIT, UP, DOWN, UNKNOWN.  While on, its timer stands for one of: the next check; the end of patience of the check
 * that runs.  A kind is a row of functions (kinds.c); it ends each check with row_verdict().
 */
#ifndef SK_CHECK_IMPL_H
#define SK_CHECK_IMPL_H

#include "check/check.h"
#include "wire/message.h"

#include <netinet/in.h>

#define TICK_MS		10	/* checks begin together at these steps: fewer wake-ups (ours) */
#define ADDRS_MAX	8	/* addresses of one name that are tried (ours) */
#define TARGETS_MAX	16	/* witnesses of a splitbrain checker (ours) */
#define WHY_MAX		160	/* bytes with NUL of a reason (ours) */

union addr { struct sockaddr sa; struct sockaddr_in in; struct sockaddr_in6 in6; };

/* ---- pure.c ---- */
bool addr_parse(const char *text, uint16_t port, union addr *out);	/* numeric, IPv6 also with %interface */
bool addr_same(const union addr *a, const union addr *b);	/* port and, unless both have one, scope aside */
socklen_t addr_len(const union addr *a);
/* Smallest base + interval * rank / count + k * interval (k integer) after now: rows of one interval are spread evenly over it. */
int64_t spread_next(int64_t base, int64_t interval, int rank, int count, int64_t now);
int64_t spread_tick(int64_t when);	/* the next step of TICK_MS at or after when */
/* Split at blanks; '...' and "..." group, \ takes the next character (not within '...').  Returns an array with NULL at its end, one
 * allocation, and *n; NULL: a quote that is not closed, or no memory. */
char **words_split(const char *text, int *n);
const char *connect_reason(int err);	/* of connect(2), for users; "" when the error is ours, not the service's */

/* ---- names.c: names resolved in libuv's threads, kept, shared by all rows of that name ---- */
struct names;
struct name;
enum name_state { NAME_PENDING, NAME_KNOWN, NAME_FAILED };
struct names *names_new(uv_loop_t *loop, void (*changed)(void *ctx, const struct name *n), void *ctx);
void names_free(struct names *ns);	/* requests that run end later, in the loop */
struct name *name_get(struct names *ns, const char *text);	/* NULL: no memory */
void name_put(struct name *n);
void name_refresh(struct name *n);	/* ask again unless that runs or is less than a second old */
enum name_state name_state(const struct name *n);
int name_addrs(const struct name *n, uint16_t port, union addr out[ADDRS_MAX]);
const char *name_error(const struct name *n);

/* ---- rows ---- */
struct target { char *text; bool numeric; union addr addr; struct name *name; };	/* name NULL when numeric */
enum row_value { ROW_OFF, ROW_INIT, ROW_UP, ROW_DOWN, ROW_UNKNOWN };
struct kind;
struct row {
	struct table	*t;
	const struct kind *kind;
	struct conf_check conf;		/* own copy */
	char		 name[SK_RES_MAX];
	char		 by[SK_NAME_MAX];
	int		 rank;		/* place in the table */
	uint32_t	 serial;	/* never used twice */
	enum row_value	 value;
	uint32_t	 why;		/* hash of the reason that was told */
	bool		 said;		/* MSG_CHECK_ERROR */
	bool		 as_configured;	/* what interval_max of its kind is for does not hold for it */
	enum row_phase { PHASE_IDLE, PHASE_NAMES, PHASE_PROBE } phase;
	bool		 last_look;	/* time is over; one more round of the loop */
	int64_t		 base_ms;	/* when it went on */
	uv_timer_t	 timer;
	struct target	*targets;
	int		 ntargets;
	void		*priv;		/* of the kind, while on */
};

struct kind {
	int		 kind;		/* enum conf_check_kind */
	bool		 names;		/* its addr is resolved before each check */
	int64_t		 interval_max;	/* ms; checked at least so often, 0: as configured */
	bool (*begin)(struct row *r);	/* goes on; false: no memory.  NULL: nothing to do */
	void (*probe)(struct row *r);	/* one check; ends, now or later, in row_verdict() */
	void (*expire)(struct row *r);	/* row_wait()'s time is over */
	void (*event)(struct row *r);	/* interfaces or addresses have changed */
	void (*stop)(struct row *r);	/* a check that runs is given up: goes off, or had its verdict */
	void (*end)(struct row *r);	/* goes off */
};
extern const struct kind check_tcp, check_ping, check_intf, check_ip, check_custom, check_module, check_splitbrain;
extern const struct kind *const check_kinds[CHECK_KINDS];	/* kinds.c */

void row_wait(struct row *r, int64_t ms);
int64_t row_timeout(const struct row *r);	/* ms; patience with one check */
/* up, down or unknown; why as printf; unknown is also logged once (MSG_CHECK_ERROR) until there is a verdict again */
void row_verdict(struct row *r, enum row_value v, const char *fmt, ...) PRINTFLIKE(3, 4);
int row_addrs(const struct row *r, union addr *out, int max);	/* of all targets that have one */
struct row *table_row(struct table *t, uint32_t rank, uint32_t serial);	/* NULL: it is gone or off */
uv_loop_t *table_loop(struct table *t);
const struct check_hooks *table_hooks(struct table *t);

/* ---- row.c ---- */
struct row *row_new(struct table *t, struct names *names, uint32_t serial, const struct conf_check *c);	/* off; NULL: no memory */
void row_free(struct row *r);	/* is off; memory goes when its timer has closed */
bool row_conf_same(const struct conf_check *a, const struct conf_check *b);	/* for a checker; what heart makes of it (action) aside */

/* ---- what rows of a kind share; made at first use ---- */
struct tcp_shared;
struct ping_shared;
struct rt;
struct customs;
struct peek;
struct far;
struct shared {
	struct tcp_shared *tcp;
	struct ping_shared *ping;
	struct rt *rt;
	struct customs *customs;
	struct peek *peek;
	struct far *far;
};
struct shared *table_shared(struct table *t);
void tcp_shared_free(struct tcp_shared *s);
void ping_shared_free(struct ping_shared *s);
void rt_free(struct rt *rt);
void table_changed_links(struct table *t);	/* rt: tell the rows */

/* ---- custom.c: children ---- */
struct customs *customs_new(struct table *t);
bool customs_setup(struct customs *s, const struct check_setup *from);
bool custom_changed(const struct row *r);		/* another program has its name now (a dynamic configuration brings new scripts) */
int customs_dying(const struct customs *s);	/* children on their way out; table_quiet() when that becomes 0 */
void customs_kill(struct customs *s);
void customs_free(struct customs *s);
void table_quiet(struct table *t);
void peek_free(struct peek *p);
void far_free(struct far *f);	/* far.c; all looks have ended; memory goes when its timer has closed */

#endif
