/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_rules.c: what 1,000 failover rules over 10,000 resources cost.
 *
 * usage: bench_rules
 * Prints a table of microseconds; status 1 when the median of an evaluation is over the limit of 5 ms.
 */
#include "config.h"
#include "fsm/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RULES = 1000, RESOURCES = 10000, ROUNDS = 2000, LIMIT_US = 5000 };

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double
print(const char *what, double *us, int n)	/* the median */
{
	qsort(us, (size_t)n, sizeof(*us), by_value);
	printf("%-44s %10.1f %10.1f %10.1f\n", what, us[n / 2], us[n - 1 - n / 1000], us[n - 1]);
	return us[n / 2];
}

/* Of every kind: named, any, all, over all classes, remote, with brackets */
static char *
write_rules(void)
{
	size_t size = RULES * 160;
	char *text = malloc(size), *p = text;
	int i;

	for (i = 0; text != NULL && i < RULES; i++) {
		p += sprintf(p, "rule_%d: if (", i);
		switch (i % 5) {
		case 0: p += sprintf(p, "c%d.r%d == down && c%d.? != init", i % 50, i, i % 50); break;
		case 1: p += sprintf(p, "c%d.? == down", i % 50); break;
		case 2: p += sprintf(p, "c%d.* == up && remote.c1.r%d == unknown", i % 50, i % 150); break;
		case 3: p += sprintf(p, "(*.r%d == up || ?.r%d == down) && !(*.* == up)", i, i + 1); break;
		default: p += sprintf(p, "c%d.r%d == remote.c2.* || hostname() == \"beta\"", i % 50, i); break;
		}
		p += sprintf(p, ") then wait();\n");
	}
	return text;
}

int
main(void)
{
	static const struct rules_facts facts = { "alpha", true, RH_UP };
	static double eval[ROUNDS], both[ROUNDS];
	struct rules_part part = { write_rules(), 1, 1, 0 };
	struct rules_error err;
	char name[SK_RES_MAX];
	struct rules *r;
	double begin;
	int i, true_ones = 0;

	diag_init("bench_rules", 0);
	begin = now_us();
	r = part.text == NULL ? NULL : rules_compile(&part, 1, &err);
	if (r == NULL)
		fatal("line %d: %s", err.line, err.text);
	printf("%-44s %10s %10s %10s\n", "us", "p50", "p99.9", "max");
	printf("%-44s %10.1f\n", "compile", now_us() - begin);
	begin = now_us();
	rules_limit(r, RESOURCES);
	for (i = 0; i < RESOURCES; i++) {
		snprintf(name, sizeof(name), "c%d.r%d", i % 50, i / 50 + i % 50 * 20);
		if (!rules_set(r, name, RH_UP, i % 10 == 0))
			fatal("no memory");
	}
	printf("%-44s %10.1f\n", "10000 resources appear", now_us() - begin);
	for (i = 0; i < ROUNDS; i++) {
		begin = now_us();
		rules_eval(r, &facts);
		eval[i] = now_us() - begin;
		snprintf(name, sizeof(name), "c%d.r%d", i % 50, i / 50 + i % 50 * 20);
		begin = now_us();
		rules_set(r, name, i % 3 == 0 ? RH_DOWN : RH_UP, false);
		rules_eval(r, &facts);
		both[i] = now_us() - begin;
	}
	for (i = 0; i < rules_count(r); i++)
		true_ones += rules_row(r, i)->value == RULE_TRUE;
	begin = print("rules_eval(), 1000 rules, 10000 resources", eval, ROUNDS);
	print("rules_set() + rules_eval()", both, ROUNDS);
	printf("limit %d us; %d of %d rules are true\n", LIMIT_US, true_ones, rules_count(r));
	rules_free(r);
	free((char *)part.text);
	return begin > LIMIT_US;
}
