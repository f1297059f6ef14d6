/** The site of a small repository with faults, and of this one: its links, and its search in a browser. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { houseRoot } from "@winnow/lab"
import { browserPath, type PageView, withBrowserPage } from "../../lab/src/report/browser.ts"
import { press } from "../../lab/src/tokens/drive.fixture.ts"
import { buildSite } from "./build.ts"
import { highlighted, linesOf } from "./highlight.ts"
import { issueText, linkIssues } from "./links.ts"
import { ledIntoSite } from "./results.ts"
import { writeSite } from "./write-site.ts"

const browser = browserPath()
if (browser === undefined) console.warn("skipped: the site in a browser, there is no Chrome or Chromium here")

const folder = mkdtempSync(join(tmpdir(), "winnow-site-"))
afterAll(() => rmSync(folder, { recursive: true }))

const noResults = { files: new Map<string, string>(), slugs: new Set<string>() }

/** A repository of these files, and of contents. */
const repository = (name: string, files: Readonly<Record<string, string>>): string => {
  const root = join(folder, name)
  for (const [file, text] of Object.entries({ "docs/README.md": "# Contents\n", ...files })) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  return root
}

describe("faults of pages", () => {
  const faults = (text: string) =>
    linkIssues(
      repository(`faults-${Bun.hash(text)}`, {
        "docs/a.md": text,
        "docs/b.md": "# B\n\n## One `two`\n",
        "code.ts": "",
      }),
    ).map(issueText)
  test.each([
    ["# A\n\nIt is\nin [b](c.md).", "docs/a.md:4: the link c.md leads to docs/c.md, and there is no such file"],
    [
      "# A\n\n| a |\n| - |\n| 1 |\n| [b](b.md#two) |",
      "docs/a.md:6: the link b.md#two names a heading that docs/b.md does",
    ],
    ["# A\n\n[x](#none)", "docs/a.md:3: the link #none names a heading that docs/a.md does not have; it has #a"],
    ["# A\n\n[x](../../x)", "docs/a.md:3: the link ../../x leads out of the repository"],
    ["# A\n\n- a\n- ![x](x.png)", "docs/a.md:4: the link x.png leads to docs/x.png, and there is no such file"],
    ["# A\n\nx<br>y", 'docs/a.md:3: "<br>" is HTML, which the site leaves out'],
    [
      "# A\n\na\n<!-- b --> `c`",
      'docs/a.md:4: "<!-- b --> `c`" begins with a comment, so Markdown takes all of the line',
    ],
  ])("%j is refused with its line", (text, problem) => {
    expect(faults(text)).toEqual([expect.stringContaining(problem)])
  })
  test.each([
    "# A\n\n[b](b.md#one-two), [c](../code.ts#L3), [d](../docs), [e](#a), [f](https://a.b/c.md#d), 5<!--= a -->",
    "# A\n\n```md\n[x](none.md) <b>\n```\n\n`[x](none.md)`",
    "# A\n\n## A\n\n[x](#a-1)\n\n<!-- a\nb -->",
  ])("%j passes", (text) => {
    expect(faults(text)).toEqual([])
  })
})

