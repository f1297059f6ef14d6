#!/usr/bin/env python3
"""python3 docs/recheck.py results/NNN-slug/RUN: every figure of a run anew from its raw counts, beside the record's; exit 1 where one differs."""
import base64, hashlib, json, math, pathlib, re, sys
from statistics import fmean as mean, median

folder = pathlib.Path(sys.argv[1])
run = json.loads((folder / "run.json").read_text())
run = run.get("drafts", run)  # a study holds the record of its drafts
if not run.get("counts"):
    sys.exit(f"{folder}/run.json is of schema {run['schema']}; raw counts come with schema 3")
raw = (folder / run["counts"]["file"]).read_bytes()
counts, seen, odd = json.loads(raw), 0, 0

def student(nu, level):  # point of Student's t with this mass in the middle: the finite sums of Abramowitz and Stegun 26.7.3 and 26.7.4, bisected
    low, high = 0.0, 100.0
    for _ in range(80):
        t = (low + high) / 2
        angle = math.atan2(t, math.sqrt(nu))
        term = math.cos(angle) if nu % 2 else 1.0
        total = 0.0 if nu == 1 else term
        for k in range(3 if nu % 2 else 2, nu - 1, 2):
            term *= math.cos(angle) ** 2 * (k - 1) / k
            total += term
        below = (angle + math.sin(angle) * total) / math.pi if nu % 2 else math.sin(angle) * total / 2
        low, high = (t, high) if below < level / 2 else (low, t)
    return low

def ratio(cells):  # cells[seed][prompt] = (N, D): sum N / sum D, and what each cell adds to it
    n, d = (math.fsum(cell[i] for row in cells for cell in row) for i in (0, 1))
    value, scale = n / d if d else math.nan, len(cells) * len(cells[0]) / d if d else 0
    return value, [[(a - value * b) * scale for a, b in row] for row in cells]

def speed(ratios):  # ratios[seed][round][prompt]: the median of medians; a prompt pulls it by McKean and Schrader's error
    values, z, z975 = [median(map(median, rounds)) for rounds in ratios], [], 1.959963984540054
    for value, x in zip(values, ([median(column) for column in zip(*rounds)] for rounds in ratios)):
        n, s, sides = len(x), sorted(x), [(v > median(x)) - (v < median(x)) for v in x]
        c = max(1, math.floor((n + 1) / 2 - z975 * math.sqrt(n / 4) + 0.5))
        around = math.fsum((side - mean(sides)) ** 2 for side in sides)
        error = (s[n - c] - s[c - 1]) / (2 * z975) * math.sqrt(n * (n - 1) / around) if around else 0
        z.append([value - mean(values) + error * (side - mean(sides)) for side in sides])
    return mean(values), z

def interval(figure, least=-math.inf, most=math.inf, times=1, level=0.95):  # docs/reports.md, Intervals
    value, z = figure
    S, P = len(z), len(z[0])
    unknown = {"value": None if math.isnan(value) else value * times, "low": None, "high": None, "seeds": S}
    if P < 2 or math.isnan(value):
        return {**unknown, "errors": None}
    rows, columns = [mean(r) for r in z], [mean(c) for c in zip(*z)]
    middle = mean(rows)
    B, A, C = math.fsum((c - middle) ** 2 for c in columns) / (P * (P - 1)), 0, 0
    if S > 1:
        A = math.fsum((r - middle) ** 2 for r in rows) / (S * (S - 1))
        rest = math.fsum((x - r - c + middle) ** 2 for row, r in zip(z, rows) for x, c in zip(row, columns))
        C = rest / (S * P * (S - 1) * (P - 1))
    own = 0 if abs(B - C) <= 1e-12 * C else B - C
    seeds, prompts, noise = math.sqrt(A), math.sqrt(max(0, own)), math.sqrt(C)
    if math.hypot(seeds, prompts, noise) <= 1e-12 * max(1, abs(value)):
        return {**unknown, "errors": {"seeds": 0, "prompts": 0, "noise": 0}}
    t_S, t_P = student(S - 1, level) if S > 1 else 0, student(P - 1, level)
    both, alone = math.hypot(t_S * seeds, t_P * prompts), t_P * math.hypot(prompts, noise)
    ends = {"seeds": S, "low": max(least, value - max(both, alone)) * times, "high": min(most, value + max(both, alone)) * times}
    errors = {"seeds": seeds * times, "prompts": prompts * times, "noise": noise * times}
    return {"value": value * times, **ends, "errors": errors, "cut": own < 0, "floor": alone > both * (1 + 1e-12)}

