/** The live page: who may read it, and what a browser shows of a run while it is written. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { browserPath, type PageView, withBrowserPage } from "../report/browser.ts"
import { writtenRun } from "./live.fixture.ts"
import { startWatching } from "./server.ts"
import { WatchSource } from "./source.ts"

const browser = browserPath()
if (browser === undefined) console.warn("skipped: live pages in a browser, there is no Chrome or Chromium here")

const home = mkdtempSync(join(tmpdir(), "winnow-watch-"))
afterAll(() => rmSync(home, { recursive: true, force: true }))

/** The status of a request with headers that fetch would not send. */
const statusOf = (url: string, headers: Record<string, string> = {}, method = "GET"): Promise<number> =>
  new Promise((resolve, reject) => {
    const asked = request(url, { headers, method }, (answer) => {
      answer.destroy()
      resolve(answer.statusCode!)
    })
    asked.on("error", reject).end()
  })

test("only a request with the token, to this server's own name, is answered", async () => {
  const run = writtenRun(home)
  const source = new WatchSource()
  source.follow(run.log)
  const server = await startWatching(source)
  const { origin, host, port, pathname } = new URL(server.url)
  try {
    expect(pathname).toMatch(/^\/[\w-]{32}\/$/)
    for (const path of ["", "events"]) {
      const url = `${server.url}${path}`
      expect(await statusOf(url)).toBe(200)
      expect(await statusOf(url, { host: `localhost:${port}` })).toBe(200)
      for (const other of [
        "evil.example",
        `evil.example:${port}`,
        "127.0.0.1",
        "127.0.0.1:1",
        `127.0.0.1.evil.example:${port}`,
      ])
        expect([other, await statusOf(url, { host: other })]).toEqual([other, 403])
      expect(await statusOf(url, { origin: "http://evil.example" })).toBe(403)
      expect(await statusOf(url, { origin: "null" })).toBe(403)
      expect(await statusOf(url, { origin: `http://${host}` })).toBe(200)
      for (const token of ["", "x", `${pathname.slice(1, -1)}x`, pathname.slice(1, -2)])
        expect(await statusOf(`${origin}/${token}/${path}`)).toBe(403)
    }
    expect(await statusOf(origin)).toBe(403)
    expect(await statusOf(server.url, {}, "POST")).toBe(405)
    expect(await statusOf(`${server.url}nothing`)).toBe(404)
    expect(await statusOf(`${server.url}report/0`)).toBe(404)
    expect(await statusOf(`${server.url}report/..%2f..%2fetc%2fpasswd`)).toBe(404)
    expect(await statusOf(server.url.slice(0, -1))).toBe(308)
  } finally {
    await server.close()
  }
  await expect(fetch(server.url)).rejects.toThrow()
})

test("a port that is taken is refused with its remedy", async () => {
  const server = await startWatching(new WatchSource())
  const port = Number(new URL(server.url).port)
  try {
    expect(startWatching(new WatchSource(), port)).rejects.toThrow(/--port \d+: cannot listen .* name another port/)
  } finally {
    await server.close()
  }
})

/** A way to a server that can be cut and mended. */
const wayTo = (url: string) => {
  const { origin } = new URL(url)
  const open = (port: number) =>
    Bun.serve({
      ...{ hostname: "127.0.0.1", port, idleTimeout: 0 },
      fetch: ({ url, signal }) => fetch(`${origin}${new URL(url).pathname}`, { signal }),
    })
  let way = open(0)
  const { port } = way
  return {
    url: `http://127.0.0.1:${port}${new URL(url).pathname}`,
    cut: () => way.stop(true),
    mend: () => {
      way = open(port!)
    },
  }
}

