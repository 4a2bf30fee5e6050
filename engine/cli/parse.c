/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * parse.c: sorts the words of a command line: verb, options, the rest.  Options may stand anywhere, also before the verb, as the user's
 * guide writes them both ways.  Called by cli.c and the unit test; prints nothing.
 */
#include "config.h"
#include "cli/cli.h"

#include <ctype.h>
#include <string.h>

/* Every option of every verb.  A key means one thing per verb; whether it takes a value is the verb's to say ("-v" is "verbose" for
 * state and "value" for set). */
static const struct { const char *name; char key; } options[] = {
	{ "-m", 'm' }, { "-i", 'i' }, { "-u", 'u' }, { "-s", 's' }, { "-t", 't' }, { "-l", 'l' }, { "-M", 'M' }, { "-A", 'A' },
	{ "-I", 'I' }, { "-v", 'v' }, { "-lq", 'q' }, { "-r", 'r' }, { "-h", 'h' }, { "--help", 'h' }, { "--json", 'J' },
	{ "--from", 'F' }, { "--role", 'o' }, { "-d", 'd' }, { "-name=", 'N' }, { "-argregex=", 'R' }, { "-level=", 'L' },	/* "=": its value is in the same word */
};

/* Options that take a value whatever the verb: those may be skipped in search of the verb */
#define ALWAYS_VALUED	"miustMFdo"

const char *
option_name(char key)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(options); i++)
		if (options[i].key == key)
			return options[i].name;
	return "?";
}

/* The guides are PDFs: what is copied from them says "\u2013m" (en dash) where "-m" is meant. */
static const char *
plain_dash(const char *arg, char *buf, size_t size)
{
	if (strncmp(arg, "\xe2\x80\x93", 3) != 0 || strlen(arg) - 1 > size)
		return arg;
	buf[0] = '-';
	str_copy(buf + 1, size - 1, arg + 3);
	return buf;
}

/* The value of NAME=VALUE where name ends with "=", in the word itself; NULL: that is not this option */
static const char *
assigned(const char *name, const char *arg)
{
	size_t dash = strncmp(arg, "\xe2\x80\x93", 3) == 0 ? 3 : 1, n = strlen(name);

	if (name[n - 1] != '=' || arg[0] == '\0' || (dash == 1 && arg[0] != '-') || strncmp(arg + dash, name + 1, n - 1) != 0)
		return NULL;
	return arg + dash + n - 1;
}

static char
option_key(const char *arg)
{
	char buf[16];
	const char *plain = plain_dash(arg, buf, sizeof(buf));
	size_t i;

	for (i = 0; i < ARRAY_LEN(options); i++)
		if (strcmp(options[i].name, plain) == 0 || assigned(options[i].name, arg) != NULL)
			return options[i].key;
	return 0;
}

static bool
is_option(const char *arg)
{
	char buf[64];

	if (option_key(arg) != 0)
		return true;
	arg = plain_dash(arg, buf, sizeof(buf));
	return arg[0] == '-' && arg[1] != '\0';
}