def walk(bits, length, limit, g):  # greedy blocks of up to g proposals along a text: how many, and tested and accepted by place
    t, blocks, tested, accepted = 0, 0, [0] * g, [0] * g
    while t < length:
        i, blocks = t, blocks + 1
        while i < min(len(bits), t + max(0, min(g, limit - t - 1))):
            tested[i - t] += 1
            if bits[i] == "0":
                break
            accepted[i - t] += 1
            i += 1
        t = i + 1  # the target's own token: the correction, or the one after all proposals
    return blocks, tested, accepted

def replay(proposed, agreed, limit, g):  # the same of a head: at each position, in base 36, its proposals and those that are right
    t, blocks, tested, accepted = 0, 0, [0] * g, [0] * g
    while t < len(proposed):
        room = max(0, min(g, int(proposed[t], 36), limit - t - 1)) if t else 0  # the first call reads the prompt
        right = min(room, int(agreed[t], 36))
        for i in range(min(room, right + 1, len(proposed) - t)):
            tested[i] += 1
        for i in range(right):
            accepted[i] += 1
        t, blocks = t + right + 1, blocks + 1
    return blocks, tested, accepted

def texts(packed, lengths):  # bits of all prompts in one row, cut at the lengths of the target's greedy texts
    bits = iter("".join(f"{byte:08b}" for byte in base64.b64decode(packed)))
    return ["".join(next(bits) for _ in range(n)) for n in lengths]

def near(a, b):  # what was computed and what the record says: equal, numbers to 1e-9
    if isinstance(a, dict) and isinstance(b, dict):
        return all(near(a[key], b.get(key)) for key in a)
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12) if type(a) in (int, float) and type(b) in (int, float) else a == b

def show(x):
    return f"{show(x['value'])} [{show(x['low'])}, {show(x['high'])}]" if isinstance(x, dict) else f"{x:.6g}" if type(x) is float else str(x)

def check(name, recorded, found):
    global seen, odd
    seen, odd = seen + 1, odd + (not near(found, recorded))
    print(f"{' ' if near(found, recorded) else '!'} {name:60} {show(recorded):>34} {show(found):>34}")

def anew(column, *rows):  # the ratio of a measure over the seeds that all these rows have: one row, or two that are compared
    of = [{m["seed"]: m["texts"] for m in counts.get("measures", []) if (m["row"], m["column"]) == (row, column)} for row in rows]
    seeds = [seed for seed in of[0] if all(seed in one for one in of)]
    return seeds, [ratio([one[seed] for seed in seeds]) for one in of if seeds]

def tables(of):
    for table in of:
        for row in table["rows"]:
            for column, figure in row["cells"].items():
                ends = (0, 1) if next(c["unit"] for c in table["columns"] if c["key"] == column) == "%" else ()
                of_row = anew(column, row["name"])[1] if figure else []
                if of_row:  # other cells are of no texts: overlaps of kept sets, scores of starts, costs
                    found = interval(of_row[0], *ends)
                    check(f"{row['name']}: {column}", figure, {key: found[key] for key in figure})

def minus(recorded, seeds, of):
    z = [[x - y for x, y in zip(*pair)] for pair in zip(of[0][1], of[1][1])]
    figure = (of[0][0] - of[1][0], z)
    found = {**interval(figure), "seeds": seeds}
    check(f"{recorded['a']} minus {recorded['b']}: {recorded['measure']}", recorded, found)
    tests = interval(figure, level=0.9)  # two one-sided tests at 5 %: level within 0.02
    return {**found, "level": tests["low"] is not None and -0.02 < tests["low"] and tests["high"] < 0.02}

def end():
    print(f"\n{seen} figures from {run['counts']['file']}, beside the record's: {odd} differ" + (", marked with !" if odd else ""))
    sys.exit(1 if odd else 0)

check("SHA-256 of the raw counts", run["counts"]["sha256"], hashlib.sha256(raw).hexdigest())
if "arms" in run:  # a run without acceptance: its measures, and their differences
    tables([table for table in run["tables"] if table["name"] == "measures"])
    for recorded in run["arms"]["differences"]:
        minus(recorded, *anew(recorded["measure"], recorded["a"], recorded["b"]))
    end()
