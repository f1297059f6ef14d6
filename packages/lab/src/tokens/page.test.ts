/** The token page in a browser: colours, keys, the panel, the plane. */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { browserPath, type PageView, withBrowserPage } from "../report/browser.ts"
import { bordersOf } from "./browser/borders.ts"
import { pageOf, snapshotAt } from "./browser/data.ts"
import { alone, inText } from "./browser/pieces.ts"
import { figureText } from "./browser/views.ts"
import { roles } from "./constants.ts"
import { hardPieces, randomDocument } from "./document.fixture.ts"
import { clickAt, moveTo, press } from "./drive.fixture.ts"
import { tokensPage } from "./page.ts"

const browser = browserPath()
if (browser === undefined) console.warn("skipped: token pages in a browser, there is no Chrome or Chromium here")

const folder = mkdtempSync(join(tmpdir(), "winnow-token-page-"))
const file = join(folder, "tokens.html")
const document = randomDocument({ texts: 6, tokens: 30, arms: ["random", "adaspec"] })
const texts = pageOf(document).sets[0]!
const N = texts.N

beforeAll(async () => void (await Bun.write(file, await tokensPage(document))))
afterAll(() => rmSync(folder, { recursive: true }))

const inBrowser = (name: string, use: (view: PageView) => Promise<void>) =>
  test.skipIf(browser === undefined)(name, () =>
    withBrowserPage(async (view) => {
      await view.look(1500, 1000, "light")
      await view.navigate(`file://${file}`)
      await use(view)
      // The page asks for nothing beside itself.
      expect(await view.evaluate<number>("performance.getEntriesByType('resource').length")).toBe(0)
    }),
  )

/** The classes of all tokens of an arm. */
const classesOf = (view: PageView, arm: number) =>
  view.evaluate<Array<string>>(
    `[...document.querySelectorAll('[data-arm="${arm}"] > [data-n]')].map((box) => box.className)`,
  )
const choose = (view: PageView, id: string, value: string, event = "change") =>
  view.evaluate(
    `(() => { const of = document.getElementById("${id}"); of.value = "${value}"; of.dispatchEvent(new Event("${event}", { bubbles: true })) })()`,
  )
const panel = (view: PageView) => view.evaluate<string>('document.getElementById("panel").innerText')
/** Arm and number of the token in the focus. */
const focus = (view: PageView) =>
  view.evaluate<[number, number]>(
    "[Number(document.activeElement.parentElement.dataset.arm), Number(document.activeElement.dataset.n)]",
  )
const focusOn = (view: PageView, arm: number, n: number) =>
  view.evaluate(`document.querySelector('[data-arm="${arm}"] > [data-n="${n}"]').focus()`)

inBrowser("hard tokens are text and nothing else", async (view) => {
  const shown = await view.evaluate<Array<string>>(
    `[...document.querySelectorAll('[data-arm="0"] > [data-n]')].slice(0, ${hardPieces.length}).map((box) => box.textContent)`,
  )
  expect(shown).toEqual(hardPieces.map(inText))
  expect(await view.evaluate<string>("document.title")).toBe("Tokens of 0123456789: Is a < b </title>?")
  expect(await view.evaluate<number>("document.querySelectorAll('script').length")).toBe(2)
})

inBrowser("each view colours each token by its own number", async (view) => {
  const { kept, acceptance } = snapshotAt(texts.arms[1]!, 1)
  await choose(view, "view", "kept")
  expect(await classesOf(view, 1)).toEqual(Array.from(kept!, (one) => (one ? "t-kept" : "t-dropped")))
  await choose(view, "view", "decoding")
  for (const arm of [0, 1])
    expect(await classesOf(view, arm)).toEqual(
      Array.from(texts.arms[arm]!.decoding!.role, (role) => `t-${roles[role]}`),
    )
  await choose(view, "view", "acceptance")
  // The lower the acceptance, the stronger the colour.
  expect(await classesOf(view, 1)).toEqual(
    Array.from(acceptance!, (a) => `t-shade q${Math.min(8, Math.floor((1 - a) * 9))}`),
  )
  const colours = await view.evaluate<Array<string>>(
    "[...document.querySelectorAll('.t-shade.q0[data-n], .t-shade.q8[data-n]')].map((box) => getComputedStyle(box).backgroundColor)",
  )
  expect(new Set(colours).size).toBe(2)
  await choose(view, "view", "draft")
  expect(new Set(await classesOf(view, 1)).size).toBe(9)
})

