/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * checkline.h: what heart and its checkd say to each other: JSON objects, one per line, over a socketpair (checkd's descriptor 3).
 *
 * checkd -m AM is started by heart when a module that has checks or processes to watch leaves STOP, and ends with it (end of file on
 * descriptor 3 means: heart is gone, end now, kill the custom checkers).  It owns every built-in checker of the module as rows of one
 * table, the custom checkers as children, and errd.  Nothing that it does can hold up a heartbeat.  Both ends drop the line when the other
 * says something that is not understood (it is the same version), and heart starts checkd anew when it dies.
 *
 * heart -> checkd
 *	{"op":"setup","module":name,"id":n,"node":name,"bin":SAFEUSERBIN,"var":SAFEUSERVAR,"config":{conf_module_to_json}}
 *		first line, and again with a dynamic configuration: rows that stay the same keep their state
 *	{"op":"classes","seq":n,"on":["pre","prim"],"checkers":bool,"errd":bool}
 *		the whole set that is on now; checkers/errd: what safekit checker|errd on|off said.  Answered {"ack":n} as soon as nothing
 *		of what went off will be reported any more.  What goes on begins with {"resource":...,"value":"init"}; what goes off ends
 *		with "init" too.
 *	{"op":"errd","id":n,"verb":"enable|disable","class":word}	answered {"reply":n,"ok":bool,"message":text}
 *	{"op":"errd","id":n,"verb":"list"}	answered {"reply":n,"ok":true,"procs":[{"name","class","atleast","atmax","action","pids":[n],
 *						"watched":bool,"value":"up|down|init"}]}
 *	{"op":"witness","ms":n}		splitbrain: ping the witnesses so often from now on (from the heartbeat timeout)
 *	{"op":"quit"}			end
 * checkd -> heart
 *	{"resource":"tcp.web","value":"up|down|init|unknown","by":"tcpcheck","why":"connection refused"}	when value or
 *		why changes, and once when it is known first; why: short, for explain, "" when up
 *	{"action":"restart|stopstart|stop|...","by":"errd","identity":"errd"}	heart judges it as safekit ... -i would be
 *	{"log":key,"origin":"errd","text":"event atleast on proc appli"}	key: of wire/message.h
 *	{"ack":n}, {"reply":n,...}
 */
#ifndef SK_CHECKLINE_H
#define SK_CHECKLINE_H

#define CHECK_LINE_FD	3
#define CHECK_LINE_MAX	(16u << 20)	/* bytes of one line (ours: a configuration of 4096 checks is 1.3 MB, its variables may be more) */

#endif