gamma, drafts, lengths = run["conditions"]["gamma"], {}, counts["greedyLengths"]
readable = counts.get("greedyReadable", lengths)  # less than the lengths where the drafts' context is short
sampled_readable = counts.get("sampledReadable", counts["sampledLengths"])
for d in counts["drafts"]:
    d["texts"] = texts(d["agreement"], readable)
    steps, of = (replay, (d["proposed"], d["agreed"])) if "agreed" in d else (walk, (d["texts"], lengths))
    d["walks"] = {g: [steps(*text, g) for text in zip(*of, counts["greedyLimits"])] for g in run["conditions"]["gammas"]}
    d["sums"] = {sums["gamma"]: sums for sums in d["sampledSums"]}
    drafts.setdefault(d["name"], {})[d["seed"]] = d
cells = {  # of one draft under one seed, a pair (N, D) for each prompt
    "greedyAcceptance": lambda d, g=gamma: [(sum(a), sum(t)) for _, t, a in d["walks"][g]],
    "tau": lambda d, g=gamma: [(n, w[0]) for n, w in zip(lengths, d["walks"][g])],
    "expectedAcceptance": lambda d: list(zip(d["overlap"], sampled_readable)),
    "draftKl": lambda d: list(zip(d["kl"], sampled_readable)),
    "sampledTau": lambda d: list(zip(counts["sampledLengths"], d["sampledBlocks"])),
}
over = lambda a, b: a / b if b else None
pooled = lambda pairs: over(math.fsum(n for n, _ in pairs), math.fsum(d for _, d in pairs))
most = {"greedyAcceptance": (0, 1), "expectedAcceptance": (0, 1), "tau": (1, gamma + 1), "sampledTau": (1, gamma + 1), "draftKl": (0,)}

check("drafts", [[row["name"], [s["seed"] for s in row["seeds"]]] for row in run["rows"]], [[name, list(of)] for name, of in drafts.items()])
check("prompts", run["conditions"]["prompts"], len(counts["greedyLengths"]))
check("tokens of the greedy texts", run["conditions"]["greedyTokens"], sum(lengths))
check("tokens of the samples", run["conditions"]["sampledTokens"], sum(counts["sampledLengths"]))
arms = [row["name"] for row in run["rows"] if row["role"] == "arm"]
pairs = [[a, b] for i, a in enumerate(arms) for b in arms[i + 1 :] if set(drafts.get(a, {})) & set(drafts.get(b, {}))]
check("paired differences", len(run["differences"]), 4 * len(pairs))
for point in run["capacity"]["points"] if run["capacity"] else []:
    row = next(row for row in run["rows"] if row["name"] == point["name"])
    for measure in ("draftKl", "greedyAcceptance"):
        check(f"long run, {point['name']}: {measure}", point[measure], row[measure])
