/** Random choices, and damage that fits any file. */
import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import type { Rng } from "@winnow/numerics"

/** A random member of a list. */
export const pick = <A>(rng: Rng, list: ReadonlyArray<A>): A => list[rng.below(list.length)]!

/** Text that stands in JSON as it is, though no value has that text. */
export class Raw {
  constructor(readonly text: string) {}
}

/** JSON of a value that may hold `Raw` texts. */
export const jsonOf = (value: unknown): string => {
  if (value instanceof Raw) return value.text
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(",")}]`
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .map(([key, inner]) => `${JSON.stringify(key)}:${jsonOf(inner)}`)
      .join(",")}}`
  return JSON.stringify(value)
}

/** Odd values for a field. */
export const oddValues: ReadonlyArray<unknown> = [
  ...[-1, 0, 1, 2, 3, 4, 7, 8, 64, 1e9, 2 ** 31, 2 ** 32 + 5, 2 ** 53, 1e300, -0.5, 0.5, 0.001, 1e-300],
  ...[true, false, null, "", "constructor", "__proto__", "toString", "llama", "default", "silu", "gelu", "relu"],
  ...[new Raw("1e999"), new Raw("-0"), new Raw("NaN"), new Raw("[".repeat(100_000) + "]".repeat(100_000))],
  ...[[], {}, [1], [[]], { a: 1 }, { rope_type: "linear", factor: 2 }, { rope_type: "default", rope_theta: 500 }],
  ...["x".repeat(100_000), "\u0000\u001b[31m", "../../etc/passwd", "~/model"],
]

/** Names that plain objects inherit, and others that code trips over. */
export const oddNames = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf", "", "a.b", "a/b", "ü"]

/** An odd value as text for a message. */
export const shortText = (value: unknown): string => jsonOf(value).slice(0, 60)

/** Changes one field of a document: gives it another value or name, removes it, or adds one. */
export const spoilField = (rng: Rng, document: unknown): { readonly document: unknown; readonly damage: string } => {
  const paths: Array<ReadonlyArray<string>> = []
  const visit = (value: unknown, path: ReadonlyArray<string>) => {
    if (path.length > 0) paths.push(path)
    if (typeof value === "object" && value !== null && path.length < 5)
      for (const key of Object.keys(value).slice(0, 60)) visit((value as Record<string, unknown>)[key], [...path, key])
  }
  visit(document, [])
  const path = pick(rng, paths)
  const how = pick(rng, ["value", "value", "value", "gone", "renamed", "more"] as const)
  const value = pick(rng, oddValues)
  const name = pick(rng, [...oddNames, "rope_scaling", "head_dim", "num_key_value_heads", "sliding_window"])
  const change = (node: unknown, [key, ...rest]: ReadonlyArray<string>): unknown => {
    if (Array.isArray(node)) {
      const at = Number(key)
      if (rest.length > 0) return node.with(at, change(node[at], rest))
      return how === "gone" ? node.toSpliced(at, 1) : node.with(at, value)
    }
    const entries = Object.entries(node as object)
    return Object.fromEntries([
      ...entries.flatMap(([k, inner]): Array<[string, unknown]> => {
        if (k !== key) return [[k, inner]]
        if (rest.length > 0) return [[k, change(inner, rest)]]
        if (how === "gone") return []
        return how === "renamed" ? [[name, inner]] : [[k, how === "value" ? value : inner]]
      }),
      ...(how === "more" && rest.length === 0 ? [[name, value] as [string, unknown]] : []),
    ])
  }
  const text = {
    value: `= ${shortText(value)}`,
    gone: "left out",
    renamed: `called ${name}`,
    more: `and ${name} ${shortText(value)}`,
  }
  return { document: change(document, path), damage: `${path.join(".")} ${text[how]}` }
}

/** Ways to damage any file. */
const fileDamages = {
  cut: (rng: Rng, file: string) => truncateSync(file, rng.below(readFileSync(file).length + 1)),
  empty: (_: Rng, file: string) => truncateSync(file, 0),
  byte: (rng: Rng, file: string) => {
    const bytes = readFileSync(file)
    if (bytes.length > 0) bytes[rng.below(bytes.length)]! ^= 1 << rng.below(8)
    writeFileSync(file, bytes)
  },
  bytes: (rng: Rng, file: string) => {
    const bytes = readFileSync(file)
    for (let n = 0; n < 16 && bytes.length > 0; n++) bytes[rng.below(bytes.length)] = rng.below(256)
    writeFileSync(file, bytes)
  },
  longer: (rng: Rng, file: string) =>
    writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.alloc(1 + rng.below(64), rng.below(256))])),
  doubled: (_: Rng, file: string) => writeFileSync(file, Buffer.concat([readFileSync(file), readFileSync(file)])),
  zeros: (_: Rng, file: string) => writeFileSync(file, Buffer.alloc(readFileSync(file).length)),
  huge: (_: Rng, file: string) => truncateSync(file, 2 ** 42),
  marked: (_: Rng, file: string) =>
    writeFileSync(file, Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), readFileSync(file)])),
  page: (_: Rng, file: string) => writeFileSync(file, "<!DOCTYPE html><html><body>404</body></html>"),
  pointer: (_: Rng, file: string) =>
    writeFileSync(file, `version https://git-lfs.github.com/spec/v1\noid sha256:${"0".repeat(64)}\nsize 12345\n`),
  gone: (_: Rng, file: string) => rmSync(file),
  folder: (_: Rng, file: string) => {
    rmSync(file)
    mkdirSync(file)
  },
  zero: (_: Rng, file: string) => {
    rmSync(file)
    symlinkSync("/dev/zero", file)
  },
  pipe: (_: Rng, file: string) => {
    rmSync(file)
    execFileSync("mkfifo", [file])
  },
  circle: (_: Rng, file: string) => {
    rmSync(file)
    symlinkSync(basename(file), file)
  },
}

/** Damages a file in a random way and names the way. */
export const spoilFile = (rng: Rng, folder: string, name: string): string => {
  // Damage by a process or a link is rarer, as it is the same every time.
  const common = ["cut", "cut", "byte", "byte", "byte", "bytes", "bytes", "longer", "doubled"] as const
  const all = Object.keys(fileDamages) as ReadonlyArray<keyof typeof fileDamages>
  const how = rng.below(4) > 0 ? pick(rng, common) : pick(rng, all)
  fileDamages[how](rng, join(folder, name))
  return `${name}: ${how}`
}
