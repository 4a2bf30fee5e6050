/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flatlogdump.c: special command of scripts (UG 13.6.4.5, 13.6.4.6): the XML log of rfsverify or rfsdiff on stdin becomes text that can be read.
 *	cat SAFEUSERVAR/rfsverifylog.xml | safekit -r flatlogdump -O stdout|FILE
 * The log is read as it comes, however long it is; whoever wrote it is not trusted: no document type, no entities, no network, no control
 * characters on the terminal.  Never does: open another file than -O's.
 */
#include "config.h"
#include "base/base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <libxml/xmlreader.h>

#define USAGE	"expected: safekit -r flatlogdump -O stdout|FILE <SAFEVAR/modules/AM/rfsverifylog.xml"
#define SHOW_MAX 4096	/* bytes of a value */

enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_TYPING = 2 };
struct dump { xmlTextReader *in; FILE *out; unsigned long long files; bool in_log, summary; };

/* A value of the tag that is being read: printable, "" when it is not there */
static const char *
value(struct dump *d, const char *name, char buf[SHOW_MAX])
{
	xmlChar *raw = xmlTextReaderGetAttribute(d->in, (const xmlChar *)name);
	char *p;

	str_copy(buf, SHOW_MAX, raw != NULL ? (char *)raw : "");
	xmlFree(raw);
	for (p = buf; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return buf;
}

/* "word value, word value" of those that are there, behind first */
static void
values(struct dump *d, const char *const *names, size_t count, const char *first)
{
	char buf[SHOW_MAX];
	const char *sep = first;
	size_t i;

	for (i = 0; i < count; i++) {
		if (value(d, names[i], buf)[0] == '\0')
			continue;
		fprintf(d->out, "%s%s %s", sep, names[i], buf);
		sep = ", ";
	}
}

static bool
tag(struct dump *d, const char *name)
{
	static const char *const of_log[] = { "module", "node", "peer", "date" };
	static const char *const of_file[] = { "size", "zones", "bytes" };
	static const char *const of_summary[] = { "files", "differs", "changed", "missing", "extra", "errors", "bytes", "total_bytes", "seconds" };
	char buf[SHOW_MAX], why[SHOW_MAX];

	if (strcmp(name, "rfslog") == 0 && !d->in_log) {
		d->in_log = true;
		fprintf(d->out, "rfs%s: ", value(d, "kind", buf));
		values(d, of_log, ARRAY_LEN(of_log), "");
		fputc('\n', d->out);
	} else if (!d->in_log) {
		return false;
	} else if (strcmp(name, "dir") == 0) {
		fprintf(d->out, "%s\n", value(d, "path", buf));
	} else if (strcmp(name, "file") == 0) {
		d->files++;
		fprintf(d->out, "  %-8s ", value(d, "result", buf));
		fputs(value(d, "path", buf), d->out);
		values(d, of_file, ARRAY_LEN(of_file), "  ");
		value(d, "why", why);
		fprintf(d->out, "%s%s\n", why[0] != '\0' ? "  " : "", why);
	} else if (strcmp(name, "summary") == 0) {
		d->summary = true;
		fputs("Summary: ", d->out);
		values(d, of_summary, ARRAY_LEN(of_summary), "");
		if (strcmp(value(d, "complete", buf), "false") == 0)
			fprintf(d->out, "; not complete: %s", value(d, "why", why));
		fputc('\n', d->out);
	}
	return true;
}

static void
quiet(void *ctx, const char *text, xmlParserSeverities severity, xmlTextReaderLocatorPtr at)
{
}

/* false: told */
static bool
dump(struct dump *d)
{
	int rc, type;

	xmlTextReaderSetErrorHandler(d->in, quiet, NULL);
	while ((rc = xmlTextReaderRead(d->in)) == 1) {
		type = xmlTextReaderNodeType(d->in);
		if (type == XML_READER_TYPE_DOCUMENT_TYPE || type == XML_READER_TYPE_ENTITY_REFERENCE)
			break;
		if (type == XML_READER_TYPE_ELEMENT && !tag(d, (const char *)xmlTextReaderConstLocalName(d->in)))
			break;
	}
	if (rc == 0 && d->in_log) {
		if (!d->summary)
			warn_text("the log has no summary: it was not written to its end");
		return true;
	}
	warn_text("line %d: expected an XML log that safekit rfsverify or rfsdiff has written", xmlTextReaderGetParserLineNumber(d->in));
	return false;
}

int
main(int argc, char **argv)
{
	struct dump d = { .out = stdout };
	const char *file = NULL;
	bool ok;

	diag_init("flatlogdump", 0);
	if (argc == 3 && strcmp(argv[1], "-O") == 0 && argv[2][0] != '\0') {
		file = argv[2];
	} else if (argc != 1) {
		warn_text("%s", USAGE);
		return STATUS_TYPING;
	}
	if (file != NULL && strcmp(file, "stdout") != 0 && (d.out = fopen(file, "we")) == NULL) {
		warn_errno("%s", file);
		return STATUS_FAILED;
	}
	d.in = xmlReaderForFd(STDIN_FILENO, "log", NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	ok = d.in != NULL && dump(&d);
	if (d.in != NULL)
		xmlFreeTextReader(d.in);
	if (fflush(d.out) == EOF || ferror(d.out)) {
		warn_errno("%s", file != NULL ? file : "stdout");
		ok = false;
	}
	if (d.out != stdout && fclose(d.out) == EOF)
		ok = false;
	xmlCleanupParser();
	return ok ? STATUS_DONE : STATUS_FAILED;
}