inBrowser(
  "the slider steps through recorded choices; between first and last step there are no other numbers",
  async (view) => {
    await choose(view, "view", "kept")
    await focusOn(view, 1, 40)
    for (const [i, moment] of [0, 0.5, 1].entries()) {
      await choose(view, "moment", String(i), "input")
      const { kept } = snapshotAt(texts.arms[1]!, moment)
      expect(await classesOf(view, 1)).toEqual(Array.from(kept!, (one) => (one ? "t-kept" : "t-dropped")))
      expect(await panel(view)).toContain(`step ${100 * moment} of 100`)
      const says = (await panel(view)).includes("records the filter's choice alone")
      expect(says).toBe(moment === 0.5)
    }
  },
)

inBrowser("keys move the focus: along the text, by line, by text, to the other arm, to marked tokens", async (view) => {
  await choose(view, "view", "kept")
  await focusOn(view, 1, 35)
  const after = async (key: string) => {
    await press(view, key)
    return focus(view)
  }
  expect(await after("ArrowRight")).toEqual([1, 36])
  expect(await after("ArrowLeft")).toEqual([1, 35])
  expect(await after("Home")).toEqual([1, 30])
  expect(await after("End")).toEqual([1, 59])
  expect(await after("PageDown")).toEqual([1, 60])
  expect(await after("PageUp")).toEqual([1, 30])
  expect(await after("a")).toEqual([0, 30])
  expect(await after("a")).toEqual([1, 30])
  const kept = snapshotAt(texts.arms[1]!, 1).kept!
  expect(await after("n")).toEqual([1, kept.indexOf(1, 31)])
  expect(await after("p")).toEqual([1, kept.lastIndexOf(1, kept.indexOf(1, 31) - 1)])
  await focusOn(view, 1, 33)
  const top = () => view.evaluate<number>("document.activeElement.getBoundingClientRect().top")
  const before = await top()
  await after("ArrowDown")
  expect(await top()).toBeGreaterThan(before)
  await after("ArrowUp")
  expect(await top()).toBeCloseTo(before, 0)
  // Tab comes to one token alone.
  expect(await view.evaluate<number>("document.querySelectorAll('[data-n][tabindex=\"0\"]').length")).toBe(1)
})

inBrowser("a token in the focus has a name with its choice, its verdict and its place", async (view) => {
  await choose(view, "view", "kept")
  await focusOn(view, 1, 40)
  await press(view, "ArrowRight")
  const name = await view.evaluate<string>("document.activeElement.getAttribute('aria-label')")
  const role = roles[texts.arms[1]!.decoding!.role[41]!]!
  expect(name).toContain(snapshotAt(texts.arms[1]!, 1).kept![41] ? ", kept, " : ", dropped, ")
  expect(name).toContain(`, ${role}, `)
  expect(name).toEndWith("token 12 of text 2, adaspec")
  expect(await view.evaluate<string>("document.activeElement.getAttribute('role')")).toBe("option")
  expect(await view.evaluate<string>("document.activeElement.parentElement.getAttribute('aria-label')")).toBe(
    "text 2, adaspec",
  )
})

inBrowser("the pointer shows the statistics that the filter read, and the top tokens of both models", async (view) => {
  const n = 44
  const { left, top } = await view.evaluate<DOMRectLike>(
    `(() => { const box = document.querySelector('[data-arm="1"] > [data-n="${n}"]'); box.scrollIntoView({ block: "center" }); const { left, top, width, height } = box.getClientRects()[0]; return { left: left + width / 2, top: top + height / 2 } })()`,
  )
  await moveTo(view, left, top)
  const says = await panel(view)
  const { statistics, draft, acceptance } = snapshotAt(texts.arms[1]!, 1)
  const { pieceOf } = pageOf(document)
  expect(says).toContain(alone(pieceOf(texts.tokens[n]!)))
  expect(says).toContain("filter: draft loss")
  for (const value of [statistics.get("draftLoss_N")![n]!, statistics.get("referenceLoss_N")![n]!, acceptance![n]!])
    expect(says).toContain(`\t${figureText(value)}\n`)
  const rows = await view.evaluate<Array<Array<string>>>(
    "[...document.querySelectorAll('#panel .top')].map((table) => [...table.querySelectorAll('code')].map((code) => code.textContent))",
  )
  const words = ({ ids, k }: { ids: Uint32Array; k: number }) =>
    [...ids.slice(n * k, (n + 1) * k)].map((id) => alone(pieceOf(id)))
  expect(rows).toEqual([words(texts.target!), words(draft!)])
})

