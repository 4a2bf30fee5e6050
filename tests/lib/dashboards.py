#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# dashboards.py: what can be known of the dashboards without Grafana, and their questions to a Prometheus.
#
# usage: dashboards.py check METRICS.md RULES.yml DASHBOARD...   form of the dashboards; names, labels and states of all queries (no output: well)
#        dashboards.py rules DASHBOARD...                        the queries as recording rules, for promtool's parser
#        dashboards.py ask URL [-s NAME=WHY]... DASHBOARD...     TAP: each query of each panel, annotation and variable gives data; what
#                                                                names a metric that begins with NAME is skipped where it does not
#        dashboards.py ask-kairosdb URL [-s NAME=WHY]... DASHBOARD   the same of a KairosDB, as the plug-in puts the questions
import json, re, sys, time, urllib.error, urllib.parse, urllib.request

STARTED_S = 900         # how far back "ask" looks: longer than any test
STEP_S = 2
WIDTH = 24              # columns of Grafana's grid
SCHEMA = range(36, 43)  # 42 is that of Grafana 13
OTHERS = {"up": set(), "ALERTS": {"alertname", "alertstate", "severity"}}      # Prometheus' own
TARGET = {"job", "instance", "__name__"}        # labels that Prometheus gives
TOP = {"uid", "title", "description", "tags", "timezone", "editable", "graphTooltip", "schemaVersion", "version", "refresh", "time", "timepicker",
       "annotations", "links", "templating", "panels"}
OPTIONS = {     # what @grafana/schema wants in the options of each kind of panel
    "stat": {"colorMode", "graphMode", "justifyMode", "orientation", "percentChangeColorMode", "reduceOptions", "showPercentChange", "textMode", "wideLayout"},
    "state-timeline": {"alignValue", "legend", "mergeValues", "rowHeight", "showValue", "tooltip"},
    "timeseries": {"legend", "tooltip"},
    "table": {"cellHeight", "frameIndex", "showHeader"},
    "text": {"mode", "content", "code"},
}
UNITS = {"short", "s", "bytes", "Bps", "KiBs", "cps", "reqps", "percentunit", "dateTimeFromNow"}
BUILTIN = re.compile(r"^__(rate_interval|interval|range|all|url_time_range|data\.fields\.\w+)$|^_tag_group_\w+$")


def panels(board):
    for p in board["panels"]:
        yield p
        yield from p.get("panels", [])


def variables(text):    # names that a text uses: $name, ${name}
    return [a or b for a, b in re.findall(r"\$(?:\{([^}:]+)(?::\w+)?\}|(\w+))", text)]


def texts(value):       # all strings below
    if isinstance(value, str):
        yield value
    for v in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(v)


def queries(board):     # (place, expr, target) of all that is PromQL
    for p in panels(board):
        for t in p.get("targets", []):
            if "expr" in t:
                yield "panel %d %s, %s" % (p["id"], p["title"], t["refId"]), t["expr"], t
    for a in board["annotations"]["list"]:
        yield "annotation " + a["name"], a["expr"], a


# ---- form ----

def check_targets(p, board, say):
    kind = board["templating"]["list"][0]["query"]
    seen = set()
    for t in p["targets"]:
        if t["refId"] in seen:
            say("two targets %s" % t["refId"])
        seen.add(t["refId"])
        if t["datasource"] != {"type": kind, "uid": "${datasource}"}:
            say("target %s has a data source of its own" % t["refId"])
        if kind == "prometheus" and (t["instant"] == t["range"] or t["format"] not in ("time_series", "table") or (p["type"] == "table") != (t["format"] == "table")):
            say("target %s: instant or range, and tables as tables" % t["refId"])


def check_field_config(p, say):
    config = p["fieldConfig"]
    d = config["defaults"]
    if d.get("unit", "short") not in UNITS:
        say("unit %s" % d["unit"])
    steps = d.get("thresholds", {"steps": [{"value": None}]})["steps"]
    values = [s["value"] for s in steps]
    if values[0] is not None or None in values[1:] or values[1:] != sorted(values[1:]):
        say("thresholds begin with null and rise")
    for m in d.get("mappings", []) + [m for o in config["overrides"] for q in o["properties"] if q["id"] == "mappings" for m in q["value"]]:
        if m["type"] != "value" or not all(set(r) == {"text", "color", "index"} for r in m["options"].values()):
            say("a value mapping has text, color and index")