test("a page has anchors, tables with heads, and no comment but in code", async () => {
  const root = repository("forms", {
    "README.md": "# Home\n\n[a](docs/a.md)\n",
    "docs/README.md": "# Contents\n\n## First\n\n- [A page](a.md): words.\n",
    "docs/a.md":
      "# A\n\n5<!--= 001:x --> of 6\n\n## B <!--~ x -->\n\n| c | d |\n| - | - |\n| 1 | 2<!--= y --> |\n\n```md\n<!-- kept -->\n```\n\n[c](../code.ts)\n",
    "docs/lost.md": "# Lost\n",
    "code.ts": "const a = 1 < 2\n",
  })
  const { files, issues } = await buildSite(root, noResults)
  expect(issues).toEqual([])
  const page = String(files.get("docs/a.html"))
  expect(page).toContain("<p>5 of 6</p>")
  expect(page).toContain('<h2 id="b">B  <a class="anchor" href="#b"')
  expect(page).toContain('<td role="cell" data-head="d">2</td>')
  expect(page.match(/&lt;!--.*/g)).toEqual(["&lt;!-- kept --&gt;</code></pre></div>"])
  expect(page).not.toContain("<!--")
  expect(page).toContain('<a href="../code.ts.html">c</a>')
  expect(String(files.get("code.ts.html"))).toContain(
    '<span id="L1"><span class="hljs-keyword">const</span> a = <span class="hljs-number">1</span> &lt; ',
  )
  expect(String(files.get("index.html"))).toContain('<a href="docs/a.html">a</a>')
  // The menu has the contents, and the page that they leave out.
  expect(page).toMatch(/First<\/summary>.*aria-current="page">A page<.*More<\/summary>.*lost\.html">Lost</s)
})

test("no heading takes an id of the site's own parts", async () => {
  const headings = ["Results", "Result 0", "Search", "Said", "Text", "Page text", "Search results"]
  const text = `# A\n\n${headings.map((words) => `## ${words}\n`).join("\n")}`
  const { files } = await buildSite(repository("ids", { "README.md": "# Home\n", "docs/a.md": text }), noResults)
  const ids = [...String(files.get("docs/a.html")).matchAll(/ id="([^"]*)"/g)].map(([, id]) => id!)
  expect(ids.length).toBeGreaterThan(headings.length)
  expect(ids.filter((id, i) => ids.indexOf(id) < i)).toEqual([])
  // A heading's id has lower-case letters alone.
  for (const id of ids.filter((id) => !/^[a-z0-9-]+$/.test(id))) expect(id).toMatch(/[A-Z]/)
  expect(ids.filter((id) => /[A-Z]/.test(id)).toSorted()).toEqual([
    "pageText",
    "searchResults",
    "searchSaid",
    "searchWords",
  ])
})

test("code has its parts marked, line by line, and the words that it had", () => {
  const code = "/** Two\n * lines < */\nconst a = `b\n`"
  const html = highlighted(code, "ts")
  expect(html).toContain('<span class="hljs-keyword">const</span>')
  const lines = linesOf(html)
  expect(lines.slice(0, 2)).toEqual([
    '<span class="hljs-comment">/** Two</span>',
    '<span class="hljs-comment"> * lines &lt; */</span>',
  ])
  for (const line of lines) expect(line.split("<span").length).toBe(line.split("</span>").length)
  const words = lines.join("\n").replace(/<[^>]*>/g, "")
  expect(words).toBe(code.replace("<", "&lt;"))
  expect([highlighted("a < b", "none"), highlighted("a < b")]).toEqual(["a &lt; b", "a &lt; b"])
})

test("links of reports lead into the site, or keep their words alone", () => {
  const html =
    '<a href="../../../docs/metrics.md#x">m</a> <a href="run.json">r</a> <a href="#own">o</a> <a href="https://a.b">w</a>'
  const placeFor = (path: string) => (path === "docs/metrics.md" ? "../../../docs/metrics.html" : undefined)
  expect(ledIntoSite(html, "results/001/a/report.html", placeFor)).toBe(
    '<a href="../../../docs/metrics.html#x">m</a> <a style="color:inherit" title="in the repository">r</a> <a href="#own">o</a> <a href="https://a.b">w</a>',
  )
})

test("a folder with other files is not replaced; a site is", async () => {
  const to = join(folder, "place")
  mkdirSync(to)
  writeFileSync(join(to, "thesis.tex"), "")
  await expect(writeSite(new Map(), to)).rejects.toThrow("has files that are no site of this command")
  rmSync(join(to, "thesis.tex"))
  await writeSite(new Map([["old.html", "1"]]), to)
  await writeSite(new Map([["a/new.html", "2"]]), to)
  expect([existsSync(join(to, "old.html")), readFileSync(join(to, "a/new.html"), "utf8")]).toEqual([false, "2"])
})

describe("this repository", () => {
  const to = join(folder, "site")
  let files: ReadonlyMap<string, string | Uint8Array>
  beforeAll(async () => {
    const site = await buildSite(houseRoot, noResults)
    expect(site.issues.map(issueText)).toEqual([])
    files = site.files
    await writeSite(files, to)
  })

  test("every address and anchor in its HTML is there", () => {
    const ids = (place: string) => new Set([...String(files.get(place)).matchAll(/ id="([^"]+)"/g)].map(([, id]) => id))
    const lost: Array<string> = []
    for (const [place, content] of files) {
      if (!place.endsWith(".html")) continue
      for (const [, address] of String(content).matchAll(/ (?:href|src)="([^"]+)"/g)) {
        if (/^[a-z]+:/.test(address!)) continue
        const { pathname, hash } = new URL(address!, `file:///${place}`)
        const end = decodeURIComponent(pathname.slice(1))
        if (!files.has(end) || (hash !== "" && !ids(end).has(decodeURIComponent(hash.slice(1)))))
          lost.push(`${place}: ${address}`)
      }
    }
    expect(lost).toEqual([])
    expect(files.size).toBeGreaterThan(100)
  })

  const inBrowser = (name: string, use: (view: PageView) => Promise<void>) =>
    test.skipIf(browser === undefined)(name, () => withBrowserPage(use), 120_000)

  /** Waits until an expression of the page is true. */
  const until = async (view: PageView, expression: string) => {
    for (let i = 0; i < 400; i++) {
      if (await view.evaluate<boolean>(expression)) return
      await Bun.sleep(25)
    }
    throw new Error(`never true: ${expression}`)
  }

  inBrowser("the search finds a section by key alone, and asks no network", async (view) => {
    await view.look(900, 900, "dark")
    await view.navigate(`file://${to}/docs/systems/trees.html`)
    await press(view, "/")
    expect(await view.evaluate<string>("document.activeElement.id")).toBe("searchWords")
    await view.cdp("Input.insertText", { text: "normalisers" })
    await until(view, "document.querySelectorAll('#searchResults [role=option]').length > 0")
    await press(view, "ArrowDown")
    expect(await view.evaluate<string>("document.querySelector('[aria-selected=true] b').textContent")).toBe(
      "Writing a plugin: Normalisers",
    )
    expect(
      await view.evaluate<string>("document.querySelector('#searchWords').getAttribute('aria-activedescendant')"),
    ).toBe("searchResult-0")
    await press(view, "Enter")
    await until(view, "location.pathname.endsWith('/docs/plugins.html') && location.hash === '#normalisers'")
    await until(view, "document.readyState === 'complete'")
    // Where no section has all words, those with some of them.
    await press(view, "/")
    await view.cdp("Input.insertText", { text: "normalisers xylophone" })
    await until(view, "document.querySelectorAll('#searchResults [role=option]').length > 0")
    const addresses = await view.evaluate<Array<string>>(
      "performance.getEntriesByType('resource').map((one) => one.name)",
    )
    expect(addresses.filter((address) => !address.startsWith("file:") && !address.startsWith("data:"))).toEqual([])
  })

  inBrowser("no page scrolls sideways, and the menu folds on a narrow one", async (view) => {
    for (const place of ["docs/plugins.html", "docs/performance.html"]) {
      await view.navigate(`file://${to}/${place}`)
      for (const width of [390, 900, 1500]) {
        await view.look(width, 900, "light")
        await until(view, `innerWidth === ${width} && document.querySelector(".menu").open === ${width === 1500}`)
        const over = await view.evaluate<number>("document.documentElement.scrollWidth - innerWidth")
        expect([place, width, Math.max(0, over)]).toEqual([place, width, 0])
      }
      const without = "document.querySelectorAll('.code:not(:has(button))').length"
      expect(await view.evaluate<number>(without)).toBe(0)
    }
  })
})
