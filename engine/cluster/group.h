/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * group.h: who is here.  One membership component for cluster (safeadmin) and, later, farm modules: a leader and followers, one
 * view, numbered, the same on all members.
 *
 * Owns: the protocol's state machine, nothing else.  Pure: no fd, no clock; the only memory taken after group_new() is one buffer per
 * node for its info, when it has one.  The caller gives the time and the decoded messages and sends what comes out, so that the daemon
 * and the simulation run the same code.  Hooks must not call back into the group, but for questions, group_set_info() and group_set_word().
 *
 * Nodes have an index (order of cluster.xml).  A view is a decision of one leader: (number, leader, members), where the leader is the
 * lowest member and (number, leader) is given only once.  It is in force at a member from the moment that member hears it; nothing is
 * voted: this is who is here, not who may write (that is decided by fsm/ and its rules).
 *
 *  Leader    Each pulse: sends VIEW to every configured node, member or not.  It decides only in group_tick(), so at most one new view
 *            per pulse: admits who sent ALIVE, drops who was silent for slost_count pulses (+ half a pulse for jitter) or left.  A new
 *            number is the highest number heard from anybody + 1; a member that reports another view with a number not below ours makes
 *            the leader renew its number.  On a node views only get newer: a higher number, or the same number of a lower leader (else two
 *            leaders that count in step would never meet).
 *  Follower  Each pulse: sends ALIVE to its leader, and to every leader it hears that is lower than its own (asks to join).  It goes over
 *            when that one's VIEW has its name (make before break) and tells the old leader LEAVE.  An ALIVE carries the sender's view:
 *            who is admitted brings its fellow members along, each with slost_count pulses to speak for itself; so two groups
 *            merge in one step and nobody is reported down and up again.
 *  Leader lost   No VIEW with our name for mlost_count pulses (+ half), or LEAVE of the leader: the lowest remaining member takes over
 *            at once with the higher members of the old view (slost_count pulses to speak); the second waits 2 pulses, all others 3
 *            (2 more while a lower one is heard; after a LEAVE min(mlost_count, slost_count) - 1 more: those lower ones live).
 *            Who hears the successor before his own patience ends follows it when mlost_count pulses have gone by.
 *  Excluded  A newer VIEW of our leader without our name: it does not hear us.  We lead a view of ourselves and keep asking to join.
 *            That splits nobody off: a node is attracted only by leaders lower than its own, and answers LEAVE to a higher one that
 *            counts it in once its own leader has spoken since (else that one may be its successor).
 *  Start     Listens for mlost_count pulses.  A lower leader is joined at once.  Who is taken for the leader by others (ALIVE: we led in
 *            an earlier life) goes on with them at the next pulse, before they miss it.  Otherwise a view of
 *            ourselves follows.
 *  Two leaders that hear each other: the higher asks the lower, as a follower would; its members too.  It decides nothing for the first
 *            3 pulses of that.  A leader that goes over tells LEAVE to members that the new view lacks.
 * On any fixed graph of links, one-way ones too, this settles on one outcome: node 0 leads all with whom it has both ways; the lowest
 * of the rest leads those of the rest with whom it has both ways, and so on.  With full connectivity and no loss all alive nodes are in
 * one view within 2 * (mlost_count + slost_count) pulses, for mlost_count + slost_count >= 5.
 * A process that was stopped for more than a pulse blames nobody for the silence: group_tick() takes the gap out.
 *
 * Words.  Each node has a word of 32 bits, told in its ALIVE.  A view is (number, leader, members, their words): a member whose word changes
 * makes the leader decide a new view, at its next pulse.  Who admits itself in a merge brings the words of its fellows as they were.
 * Acknowledged.  ALIVE tells which view is in force at its sender; VIEW tells which members have said so of it (the leader always has).
 * So that this takes three ways through the network and not two pulses, a member that adopts a view says ALIVE at once (after its view
 * hook, so that it speaks of what it has done), and a leader that has heard the last of its members sends VIEW to them at once: per view
 * one ALIVE of each member and one VIEW to each, besides those of the pulses.  What is lost is said again with the next pulse.
 *
 * Info.  Each node has a blob with a version; ALIVE tells the leader its sender's version, VIEW tells everybody those of all members
 * (0: none or not known).  Who lacks one asks (WANT, with a bit per missing piece), in turn the owner and the leader, who
 * keeps copies (the owner may be out of reach); INFO brings pieces.  Any other version than the one in hand is fetched, lower ones
 * too (a new life).  At most GROUP_WANTS blobs at a time, GROUP_BURST pieces per question, GROUP_BUDGET pieces sent per pulse; a
 * question without an answer is asked again at the next pulse.
 */
#ifndef SK_GROUP_H
#define SK_GROUP_H

#include "base/base.h"

#define GROUP_INFO_MAX	65536	/* bytes of one node's info (its modules and signatures); ours: 256 modules of 256 bytes */
#define GROUP_PIECES	((GROUP_INFO_MAX + GROUP_PIECE_MAX - 1) / GROUP_PIECE_MAX)	/* 60: a bit each in a uint64_t */
#define GROUP_WANTS	4	/* blobs asked for at a time (ours) */
#define GROUP_BURST	16	/* pieces per question: 18 kB, well below a socket buffer (ours) */
#define GROUP_BUDGET	512	/* pieces sent per pulse: 560 kB (ours) */
#define GROUP_NOBODY	255	/* leader of a node that has no view yet */
#define GROUP_VIEW_MAX	0xfff00000u	/* higher numbers are refused, so that a wrong one cannot use the numbers up */
#define GROUP_PIECE_MAX	1100	/* payload of one INFO piece: with header and tag below 1280 (IPv6 minimum MTU) */

