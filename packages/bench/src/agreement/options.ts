/** The options of `bun run bench agreement`; all are checked before a process starts. */
import { readFileSync } from "node:fs"
import {
  count,
  counts,
  optional,
  optionLines,
  readOptions,
  refuse,
  several,
  text,
  UsageError,
  type ValuesOf,
  value,
} from "../options.ts"
import { spokenOptions } from "../side-by-side/common-options.ts"

const options = {
  peer: text("PYTHON", "", "a Python that has PyTorch and transformers"),
  target: several(text("DIR", "", "the model that verifies, in Hugging Face format")),
  draft: several(text("DIR", "", "the model that proposes, of the same vocabulary")),
  prompts: several(
    text(
      "FILE",
      "",
      'one line for each prompt: {"ids": [...]}; the three options name a pair, repeat them for another',
    ),
  ),
  gamma: counts("LIST", "1,4,8", "tokens proposed for each target call; 0, the target alone, always runs"),
  new: count("N", 80, "most tokens generated after a prompt"),
  limit: optional(count("N", 1, "only the first N prompts of each file")),
  eos: optional(
    value(
      "ID",
      "",
      "the token that ends a text, or none; eos_token_id of the target's config.json if left out",
      (id) => (id === "none" ? null : /^\d+$/.test(id) ? Number(id) : refuse(id, "a token id, or none")),
    ),
  ),
  threads: count("N", 1, "threads of the peer"),
  ...spokenOptions,
} as const

export const agreementUsage = `bun run bench agreement --peer PYTHON --target DIR --draft DIR --prompts FILE [options]

${optionLines(options)}`

/** Folders and file of one comparison. */
export interface PairOptions {
  readonly target: string
  readonly draft: string
  readonly prompts: string
}

type Values = ValuesOf<typeof options>

/** The options' values. `eos` null: no token ends a text; undefined: config.json of the target decides. */
export interface AgreementOptions extends Omit<Values, "target" | "draft" | "prompts" | "gamma"> {
  readonly pairs: ReadonlyArray<PairOptions>
  readonly gammas: ReadonlyArray<number>
}

const pairsOf = (lists: Readonly<Record<keyof PairOptions, ReadonlyArray<string>>>): ReadonlyArray<PairOptions> => {
  const { target, draft, prompts } = lists
  if (target.length === 0 || draft.length !== target.length || prompts.length !== target.length)
    throw new UsageError(
      `found ${target.length} --target, ${draft.length} --draft, ${prompts.length} --prompts; expected as many of each, one or more; \`bun run bench agreement --help\` lists the options`,
    )
  return target.map((folder, i) => ({ target: folder, draft: draft[i]!, prompts: prompts[i]! }))
}

/**
 * Reads the arguments after `bun run bench agreement`.
 *
 * @error UsageError, one line, for an unknown or missing option, or a number out of range
 */
export const parseAgreement = (args: ReadonlyArray<string>): AgreementOptions => {
  const { values } = readOptions("agreement", args, options)
  const { target, draft, prompts, gamma: gammas, ...rest } = values
  if (!rest.help && rest.peer === "")
    throw new UsageError(
      "--peer is missing: the comparison needs transformers; name a Python that has it, --peer PYTHON",
    )
  return { ...rest, gammas, pairs: rest.help ? [] : pairsOf({ target, draft, prompts }) }
}

/** The prompts of a file, one a line. @error UsageError with the bad line, or for an empty or unreadable file */
export const readIds = (file: string): ReadonlyArray<ReadonlyArray<number>> => {
  let text: string
  try {
    text = readFileSync(file, "utf8")
  } catch (cause) {
    throw new UsageError(`--prompts ${file} cannot be read: ${(cause as Error).message}`)
  }
  const lines = text.split("\n").map((line) => line.trim())
  const prompts = lines.flatMap((line, i) => {
    if (line === "") return []
    const ids = idsOf(line)
    if (ids !== undefined) return [ids]
    throw new UsageError(
      `--prompts ${file}, line ${i + 1}: found ${line.slice(0, 60)}, expected {"ids": [1, 2]} with token ids, at least one`,
    )
  })
  if (prompts.length === 0)
    throw new UsageError(`--prompts ${file}: found no line, expected one {"ids": [...]} a prompt`)
  return prompts
}

const idsOf = (line: string): ReadonlyArray<number> | undefined => {
  try {
    const { ids } = JSON.parse(line) as { ids?: unknown }
    return Array.isArray(ids) && ids.length > 0 && ids.every((id) => Number.isInteger(id) && id >= 0) ? ids : undefined
  } catch {
    return undefined
  }
}
