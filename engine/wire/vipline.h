/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vipline.h: what heart and its vipd say to each other: JSON objects, one per line, over a socketpair (vipd's descriptor 3).
 *
 * vipd -m AM is started by heart when a module that has <vip> or <farm> leaves STOP, and ends with it.  It owns the module's virtual
 * addresses, their announcements, the farm's group and the filters.  End of file on descriptor 3 means that heart is gone: then vipd takes
 * everything down at once (the application is about to be stopped, or the other server takes over) and ends.  When vipd alone dies,
 * addresses and filters stay as they are (for the lease), and the next vipd, started at once, takes them over.
 *
 * heart -> vipd
 *	{"op":"setup","module":name,"id":n,"node":name,"self":n,"nodes":[names],"key":64 hex or "","var":SAFEUSERVAR,
 *	 "config":{conf_module_to_json},"lans":[{"name","local":ip,"at":[{"node":n,"ip":ip}]}]}
 *		lans: those of the farm's group, chosen already (absent without a farm; all of this server's where <farm> names none)
 *		first line; again when the key or an address of a lan changed.  What a former life left and the setup does not have is taken
 *		down and said.
 *	{"op":"want","seq":n,"addresses":bool,"serve":bool}
 *		what shall be so from now on: virtual addresses set; this node in the farm takes its share.  Answered {"ack":n} when it is so,
 *		or cannot be: {"ack":n,"why":text}.  serve means addresses too.  A new one supersedes: its ack answers both.
 *	{"op":"announce"}	what is set is announced again: neighbours may have heard of another server (split brain)
 *	{"op":"quit"}	everything down, then the end of the process
 * vipd -> heart
 *	{"ack":n,"why":text}	why "" or absent: done
 *	{"resource":"lbgroup.FarmProto_0","value":"50.0 %","by":"vipd","why":""}	"connections.192.168.1.99" likewise
 *	{"resource-gone":name}
 *	{"share":{...}}		report.h, rpt_share: a row changed
 *	{"log":key,"origin":"vipd","text":"Virtual IP <192.168.1.10 of mirror> set"}	key: of wire/message.h
 */
#ifndef SK_VIPLINE_H
#define SK_VIPLINE_H

#define VIP_LINE_FD	3
#define VIP_LINE_MAX	(16u << 20)	/* as of checkline.h: the configuration is the same */

#endif
