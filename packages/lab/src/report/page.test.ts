/** Report pages in a real browser. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { aComparison } from "../../test/record.ts"
import { browserPath, type PageView, withBrowserPage } from "./browser.ts"
import { renderReport } from "./report.ts"

const browser = browserPath()
if (browser === undefined) console.warn("skipped: pages in a browser, there is no Chrome or Chromium here")

const folder = mkdtempSync(join(tmpdir(), "winnow-page-"))
const file = join(folder, "report.html")
const run = aComparison({ prompts: 20 })
const arms = ["adaspec", "random", "all-equal-steps"]
const metrics = arms.flatMap((arm) =>
  run.seeds.flatMap((seed) => [
    ...Array.from({ length: 40 }, (_, i) => ({
      ...{ _tag: "step", arm, seed, step: i + 1, loss: 2 / (i + 1) },
      keptFraction: arm === "random" ? 0.4 : arm === "adaspec" ? 0.2 + 0.01 * i : 1,
      ...(arm === "adaspec" && { keptLoss: 2, droppedLoss: 1 }),
    })),
    { _tag: "kept", arm, seed, step: 40, sequences: [{ tokens: ["a", " b", "c".repeat(300)], weights: [1, 0, 1] }] },
  ]),
)

beforeAll(async () => {
  writeFileSync(file, await renderReport({ ...run, config: { long: "x".repeat(400) } }, metrics))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const inBrowser = (name: string, use: (view: PageView) => Promise<void>) =>
  test.skipIf(browser === undefined)(name, () =>
    withBrowserPage(async (view) => {
      await view.navigate(`file://${file}`)
      await use(view)
    }),
  )

const unfold = (view: PageView) => view.evaluate("document.querySelector('[data-unfold]').click()")

inBrowser("nothing reaches beyond the page at any width, folded, unfolded and with all columns", async (view) => {
  for (const width of [360, 390, 700, 890, 1500]) {
    await view.look(width, 844, "light")
    const beyond = () =>
      view.evaluate<ReadonlyArray<string>>(
        `[...document.querySelectorAll("body *")].filter((el) => el.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && getComputedStyle(el).display !== "none").map((el) => el.tagName + " " + el.className)`,
      )
    expect([width, await beyond()]).toEqual([width, []])
    await view.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    await view.evaluate("document.querySelectorAll('.more-columns').forEach((one) => { one.checked = true })")
    expect([width, await beyond()]).toEqual([width, []])
    const scrolls = await view.evaluate<ReadonlyArray<string>>(
      `[document.documentElement, ...document.querySelectorAll("body *")].filter((el) => el.scrollWidth > el.clientWidth + 1 && ["auto", "scroll"].includes(getComputedStyle(el).overflowX)).map((el) => el.tagName)`,
    )
    expect([width, scrolls]).toEqual([width, []])
    await view.evaluate("location.reload()")
    await view.navigate(`file://${file}`)
  }
})

inBrowser("a phone gets charts of its own width, whose letters keep their size", async (view) => {
  const shown = `[...document.querySelectorAll("figure svg")].filter((svg) => svg.getBoundingClientRect().width > 0)`
  const scales = `${shown}.map((svg) => svg.getBoundingClientRect().width / Number(svg.getAttribute("width")))`
  for (const width of [390, 1500]) {
    await view.look(width, 844, "light")
    await unfold(view)
    const all = await view.evaluate<ReadonlyArray<number>>(scales)
    expect(all.length).toBeGreaterThan(8)
    for (const scale of all) expect(scale).toBeGreaterThan(0.93)
    await view.navigate(`file://${file}`)
  }
})

inBrowser("no word of a chart reaches beyond its picture, also of an arm with a long name", async (view) => {
  // Of the arm with most FLOPs, whose name stands at the end of the scale, and of one with a filter.
  const isLong = (name: string) => name === "all-equal-passes" || name === "adaspec"
  const rows = run.rows.map((row) => (isLong(row.name) ? { ...row, name: `${row.name}-with-a-long-name` } : row))
  const long = join(folder, "long.html")
  writeFileSync(long, await renderReport({ ...run, rows, config: {} }, []))
  for (const width of [390, 900, 1500]) {
    await view.look(width, 844, "light")
    await view.navigate(`file://${long}`)
    await unfold(view)
    const beyond = await view.evaluate<ReadonlyArray<string>>(
      `[...document.querySelectorAll("figure svg")].filter((svg) => svg.getBoundingClientRect().width > 0).flatMap((svg) => { const of = svg.getBoundingClientRect(); return [...svg.querySelectorAll("text")].filter((el) => { const at = el.getBoundingClientRect(); return at.right > of.right + 1 || at.left < of.left - 1 }).map((el) => el.textContent) })`,
    )
    expect([width, beyond]).toEqual([width, []])
  }
})

inBrowser("a dark page has dark ground and light letters, in charts too", async (view) => {
  /** Luminance of a colour, 0 to 1. */
  const luminance = (selector: string, property: string) =>
    view.evaluate<number>(
      `(() => { const [r, g, b] = getComputedStyle(document.querySelector(${JSON.stringify(selector)}))[${JSON.stringify(property)}].match(/[\\d.]+/g).map(Number); return (0.3 * r + 0.59 * g + 0.11 * b) / 255 })()`,
    )
  await view.look(900, 844, "light")
  expect(await luminance("body", "backgroundColor")).toBeGreaterThan(0.9)
  expect(await luminance("#differences svg text", "fill")).toBeLessThan(0.45)
  await view.look(900, 844, "dark")
  expect(await luminance("body", "backgroundColor")).toBeLessThan(0.15)
  for (const [selector, property] of [
    ["td", "color"],
    [".verdict p", "color"],
    ["figcaption", "color"],
    ["#differences svg text", "fill"],
  ] as const)
    expect(await luminance(selector, property)).toBeGreaterThan(0.5)
})

