/** Publishes a plugin by the recipe of docs/plugins.md, to a registry of this test, and uses it from there. */
import { afterAll, expect, test } from "bun:test"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { homedir, tmpdir } from "node:os"
import { dirname, join } from "node:path"

const root = join(import.meta.dir, "../../../..")
const page = readFileSync(join(root, "docs", "plugins.md"), "utf8")
const home = mkdtempSync(join(tmpdir(), "winnow-publishing-"))

/** A package as `npm publish` sends it. */
interface Published {
  readonly name: string
  readonly _attachments: Readonly<Record<string, { readonly data: string }>>
}
const published = new Map<string, Published>()
const asked: Array<string> = []

/** The part of npm's protocol that `bun publish` and `bun add` speak. */
const registry = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: async (request) => {
    const path = decodeURIComponent(new URL(request.url).pathname.slice(1))
    if (request.method === "PUT") {
      const sent = (await request.json()) as Published
      published.set(sent.name, sent)
      return Response.json({ ok: true }, { status: 201 })
    }
    asked.push(path)
    const [name = "", file] = path.split("/-/")
    const found = published.get(name)
    if (found === undefined) return Response.json({ error: "not found" }, { status: 404 })
    const [archive] = Object.values(found._attachments)
    if (file !== undefined) return new Response(Buffer.from(archive!.data, "base64"))
    return Response.json(found)
  },
})
afterAll(async () => {
  await registry.stop(true)
  rmSync(home, { recursive: true })
})

/** The commands of the page's block that begins with that comment. */
const block = (title: string) => new RegExp(`\`\`\`sh\n# ${title}\n([\\s\\S]*?)\`\`\``).exec(page)![1]!

const run = async (script: string) => {
  const child = Bun.spawn(["bash", "-ec", script], {
    cwd: root,
    env: {
      ...process.env,
      HOME: home,
      // The library of this machine, which a new home would fetch again.
      XDG_CACHE_HOME:
        process.env["XDG_CACHE_HOME"] ?? join(homedir(), process.platform === "darwin" ? "Library/Caches" : ".cache"),
      WINNOW_HOME: join(home, "store"),
      PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`,
      NPM_CONFIG_REGISTRY: String(registry.url),
      NPM_CONFIG_TOKEN: "of-this-test",
      BUN_INSTALL_CACHE_DIR: join(home, "cache"),
      NO_COLOR: "1",
    },
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0) throw new Error(`${script}\n${out}\n${err}`)
  return out
}

test("a plugin becomes a package by the page's commands: sources and words, no tests, no paths of this machine", async () => {
  mkdirSync(join(home, "lab"))
  await run(block("from a folder to a package"))
  expect([...published.keys()]).toEqual(["winnow-filter-shy"])
  const folder = join(home, "lab", "filter-shy")
  const archive = readdirSync(folder).find((name) => name.endsWith(".tgz"))!
  const files = await new Bun.Archive(await Bun.file(join(folder, archive)).bytes()).files()
  expect([...files.keys()].toSorted()).toEqual(["package/README.md", "package/package.json", "package/src/index.ts"])
  for (const file of files.values()) expect(await file.text()).not.toContain(root)
  const manifest = JSON.parse(await files.get("package/package.json")!.text())
  expect(manifest).toMatchObject({ name: "winnow-filter-shy", license: "Apache-2.0", keywords: ["winnow-plugin"] })
  expect([manifest.private, manifest.dependencies]).toEqual([undefined, undefined])
})

test("the package is installed from the registry, outside of the workspace, and an experiment runs with it", async () => {
  const script = block("a package in use")
    .replace("WINNOW", root)
    .replace(/^bun run experiment .*$/m, "$& --limit 2 --seeds 1 --arms random --results ~/results --json")
  const out = await run(script)
  // Peers that are optional are not asked for: nothing but the plugin comes from the registry.
  expect(
    [...new Set(asked.map((path) => path.replace(/\/-\/.*/, "")))].filter((name) => name.includes("winnow")),
  ).toEqual(["winnow-filter-shy"])
  expect(existsSync(join(home, "study", "node_modules", "winnow-filter-shy", "src", "index.test.ts"))).toBe(false)
  expect(out).toContain("shy")
  const record = JSON.parse(out.slice(out.indexOf("\n{") + 1))
  expect(record.config.arms.random.filter.name).toBe("shy")
})