def check_table(p, say):
    organize = p["transformations"][-1]
    if organize["id"] != "organize" or [t["id"] for t in p["transformations"][:-1]] != (["merge"] if len(p["targets"]) > 1 else []):
        say("transformations: merge of several targets, then organize")
    names = organize["options"]["renameByName"]
    for o in p["fieldConfig"]["overrides"]:
        if o["matcher"]["id"] != "byName" or o["matcher"]["options"] not in names.values():
            say("an override for a column that is not there: %s" % o["matcher"])
    if set(names) != set(organize["options"]["indexByName"]) or set(names) & set(organize["options"]["excludeByName"]):
        say("each column has a name and a place")


def check_panel(p, board, say):
    if p["type"] == "row":
        if p["collapsed"] or p["panels"] or p["gridPos"] != dict(p["gridPos"], x=0, w=WIDTH, h=1):
            say("a row is open, of full width and one high")
        return
    if p["type"] not in OPTIONS:
        say("unknown kind of panel %s" % p["type"])
        return
    if set(p["options"]) != OPTIONS[p["type"]]:
        say("options are not %s" % sorted(OPTIONS[p["type"]]))
    if p["type"] == "text":
        return
    if not p["title"] or not p["targets"]:
        say("without title or targets")
    check_targets(p, board, say)
    check_field_config(p, say)
    if p["type"] == "table":
        check_table(p, say)


def check_grid(board, say):
    taken = {}
    for p in board["panels"]:
        g = p["gridPos"]
        if set(g) != {"x", "y", "w", "h"} or g["w"] < 1 or g["h"] < 1 or g["x"] < 0 or g["x"] + g["w"] > WIDTH:
            say("panel %d: not on the grid" % p["id"])
        for x in range(g["x"], g["x"] + g["w"]):
            for y in range(g["y"], g["y"] + g["h"]):
                if taken.setdefault((x, y), p["id"]) != p["id"]:
                    say("panels %d and %d overlap" % (taken[x, y], p["id"]))
                    return


def check_variables(board, say):
    known = []
    for v in board["templating"]["list"]:
        for used in variables(json.dumps(v.get("query", ""))) + variables(json.dumps(v.get("datasource", ""))):
            if used not in known:
                say("variable %s uses %s, which does not stand before it" % (v["name"], used))
        if v["name"] in known or v["type"] not in ("datasource", "query"):
            say("variable %s" % v["name"])
        known.append(v["name"])
    if known[0] != "datasource":
        say("the first variable is not the data source")
    used = {u for part in ("panels", "annotations") for t in texts(board[part]) for u in variables(t) if not BUILTIN.match(u)}
    for u in used - set(known):
        say("$%s is used and not defined" % u)
    rest = {u for v in board["templating"]["list"] for u in variables(json.dumps(v))}
    for u in set(known) - used - rest:
        say("$%s is defined and not used" % u)


def check_form(board, say):
    if set(board) != TOP:
        say("members: %s" % sorted(set(board) ^ TOP))
    if board["schemaVersion"] not in SCHEMA or not re.match(r"^[a-z0-9-]{1,40}$", board["uid"]) or not board["title"] or not board["tags"]:
        say("schemaVersion, uid, title or tags")
    ids = [p["id"] for p in panels(board)]
    if len(ids) != len(set(ids)) or not all(isinstance(i, int) and i > 0 for i in ids):
        say("ids of panels")
    check_grid(board, say)
    check_variables(board, say)
    for p in panels(board):
        check_panel(p, board, lambda what, p=p: say("panel %d %s: %s" % (p["id"], p["title"], what)))


# ---- names ----

