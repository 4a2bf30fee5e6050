/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * help.c: help, man page and shell completion: three prints of the table in verbs.c.
 */
#include "config.h"
#include "cli/cli.h"

#include <ctype.h>
#include <string.h>

#define EXITS_TEXT "0 done, 1 failed or refused, 2 typing error. state -lq, incloop and checkloop answer with their exit status; their " \
	"errors are 64 (typing) and 69 (no answer)."

/* text in lines of at most 78 columns, each behind indent blanks */
static void
wrap(const char *text, int indent)
{
	int col = 0;

	while (*text != '\0') {
		int n = (int)strcspn(text, " ");

		if (col > 0 && indent + col + 1 + n > 78) {
			putchar('\n');
			col = 0;
		}
		if (col == 0)
			printf("%*s", indent, "");
		else
			putchar(' ');
		printf("%.*s", n, text);
		col += n + (col > 0);
		text += n;
		text += strspn(text, " ");
	}
	putchar('\n');
}

static int
help_one(const struct verb *v)
{
	printf("safekit %s%s%s%s\n", v->name, v->syntax[0] != '\0' ? " " : "", v->syntax,
	    strchr(v->options, 'J') != NULL ? " [--json]" : "");
	wrap(v->brief, 4);
	if (v->text[0] != '\0')
		wrap(v->text, 4);
	if (strstr(v->syntax, "-m AM") != NULL)
		wrap("-m AM may be left out where SAFEMODULE names the module.", 4);
	if (v->flags & V_ROOT)
		wrap("Only root.", 4);
	return EXIT_DONE;
}

static int
help_all(void)
{
	size_t i;

	puts("safekit <command> [options]\n");
	for (i = 0; i < verbs_count; i++) {
		const struct verb *v = &verbs[i];

		if (v->flags & V_HIDDEN)
			continue;
		printf("  %-18s %s\n", v->name, v->brief);
	}
	puts("\nsafekit help <command> says more. Options may stand anywhere; -m AM may be left out");
	puts("where SAFEMODULE names the module; --json shows the same for programs.");
	return EXIT_DONE;
}

int
do_help(struct cli *c)
{
	char name[128];
	const struct verb *v;
	const char *near;
	size_t i;
	bool some = false;

	if (c->nwords == 0)
		return help_all();
	if (!path_format(name, sizeof(name), "%s%s%s", c->words[0], c->nwords > 1 ? " " : "", c->nwords > 1 ? c->words[1] : ""))
		name[0] = '\0';
	v = verb_find(name);
	if (v != NULL)
		return help_one(v);
	for (i = 0; i < verbs_count; i++) {	/* help module, help cluster */
		size_t n = strlen(name);

		if (strncmp(verbs[i].name, name, n) != 0 || verbs[i].name[n] != ' ' || (verbs[i].flags & V_HIDDEN))
			continue;
		printf("  %-18s %s\n", verbs[i].name, verbs[i].brief);
		some = true;
	}
	if (some)
		return EXIT_DONE;
	near = verb_nearest(name);
	cli_error("safekit help: unknown command %s%s%s", name, near != NULL ? ", expected perhaps: safekit help " : "",
	    near != NULL ? near : "");
	return EXIT_TYPING;
}

/* roff: a backslash and a leading dot or quote mean something; so does "-", which would become a dash */
static void
roff(const char *s)
{
	const char *p;

	for (p = s; *p != '\0'; p++) {
		if (*p == '-')
			fputs("\\-", stdout);
		else if (*p == '\\')
			fputs("\\e", stdout);
		else if (*p == '"')
			fputs("\\(dq", stdout);
		else if ((*p == '.' || *p == '\'') && p == s)
			printf("\\&%c", *p);
		else
			putchar(*p);
	}
}

/* What is an option or a word as typed is bold; the rest in italics would only flicker: plain */
static void
man_verb(const struct verb *v)
{
	fputs(".TP\n.B safekit ", stdout);
	roff(v->name);
	putchar(' ');
	roff(v->syntax);
	if (strchr(v->options, 'J') != NULL)
		roff(" [--json]");
	putchar('\n');
	roff(v->brief);
	fputs(".\n", stdout);
	if (v->text[0] != '\0') {
		roff(v->text);
		putchar('\n');
	}
	if (v->flags & V_ROOT)
		puts("Only root.");
}

/* The members of one kind of row, from the rows that also make them (wire/fields.c) */
static void
man_report(const struct report_type *t)
{
	size_t i;

	printf(".SS %s\n", t->name);
	for (i = 0; i < t->count; i++) {
		fputs(i > 0 ? ";\n" : "", stdout);
		printf("\\fB%s\\fR ", t->fields[i].name);
		roff(t->fields[i].help);
	}
	puts(".");
}

