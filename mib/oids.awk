# SPDX-License-Identifier: GPL-2.0-or-later
# oids.awk: SAFEKIT-MIB.txt -> C macros, with a POSIX awk alone, so that a build needs no SNMP tools.
#
# It reads the subset of SMIv2 that the MIB is written in: a definition begins with its name in the first column, and the line
# "::= { parent number }" ends it.  Output, all numbers below the module identity:
#   OID_name		the numbers, separated by commas
#   OID_ROOT		all numbers of the module identity
#   Convention_label	number of a label of a textual convention (and of an object with labels of its own: name_label)
#   MIB_OBJECTS(X)	X(name, syntax, access, numbers...) for each object that is not not-accessible, in the order of the file
#   MIB_NOTIFICATIONS(X)	X(name, number)
#   MIB_LABELS(X)	X(convention, label, number)
# A line that it does not understand where a number is needed ends it with an error.

function fail(text) {
	print "oids.awk: " FILENAME ":" FNR ": " text > "/dev/stderr"
	bad = 1
	exit 1
}

BEGIN {
	print "/* Generated from mib/SAFEKIT-MIB.txt by mib/oids.awk: do not edit. */"
	print "#ifndef SK_OIDS_H"
	print "#define SK_OIDS_H"
	print ""
}

{
	sub(/\r$/, "")
	# comments: this MIB has none inside of texts
	if (!text)
		sub(/--.*$/, "")
}

# texts in quotes may be of many lines and hold anything
{
	line = $0
	out = ""
	while ((q = index(line, "\"")) > 0) {
		if (!text)
			out = out substr(line, 1, q - 1)
		line = substr(line, q + 1)
		text = !text
	}
	if (!text)
		out = out line
	$0 = out
}

/^[A-Za-z][A-Za-z0-9]* +(OBJECT-TYPE|NOTIFICATION-TYPE|MODULE-IDENTITY|OBJECT-GROUP|NOTIFICATION-GROUP|MODULE-COMPLIANCE)/ {
	name = $1
	kind = $2
	syntax = access = ""
}

/^[a-z][A-Za-z0-9]* +OBJECT IDENTIFIER/ {
	name = $1
	kind = "NODE"
}

/^[A-Z][A-Za-z0-9]* *::= *TEXTUAL-CONVENTION/ {
	name = $1
	kind = "CONVENTION"
}

/^[A-Z][A-Za-z0-9]* *::= *SEQUENCE/ {
	kind = "SEQUENCE"
}

kind == "OBJECT-TYPE" && $1 == "MAX-ACCESS" {
	access = $2
}

$1 == "SYNTAX" && (kind == "OBJECT-TYPE" || kind == "CONVENTION") {
	syntax = $2
	labels = syntax == "INTEGER"
}

labels {
	rest = $0
	while (match(rest, /[a-z][A-Za-z0-9]*\([0-9]+\)/)) {
		one = substr(rest, RSTART, RLENGTH)
		rest = substr(rest, RSTART + RLENGTH)
		p = index(one, "(")
		label = substr(one, 1, p - 1)
		number = substr(one, p + 1, length(one) - p - 1)
		print "#define " name "_" label " " number
		list_labels = list_labels " \\\n\tX(" name ", " label ", " number ")"
	}
	if (index($0, "}") > 0)
		labels = 0
}

/::= *\{/ && kind != "SEQUENCE" {
	if (!match($0, /\{ *[A-Za-z0-9]+ +[0-9]+ *\}/))
		fail("expected { parent number }")
	split(substr($0, RSTART + 1, RLENGTH - 2), part, " ")
	parent[name] = part[1]
	number_of[name] = part[2]
	if (kind == "MODULE-IDENTITY") {
		root = name
		oid[name] = ""
	} else if (part[1] == root) {
		oid[name] = part[2]
	} else if (part[1] in oid) {
		oid[name] = oid[part[1]] ", " part[2]
	} else if (root != "" && kind != "NODE") {
		fail("parent " part[1] " of " name " is not known")
	} else {
		next	# the arcs above the module identity
	}
	if (name in seen)
		fail(name " is defined twice")
	seen[name] = 1
	if (oid[name] != "") {
		if (oid[name] in taken)
			fail(name " has the number of " taken[oid[name]])
		taken[oid[name]] = name
		print "#define OID_" name " " oid[name]
	}
	if (kind == "OBJECT-TYPE" && access == "")
		fail(name " has no MAX-ACCESS")
	if (kind == "OBJECT-TYPE" && access != "not-accessible")
		list_objects = list_objects " \\\n\tX(" name ", \"" syntax "\", \"" access "\", " oid[name] ")"
	if (kind == "NOTIFICATION-TYPE")
		list_traps = list_traps " \\\n\tX(" name ", " part[2] ")"
	kind = ""
}

END {
	if (bad)
		exit 1
	if (root == "" || list_objects == "") {
		print "oids.awk: no module identity or no object found" > "/dev/stderr"
		exit 1
	}
	# 1.3.6.1.4.1 is RFC 2578's enterprises
	for (name = root; name in parent; name = parent[name])
		numbers = ", " number_of[name] numbers
	if (name != "enterprises") {
		print "oids.awk: " root " is not below enterprises: " name > "/dev/stderr"
		exit 1
	}
	print "#define OID_ROOT 1, 3, 6, 1, 4, 1" numbers
	print "\n#define MIB_OBJECTS(X)" list_objects
	print "\n#define MIB_NOTIFICATIONS(X)" list_traps
	print "\n#define MIB_LABELS(X)" list_labels
	print "\n#endif"
}