for row in run["rows"]:
    name, of = row["name"], drafts.get(row["name"], {})
    for seed in (s for s in row["seeds"] if s["seed"] in of):
        d, label = of[seed["seed"]], f"{name}, seed {seed['seed']}: "
        for measure in ("greedyAcceptance", "expectedAcceptance", "draftKl"):
            check(label + measure, seed[measure], pooled(cells[measure](d)))
        accepted, rejected = d["sums"][gamma]["accepted"], d["sums"][gamma]["rejected"]
        check(label + "sampledAcceptance", seed["sampledAcceptance"], over(accepted, accepted + rejected))
        for at in seed["byGamma"]:
            g = at["gamma"]
            check(f"{label}greedyAcceptance, gamma {g}", at["greedyAcceptance"], pooled(cells["greedyAcceptance"](d, g)))
            check(f"{label}greedyTau, gamma {g}", at["greedyTau"], pooled(cells["tau"](d, g)))
            check(f"{label}sampledTau, gamma {g}", at["sampledTau"], sum(counts["sampledLengths"]) / d["sums"][g]["blocks"])
            check(f"{label}testedTokens, gamma {g}", at["testedTokens"], sum(t for _, t in cells["greedyAcceptance"](d, g)))
        if seed["timing"]:
            check(label + "speedup", seed["speedup"], median(map(median, seed["timing"]["ratios"])))
    for measure, bounds in most.items():
        check(f"{name}: {measure}", row[measure], interval(ratio([cells[measure](d) for d in of.values()]), *bounds))
    c = row.get("parameterRatio", run["draftParameters"] / run["target"]["parameters"])
    for field, measure in (("mbsu", "tau"), ("sampledMbsu", "sampledTau")):  # earlier versions left the second out
        if field in row:
            check(f"{name}: {field}", row[field], interval(ratio([cells[measure](d) for d in of.values()]), 1, gamma + 1, 1 / (c * gamma + 1)))
    for measure in ("greedyAcceptance", "tau"):  # each prompt's own ratio, so that each weighs the same
        own = [[(n / d, 1) if d else (0, 0) for n, d in cells[measure](of_seed)] for of_seed in of.values()]
        check(f"{name}: {measure} by prompt", row["perPrompt"][measure], interval(ratio(own), *most[measure]))
    if timed := [seed["timing"]["ratios"] for seed in row["seeds"] if seed["timing"]]:
        check(f"{name}: speedup", row["speedup"], interval(speed(timed), 0))
    for i, place in enumerate(row["byPosition"]):
        pairs = [[(a[i], t[i]) for _, t, a in d["walks"][gamma]] for d in of.values()]
        check(f"{name}: tested at place {i + 1}", place["tested"], sum(t for r in pairs for _, t in r))
        check(f"{name}: acceptance at place {i + 1}", place["acceptance"], interval(ratio(pairs), 0, 1))
    if row["kept"]:
        kept, baseline = {seed: texts(d["kept"], counts.get("keptLengths", lengths)) for seed, d in of.items() if "kept" in d}, drafts.get(run["baseline"], {})
        check(f"{name}: share kept", row["kept"]["share"], interval(ratio([[(m.count("1"), len(m)) for m in k] for k in kept.values()]), 0, 1))
        for field, whose, mark in (("kept", of, "1"), ("dropped", of, "0"), ("baselineKept", baseline, "1"), ("baselineDropped", baseline, "0")):
            pairs = [[(sum(x + y == "1" + mark for x, y in zip(*text)), text[1].count(mark)) for text in zip(whose[seed]["texts"], k)] for seed, k in kept.items() if seed in whose]
            if pairs:
                check(f"{name}: agreement, {field}", row["kept"][field], interval(ratio(pairs), 0, 1))
computed = {}
for recorded in run["differences"]:
    seeds = [seed for seed in drafts[recorded["a"]] if seed in drafts[recorded["b"]]]
    of = [ratio([cells[recorded["measure"]](drafts[recorded[side]][seed]) for seed in seeds]) for side in "ab"]
    found = minus(recorded, seeds, of)
    for a, b, sign in (("a", "b", 100), ("b", "a", -100)):
        ends = sorted(found[end] * sign for end in ("low", "high") if found[end] is not None)
        computed[recorded[a], recorded[b], recorded["measure"]] = [found["value"] * sign, *ends], found["level"]
figures = r"([-+]?\d+\.\d) points of (greedy|expected) acceptance(?: \[(-?\d+\.\d), (-?\d+\.\d)\], (ahead|behind|no difference is shown)(, level within 2 points| by less than 2 points)?)?"
for text in [run["verdict"], *run["conclusions"]]:  # what the sentences say of two arms, to the digit that they show
    named = re.search(r"(?:^|: )(\S+) minus ([^\s,:]+)", text)
    a, b = named.groups() if named else (None, None)
    for value, kind, low, high, word, level in re.findall(figures, text) if (a, b, "greedyAcceptance") in computed else []:
        found, is_level = computed[a, b, kind + "Acceptance"]
        said = [float(x) for x in (value, low, high) if x]
        right = all(abs(x - y) <= 0.05 + 1e-9 for x, y in zip(said, found))
        right &= not word or word == ("ahead" if found[1] > 0 else "behind" if found[2] < 0 else "no difference is shown")
        right &= not level or is_level
        shown = f"{value} [{low}, {high}] {word}{level}" if low else value
        check(f"sentence, {a} minus {b}: {kind}Acceptance", shown, shown if right else "; ".join(f"{x:+.1f}" for x in found))
tables(run.get("tables", []))
end()