int
do_man(struct cli *c)
{
	static const struct report_type *const shown[] = { &rpt_module_type, &rpt_resource_type, &rpt_log_type, &rpt_command_type,
	    &rpt_remote_type };
	size_t i;

	puts(".\\\" Made from the table of commands in verbs.c by safekit \\-\\-man");
	printf(".TH SAFEKIT 8 \"\" \"%s\"\n.SH NAME\nsafekit \\- control and watch high availability modules\n.SH SYNOPSIS\n", PACKAGE_STRING);
	puts(".B safekit\n.I command\n.RI [ options ]\n.SH DESCRIPTION");
	puts("Options may stand anywhere in the command.");
	puts("\\-m AM names the module; it may be left out where the environment variable SAFEMODULE does.");
	puts("\\-i passes the name of a detector, \\-\\-json shows the same for programs: objects and arrays whose members keep their names.");
	puts("When safeadmin does not run, commands wait for it 10 seconds, or SAFE_WAIT_SECONDS.");
	puts(".SH COMMANDS");
	for (i = 0; i < verbs_count; i++)
		if (!(verbs[i].flags & V_HIDDEN))
			man_verb(&verbs[i]);
	puts(".SH JSON");
	puts("What \\-\\-json shows is stable: members may be added, none is renamed or removed.");
	puts("state: an array of modules, with \\-m one of them; with \\-v each has an array \\(dqresources\\(dq and what its script said "
	    "in \\(dqscript\\(dq.");
	puts("log: an array of log rows, logview: one row per line; cmdlog: an array of commands; cluster state: an array of remotes, our own "
	    "modules first.");
	puts("Times end in _ms or _us: milliseconds or microseconds since 1970. The others are small and show themselves.");
	for (i = 0; i < ARRAY_LEN(shown); i++)
		man_report(shown[i]);
	puts(".SH EXIT STATUS");
	roff(EXITS_TEXT);
	puts("\n.SH ENVIRONMENT\nSAFE, SAFEVAR: where the programs and the working files are.\nSAFEMODULE: the module when \\-m is not given.");
	puts("SAFE_WAIT_SECONDS: how long to wait for safeadmin.");
	puts(".SH FILES\n.TP\n.B SAFE/modules/AM\nthe module as users edit it: conf/userconfig.xml, bin/ with its scripts");
	puts(".TP\n.B SAFE/private/modules/AM\nits active configuration: not to be touched");
	puts(".TP\n.B SAFEVAR/cluster\ncluster.xml, cluster.key and state.json");
	puts(".TP\n.B SAFEVAR/commandlog\nthe commands that changed something; at 1 MiB it becomes commandlog.1");
	puts(".TP\n.B SAFE/private/bin/boundcmd\nboundcmd SECONDS COMMAND runs a command; exit status 2 when it did not end in time");
	puts(".TP\n.B SAFE/private/bin/processtree\nprocesstree list [all|NAME] [REGEX] shows processes by command name and arguments, as a "
	    "tree except for all; processtree kill NAME [REGEX] or kill all REGEX also ends them: SIGTERM, and SIGKILL 5 seconds later");
	puts(".TP\n.B SAFE/private/bin/errdpoll_running\nwrites SAFEVAR/errdpoll_reserrd: pid, command name, argument list and parent of "
	    "each process, for the <proc> tags of userconfig.xml");
	puts(".TP\n.B SAFE/private/bin/gencron\ngencron del|add USER all|COMMAND \\-c COMMENT comments entries of the user's crontab out, or "
	    "in again, in stop_prim and start_prim");
	puts(".TP\n.B SAFE/private/bin/flatlogdump\nflatlogdump \\-O stdout|FILE makes text of the XML log of rfsverify or rfsdiff on its standard input");
	puts(".TP\n.B SAFEVAR/modules/AM/rfsverifylog.xml, rfsdifflog.xml\nwhat rfsverify and rfsdiff have found last");
	return EXIT_DONE;
}

/* One case per verb: its options and words; the names of modules are asked from safekit itself */
int
do_completion(struct cli *c)
{
	size_t i, k;

	puts("# bash completion for safekit; made from its table of commands by safekit --completion");
	puts("_safekit_words()\n{\n\tcase \"$1\" in");
	for (i = 0; i < verbs_count; i++) {
		const struct verb *v = &verbs[i];

		if (v->flags & V_HIDDEN)
			continue;
		printf("\t\"%s\") echo \"%s", v->name, v->words);
		for (k = 0; v->options[k] != '\0'; k++)
			if (v->options[k] != ':')
				printf(" %s", option_name(v->options[k]));
		puts("\" ;;");
	}
	fputs("\t\"\") echo \"", stdout);
	for (i = 0; i < verbs_count; i++) {
		const char *name = verbs[i].name;
		size_t n = strcspn(name, " ");

		if (verbs[i].flags & V_HIDDEN || (i > 0 && strncmp(verbs[i - 1].name, name, n + 1) == 0 && name[n] == ' '))
			continue;
		printf("%.*s ", (int)n, name);
	}
	puts("\" ;;");
	for (k = 0; k < 2; k++) {
		static const char *const family[2] = { "module ", "cluster " };

		printf("\t%.*s) echo \"", (int)strlen(family[k]) - 1, family[k]);
		for (i = 0; i < verbs_count; i++)
			if (strncmp(verbs[i].name, family[k], strlen(family[k])) == 0)
				printf("%s ", verbs[i].name + strlen(family[k]));
		puts("\" ;;");
	}
	puts("\tesac\n}\n_safekit()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb= words w i");
	puts("\tCOMPREPLY=()");
	puts("\tif [ \"$prev\" = -m ]; then\n\t\tCOMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" module list 2>/dev/null)\" -- \"$cur\"))\n\t\treturn\n\tfi");
	puts("\tfor ((i = 1; i < COMP_CWORD; i++)); do\n\t\tw=${COMP_WORDS[i]}\n\t\tcase \"$w\" in\n\t\t-m|-i|-u|-s|-t|-M) ((i++)) ;;");
	puts("\t\t-p|-r) [ -n \"$verb\" ] || verb=$w ;;\n\t\t-*) ;;");
	puts("\t\t*) if [ -z \"$verb\" ]; then verb=$w; elif [ \"$verb\" = module ] || [ \"$verb\" = cluster ]; then verb=\"$verb $w\"; fi ;;");
	puts("\t\tesac\n\tdone");
	puts("\twords=$(_safekit_words \"$verb\")\n\tcase \" $words \" in\n\t*\" / \"*) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n\tesac");
	puts("\tCOMPREPLY+=($(compgen -W \"${words//\\//}\" -- \"$cur\"))\n}\ncomplete -o filenames -F _safekit safekit");
	return EXIT_DONE;
}