def read_table(path):   # {sample: (labels, {states})} of doc/METRICS.md
    table = {}
    for line in open(path, encoding="utf-8"):
        cells = [c.strip() for c in line.split("|")]
        if len(cells) > 6 and re.match(r"^`safekit_\w+`$", cells[1]):
            states = re.search(r"\(([^)]*)\)", cells[4])
            table[cells[1].strip("`")] = (set(re.findall(r"`(\w+)`", cells[4])), set(states.group(1).split(", ")) if states else set())
    return table


def matches(pattern, word, operator):
    return re.fullmatch(pattern, word) is not None if "~" in operator else pattern == word


def check_query(expr, table, say):
    labels = set(TARGET)
    plain = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expr)
    for name, body in re.findall(r"(?<![\w$\"])([A-Za-z_]\w*)(?:\{([^}]*)\})?", re.sub(r"\{[^}]*\}", lambda m: m.group(0).replace("\n", " "), expr)):
        if name not in table and name not in OTHERS:
            continue
        own, states = table.get(name, (OTHERS.get(name, set()), set()))
        labels |= own
        for label, operator, value in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"', body):
            if label not in own | TARGET:
                say("%s has no label %s" % (name, label))
            if label == name:
                for alternative in value.split("|") if "~" in operator else [value]:
                    if not any(matches(alternative, s, operator) for s in states):
                        say("%s has no state %s" % (name, alternative))
    for name in re.findall(r"\bsafekit_\w+", re.sub(r"\{[^}]*\}|\b(?:by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)", "", plain)):
        if name not in table:
            say("no such metric: %s" % name)
    for group in re.findall(r"\b(?:by|on|ignoring|without|group_left|group_right)\s*\(([^)]*)\)", plain):
        for label in filter(None, re.split(r"[\s,]+", group)):
            if label not in labels:
                say("no metric of the query has the label %s" % label)
    return labels


def check_names(board, table, say):
    for place, expr, target in queries(board):
        labels = check_query(expr, table, lambda what, place=place: say("%s: %s" % (place, what)))
        shown = [t for k, t in target.items() if k in ("legendFormat", "textFormat", "titleFormat")]
        for label in re.findall(r"\{\{(\w+)\}\}", " ".join(shown)) + [t for t in target.get("tagKeys", "").split(",") if t]:
            if label not in labels:
                say("%s: nothing has the label %s that is shown" % (place, label))
    for p in panels(board):
        if p["type"] == "table" and "expr" in p["targets"][0]:
            have = {"Time", "Value"} | {"Value #" + t["refId"] for t in p["targets"]} | TARGET
            for t in p["targets"]:
                have |= check_query(t["expr"], table, lambda what: None)
            for column in list(p["transformations"][-1]["options"]["renameByName"]) + list(p["transformations"][-1]["options"]["excludeByName"]):
                if column not in have:
                    say("panel %d %s: no column %s" % (p["id"], p["title"], column))
    for v in board["templating"]["list"]:
        if isinstance(v.get("query"), dict):
            selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", v["query"]["query"]).groups()
            if label not in check_query(selector, table, lambda what, v=v: say("variable %s: %s" % (v["name"], what))):
                say("variable %s: no label %s" % (v["name"], label))


def check_kairosdb(board, say):
    for p in panels(board):
        for t in p.get("targets", []):
            q = t["query"]
            if set(q) != {"metricName", "alias", "tags", "groupBy", "aggregators"} or set(q["groupBy"]) != {"tags", "value", "time"}:
                say("panel %d: members of the query" % p["id"])
            if not q["metricName"].startswith("safekit.") or not set(q["tags"]) | set(q["groupBy"]["tags"]) <= {"module", "node"}:
                say("panel %d: %s" % (p["id"], q["metricName"]))
            for a in q["aggregators"]:
                if [x["type"] for x in a["parameters"]] != ["alignment", "sampling", "sampling_unit"] or not a["autoValueSwitch"]["enabled"]:
                    say("panel %d: aggregator" % p["id"])


