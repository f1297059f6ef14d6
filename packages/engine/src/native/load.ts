/** Loads a built library and runs the self-checks of its parts. */
import { dlopen, type FFIFunction } from "bun:ffi"
import { AttemptFailed } from "../library/error.ts"
import type { FunctionTable } from "./functions.ts"
import type { Sources } from "./sources.ts"

/**
 * Loads the library, runs the self-checks of its parts, and returns the functions of the table.
 *
 * A part `x.cpp` may export `int winnow_selfcheck_x(void)`, which returns 0 if the part computes correctly on this
 * processor, else its own error number. They run in the order of the files' names, and take a few milliseconds
 * together. They catch instructions that a virtual machine lists and does not support, and variants that could not be
 * tested on the machines at hand.
 *
 * @error AttemptFailed if it cannot be loaded, lacks a function, or a check fails
 */
export const loadLibrary = (path: string, sources: Sources, table: FunctionTable): unknown => {
  const open = (functions: FunctionTable) => dlopen(path, functions as Record<string, FFIFunction>).symbols
  let symbols: unknown
  try {
    symbols = open(table)
  } catch (cause) {
    throw new AttemptFailed(
      `loading ${path} failed: ${cause instanceof Error ? cause.message : String(cause)}`,
      "Report it with the output of `bun run winnow doctor --json`.",
    )
  }
  for (const part of partsWithCheck(sources)) {
    const name = `winnow_selfcheck_${part}`
    const check = open({ [name]: { args: [], returns: "i32" } })[name] as unknown as () => number
    const error = check()
    if (error !== 0)
      throw new AttemptFailed(
        `the self-check of ${part} in ${path} failed with ${error}: this processor does not support all instructions that it lists`,
        "Report it with the output of `bun run winnow doctor --json`.",
      )
  }
  return symbols
}

/** The parts whose sources define a self-check. */
export const partsWithCheck = ({ files }: Sources): ReadonlySet<string> =>
  new Set(
    [...files.values()].flatMap((text) =>
      [...text.matchAll(/^WINNOW_API\s+int\s+winnow_selfcheck_(\w+)\s*\(/gm)].map((match) => match[1]!),
    ),
  )