/** Waits until an expression of the page is true. */
const until = async (view: PageView, expression: string) => {
  for (const end = Date.now() + 40_000; Date.now() < end; ) {
    // A page that is being loaded again has no elements yet.
    if (await view.evaluate<boolean>(expression).catch(() => false)) return
    await Bun.sleep(50)
  }
  throw new Error(
    `the page never had: ${expression}; it has: ${await view.evaluate<string>("document.body.innerText")}`,
  )
}
const has = (id: string, text: string) =>
  `(document.getElementById("${id}")?.innerText ?? "").includes(${JSON.stringify(text)})`

test.skipIf(browser === undefined)(
  "a page shows the run as it goes, after a reload and a lost connection too, and keeps the report once it has ended",
  async () => {
    const run = writtenRun(home)
    const source = new WatchSource()
    const first = await startWatching(source)
    const way = wayTo(first.url)
    await withBrowserPage(async (view) => {
      await view.look(1500, 1000, "light")
      await view.navigate(way.url)
      await until(view, has("question", "No run has begun yet"))
      source.follow(run.log)
      run.plan()
      run.start("target")
      run.train("target", 0, 20, 40)
      await until(view, has("now", "20/40 steps"))
      expect(await view.evaluate<string>('document.getElementById("question").textContent')).toBe(
        "Do chosen tokens make a <better> draft?",
      )
      await until(view, `document.querySelector("#others svg path")?.getAttribute("d").split("L").length === 20`)

      await view.evaluate("location.reload()")
      await Bun.sleep(200)
      await until(view, has("now", "20/40 steps"))

      await way.cut()
      await until(view, has("connection", "The connection is lost"))
      run.train("target", 20, 30, 40)
      way.mend()
      await until(view, has("now", "30/40 steps"))
      await until(view, `document.getElementById("connection").hidden`)

      run.train("target", 30, 40, 40)
      run.finish("target", {})
      for (const seed of [1, 2]) {
        run.start(`arm adaspec, seed ${seed}`)
        run.train(`arm adaspec, seed ${seed}`, 0, 30, 30)
        run.finish(`arm adaspec, seed ${seed}`, {})
      }
      run.finish("acceptance of adaspec, seed 1", { greedyAcceptance: 0.7123 })
      run.fail("arm all-tokens, seed 1", "loss is not finite")
      await until(view, has("figures", "71.2 1/2"))
      await until(view, has("errors", "loss is not finite"))
      await until(view, `document.querySelectorAll("#drafts svg[role=img] path").length === 2`)
      await until(view, has("stages-summary", "4 done"))
      expect(await view.evaluate<string>("document.title")).toEndWith("001-quickstart")

      // Nothing but the page itself and its stream is asked for, and the console has no error.
      const asked = await view.evaluate<Array<string>>(
        "performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname.split('/').slice(2).join('/'))",
      )
      expect(asked.filter((name) => name !== "events")).toEqual([])

      for (const [width, scheme] of [
        [400, "dark"],
        [900, "light"],
        [1500, "dark"],
      ] as const) {
        await view.look(width, 900, scheme)
        await Bun.sleep(100)
        const beyond = await view.evaluate<Array<string>>(
          `[...document.querySelectorAll("body *")].filter((el) => el.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map((el) => el.tagName + " " + el.className)`,
        )
        expect([width, beyond]).toEqual([width, []])
        const drawn = await view.evaluate<[number, number]>(
          `(() => { const svg = document.querySelector("#drafts svg[role=img]"); return [svg.getBoundingClientRect().width, Number(svg.getAttribute("width"))] })()`,
        )
        expect(drawn[0]).toBe(drawn[1])
      }

      run.end("incomplete")
      await first.close()
      await until(view, has("connection", "The command has ended"))
      await until(view, has("state", "the run has ended, some figures are missing"))
      // The server is gone, and the report is there.
      await expect(fetch(first.url)).rejects.toThrow()
      await view.navigate(await view.evaluate<string>('document.querySelector("a.report").href'))
      expect(await view.evaluate<string>("document.body.innerText")).toBe("The report")
    })
    await way.cut()
  },
)