def rule_exprs(path):   # (place, expr) of a file of rules as we write them: expr on one line, or in a block "|" or ">-"
    name, block, lines = "", None, []
    for line in open(path, encoding="utf-8"):
        if block is not None:
            if line.strip() and len(line) - len(line.lstrip()) > block:
                lines.append(line.strip())
                continue
            yield name, " ".join(lines)
            block, lines = None, []
        m = re.match(r"^\s*- (?:alert|record): (\S+)", line)
        name = m.group(1) if m else name
        m = re.match(r"^(\s*)expr: (.*)$", line)
        if m and m.group(2).strip() in ("|", ">-"):
            block = len(m.group(1))
        elif m:
            yield name, m.group(2)


def command_check(metrics, rules, *files):
    table, uids, found = read_table(metrics), {}, []
    if len(table) < 40:
        found.append("%s: %d metrics only" % (metrics, len(table)))
    for path in files:
        def say(what, path=path):
            found.append("%s: %s" % (path.split("/")[-1], what))
        try:
            board = json.load(open(path, encoding="utf-8"))
            check_form(board, say)
            if any("query" in t for p in panels(board) for t in p.get("targets", [])):
                check_kairosdb(board, say)
            else:
                check_names(board, table, say)
            if uids.setdefault(board["uid"], path) != path:
                say("its uid is that of %s" % uids[board["uid"]])
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as e:
            say("%s: %s" % (type(e).__name__, e))
    exprs = list(rule_exprs(rules))
    if not exprs:
        found.append("%s: no rules" % rules)
    for name, expr in exprs:
        check_query(expr, table, lambda what, name=name: found.append("%s: %s: %s" % (rules.split("/")[-1], name, what)))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


# ---- asking ----

def fill(text, values):
    return re.sub(r"\$(?:\{([^}:]+)(?::\w+)?\}|(\w+))", lambda m: values[m.group(1) or m.group(2)], text)


ANY = {"job": "safekit", "node": ".*", "module": ".*", "resource": ".*", "__rate_interval": "1m", "__interval": "15s", "__range": "15m"}


def command_rules(*files):
    print("groups:\n- name: queries\n  rules:")
    n = 0
    for path in files:
        for _, expr, _ in queries(json.load(open(path, encoding="utf-8"))):
            n += 1
            print("  - record: q%d\n    expr: %s" % (n, json.dumps(fill(expr, ANY))))
    return 0


