/** A page of 5 000 tokens in a browser: it answers at once. */
import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { median } from "@winnow/numerics"
import { browserPath, withBrowserPage } from "../report/browser.ts"
import { randomDocument } from "./document.fixture.ts"
import { tokensPage } from "./page.ts"

/**
 * The most milliseconds of an act with the layout after it, the median of eleven. An idle machine takes a small part of
 * them; a page that lays out all its texts for each key is above them on any.
 */
const limits = { key: 250, pointer: 250, view: 1000, step: 1000 }

test.skipIf(browserPath() === undefined)("5 000 tokens under two arms answer at once, in a file of 4 MB", async () => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-large-page-"))
  const file = join(folder, "tokens.html")
  const html = await tokensPage(randomDocument({ texts: 50, tokens: 100, arms: ["random", "adaspec"] }))
  expect(html.length).toBeLessThan(4e6)
  await Bun.write(file, html)
  await withBrowserPage(async (view) => {
    await view.look(1500, 1000, "light")
    await view.navigate(`file://${file}`)
    expect(await view.evaluate<number>("document.querySelectorAll('[data-n]').length")).toBe(10_000)
    await view.evaluate(`document.querySelector('[data-arm="1"] > [data-n="2500"]').focus()`)
    /** Milliseconds of an act in the page, which may use its number i. */
    const timesOf = (act: string) =>
      view.evaluate<ReadonlyArray<number>>(
        `Array.from({ length: 11 }, (_, i) => { const from = performance.now(); ${act}; document.getElementById("panel").getBoundingClientRect(); document.activeElement.getBoundingClientRect(); return performance.now() - from })`,
      )
    const choose = (id: string, value: string, event: string) =>
      `const of = document.getElementById("${id}"); of.value = ${value}; of.dispatchEvent(new Event("${event}", { bubbles: true }))`
    const times = {
      key: await timesOf(
        `document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: i % 2 ? "ArrowDown" : "ArrowRight", bubbles: true }))`,
      ),
      pointer: await timesOf(
        `document.querySelector('[data-arm="0"] > [data-n="' + (400 * i) + '"]').dispatchEvent(new PointerEvent("pointerover", { bubbles: true }))`,
      ),
      view: await timesOf(choose("view", `i % 2 ? "kept" : "draft"`, "change")),
      step: await timesOf(choose("moment", "String(i % 3)", "input")),
    }
    const medians = Object.fromEntries(Object.entries(times).map(([act, of]) => [act, median([...of])]))
    for (const [act, limit] of Object.entries(limits)) expect([act, medians[act]! < limit]).toEqual([act, true])
  })
  rmSync(folder, { recursive: true })
})