const struct verb *
verb_find(const char *name)
{
	size_t i;

	for (i = 0; i < verbs_count; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* Edit distance with swaps of neighbours; words longer than any verb are far from all of them */
static unsigned
distance(const char *a, const char *b)
{
	unsigned d[32][32];
	size_t i, j, la = strlen(a), lb = strlen(b);

	if (la >= 31 || lb >= 31)
		return 99;
	for (i = 0; i <= la; i++) {
		for (j = 0; j <= lb; j++) {
			unsigned cost = i > 0 && j > 0 && a[i - 1] == b[j - 1] ? 0 : 1, best;

			if (i == 0 || j == 0) {
				d[i][j] = (unsigned)(i + j);
				continue;
			}
			best = d[i - 1][j - 1] + cost;
			if (d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	}
	return d[la][lb];
}

const char *
verb_nearest(const char *name)
{
	const char *best = NULL;
	size_t i, n = strlen(name);
	unsigned best_d = n < 4 ? 3 : 5;	/* half letters: one wrong in a short word, two in a longer one */

	for (i = 0; i < verbs_count; i++) {
		unsigned d = verbs[i].flags & V_HIDDEN ? 99 : 2 * distance(name, verbs[i].name);

		if (strncmp(name, verbs[i].name, n) == 0)
			d--;		/* of two as near, the one that begins so: "stat" is state, not start */
		if (d < best_d) {
			best_d = d;
			best = verbs[i].name;
		}
	}
	return best;
}

/* Is there a verb of two words that begins with this one? */
static bool
is_family(const char *word)
{
	size_t i, n = strlen(word);

	for (i = 0; i < verbs_count; i++)
		if (strncmp(verbs[i].name, word, n) == 0 && verbs[i].name[n] == ' ')
			return true;
	return false;
}

static void
family_error(const char *word, char *err, size_t errsize)
{
	size_t i, n = strlen(word), at;

	snprintf(err, errsize, "safekit %s: expected one of", word);
	for (i = 0; i < verbs_count; i++) {
		at = strlen(err);
		if (strncmp(verbs[i].name, word, n) == 0 && verbs[i].name[n] == ' ' && !(verbs[i].flags & V_HIDDEN))
			snprintf(err + at, errsize - at, " %s", verbs[i].name + n + 1);
	}
}

/* The place of the next plain word from *at on, argc when there is none */
static int
next_word(int argc, char **argv, int at)
{
	while (at < argc && is_option(argv[at])) {
		char key = option_key(argv[at]);

		if (strcmp(argv[at], "--") == 0)
			return argc;
		at += key != 0 && strchr(ALWAYS_VALUED, key) != NULL ? 2 : 1;
	}
	return at < argc ? at : argc;
}

/* Finds the verb; first and second get the places of its words (second -1: one word). */
static bool
find_verb(struct cli *c, int argc, char **argv, int *first, int *second, char *err, size_t errsize)
{
	char name[64];
	const char *near;

	*second = -1;
	*first = next_word(argc, argv, 1);
	if (*first == argc) {
		str_copy(err, errsize, "expected a command: safekit help lists them");
		return false;
	}
	str_copy(name, sizeof(name), argv[*first]);
	if (is_family(name)) {
		*second = next_word(argc, argv, *first + 1);
		if (*second == argc && (c->verb = verb_find(name)) == NULL) {
			family_error(name, err, errsize);
			return false;
		}
		if (*second < argc && !path_format(name, sizeof(name), "%s %s", argv[*first], argv[*second]))
			name[0] = '\0';
	}
	c->verb = verb_find(name);
	if (c->verb != NULL)
		return true;
	near = verb_nearest(name);
	if (near != NULL)
		snprintf(err, errsize, "safekit %.60s: unknown command, expected perhaps: safekit %s (safekit help lists all)", name, near);
	else if (*second > 0)
		family_error(argv[*first], err, errsize);
	else
		snprintf(err, errsize, "safekit %.60s: unknown command (safekit help lists all)", argv[*first]);
	return false;
}

static bool
take_option(struct cli *c, char key, int argc, char **argv, int *at, char *err, size_t errsize)
{
	const struct verb *v = c->verb;
	const char *row = key == 0 || key == ':' ? NULL : strchr(v->options, key), *value;

	if (key == 'h') {			/* these are for every verb */
		c->opt['h'] = "";
		return true;
	}
	if (key == 'u' || key == 'o')
		row = key == 'u' ? "u:" : "o:";
	if (row == NULL) {
		snprintf(err, errsize, "safekit %s: unknown option %.40s: expected: safekit %s%s%s", v->name, argv[*at], v->name,
		    v->syntax[0] != '\0' ? " " : "", v->syntax);
		return false;
	}
	if (c->opt[(int)key] != NULL) {
		snprintf(err, errsize, "safekit %s: option %s twice", v->name, option_name(key));
		return false;
	}
	if (row[1] != ':') {
		c->opt[(int)key] = "";
		return true;
	}
	value = assigned(option_name(key), argv[*at]);
	if (value != NULL && value[0] != '\0') {
		c->opt[(int)key] = value;
		return true;
	}
	if (value != NULL || *at + 1 >= argc || (is_option(argv[*at + 1]) && option_key(argv[*at + 1]) != 0)) {
		snprintf(err, errsize, "safekit %s: option %s needs a value: expected: safekit %s %s", v->name, option_name(key), v->name,
		    v->syntax);
		return false;
	}
	c->opt[(int)key] = argv[++*at];
	return true;
}

/* Text that goes to logs and over to others: short and of printable characters */
bool
cli_plain_text(const char *s)
{
	size_t n = strlen(s);

	if (n == 0 || n >= SK_NAME_MAX)
		return false;
	for (; *s != '\0'; s++)
		if (iscntrl((unsigned char)*s))
			return false;
	return true;
}

/* Is word one of list ("on off status")? */
static bool
is_listed(const char *list, const char *word)
{
	size_t n = strlen(word);
	const char *p;

	for (p = list; *p != '\0'; p += strcspn(p, " "), p += strspn(p, " "))
		if (strncmp(p, word, n) == 0 && (p[n] == ' ' || p[n] == '\0') && n > 0)
			return true;
	return false;
}

/* How many words, and which, when only some are possible */
static bool
check_words(struct cli *c, char *err, size_t errsize)
{
	const struct verb *v = c->verb;
	const char *gap = v->syntax[0] != '\0' ? " " : "";
	int i;

	if (c->nwords > v->max) {
		snprintf(err, errsize, "safekit %s: \"%.70s\" is one word too many: expected: safekit %s%s%s", v->name, c->words[v->max],
		    v->name, gap, v->syntax);
		return false;
	}
	if (c->nwords < v->min) {
		snprintf(err, errsize, "safekit %s: something is missing: expected: safekit %s%s%s", v->name, v->name, gap, v->syntax);
		return false;
	}
	for (i = 0; v->words[0] != '\0' && strchr(v->words, '/') == NULL && i < c->nwords; i++) {
		if (!is_listed(v->words, c->words[i])) {
			snprintf(err, errsize, "safekit %s: unknown word \"%.70s\": expected one of %s", v->name, c->words[i], v->words);
			return false;
		}
	}
	return true;
}

/* Does it only show something, with the words that it has? */
static bool
only_looks(const struct cli *c)
{
	const char *word = c->nwords > 0 ? c->words[0] : "";
	size_t n = strlen(word);

	if (!(c->verb->flags & V_LOOKS) || c->nwords > 1 || c->opt['d'] != NULL)
		return false;
	if (c->nwords == 0)
		return true;
	return is_listed(c->verb->words, word) && (strcmp(word, "check") == 0 || strcmp(word, "list") == 0 ||
	    (n >= 6 && strcmp(word + n - 6, "status") == 0));
}

/* With --role somebody else gives the command, from elsewhere: may that role, and is it said who it is? */
static bool
check_role(struct cli *c, char *err, size_t errsize)
{
	static const struct { const char *name; unsigned may; } roles[] = {
		{ "Monitor", V_MONITOR }, { "Control", V_MONITOR | V_CONTROL }, { "Admin", V_MONITOR | V_CONTROL | V_ADMINISTER },
	};
	const struct verb *v = c->verb;
	const char *role = c->opt['o'];
	size_t i;

	if (role == NULL)
		return true;
	c->denied = true;
	for (i = 0; i < ARRAY_LEN(roles) && strcmp(roles[i].name, role) != 0; i++)
		;
	if (i == ARRAY_LEN(roles))
		snprintf(err, errsize, "--role expects Monitor, Control or Admin");
	else if (c->opt['u'] == NULL)
		snprintf(err, errsize, "--role expects -u, too: who gives the command");
	else if (c->opt['i'] != NULL && strcmp(v->name, "module getports") != 0)
		snprintf(err, errsize, "safekit %s: option -i is for detectors on this server, not with --role", v->name);
	else if (!(v->flags & (V_MONITOR | V_CONTROL | V_ADMINISTER)))
		snprintf(err, errsize, "safekit %s: only on the server itself, not with --role", v->name);
	else if (!(v->flags & roles[i].may) && !only_looks(c))
		snprintf(err, errsize, "safekit %s: role %s may not do that: expected %s", v->name, role,
		    v->flags & V_CONTROL ? "Control or Admin" : "Admin");
	else
		c->denied = false;
	return !c->denied;
}

static bool
check_values(struct cli *c, const char *safemodule, char *err, size_t errsize)
{
	const struct verb *v = c->verb;

	if (!check_role(c, err, errsize))
		return false;
	c->json = c->opt['J'] != NULL;
	if (strchr(v->options, 'm') != NULL) {
		c->module = c->opt['m'];
		if (c->module == NULL && safemodule != NULL && safemodule[0] != '\0')
			c->module = safemodule;
	}
	if (c->opt['h'] != NULL)
		return true;
	if ((v->flags & V_MODULE) && c->module == NULL) {
		snprintf(err, errsize, "safekit %s: which module? expected: safekit %s %s", v->name, v->name, v->syntax);
		return false;
	}
	if (c->module != NULL && !str_is_name(c->module)) {
		snprintf(err, errsize, "safekit %s: \"%.70s\" is not a module name: expected letters, digits, _ . - (at most 63)", v->name,
		    c->module);
		return false;
	}
	if (c->opt['i'] != NULL && !cli_plain_text(c->opt['i'])) {
		snprintf(err, errsize, "safekit %s: option -i expects 1 to 63 printable characters", v->name);
		return false;
	}
	if (c->opt['u'] != NULL && !cli_plain_text(c->opt['u'])) {
		snprintf(err, errsize, "safekit %s: option -u expects 1 to 63 printable characters", v->name);
		return false;
	}
	return check_words(c, err, errsize);
}

/* "safekit [-m AM] -r command args": all that follows -r belongs to the command.  "safekit -p", "-h", "--man" are verbs too. */
static bool
parse_dash_verb(struct cli *c, int argc, char **argv, int *at)
{
	char buf[64];
	int i = 1;

	while (i < argc && is_option(argv[i])) {
		char key = option_key(argv[i]);

		c->verb = verb_find(plain_dash(argv[i], buf, sizeof(buf)));
		if (c->verb != NULL) {
			*at = i;
			return true;
		}
		if (key == 0 || (key != 'J' && strchr(ALWAYS_VALUED, key) == NULL))
			return false;
		i += key == 'J' ? 1 : 2;
	}
	return false;
}

bool
cli_parse(struct cli *c, int argc, char **argv, const char *safemodule, char *err, size_t errsize)
{
	int first, second = -1, i;
	bool rest = false;

	if (!parse_dash_verb(c, argc, argv, &first) && !find_verb(c, argc, argv, &first, &second, err, errsize))
		return false;
	for (i = 1; i < argc; i++) {
		if (i == first && (strcmp(c->verb->name, "-r") == 0 || strcmp(c->verb->name, "-H") == 0 || strcmp(c->verb->name, "help") == 0))
			rest = true;	/* what follows belongs to the command; "help -p" asks for -p */
		if (i == first || i == second)
			continue;
		if (!rest && strcmp(argv[i], "--") == 0) {
			rest = true;
			continue;
		}
		if (!rest && is_option(argv[i])) {
			if (!take_option(c, option_key(argv[i]), argc, argv, &i, err, errsize))
				return false;
			continue;
		}
		if (c->nwords == WORDS_MAX) {
			snprintf(err, errsize, "safekit %s: more than %d words", c->verb->name, WORDS_MAX);
			return false;
		}
		c->words[c->nwords++] = argv[i];
	}
	return check_values(c, safemodule, err, errsize);
}