def get(url, path, **arguments):
    try:
        with urllib.request.urlopen(url + path + "?" + urllib.parse.urlencode(arguments, doseq=True), timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as e:
        return json.load(e)


def ask(url, expr, instant):    # series, or the text of the error
    now = time.time()
    if instant:
        answer = get(url, "/api/v1/query", query=expr, time=now)
    else:
        answer = get(url, "/api/v1/query_range", query=expr, start=now - STARTED_S, end=now, step=STEP_S)
    return answer["data"]["result"] if answer["status"] == "success" else answer["error"]


def one_number(series, instant):        # of all that was answered, is there one that is a number?
    values = [s["value"] for s in series] if instant else [v for s in series for v in s["values"]]
    return any(v != "NaN" for _, v in values)


def verdict(url, expr, target):
    series = ask(url, expr, target.get("instant", False))
    if isinstance(series, str):
        return series
    if not series or not one_number(series, target.get("instant", False)):
        return "no data"
    for label in re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", "") + target.get("textFormat", "")):
        if not all(label in s["metric"] for s in series):
            return "a series without the label %s: %s" % (label, series[0]["metric"])
    return ""


def skips_and_files(words):
    skips, files = {}, []
    words = list(words)
    while words:
        word = words.pop(0)
        if word == "-s":
            name, why = words.pop(0).split("=", 1)
            skips[name] = why
        else:
            files.append(word)
    return skips, files


def command_ask(url, *words):
    skips, files = skips_and_files(words)
    n = bad = 0
    for path in files:
        board = json.load(open(path, encoding="utf-8"))
        name = path.split("/")[-1]
        choices = [dict(ANY)]   # a variable of one value: one after the other, until there is data
        for v in board["templating"]["list"][1:]:
            selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", v["query"]["query"]).groups()
            found = sorted({x for c in choices for x in get(url, "/api/v1/label/%s/values" % label, **{"match[]": fill(selector, c)}).get("data", [])})
            n += 1
            bad += not found
            print("%sok %d - %s: variable %s: %s" % ("" if found else "not ", n, name, v["name"], " ".join(found)[:100]))
            if not v["multi"]:
                choices = [dict(c, **{v["name"]: x}) for c in choices for x in found]
        for place, expr, target in queries(board):
            why = ""
            for c in choices:
                why = verdict(url, fill(expr, c), target)
                if not why:
                    break
            n += 1
            reason = next((w for s, w in skips.items() if why and re.search(r"\b" + s, expr)), None)
            bad += bool(why) and not reason
            print("%sok %d - %s: %s%s" % ("not " if why and not reason else "", n, name, place.replace("#", ""), " # SKIP " + reason if reason else ""))
            if why and not reason:
                print("# %s\n# %s" % (why, fill(expr, choices[-1])))
    print("1..%d" % n)
    return 1 if bad or not n else 0


def post(url, path, body):
    request = urllib.request.Request(url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["queries"][0]["results"]
    except urllib.error.HTTPError as e:
        return e.read().decode()


def kairosdb_body(query, values):       # what grafana-kairosdb-datasource makes of a target
    def named(a, kind):
        return next(x["value"] for x in a["parameters"] if x["type"] == kind)
    now = int(time.time() * 1000)
    metric = {"name": query["metricName"], "tags": {t: [x for w in v for x in values[variables(w)[0]]] for t, v in query["tags"].items()},
              "group_by": [{"name": "tag", "tags": query["groupBy"]["tags"]}],
              "aggregators": [{"name": a["name"], "sampling": {"value": int(named(a, "sampling")), "unit": named(a, "sampling_unit")}}
                              for a in query["aggregators"]]}
    return {"start_absolute": now - STARTED_S * 1000, "end_absolute": now, "metrics": [metric]}


def command_ask_kairosdb(url, *words):
    skips, files = skips_and_files(words)
    n = bad = 0
    for path in files:
        board = json.load(open(path, encoding="utf-8"))
        values = {}
        for v in board["templating"]["list"][1:]:
            metric, tag = re.fullmatch(r"tag_values\(([^,]*),(\w+)\)", v["query"]).groups()
            results = post(url, "/api/v1/datapoints/query/tags", {"start_absolute": 1, "metrics": [{"name": metric, "tags": {}}]})
            values[v["name"]] = [] if isinstance(results, str) else results[0]["tags"].get(tag, [])
            n += 1
            bad += not values[v["name"]]
            print("%sok %d - %s: variable %s: %s" % ("" if values[v["name"]] else "not ", n, path.split("/")[-1], v["name"], " ".join(values[v["name"]])))
        for p in panels(board):
            for t in p.get("targets", []):
                results = post(url, "/api/v1/datapoints/query", kairosdb_body(t["query"], values))
                good = not isinstance(results, str) and any(r["values"] and isinstance(r["values"][0][1], (int, float)) for r in results)
                good = good and {g for r in results for g in r["group_by"][0].get("tags", [])} == set(re.findall(r"_tag_group_(\w+)", t["query"]["alias"]))
                reason = None if good else next((w for s, w in skips.items() if t["query"]["metricName"].startswith(s)), None)
                n += 1
                bad += not good and not reason
                print("%sok %d - %s: panel %d %s%s" % ("" if good or reason else "not ", n, path.split("/")[-1], p["id"], t["query"]["metricName"], " # SKIP " + reason if reason else ""))
                if not good and not reason:
                    print("# %s" % str(results)[:500])
    print("1..%d" % n)
    return 1 if bad or not n else 0


COMMANDS = {"ask-kairosdb": command_ask_kairosdb, "check": command_check, "rules": command_rules, "ask": command_ask}
if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
    sys.exit("usage: dashboards.py check METRICS.md RULES.yml DASHBOARD... | rules DASHBOARD... | ask URL [-s NAME=WHY]... DASHBOARD... | ask-kairosdb URL ...")
sys.exit(COMMANDS[sys.argv[1]](*sys.argv[2:]))
