/** The options of `bun run bench agreement`; everything is checked before a process is started. */
import { readFileSync } from "node:fs"
import { UsageError } from "../command-line.ts"
import {
  type CommonOptions,
  commonOf,
  commonOptions,
  countOf,
  optional,
  parseOptions,
  text,
} from "../side-by-side/option-values.ts"

export const agreementUsage = `bun run bench agreement --peer PYTHON --target DIR --draft DIR --prompts FILE [options]

  --peer PYTHON     a Python that has PyTorch and transformers
  --target DIR      the model that verifies, and --draft DIR the one that proposes: Hugging Face format, one vocabulary
  --prompts FILE    a line a prompt: {"ids": [...]}
                    these three together name a pair; give them again for another
  --gamma LIST      tokens proposed a target call (1,4,8); 0, the target alone, is always run
  --new N           most tokens generated after a prompt (80)
  --limit N         only the first N prompts of each file
  --eos ID          the token that ends a text, or none (eos_token_id of the target's config.json)
  --threads N       threads of the peer (1)
  --json            one JSON object on stdout and nothing else
`

/** Folders and file of one comparison. */
export interface PairOptions {
  readonly target: string
  readonly draft: string
  readonly prompts: string
}

export interface AgreementOptions extends CommonOptions {
  readonly peer: string
  readonly pairs: ReadonlyArray<PairOptions>
  readonly gammas: ReadonlyArray<number>
  readonly new: number
  readonly limit: number | undefined
  /** Null: no token ends a text; undefined: what the target's config.json says. */
  readonly eos: number | null | undefined
}

const several = { type: "string", multiple: true, default: [] as Array<string> } as const

const pairsOf = (given: Readonly<Record<keyof PairOptions, ReadonlyArray<string>>>): ReadonlyArray<PairOptions> => {
  const { target, draft, prompts } = given
  if (target.length === 0 || draft.length !== target.length || prompts.length !== target.length)
    throw new UsageError(
      `found ${target.length} --target, ${draft.length} --draft, ${prompts.length} --prompts; expected as many of each, one or more; \`bun run bench agreement --help\` lists the options`,
    )
  return target.map((folder, i) => ({ target: folder, draft: draft[i]!, prompts: prompts[i]! }))
}

/**
 * Reads the arguments after `bun run bench agreement`.
 *
 * @error UsageError, of one line, for an unknown or missing option, or a number out of its range
 */
export const parseAgreement = (args: ReadonlyArray<string>): AgreementOptions => {
  const values = parseOptions("agreement", args, {
    ...commonOptions,
    target: several,
    draft: several,
    prompts: several,
    gamma: text("1,4,8"),
    new: text("80"),
    limit: optional,
    eos: optional,
    threads: text("1"),
  })
  const { help, peer = "", eos } = values
  if (!help && peer === "")
    throw new UsageError("--peer is missing: agreement is with transformers; give a Python that has it, --peer PYTHON")
  if (eos !== undefined && eos !== "none" && !/^\d+$/.test(eos))
    throw new UsageError(`--eos is "${eos}", expected a token id, or none`)
  return {
    ...commonOf("agreement", values),
    peer,
    pairs: help ? [] : pairsOf(values),
    gammas: [...new Set(values.gamma.split(",").map((part) => countOf("agreement", "gamma", part.trim())))],
    new: countOf("agreement", "new", values.new),
    limit: values.limit === undefined ? undefined : countOf("agreement", "limit", values.limit),
    eos: eos === undefined ? undefined : eos === "none" ? null : Number(eos),
  }
}

/** The prompts of a file, one a line. @error UsageError that names the line which is none, or an empty or unreadable file */
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
