/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verbs.c: the table: every word safekit knows, once.  Parsing, help, the man page and the shell completion follow from it; what a verb
 * does is in its cli_*.c.  Order: as help shows them.
 */
#include "cli/cli.h"

#define CTL	(V_ADMIN | V_LOGGED | V_MODULE)
#define ACTION(name, syntax, max, words, brief, text) \
	{ name, syntax, "m:i:J", 0, max, words, CTL | V_CONTROL, do_action, brief, text }

const struct verb verbs[] = {
	/* control */
	ACTION("start", "-m AM [-i identity]", 0, "", "Starts a module",
	    "The command returns when the request is accepted; waitstart waits for its end."),
	ACTION("stop", "-m AM [-i identity]", 0, "", "Stops a module",
	    "The command returns when the request is accepted; waitstop waits for its end. A detector that stops the module passes its "
	    "name with -i: the log then says who called, and the maxloop counter counts."),
	ACTION("restart", "-m AM [-i identity]", 0, "", "Runs the stop and the start scripts of the application, without failover", ""),
	ACTION("swap", "[nosync] -m AM [-i identity]", 1, "nosync", "Exchanges the roles of primary and secondary (mirror)",
	    "nosync: without synchronizing the replicated directories: for when the synchronization cannot be done."),
	ACTION("stopstart", "-m AM [-i identity]", 0, "", "Stops a module and starts it again, with failover of a primary", ""),
	ACTION("prim", "[fullsync] -m AM [-i identity]", 1, "fullsync", "Forces a module to start as primary (mirror)",
	    "Fails if the other server is primary, and if the replicated directories of this one may be inconsistent. fullsync: the other server "
	    "copies all replicated directories when it starts."),
	ACTION("primforce", "-m AM [-i identity]", 0, "", "Forces a module to start as primary, also with inconsistent data (mirror)",
	    "For a server that was stopped during a synchronization and whose data is valid all the same. The other server copies all replicated "
	    "directories when it starts."),
	ACTION("second", "[fullsync] -m AM [-i identity]", 1, "fullsync", "Forces a module to start as secondary (mirror)",
	    "Fails if the other server is not primary. fullsync: all replicated directories are copied."),
	{ "secondforce", "-d date -m AM [-i identity]", "m:i:d:J", 0, 0, "", CTL | V_CONTROL, do_action,
	    "Starts a module as secondary and copies only what was modified after a date (mirror)",
	    "-d: YYYY-MM-DD[Z], \"YYYY-MM-DD hh:mm:ss[Z]\" or YYYY-MM-DDThh:mm:ss[Z]; local time without Z. Files of the primary that were modified "
	    "after it are copied; that the others are the same here, as after restoring a backup of that date, is for you to know." },
	ACTION("forcestop", "-m AM [-i identity]", 0, "", "Stops a module even if some of its resources are frozen", ""),
	ACTION("stopwait", "-m AM [-i identity]", 0, "", "Stops the application and puts the module in state WAIT", ""),
	{ "waitstart", "-m AM [-t seconds]", "m:t:", 0, 0, "", V_ADMIN | V_MODULE | V_CONTROL, do_waitstart, "Waits for the end of the start",
	    "Exit status 0 when the module is Ready; 1 with the reason when it is blocked in WAIT or stopped, or not Ready within -t." },
	{ "waitstop", "-m AM [-t seconds]", "m:t:", 0, 0, "", V_ADMIN | V_MODULE | V_CONTROL, do_waitstop, "Waits for the end of the stop", "" },
	{ "waitstate", "-m AM STOP|WAIT|ALONE|UP|PRIM|SECOND [-t seconds]", "m:t:", 1, 1, "STOP WAIT ALONE UP PRIM SECOND",
	    V_ADMIN | V_MODULE | V_CONTROL, do_waitstate, "Waits for a stable state", "Stable: the status is Ready or NotReady, not Transient." },
	{ "shutdown", "[-t seconds] [-i identity]", "t:i:", 0, 0, "", V_ADMIN | V_LOGGED | V_CONTROL, do_shutdown,
	    "Stops all modules and waits until they are stopped", "" },
	{ "failover", "on|off -m AM [-i identity]", "m:i:", 1, 1, "on off", CTL | V_CONTROL, do_failover,
	    "Switches the automatic failover of a mirror module", "To be given on all servers of the module." },
	{ "kill", "-name=process_name [-argregex=regex] -level=test|terminate|9|15 [-m AM]", "m:N:R:L:J", 0, 0, "", V_TRIES | V_ADMINISTER, do_kill,
	    "Lists processes by name and arguments, and sends them a signal",
	    "-name: the command name, as errd compares it; -argregex: a regular expression searched in the argument list with the executable. "
	    "-level: test lists only; terminate and 15 send SIGTERM, 9 sends SIGKILL. Programs of the suite and what the command was started "
	    "by are spared. Exit status 0 also when there is no such process, 1 when a signal could not be sent." },
	{ "errd", "suspend|resume|on|off|list|enable CLASS|disable CLASS -m AM [-i identity]", "m:i:J", 1, 2, "enable disable suspend resume on off list /",
	    V_ADMIN | V_MODULE | V_CONTROL | V_LOOKS, do_errd, "Controls the monitoring of processes",
	    "suspend (or off) and resume (or on): the monitoring of all processes of <errd>; it lasts over stop and start of the module; "
	    "usersetting.errd shows it. enable, disable: the processes of a class of your own. list: what is watched, and with which "
	    "processes of the system." },
	{ "checker", "on|off -m AM [-i identity]", "m:i:", 1, 1, "on off", CTL | V_CONTROL, do_checker, "Switches all checkers of a module on or off",
	    "For maintenance: off keeps checkers from starting a failover. It lasts over stop and start of the module; "
	    "usersetting.checker shows it." },
	{ "set", "-r class.id -v value -m AM [-i identity]", "m:i:r:v:", 0, 0, "", V_ADMIN | V_MODULE | V_CONTROL | V_FAR_LOGGED, do_set, "Sets a resource",
	    "For checkers: safekit set -r custom.disk -v down -m AM. Health is up, down or unknown, in either case; other values are shown as they are. "
	    "Resources have a history of their own, so this is not in the command log." },
	{ "incloop", "-m AM -i handler", "m:i:J", 0, 0, "", V_ADMIN | V_MODULE | V_ANSWERS, do_loop, "Increments the maxloop counter",
	    "Exit status 1 when the limit is reached, else 0." },
	{ "resetloop", "-m AM [-i handler]", "m:i:J", 0, 0, "", CTL | V_CONTROL, do_loop, "Sets the maxloop counter to 0", "" },
	{ "checkloop", "-m AM", "m:J", 0, 0, "", V_ADMIN | V_MODULE | V_ANSWERS | V_MONITOR, do_loop, "Checks the maxloop counter",
	    "Exit status 1 when the limit is reached and the last increment is within loop_interval, else 0." },

	/* replication */
	{ "rfssync", "[full | external prim|second uid | -d prim|second uid] -m AM [-i identity]", "m:i:d:J", 0, 3, "full external prim second /",
	    V_ADMIN | V_MODULE | V_CONTROL | V_LOOKS, do_rfssync, "Sets or shows how the next synchronization of replicated directories is done (mirror)",
	    "Without a word: shows it. full: all files are copied. external: this server is the source (prim) or the destination (second) of a backup "
	    "called uid (at most 24 characters) that is carried from one to the other; then only what was modified since is copied. -d: without "
	    "looking for changes between backup, restore and the start of the module: with caution. After a synchronization it is the default again." },
	{ "rfsverify", "-m AM", "m:J", 0, 0, "", V_ADMIN | V_MODULE | V_CONTROL, do_rfscheck, "Compares the replicated directories of both servers (mirror)",
	    "On the secondary. Details: cat SAFEVAR/modules/AM/rfsverifylog.xml | safekit -r flatlogdump -O stdout." },
	{ "rfsdiff", "-m AM", "m:J", 0, 0, "", V_ADMIN | V_MODULE | V_CONTROL, do_rfscheck,
	    "Estimates what a synchronization of the other server would have to copy (mirror)",
	    "On the server that is ALONE. Details: cat SAFEVAR/modules/AM/rfsdifflog.xml | safekit -r flatlogdump -O stdout." },

	/* what is */
	{ "state", "[-m AM] [-v|-lq]", "m:vqJ", 0, 0, "", V_ANSWERS | V_MONITOR, do_state, "Shows the state of modules",
	    "-v: with their resources (name=value), since when and by whom, and what the script state of the module says. -lq: one word, "
	    "and the state as exit status: STOP 0, WAIT 1, ALONE 2, UP 2, PRIM 3, SECOND 4; 64 for a typing error and 69 when the state "
	    "is not known." },
	{ "explain", "-m AM", "m:J", 0, 0, "", V_ADMIN | V_MODULE | V_MONITOR, do_explain, "Explains why a module is in its state",
	    "What it is and since when, why, which failover rule holds it and by which resource, what happens next and when, and what "
	    "would release it; then the other rules that are true or undecided." },
	{ "level", "[-m AM]", "m:J", 0, 0, "", V_TRIES | V_MONITOR, do_level, "Shows the version; with -m calls the script level of the module", "" },
	{ "log", "[-m AM] [-s nb] [-A|-I] [-l en|fr]", "m:s:AIl:J", 0, 0, "", V_MONITOR, do_log, "Shows the last messages of a module",
	    "Levels: U(ser action), E(vent), C(ritical), S(cript); with -I also I(nformation), with -A all. -s: how many, 300 when not "
	    "given. Without -m: what safeadmin says of this server. Messages are in English only in this version." },
	{ "logview", "[-m AM] [-s nb] [-A|-I] [-l en|fr]", "m:s:AIl:J", 0, 0, "", 0, do_logview,
	    "Shows the last messages of a module and those that come", "With --json: one object per line." },
	{ "logsave", "[-m AM] [-s nb] [-A|-I] [-l en|fr] /absolute/path", "m:s:AIl:J", 1, 1, "/", V_ADMINISTER | V_FAR_LOGGED, do_logsave,
	    "Saves the messages of a module in a file",
	    "The last 50,000 when -s is not given. The file is replaced whole." },
	{ "printi", "-m AM [-i identity] \"message\"", "m:i:", 1, WORDS_MAX, "", V_ADMIN | V_MODULE | V_CONTROL | V_FAR_LOGGED, do_print, "Writes a message of level I in the log",
	    "A message that begins with - comes after --." },
	{ "printe", "-m AM [-i identity] \"message\"", "m:i:", 1, WORDS_MAX, "", V_ADMIN | V_MODULE | V_CONTROL | V_FAR_LOGGED, do_print, "Writes a message of level E in the log",
	    "A message that begins with - comes after --." },
	{ "cmdlog", "[-s nb]", "s:J", 0, 0, "", V_CONTROL, do_cmdlog, "Shows the commands that changed something",
	    "^ date | pid | running or return N | command. The file SAFEVAR/commandlog has a line when a command starts and one when it "
	    "ended; it also has the commands given while safeadmin did not run." },

	/* configuration of modules */
	{ "config", "-m AM", "m:J", 0, 0, "", CTL | V_ROOT | V_ADMINISTER, do_config, "Applies SAFE/modules/AM",
	    "In state STOP everything can be changed; in the stable states ALONE and WAIT what the user's guide lists as dynamic, and the "
	    "scripts: the rest is refused by name. Errors are told as file:line: text, those of failover rules with the column. The script bin/config of the module is run; when it "
	    "fails, the configuration is refused. What runs is replaced at one instant; the last 3 configurations are kept in "
	    "SAFEVAR/snapshot/modules/AM (see module restore). AM_start_wrapper.sh and AM_stop_wrapper.sh in SAFE/private/modules/AM/bin "
	    "run the application by hand while the module is stopped." },
	{ "update", "-m AM", "m:", 0, 0, "", CTL | V_ROOT | V_ADMINISTER, do_update, "Resolves the names of cluster.xml again, for a module that runs",
	    "After a change in the DNS. The module must be in state UP or ALONE, or STOP. All modules of this server get the addresses." },
	{ "deconfig", "-m AM", "m:", 0, 0, "", CTL | V_ROOT | V_ADMINISTER, do_deconfig, "Removes the active configuration of a module",
	    "The module must be in state STOP. The script bin/deconfig of the module is run first." },
	{ "confcheck", "-m AM", "m:J", 0, 0, "", V_ROOT | V_MODULE | V_TRIES | V_ADMINISTER, do_confcheck, "Checks SAFE/modules/AM without applying it",
	    "Calls the script bin/confcheck of the module as well." },
	{ "confinfo", "-m AM", "m:J", 0, 0, "", V_MODULE | V_MONITOR, do_confinfo, "Shows signature and date of the active and the current configuration",
	    "active: applied last (SAFE/private/modules/AM); current: SAFE/modules/AM. Dates are Unix timestamps. Different signatures mean "
	    "that safekit config has something to apply." },
	{ "module install", "-m AM [-r] [-M id] [FILE.safe|DIRECTORY]", "m:rM:J", 0, 1, "/", V_ROOT | V_LOGGED | V_MODULE | V_TRIES | V_ADMINISTER,
	    do_module_install, "Installs a module",
	    "Without a file: SAFE/Application_Modules/AM.safe. -r: again over the installed one. -M: with this id, 1 to 256, which must be "
	    "the same on all servers; else that of id= in <service>, else the one it had, else the smallest free one." },
	{ "module uninstall", "-m AM", "m:", 0, 0, "", CTL | V_ROOT | V_ADMINISTER, do_module_uninstall, "Removes a module",
	    "The module must be in state STOP. It is deconfigured; SAFE/modules/AM and SAFEVAR/modules/AM are deleted." },
	{ "module list", "", "J", 0, 0, "", V_MONITOR, do_module_list, "Lists the names of the installed modules", "" },
	{ "module listid", "", "J", 0, 0, "", V_MONITOR, do_module_list, "Lists the names and ids of the installed modules", "" },
	{ "module package", "-m AM /absolute/path/AM.safe", "m:", 1, 1, "/", V_LOGGED | V_MODULE | V_TRIES | V_ADMINISTER, do_module_package,
	    "Packages a module in a file", "" },
	{ "module genkey", "-m AM", "m:", 0, 0, "", V_ROOT | V_LOGGED | V_MODULE | V_TRIES | V_ADMINISTER, do_module_key,
	    "Makes a key for the exchanges of a module", "Considered after the next config of the module, on each server; to be brought "
	    "to the other servers: SAFEVAR/modules/AM/module.key, readable by root only." },
	{ "module delkey", "-m AM", "m:", 0, 0, "", V_ROOT | V_LOGGED | V_MODULE | V_TRIES | V_ADMINISTER, do_module_key,
	    "Removes the key of a module", "After the next config its exchanges are encrypted with a key derived from the cluster's." },
	{ "module restore", "[N] -m AM", "m:J", 0, 1, "", V_ROOT | V_LOGGED | V_MODULE | V_TRIES | V_ADMINISTER, do_module_restore,
	    "Lists the kept configurations of a module, or brings one back",
	    "N: 0 is the active one, 1 the one before it, ... It is brought back to SAFE/modules/AM; safekit config applies it." },
	{ "module files", "-m AM", "m:J", 0, 0, "", V_ROOT | V_MODULE | V_ADMINISTER, do_module_files, "Lists the files in SAFE/modules/AM", "" },
	{ "module getfile", "-m AM path", "m:", 1, 1, "/", V_ROOT | V_MODULE | V_ADMINISTER, do_module_getfile, "Writes one of them on standard output",
	    "For the web service, as putfile and delfile." },
	{ "module putfile", "-m AM path FILE [any|new|SHA256]", "m:", 2, 3, "/", V_ROOT | V_LOGGED | V_MODULE | V_TRIES | V_ADMINISTER, do_module_putfile,
	    "Replaces or makes one of them", "new: only if there is none; SHA256: only if that is its content's, else exit status 75. config applies it." },
	{ "module delfile", "-m AM path [any|SHA256]", "m:", 1, 2, "/", V_ROOT | V_LOGGED | V_MODULE | V_TRIES | V_ADMINISTER, do_module_delfile,
	    "Removes one of them", "" },
	{ "module getports", "-m AM | -i id", "m:i:J", 0, 0, "", V_MONITOR, do_module_getports, "Lists the ports servers use for a module",
	    "-i: those a module with this id could use, installed or not." },
	{ "boot", "[-m AM on|off|status] | status | webon|weboff|webstatus | snmpon|snmpoff|snmpstatus", "m:J", 0, 1,
	    "on off status snmpon snmpoff snmpstatus webon weboff webstatus", V_TRIES | V_ADMINISTER | V_LOOKS, do_boot, "Controls what starts at boot",
	    "Without -m: shows all modules. A boot attribute in userconfig.xml other than ignore wins. web...: the web service, "
	    "on by default. snmp...: the SNMP subagent safeagent." },

	/* cluster */
	{ "cluster config", "[FILE.xml|FILE.zip] [lock|unlock]", "J", 0, 2, "/ lock unlock", V_ROOT | V_LOGGED | V_TRIES | V_ADMINISTER, do_cluster_config,
	    "Applies a cluster configuration",
	    "FILE.xml: with a new key; FILE.zip: with the key in it (see cluster export); no file: the current one with a new key. Use with "
	    "care: configuration and key must then be brought to all nodes. lock: applied, and later changes are refused until unlock; "
	    "lock or unlock without a file changes nothing else." },
	{ "cluster confcheck", "FILE.xml", "J", 1, 1, "/", V_ADMINISTER, do_cluster_confcheck, "Checks a cluster configuration without applying it", "" },
	{ "cluster confinfo", "", "J", 0, 0, "", V_ADMIN | V_MONITOR, do_cluster_confinfo,
	    "Shows signature, date and lock of the cluster configuration of each active node", "All nodes must show the same signature." },
	{ "cluster deconfig", "", "", 0, 0, "", V_ROOT | V_LOGGED | V_TRIES | V_ADMINISTER, do_cluster_deconfig,
	    "Removes the cluster configuration and its key", "" },
	{ "cluster state", "", "J", 0, 0, "", V_ADMIN | V_MONITOR, do_cluster_state, "Lists the modules of all nodes", "" },
	{ "cluster genkey", "", "", 0, 0, "", V_ROOT | V_LOGGED | V_TRIES | V_ADMINISTER, do_cluster_key, "Makes a new key for the cluster",
	    "To be brought to the other nodes with cluster export and cluster config FILE.zip." },
	{ "cluster delkey", "", "", 0, 0, "", V_ROOT | V_LOGGED | V_TRIES | V_ADMINISTER, do_cluster_key, "Removes the key of the cluster",
	    "Packets between servers are always encrypted: without a key this server talks to no other, and says so." },
	{ "cluster export", "FILE.zip", "", 1, 1, "/", V_ROOT | V_LOGGED | V_TRIES | V_ADMINISTER, do_cluster_export,
	    "Writes cluster configuration and key in a file for the other nodes",
	    "There: safekit cluster config FILE.zip. The file holds the key: it is readable by root only; bring it over a safe way and "
	    "remove it." },

	/* other servers */
	{ "-H", "SERVER[,SERVER...] command [arguments] | -E AM | -G", "J", 2, WORDS_MAX, "", V_ROOT | V_TRIES, do_remote,
	    "Runs a command on servers, all at once",
	    "SERVER: a url as http://10.0.0.1:9010, a name of cluster.xml, or \"*\" for all nodes of it; [https] or [https:9500] before names "
	    "overrides protocol and port. One block per server. Exit status: that of the command when it is the same on all servers, 68 when it "
	    "differs, 69 when a server was not reached or refused us. --json before -H: a row per server. The web service must run there, with "
	    "the same cluster configuration as here or the same password given to webservercfg." },
	{ "-E", "AM", "", 1, 1, "", V_ROOT | V_LOGGED | V_TRIES, do_deploy, "Installs a module of this server on others, with its key",
	    "Where: -H SERVER[,SERVER...] before it, else SAFEVAR/default_cluster.txt. If the module is configured here, it is configured there, "
	    "too. Nothing is changed anywhere unless all servers can take it." },
	{ "-G", "", "", 0, 0, "", V_ROOT | V_LOGGED | V_TRIES, do_deploy, "Applies the cluster configuration of this server on others, with its key",
	    "Where: -H SERVER[,SERVER...] before it, else SAFEVAR/default_cluster.txt. Nothing is changed anywhere unless all servers can take it." },
	{ "cluster receive", "FILE [check]", "", 1, 2, "/", V_ROOT | V_LOGGED | V_TRIES | V_HIDDEN | V_ADMINISTER, do_cluster_receive,
	    "Applies what -G of another server has sent", "" },
	{ "module receive", "-m AM -M id PACKAGE KEY [check]", "m:M:", 2, 3, "/", V_ROOT | V_LOGGED | V_MODULE | V_TRIES | V_HIDDEN | V_ADMINISTER,
	    do_module_receive, "Installs what -E of another server has sent", "" },

	/* the rest */
	{ "webserver", "start|stop|restart|check", "J", 1, 1, "start stop restart check", V_TRIES, do_service, "Controls the web service",
	    "It serves the console, the distributed commands and the health checks (ready.txt); its configuration is SAFE/web/conf/httpd.conf. start "
	    "and restart return when it answers; they refuse a wrong configuration. check: exit status 0 when it runs, else 1." },
	{ "safeagent", "start|stop|restart|check", "J", 1, 1, "start stop restart check", V_TRIES | V_ADMINISTER | V_LOOKS, do_service, "Controls the SNMP subagent",
	    "Managers are answered by snmpd of the operating system (AgentX). check: exit status 0 when it runs, else 1." },
	{ "dump", "-m AM", "m:", 0, 0, "", V_ROOT | V_LOGGED | V_MODULE | V_TRIES | V_CONTROL, do_dump,
	    "Gathers what is needed to understand a problem of a module",
	    "A folder dump_<date>_<hour> in SAFEVAR/snapshot/modules/AM: logs, states, why the module is in its state, configurations, "
	    "outputs of scripts, the operating system. README.txt in it tells more. No key is in it; values of names that have pass, "
	    "secret, key, token or pwd in them are shown as ***. The last 3 are kept." },
	{ "snapshot", "-m AM /absolute/path/FILE.zip", "m:", 1, 1, "/", V_ROOT | V_LOGGED | V_MODULE | V_TRIES | V_ADMINISTER, do_snapshot,
	    "Makes a dump and saves the last 3 dumps and the last 3 configurations in a file",
	    "For support. No key and no password is in it. The file is readable by root only and protected with the password safekit, so "
	    "that mail servers let it pass." },
	{ "clean", "[all|log|process|resource] -m AM", "m:", 0, 1, "all log process resource", CTL | V_ADMINISTER, do_clean,
	    "Deletes logs, resources, or kills the processes of a module", "To be used with caution. Without a word: all." },
	{ "-p", "", "J", 0, 0, "", 0, do_paths, "Shows SAFE, SAFEVAR and SAFEBIN", "" },
	{ "-r", "command [arguments]", "m:", 1, WORDS_MAX, "", 0, do_run, "Runs a command of SAFEBIN with the environment of scripts",
	    "A command that is not an absolute path is searched in SAFEBIN, as safekit -r boundcmd 30 /bin/sync." },
	{ "help", "[command]", "", 0, 2, "", V_MONITOR, do_help, "Shows the commands, or one of them", "" },
	{ "-h", "", "", 0, 2, "", V_HIDDEN | V_MONITOR, do_help, "Shows the commands", "" },
	{ "--help", "", "", 0, 2, "", V_HIDDEN | V_MONITOR, do_help, "Shows the commands", "" },
	{ "--man", "", "", 0, 0, "", V_HIDDEN, do_man, "Writes the man page", "" },
	{ "--completion", "", "", 0, 0, "", V_HIDDEN, do_completion, "Writes the completion for bash", "" },
	{ "--pack", "DIRECTORY FILE.safe", "", 2, 2, "/", V_HIDDEN, do_module_package, "Packages a folder (for the build)", "" },
};
const size_t verbs_count = ARRAY_LEN(verbs);