enum group_msg_type { GM_ALIVE = 1, GM_VIEW = 2, GM_WANT = 3, GM_INFO = 4, GM_LEAVE = 5 };
struct group_msg {
	uint8_t	 type;
	uint8_t	 from;			/* sender's index */
	uint32_t view;			/* number of the sender's view; LEAVE: of the receiver's view that the sender leaves */
	uint8_t	 leader;		/* sender's leader, or GROUP_NOBODY; VIEW: the sender */
	uint32_t members;		/* bit per index; of the sender's view */
	uint32_t heard;			/* bit per index: whom the sender hears directly (for diagnosis); VIEW: group_near() of the leader */
	uint32_t info_version[SK_NODES_MAX];	/* VIEW: of every member; ALIVE: [from] only */
	uint32_t word[SK_NODES_MAX];	/* VIEW: of every member; ALIVE: of every member too, [from] being the sender's own */
	uint32_t acked;			/* VIEW: members that have said ALIVE in this view, and the leader */
	/* WANT: which info; INFO: one piece of it */
	uint8_t	 about;
	uint32_t version;
	uint16_t piece, pieces;		/* INFO */
	uint64_t missing;		/* WANT: bit per piece */
	uint16_t len;			/* INFO */
	uint8_t	 data[GROUP_PIECE_MAX];
};
/* Bytes <-> struct; the decoder accepts any bytes (fuzzed).  Encode returns bytes written (<= size, 0: does not fit). */
size_t group_encode(const struct group_msg *m, uint8_t *buf, size_t size);
bool group_decode(const uint8_t *buf, size_t len, struct group_msg *m);

struct group;
struct group_hooks {
	void *ctx;
	/* send to one node, on every framework lan the caller has */
	void (*send)(void *ctx, int to, const struct group_msg *m);
	/* the view changed: number, leader, members (bits); a node that is gone from it is down, a new one is up; group_word() tells the words */
	void (*view)(void *ctx, uint32_t number, int leader, uint32_t members);
	/* the info of a member is complete and new, or the member is back with the one we had; info is valid during the call */
	void (*info)(void *ctx, int node, uint32_t version, const uint8_t *info, size_t len);
	/* more members are known to have the view in force; may be NULL */
	void (*acked)(void *ctx, uint32_t number, uint32_t members);
};
struct group_conf {
	int nodes, self;
	int pulse_ms, mlost_count, slost_count;	/* all >= 1 */
	/* Higher than every number this node gave in an earlier life: seconds of the wall clock since 2020 do, because a node gives at
	 * most one number per pulse.  (With a clock that went back the group still works; two views may then have one name.) */
	uint32_t first_view;
	uint32_t first_info;	/* version before our first info: other than in an earlier life (random or time) */
};

/* first_view from the wall clock (us since 1970), whatever it says: a clock of before 2020 gives 1, one of the far future half of all numbers */
uint32_t group_first_view(int64_t wall_us);
/* NULL without memory or with a senseless conf.  now: monotonic ms. */
struct group *group_new(const struct group_conf *conf, const struct group_hooks *hooks, int64_t now);
void group_free(struct group *g);
/* our own info changed: a new version is announced from the next pulse on.  false: too long, or no memory */
bool group_set_info(struct group *g, const uint8_t *info, size_t len);
/* our own word changed: announced at once, part of the next view */
void group_set_word(struct group *g, uint32_t word);
uint32_t group_word(const struct group *g, int node);	/* in the view in force; 0: not a member */
uint32_t group_acked(const struct group *g);	/* members known to have the view in force; ourselves always */
/* Members, with a bit of mask in their words, of the views that attract us: of leaders lower than ours, of ours when it excluded us */
uint32_t group_rivals(const struct group *g, uint32_t mask, int64_t now);
void group_receive(struct group *g, const struct group_msg *m, int64_t now);	/* m was authenticated and m->from is the
	 * peer that sealed it (the caller checks both); the rest is checked here */
void group_tick(struct group *g, int64_t now);
int64_t group_next(const struct group *g);	/* when group_tick() is due, monotonic ms */
void group_leave(struct group *g);		/* say goodbye (shutdown): the others need not wait; g is silent from then on */
uint32_t group_members(const struct group *g);	/* ourselves only, while there is no view */
int group_leader(const struct group *g);	/* -1: no view yet */
uint32_t group_view(const struct group *g);	/* 0: no view yet */
uint32_t group_heard(const struct group *g, int64_t now);	/* whom we hear directly: within slost_count pulses and a half */
uint32_t group_near(const struct group *g, int64_t now);		/* within min(mlost_count, slost_count) pulses: nobody who is missed;
	 * and who went over to another leader, until that one, if lost, has a successor that we hear (mlost_count + 6 pulses);
	 * and who is so to our leader, who alone hears the others and is told that they went */

#endif
