# SPDX-License-Identifier: GPL-2.0-or-later
#
# life.py: what the nemesis' applications share: one life of an application, and what it remembers outside of the servers' disks.
#
# CTL (not on the servers' disks, the same for all servers):
#   w<N>/<epoch>.log		what was begun and what was acknowledged; an epoch is one life of the application
#   w<N>/state			"EPOCH checking|running|paused|dead|failed OPERATIONS"
#   pause			while it is there, nothing is done
#   cut				the last server that had everything lost power since: what was not synced may be gone (of the newest operations)
#   full			a disk is full: ENOSPC is no failure
#   ioerror			all that could serve the folder was killed at once: an error of the folder is no failure
#   violations			a line for each broken promise
import errno, os, random, re, signal, sys, time, traceback


class Life:
    def __init__(self, root, ctl, number, kind, seed):
        self.root, self.ctl, self.kind, self.number = os.fsencode(root) + b"/w%d" % number, ctl, kind, number
        self.own = "%s/w%d" % (ctl, number)
        self.done, self.told = 0, 0.0
        os.makedirs(self.own, exist_ok=True)
        self.epoch = self.claim()
        self.rng = random.Random("%s %d %d" % (seed, number, self.epoch))

    def claim(self):
        epoch = max([int(n[:-4]) for n in os.listdir(self.own) if n.endswith(".log")] or [0])
        while True:
            epoch += 1
            try:
                self.log = os.open("%s/%d.log" % (self.own, epoch), os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o644)
                return epoch
            except FileExistsError:
                pass

    def flag(self, name):
        return os.path.exists(self.ctl + "/" + name)

    def tell(self, phase):
        with open(self.own + "/state.new", "w") as f:
            f.write("%d %s %d\n" % (self.epoch, phase, self.done))
        os.rename(self.own + "/state.new", self.own + "/state")
        self.told = time.monotonic()

    def progress(self):
        if time.monotonic() - self.told > 0.2:
            self.tell("running")

    def pause(self):
        if self.flag("pause"):
            self.tell("paused")
            while self.flag("pause"):
                time.sleep(0.02)
            self.tell("running")

    def fail(self, text):
        fd = os.open(self.ctl + "/violations", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
        os.write(fd, ("w%d epoch %d on %s at %s: %s\n" % (self.number, self.epoch, os.uname().nodename, time.strftime("%T"), text)).encode("utf8", "replace"))
        os.close(fd)
        self.tell("failed")
        os._exit(1)

    def stumble(self, what, e):	# an error that is not the operation's own
        if self.flag("ioerror"):
            self.tell("dead")
            os._exit(0)
        if getattr(e, "errno", None) == errno.ENOSPC and self.flag("full"):
            self.again()
        # A primary that is cut off, and told to stop as the other one goes on, refuses what waits: its scripts end us, or another life has begun
        end = time.monotonic() + 10
        refused = getattr(e, "errno", None) == errno.EIO or re.search("I/O error|Input/output error|closed the connection|unable to open database", str(e))
        while refused and time.monotonic() < end:
            if self.deposed():
                self.tell("dead")
                os._exit(0)
            time.sleep(0.02)
        where = " < ".join("%s:%d" % (f.name, f.lineno) for f in reversed(traceback.extract_tb(e.__traceback__))) if e.__traceback__ else ""
        self.fail("%r: %s (%s)" % (what, e, where))

    def again(self):	# another life
        time.sleep(0.2)
        os.execv(sys.argv[0], sys.argv)

    def deposed(self):	# another life has begun: this one may not be told anymore that something is done
        return os.path.exists("%s/%d.log" % (self.own, self.epoch + 1))


def live(kind):
    root, ctl, number, word, seed = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    one = kind(root, ctl, int(number), word, seed)
    try:
        one.run()
    except OSError as e:
        one.stumble(word, e)
