/** Figures of README and docs come from committed records (docs/figures.md), and the check of them works. */
import { afterAll, describe, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { checkPage } from "./figures/check.ts"
import { claimsOf } from "./figures/claims.ts"
import { evaluate } from "./figures/expression.ts"
import { readPage } from "./figures/page.ts"
import { recordsOf } from "./figures/records.ts"
import { issueText, pages, reportOf, root } from "./figures/repository.ts"
import { figuresIn, shownAs } from "./figures/shown.ts"
import { unmarkedOf } from "./figures/unmarked.ts"

const folder = mkdtempSync(join(tmpdir(), "figures-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const put = (path: string, document: unknown) => {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), JSON.stringify(document))
}
const interval = (value: number, low: number, high: number) => ({ value, low, high, seeds: 5 })
put("results/004-compared/gsm8k-0123456789/run.json", {
  created: "2026-11-21",
  "with blanks": { value: 3 },
  rows: [
    { name: "start", acceptance: interval(0.41, 0.39, 0.45), seeds: [{ speed: 1 }, { speed: 3 }, { speed: 2 }] },
    { name: "all-equal-steps", acceptance: interval(0.52, 0.5, 0.54), seeds: [{ speed: 4 }] },
  ],
  differences: [
    { a: "all-equal-steps", b: "start", measure: "acceptance", value: 0.1096, low: 0.051, high: 0.15 },
    { a: "all-equal-steps", b: "start", measure: "kl", value: -0.25, low: null, high: null },
  ],
})
put("results/016-study/0123456789/run.json", {
  tables: [],
  drafts: {
    rows: [{ name: "private", acceptance: interval(0.7, 0.6, 0.8) }],
    differences: [{ a: "private", b: "given", measure: "acceptance", value: 0.2, low: 0.1, high: 0.3 }],
  },
})
writeFileSync(
  join(folder, "results/004-compared/gsm8k-0123456789/metrics.jsonl"),
  '{"stage":"arm a, seed 1","norm":2}\n{"stage":"arm a, seed 2","norm":0.5}\n{"stage":"arm b, seed 1","norm":3}\n',
)
put("results/benchmarks/2026-11-20-step.json", { rate: 1 })
put("results/benchmarks/2026-11-21-step.json", {
  rate: 50304,
  results: [
    { name: "linear, one", ratio: { value: 0.5 } },
    { name: "linear, two", ratio: { value: 0.75 } },
    { name: "norm", ratio: { value: 2 } },
  ],
})
const records = recordsOf(folder)
const value = (text: string) => evaluate(text, records)
const check = (text: string) => checkPage(readPage("page.md", text), records)
const messages = (text: string) => check(text).issues.map(issueText)
const unmarked = (text: string) => {
  const page = readPage("page.md", text)
  return unmarkedOf(page, checkPage(page, records).covered).map(issueText)
}

describe("expressions", () => {
  test("find places by names, and calculate", () => {
    expect(value("004/gsm8k:start.acceptance.value * 100")).toEqual([41])
    expect(value("004/gsm8k:rows[name=start].acceptance * 100")).toEqual([{ value: 41, low: 39, high: 45 }])
    expect(value("bench/step:rate / 2 - 1, max(results[name^=linear].*.ratio.value)")).toEqual([25151, 0.75])
    expect(value('bench/step:results[name="linear, two"].ratio.value')).toEqual([0.75])
    expect(value("median(004/gsm8k:start.seeds.*.speed)")).toEqual([2])
    expect(value("count(004/gsm8k:rows) - (1 + 1)")).toEqual([0])
    expect(value('count(004/gsm8k#metrics:[stage^="arm a,",norm>1].*) / count([stage^="arm a,"].*)')).toEqual([0.5])
    expect(value("004/gsm8k:created")).toEqual(["2026-11-21"])
    expect(value('004/gsm8k:["with blanks"].value * 2')).toEqual([6])
  })
  test("take a difference of either sign", () => {
    const [up, down] = value("004/gsm8k:all-equal-steps~start.acceptance, start~all-equal-steps.acceptance")
    expect(up).toEqual({ value: 0.1096, low: 0.051, high: 0.15 })
    expect(down).toEqual({ value: -0.1096, low: -0.15, high: -0.051 })
    expect(value("004/gsm8k:start~all-equal-steps.kl")).toEqual([0.25])
  })
  test("take the rows and differences of a study's drafts", () => {
    expect(value("016:private.acceptance.value, given~private.acceptance")).toEqual([
      0.7,
      { value: -0.2, low: -0.3, high: -0.1 },
    ])
  })
  test.each([
    ["004/gsm8k:start.nothing", /no "nothing" among name, acceptance, seeds/],
    ["004/gsm8k:end.acceptance", /no "end"/],
    ["004/gsm8k:start.seeds.*.speed", /a list/],
    ["start.acceptance", /names no record/],
    ["005:rows", /0 folders/],
    ["004/arithmetic:rows", /0 runs/],
    ["bench/none:rate", /no results\/benchmarks/],
    ["bench/step:rate 5", /unexpected "5"/],
    ["mode(004/gsm8k:rows)", /no mode/],
    ["bench/step:results[name^=l].ratio", /./],
    ["bench/step:constructor", /no "constructor"/],
    ["5 * 2", /names no record/],
  ])("refuse %s", (text, why) => {
    expect(() => value(text)).toThrow(why)
  })
  test("refuse two runs of a part, none of them committed", () => {
    put("results/001-two/0123456789/run.json", {})
    put("results/001-two/1123456789/run.json", {})
    expect(() => value("001:rows")).toThrow(/expected one/)
  })
})

describe("shown figures", () => {
  test("are told from versions and names", () => {
    const text = "TensorFlow 2.21.0, 001-quickstart, V = 50 304: 54.2 ± 2.0 and +2.4 [+1.4, +3.4], 1.49T"
    expect(figuresIn(text).map((figure) => figure.text)).toEqual([
      "001",
      "50 304",
      "54.2 ± 2.0",
      "+2.4 [+1.4, +3.4]",
      "1.49",
    ])
  })
  test.each([
    ["5.3", 5.25, "4.1"],
    ["-0.0", -0.04, "+0.3"],
    ["+3", 3, "-1"],
    ["1 234 567", 1234567.4, "50 304"],
    ["1.0 ± 4.0", { value: 1, low: -2, high: 5 }, "0.0 ± 1.0"],
    ["+1.0 [-2.00, +5]", { value: 1, low: -2, high: 5 }, "+0.0 [-1.00, +1]"],
    ["1.0 [0.5, 5.0]", { value: 1, low: 0.5, high: 5 }, "78.5 [72.3, 83.6]"],
    ["1", { value: 1, low: -2, high: 5 }, "2"],
    ["newer", "newer", "older"],
  ])("take the form of the text before: %s", (text, figure, like) => {
    expect(shownAs(figure, like)).toBe(text)
  })
  test("an interval needs one in the record", () => {
    expect(() => shownAs(5, "1 ± 2")).toThrow(/interval/)
  })
})

describe("a page", () => {
  const marker = "<!--= 004/gsm8k:start~all-equal-steps.acceptance * 100 -->"
  test("with the record's figures has no issue", () => {
    expect(messages(`Behind by **-11.0 [-15.0, -5.1]**${marker} points.`)).toEqual([])
    expect(messages("Of 2026-11-21<!--= 004/gsm8k:created -->, `2026-11-21`<!--= 004/gsm8k:created -->.")).toEqual([])
    expect(messages("| 3 of 2, 5 <!--= count(bench/step:results), count(004/gsm8k:rows), 2 + 3 --> |")).toEqual([])
  })
  test("with a stale figure names file, line, both texts", () => {
    const { issues, mended } = check(`Title\n\nBehind by\n-10.0\n[-15.0, -5.1]${marker} points, -11${marker}.`)
    expect(issues.map(issueText)).toEqual([
      `page.md:4: shown -10.0\n[-15.0, -5.1], the record has -11.0 [-15.0, -5.1] (004/gsm8k:start~all-equal-steps.acceptance * 100)`,
    ])
    expect(mended).toBe(`Title\n\nBehind by\n-11.0 [-15.0, -5.1]${marker} points, -11${marker}.`)
    expect(check(mended).issues).toEqual([])
  })
  test("with a marker that nothing stands before says so", () => {
    expect(messages(`3 of them<!--= count(bench/step:results) --> and more ${marker}`)).toEqual([
      expect.stringContaining("0 stand before"),
    ])
    expect(messages(`| 5 | ${marker} |`)).toEqual([expect.stringContaining("0 stand before")])
  })
  test("has no marker at the beginning of a line, or over two", () => {
    expect(messages("1\n<!--= bench/step:rate / bench/step:rate --> of them")).toEqual([
      expect.stringContaining("page.md:2: marker bench/step:rate / bench/step:rate: stands on one line"),
    ])
    expect(messages("50304<!--= bench/step:rate\n* 1 --> of them")).toEqual([expect.stringContaining("stands on one")])
  })
  test("leaves markers in code alone", () => {
    expect(check(`\`1 ${marker}\`\n\n\`\`\`md\n1 ${marker}\n\`\`\`\n`)).toMatchObject({ issues: [], covered: [] })
  })
  test("has tables marked by column, rows by their first cell", () => {
    const table = (start: string) => `<!--=|
  | 004/gsm8k:{}.acceptance * 100
  | median({arm}.seeds.*.speed)
|-->

| arm             | accepted   | speed |
| --------------- | ---------- | ----- |
| (start)         | ${start} | 2     |
| all-equal-steps | **52.0 ± 2.0** |       |
`
    const given = table("41.0 ± 4.0").replace("median(", "median(004/gsm8k:")
    expect(messages(given)).toEqual([])
    const { issues, mended } = check(table("40.0 ± 1.0").replace("median(", "median(004/gsm8k:"))
    expect(issues.map(({ line }) => line)).toEqual([8])
    expect(mended).toBe(given)
    expect(messages(given.replace("| speed |", "|"))).toEqual([expect.stringContaining("3 columns are marked")])
  })

  test("takes a row's name from a comment in its first cell", () => {
    const table = "<!--=| | 004/gsm8k:{}.acceptance * 100 |-->\n\n| a | b |\n| - | - |\n"
    expect(messages(`${table}| before training <!--@ start --> | 41.0 |`)).toEqual([])
    expect(messages(`${table}| start <!--@ all-equal-steps --> | 41.0 |`).length).toBe(1)
  })
})

describe("figures without a marker", () => {
  test.each([
    "5.9 %",
    "12 to 15 %",
    "+2.4 [+1.4, +3.4]",
    "54 ± 2",
    "[-1, 5]",
    "2.70 times",
    "8 times",
    "1.9x",
    "30 us",
    "24 minutes",
    "0.55 and 0.40",
    "2.8 GB",
    "6 points",
    "212 GFLOP/s",
    "500 of\n  500",
    "3877 passed",
    "tenfold",
    "half an hour",
    "twelve times",
    "30\n  points",
    "0.886",
  ])("%s is found", (text) => {
    expect(unmarked(`It was ${text} here.`).length).toBeGreaterThan(0)
  })
  test("a table's cell is found", () => {
    expect(unmarked("| a | b |\n| - | - |\n| x | 1369 |\n| y | 3 |\n").length).toBe(1)
  })
  test.each([
    "TensorFlow 2.21.0, transformers 5.18",
    "arXiv 2510.19779, theorem 3.8",
    "V = 50 304, d = 256, [128, 50304]",
    "`0.97 points`, 95 % intervals, k = 0.25",
    "[a link](results/0.5-5.html)",
    "gamma 1, 2, 4 and 8, five seeds, 200 prompts",
    "<!-- 12 % -->",
  ])("%s is not", (text) => {
    expect(unmarked(text)).toEqual([])
  })
  test("is found where a marker stands for a part of it", () => {
    expect(unmarked("It is 2 to 3 %<!--= count(bench/step:results) -->.").length).toBe(1)
    expect(unmarked("It is 2 to 3 %<!--= count(004/gsm8k:rows), count(bench/step:results) -->.")).toEqual([])
  })
  test("is declared by place, block, section or text, with a kind and a reason", () => {
    expect(unmarked("It is 5 % there<!--~ published: their Table 1 -->.")).toEqual([])
    expect(unmarked("<!--~ setting: of the task -->\n\n| 0.5 |\n| 0.6 |\n\n5 %").length).toBe(1)
    expect(unmarked("## Theirs <!--~ published: them -->\n\n5 %\n\n### More\n\n6 %\n\n## Ours\n\n7 %").length).toBe(1)
    expect(unmarked('<!--~ setting "60 %": the best of their sweep -->\n\n60 %, and 61 %').length).toBe(1)
    expect(unmarked("5 %<!--~ known: so -->").length).toBe(1)
    expect(unmarked("5 %<!--~ setting -->").length).toBe(1)
    expect(unmarked("five<!--~ setting: a reason -->")).toEqual([expect.stringContaining("covers no figure")])
  })
})

describe("claims", () => {
  const claims = (text: string) => claimsOf(readPage("page.md", text), records).map(issueText)
  test.each([
    "004/gsm8k:all-equal-steps~start.acceptance above 0",
    "004/gsm8k:start~all-equal-steps.acceptance below 0; 004/gsm8k:start.acceptance around 0.4",
    "bench/step:rate is 50304; bench/step:rate above 1e3",
    "004/gsm8k:created is 2026-11-21",
    "bench/step:rate above 004/gsm8k:start.acceptance",
  ])("%s holds", (claim) => {
    expect(claims(`So<!--? ${claim} --> it is.`)).toEqual([])
  })
  test.each([
    ["004/gsm8k:all-equal-steps~start.acceptance below 0", /holds while .* the record has 0.1096 \[0.051, 0.15\]/],
    ["004/gsm8k:all-equal-steps~start.acceptance around 0", /the record has/],
    ["004/gsm8k:start.acceptance above 0.4", /the record has/],
    ["004/gsm8k:nothing above 0", /no "nothing"/],
    ["004/gsm8k:created above 0", /a text can only be/],
    ["004/gsm8k:start.acceptance", /write an expression/],
  ])("%s does not", (claim, why) => {
    expect(claims(`Title\n\n<!--? ${claim} -->\n\nSo it is.`)).toEqual([expect.stringMatching(why)])
    expect(claims(`<!--? ${claim} -->`)[0]).toStartWith("page.md:1: ")
  })
})

describe("the figures of this repository", () => {
  const all = recordsOf(root)
  for (const file of pages())
    test(file, () => {
      const { issues, unmarked, claims } = reportOf(file, all)
      expect([...issues, ...unmarked, ...claims].map(issueText)).toEqual([])
    })
})