inBrowser("a click in the plane leads to the nearest token", async (view) => {
  await view.evaluate("scrollTo(0, 0)")
  const box = await view.evaluate<{ left: number; top: number; w: number; h: number }>(
    "(() => { const of = document.getElementById('plane'); const { left, top } = of.getBoundingClientRect(); return { left, top, w: of.clientWidth, h: of.clientHeight } })()",
  )
  const { statistics } = snapshotAt(texts.arms[1]!, 1)
  // The plane's own scale: both losses with 3 % of space around, within the margins of its axes.
  const scale = (values: Float32Array, from: number, to: number) => {
    const [low, high] = [Math.min(...values), Math.max(...values)]
    const space = 0.03 * (high - low)
    return Array.from(values, (value) => from + ((value - low + space) / (high - low + 2 * space)) * (to - from))
  }
  const x = scale(statistics.get("referenceLoss_N")!, 44, box.w - 10)
  const y = scale(statistics.get("draftLoss_N")!, box.h - 34, 10)
  for (const n of [7, 100, N - 1]) {
    const at = { x: Math.round(box.left + x[n]!), y: Math.round(box.top + y[n]!) }
    const far = (i: number) => Math.hypot(box.left + x[i]! - at.x, box.top + y[i]! - at.y)
    await view.evaluate("scrollTo(0, 0)")
    await clickAt(view, at.x, at.y)
    const [arm, chosen] = await focus(view)
    expect(arm).toBe(1)
    expect(far(chosen)).toBeLessThan(Math.min(...Array.from({ length: N }, (_, i) => far(i))) + 0.6)
  }
})

inBrowser("no width scrolls sideways", async (view) => {
  for (const width of [400, 900, 1500])
    for (const scheme of ["light", "dark"] as const) {
      await view.look(width, 900, scheme)
      const wide = await view.evaluate<number>(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth",
      )
      expect([width, wide]).toEqual([width, 0])
    }
})

inBrowser("bars of the top tokens have room at each width", async (view) => {
  await focusOn(view, 1, 44)
  for (const width of [400, 900, 1000, 1500]) {
    await view.look(width, 900, "light")
    const widths = await view.evaluate<ReadonlyArray<number>>(
      "[...document.querySelectorAll('#panel .top .bar')].map((cell) => cell.clientWidth)",
    )
    expect(widths.length).toBeGreaterThan(5)
    expect([width, Math.min(...widths) >= 30]).toEqual([width, true])
  }
})

interface DOMRectLike {
  readonly left: number
  readonly top: number
}

test("the border of a ranked selection is a line for each batch, where the plane shows the filter's score", () => {
  const arm = texts.arms[1]!
  const snapshot = snapshotAt(arm, 1)
  const [x, y] = [snapshot.statistics.get("referenceLoss_N")!, snapshot.statistics.get("draftLoss_N")!]
  const borders = bordersOf(x, y, snapshot, arm, texts.starts)
  expect(borders.map(({ slope }) => slope)).toEqual([1, 1, 1])
  for (const [i, { height }] of borders.entries())
    for (let n = 60 * i; n < 60 * (i + 1); n++) expect(y[n]! - x[n]! >= height - 1e-6).toBe(snapshot.kept![n] === 1)
  expect(bordersOf(x, x, snapshot, arm, texts.starts)).toEqual([])
  expect(bordersOf(x, y, { ...snapshot, score: y }, arm, texts.starts)[0]).toMatchObject({ slope: 0 })
  expect(bordersOf(x, y, { ...snapshot, score: null }, arm, texts.starts)).toEqual([])
})
