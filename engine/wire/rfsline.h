/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rfsline.h: what heart and its rfsd say to each other: JSON objects, one per line, over a socketpair (rfsd's descriptor 3).
 *
 * rfsd -m AM is started by heart when a module that has <rfs> leaves STOP, and ends with it.  It owns the replicated folders: their mounts, the
 * stream to the other server, the change map, and what survives on the disk of who is up to date.  End of file on descriptor 3 means that
 * heart is gone: the application may still run, so the mounts stay and are served (by the worker, which outlives rfsd); the next rfsd takes
 * them over.  When rfsd alone dies the same holds, and nobody notices.
 *
 * heart -> rfsd
 *	{"op":"setup","module":name,"id":n,"node":name,"self":n,"peer":name or "","key":64 hex or "","var":SAFEUSERVAR,
 *	 "config":{conf_module_to_json},"lan":{"name","local":ip,"peer":ip or ""}}
 *		first line; again when something of it changed.  lan: that of the replication (<flow>, else heartbeat ident="flow", else the first).
 *	{"op":"want","seq":n,"role":word,"sync":{...},"nosync":true}
 *		what shall be so from now on.  Answered {"ack":n} when it is so, or cannot be: {"ack":n,"why":text}.  A new one supersedes: its ack
 *		answers both.  Roles (fsm.h, enum fsm_rfs):
 *		"off"	not mounted, links in place of the folders, on the disk what is to be remembered
 *		"alone"	mounted read-write; what the application writes needs no other server; one that comes to synchronise is served
 *		"prim"	as alone, but this server was told that the other one is its secondary: what the application writes needs it.  From then on
 *			until "alone" (or "alone-granted") nothing is acknowledged that the secondary does not have.
 *		"given"	swap: everything written is on both, this server has its folders read-only and waits for who takes; nosync (swap nosync): what
 *			the kernel has not written yet is not waited for
 *		"sync"	read-only, synchronising from the primary; {"synced":n} follows, n of this want.  sync: {"mode":"default"|"full"|"date"|
 *			"external","date_ms":n,"uid":text}
 *		"second" read-only, following the primary.  After "sync" or "given".
 *	{"op":"alone-granted","seq":n}	answer to {"ask":"alone"}: the other server is lost, or has said that it is no secondary any more.
 *		seq 0: unasked, after a want "prim" that could not be
 *	{"op":"refuse"}	"alone-granted" will not come: this server is the one to stop (witness, or the other one has taken over), and its stop scripts
 *		are about to run.  What waits for a secondary that is not connected fails with EIO, and so does each change from then on; reads go
 *		on.  Not answered; until the folders are left, or "alone" or "alone-granted" after all
 *	{"op":"force","how":"prim"|"primforce"}	the operator says that this server's data counts: rfs.uptodate up, or a refusal (ack with why);
 *		"seq" as of want, with an ack of its own.  Before any want of the plan that mounts
 *	{"op":"set","name":"rfs.syncat","value":"up","by":who}	a resource of rfsd's was set from outside (safekit set, a rule's assignment)
 *	{"op":"policy","n":id,"words":["external","prim","uid"]|["nodetect","prim","uid"]|["full"]|[]}	safekit rfssync (nodetect: -d; []: show);
 *		answered {"reply":id,...}, also with nothing mounted
 *	{"op":"verify"|"diff","n":id}	safekit rfsverify, rfsdiff; answered {"reply":id,"ok":bool,"text":...} when done; {"told":id,"text"} between
 *	{"op":"ping","n":k}	answered {"pong":k} at once, whatever else is under way.  Once it has been, a keeper without a word for 30 s is killed
 *	{"op":"quit"}	as want off, then the end of the process
 * rfsd -> heart
 *	after setup, before the first ack: facts, and every resource that there is; what a former life told and this one has not is gone then.
 *	While a want takes long (off, given: data is written back): some line at least every 10 s, {"pong":0} will do
 *	{"ack":n,"why":text}	why "" or absent: done
 *	{"synced":n}		the trees are equal and the primary has noted that it needs us
 *	{"sync-failed":n,"why":text,"again":bool}	again: a new attempt makes sense (primary gone, network); else the module stops with an error
 *	{"ask":"alone","seq":n,"why":text,"degraded":bool}	as primary: the secondary cannot be reached (for sendtimeout or locktimeout) or replication is
 *		out of order; writes wait until granted.  Heart tells the other server that it is dropped (F_DROP) and grants when that one has
 *		said so or is lost.
 *	{"out":n,"why":text}	as secondary: cannot follow (disk full, an error that cannot be repaired): leave SECOND, stopstart.  As
 *		primary: a mount does not answer, or had to be made anew under the application: stopstart
 *	{"facts":{"inconsistent":bool,"paired":bool}}	on change, and once after setup: heart's conditions for prim; paired: true before the
 *		worker is told "paired", and once after a setup where it is so; false when "alone" or "alone-granted" has been carried out after
 *		true (heart takes a true that comes between its order and that for an older one)
 *	{"resource":"rfs.uptodate","value":"up","by":"nfsadmin","why":"","log":bool}	also rfs.lastprimstate, rfs.swapping, rfs.degraded, rfs.synced,
 *		rfs.syncat, rfs.rfssync, usersetting.rfssyncmode..., rfs_bandwidth.replication...; log: worth a row in the log
 *	{"resource-gone":name}
 *	{"progress":{"dir","phase","files","files_total","bytes","bytes_total","sent","rate_kbs","left_s"}}	while synchronising, twice a second at most; {"phase":""}: over
 *	{"log":key,"origin":"nfsadmin"|"nfsbox"|"reintegre","text":...}	key: of wire/message.h
 *	{"reply":id,"ok":bool,"text":...}
 */
#ifndef SK_RFSLINE_H
#define SK_RFSLINE_H

#define RFS_LINE_FD	3
#define RFS_LINE_MAX	(16u << 20)	/* as of checkline.h: the configuration is the same */

#endif