inBrowser("the verdict, one table of six columns and the forest plot are in sight; the rest folds", async (view) => {
  const sections = await view.evaluate<ReadonlyArray<string>>(
    `[...document.querySelectorAll("main > *")].map((el) => el.id + (el.tagName === "DETAILS" ? (el.open ? " open" : " folded") : ""))`,
  )
  expect(sections.slice(0, 3)).toEqual(["missing", "result", "differences"])
  expect(sections.slice(3).every((name) => name.endsWith(" folded"))).toBe(true)
  const visible = `[...document.querySelectorAll("#table-acceptance thead th")].filter((th) => th.getBoundingClientRect().width > 0).map((th) => th.textContent)`
  const first = ["arm", "greedy %", "expected %", "tau (g=4)", "passes", "FLOPs"]
  expect(await view.evaluate<ReadonlyArray<string>>(visible)).toEqual(first)
  await view.click("label[for=more-acceptance]")
  const all = await view.evaluate<ReadonlyArray<string>>(visible)
  expect(all.slice(0, 6)).toEqual(first)
  expect(all.length).toBeGreaterThan(10)
})

inBrowser("every link of the page leads somewhere, and unfolds what it leads to", async (view) => {
  const lost = await view.evaluate<ReadonlyArray<string>>(
    `[...document.querySelectorAll('a[href^="#"]')].map((a) => a.getAttribute("href")).filter((href) => document.getElementById(decodeURIComponent(href.slice(1))) === null)`,
  )
  expect(lost).toEqual([])
  const twice = await view.evaluate<ReadonlyArray<string>>(
    `[...document.querySelectorAll("[id]")].map((el) => el.id).filter((id, i, all) => all.indexOf(id) !== i)`,
  )
  expect(twice).toEqual([])
  await view.click('#table-acceptance thead a[href="#column-greedyAcceptance"]')
  expect(await view.evaluate<boolean>(`document.getElementById("columns").open`)).toBe(true)
  await view.evaluate(`location.hash = "#export-adaspec"`)
  await Bun.sleep(50)
  expect(await view.evaluate<boolean>(`document.getElementById("export").open`)).toBe(true)
})

inBrowser("the data of a chart is saved as CSV, JSON and SVG", async (view) => {
  await view.cdp("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: folder })
  const saved = async (kind: string) => {
    await view.click(`#differences figure [data-save=${kind}]`)
    const path = join(folder, `differences.${kind}`)
    for (let i = 0; i < 100 && !readdirSync(folder).includes(`differences.${kind}`); i++) await Bun.sleep(20)
    return readFileSync(path, "utf8")
  }
  const csv = (await saved("csv")).trimEnd().split("\n")
  expect(csv[0]).toBe("over,under,measure,value,low,high,low_all,high_all,standing,flops_ratio")
  const json = JSON.parse(await saved("json")) as ReadonlyArray<Record<string, unknown>>
  expect(csv.length).toBe(1 + json.length)
  const difference = run.differences.find(
    ({ a, b, measure }) => a === "all-equal-steps" && b === "adaspec" && measure === "greedyAcceptance",
  )!
  expect(json[0]).toMatchObject({ over: "adaspec", under: "all-equal-steps", value: -difference.value! })
  expect(csv[1]).toStartWith(`adaspec,all-equal-steps,greedyAcceptance,${-difference.value!},`)
  expect(await saved("svg")).toMatch(/^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/)
})
