/** A hub of one repository on this machine that misbehaves on request: for tests. */
import { createHash } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { sha256 } from "@winnow/files"
import type { HubSettings } from "./settings.ts"

/** Git's checksum of a blob. */
export const gitSum = (bytes: Uint8Array): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex")

/** Pseudo-random bytes. */
export const someBytes = (length: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7919 * seed + (i >> 3)) % 251)

export const commit = "0123456789abcdef0123456789abcdef01234567"

/** One request as the server saw it. */
export interface Seen {
  /** "revision", "tree", "resolve", or "bytes" of the second server. */
  readonly what: string
  readonly file: string
  readonly from: number
  readonly token: string | null
}

/** An answer in place of the usual one; undefined for the usual one. */
export type Misbehaviour = (seen: Seen, nth: number) => Response | Promise<Response> | undefined

/**
 * A hub with these files at `commit`, as the model small/model and as the data set small/data; those that end with
 * .safetensors or .parquet lie in LFS on a server of another origin.
 *
 * @param misbehave sees each request, the first of its kind and file as number 1
 */
export const localHub = (files: Readonly<Record<string, Uint8Array>>, misbehave: Misbehaviour = () => undefined) => {
  const seen: Array<Seen> = []
  const tell = (what: string, file: string, request: Request) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "")?.[1] ?? 0)
    const one = { what, file, from, token: request.headers.get("authorization") }
    seen.push(one)
    return misbehave(one, seen.filter((other) => other.what === what && other.file === file).length)
  }
  const content = (file: string, from: number) => {
    const bytes = files[file]!
    const headers = from > 0 ? { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}
    return new Response(bytes.slice(from), { status: from > 0 ? 206 : 200, headers })
  }
  const isLarge = (file: string) => /\.(safetensors|parquet)$/.test(file)
  const bytes = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const file = decodeURIComponent(new URL(request.url).pathname.slice(1))
      return tell("bytes", file, request) ?? content(file, seen.at(-1)!.from)
    },
  })
  const tree = Object.entries(files).map(([path, data]) =>
    isLarge(path)
      ? {
          ...{ type: "file", path, size: data.length, oid: gitSum(new TextEncoder().encode(`pointer of ${path}`)) },
          lfs: { oid: sha256(data), size: data.length, pointerSize: 130 },
        }
      : { type: "file", path, size: data.length, oid: gitSum(data) },
  )
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => {
      const { pathname, searchParams } = new URL(request.url)
      const [, head, ...rest] = pathname.split("/")
      if (head === "api") {
        const [kind, owner, name, what, revision] = rest as [string, string, string, string, string]
        const odd = tell(what, decodeURIComponent(revision), request)
        if (odd !== undefined) return odd
        const repo = `${owner}/${name}`
        if (repo !== (kind === "datasets" ? "small/data" : "small/model"))
          return Response.json({ error: "Repository not found" }, { status: 404 })
        const top = searchParams.get("recursive") === "true" ? tree : tree.filter(({ path }) => !path.includes("/"))
        if (what === "tree") return Response.json([{ type: "directory", path: "onnx", size: 0, oid: "" }, ...top])
        if (!["main", "v1", "refs/pr/1", commit].includes(decodeURIComponent(revision)))
          return Response.json({ error: "Invalid rev id" }, { status: 404 })
        return Response.json({ _id: "1", id: repo, sha: commit, private: false, lastModified: "2026-01-01" })
      }
      const file = decodeURIComponent(pathname.slice(pathname.indexOf("/resolve/")).split("/").slice(3).join("/"))
      const odd = tell("resolve", file, request)
      if (odd !== undefined) return odd
      if (files[file] === undefined) return new Response("Entry not found", { status: 404 })
      if (isLarge(file)) return Response.redirect(`${bytes.url.origin}/${file}`, 302)
      return content(file, seen.at(-1)!.from)
    },
  })
  const home = mkdtempSync(join(tmpdir(), "winnow-hub-"))
  const settings: HubSettings = {
    ...{ endpoint: server.url.origin, cache: join(home, "hub"), token: undefined, offline: false },
  }
  return {
    home,
    settings,
    seen,
    stop: () => {
      server.stop(true)
      bytes.stop(true)
    },
    [Symbol.dispose]: () => {
      server.stop(true)
      bytes.stop(true)
      rmSync(home, { recursive: true, force: true })
    },
  }
}

/** A model in two shards with its tokenizer; nothing in it can be loaded. */
export const shardedFiles: Readonly<Record<string, Uint8Array>> = {
  "config.json": new TextEncoder().encode('{"model_type":"llama"}'),
  "model.safetensors.index.json": new TextEncoder().encode(
    JSON.stringify({ weight_map: { a: "model-1-of-2.safetensors", b: "model-2-of-2.safetensors" } }),
  ),
  "model-1-of-2.safetensors": someBytes(60_000),
  "model-2-of-2.safetensors": someBytes(9000, 3),
  "tokenizer.json": new TextEncoder().encode("{}"),
  "pytorch_model.bin": someBytes(100),
  "README.md": someBytes(10),
}
