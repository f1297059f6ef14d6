/** Parts that the tests of this folder share: tiny sources, and a compiler that records its arguments. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type OpenNativeOptions, openNative } from "./open.ts"

/** The functions that the tiny sources export. */
export const table = { winnow_answer: { args: ["i32"], returns: "i32" } } as const

const header = '#define WINNOW_API extern "C" __attribute__((visibility("default")))\n'

/** A whole library in a few lines: `winnow_answer(n)` is n + 41, or in the AVX2 variant n + 1041. */
export const answering = {
  "api.h": header,
  "answer.cpp": `#include "api.h"
int offset();
WINNOW_API int winnow_answer(int n) { return n + offset(); }
`,
  "offset.cpp": `#if defined(WINNOW_AVX2)
int offset() { return 1041; }
#else
int offset() { return 41; }
#endif
`,
} as const

/** The real compiler, for the tests that need one. */
export const realCompiler = Bun.which("c++") ?? Bun.which("g++") ?? Bun.which("clang++")

/** Processors, by their flags. */
export const processors = { old: new Set<string>(), avx2: new Set(["avx2", "fma", "f16c"]) }

/**
 * Sources, a cache and a private compiler under `root`; a script runs before the real compiler and may refuse first.
 */
export const setUp = (root: string, files: Readonly<Record<string, string>> = answering, script = "") => {
  const [sources, cache, cxx, log] = ["sources", "cache/native", "cxx", "log"].map((name) => join(root, name)) as [
    string,
    string,
    string,
    string,
  ]
  mkdirSync(sources)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(sources, name), text)
  writeFileSync(
    cxx,
    `#!/bin/sh\ncase "$*" in *--version*) ;; *) echo "$@" >> '${log}' ;; esac\n${script}\nexec '${realCompiler}' "$@"\n`,
  )
  chmodSync(cxx, 0o755)
  const lines: Array<string> = []
  const env = { PATH: process.env["PATH"], CXX: cxx } as Record<string, string | undefined>
  const options = {
    table,
    sources,
    cache,
    env,
    processor: processors.old,
    say: (line: string) => void lines.push(line),
  }
  return {
    sources,
    cache,
    cxx,
    env,
    said: lines,
    /** Number of calls of the compiler: one for each unit, one to link. */
    calls: () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n").length : 0),
    open: (change: Partial<OpenNativeOptions<typeof table>> = {}) => openNative({ ...options, ...change }),
  }
}
