/** The record of an evaluation: figures, their conditions, and notes on their validity. */
import type { Decoder } from "@winnow/core"
import {
  type EvaluateOptions,
  type EvaluateSettings,
  type Evaluation,
  readableLength,
  type TreeOption,
} from "@winnow/decoding"
import type { commit, machine, versions } from "@winnow/lab"
import { type DecodingPrecision, parameterCount } from "@winnow/models"
import type { NamedFolder } from "../model.ts"
import type { Prompt } from "./evaluate-prompts.ts"

/** The request to the command. */
export interface EvaluateRequest extends Omit<EvaluateOptions, "eosIds" | "dataset"> {
  /** A folder, or a reference to a repository of a hub. */
  readonly target: string
  /** A draft model, in the form of `target`; either this or a proposer. */
  readonly draft?: string
  /** The shape of a tree that the draft proposes; left out: a chain. */
  readonly tree?: TreeOption
  /** A plugin by name, path or package, or `{"name": ..., "options": {...}}`. */
  readonly proposer?: string
  /** A file of lines {"prompt": "..."} or {"ids": [...]}. */
  readonly prompts: string
  /** Name of the data set in captions; the file's name if left out. */
  readonly dataset?: string
  /** Ids as text, texts of tokens, or "none"; empty: the ends that the target's folder names. */
  readonly eos: ReadonlyArray<string>
  readonly stop: ReadonlyArray<string>
  /** Precision of the target's decoding; float32 gives the tokens that other engines give in float32. */
  readonly precision: DecodingPrecision
  /** Of the draft's; the target's if left out. */
  readonly draftPrecision?: DecodingPrecision
  /** The encoding of a prompt's text that spells a special token. */
  readonly specialTokens: "text" | "ids"
}

/** Facts about a model for the record. */
export const modelFacts = ({ folder, reference }: NamedFolder, { architecture }: Decoder) => ({
  folder,
  ...(reference === null ? {} : { reference }),
  type: architecture.type,
  parameters: parameterCount(architecture),
  vocabularySize: architecture.vocabularySize,
  context: architecture.maxLength,
})

/** An evaluation with its conditions, the output of `--json`. */
export interface EvaluationRecord extends Omit<Evaluation, "results"> {
  readonly schema: 2
  readonly target: ReturnType<typeof modelFacts>
  /** The proposer, "model" for a draft, "tree" for one that proposes trees, with its options and its parameters. */
  readonly proposer: {
    readonly name: string
    readonly options: Readonly<Record<string, unknown>>
    readonly parameters: number
  }
  /** The draft, if the proposer is a model from a folder. */
  readonly draft: ReturnType<typeof modelFacts> | null
  readonly conditions: EvaluateSettings & {
    readonly decoding: "greedy" | "sampled"
    /** The file, and its number of prompts. */
    readonly prompts: string
    readonly promptCount: number
    /** The source that names the tokens (`eosIds`) that end a text. */
    readonly eosSource: string
    readonly stop: ReadonlyArray<string>
    readonly precision: DecodingPrecision
    /** Null without a draft. */
    readonly draftPrecision: DecodingPrecision | null
    readonly specialTokens: "text" | "ids"
  }
  readonly created: string
  readonly commit: ReturnType<typeof commit>
  readonly machine: ReturnType<typeof machine>
  /**
   * Number of programs that wanted a core during the minute before this one: on a busy machine times are unreliable.
   */
  readonly load: number
  readonly versions: ReturnType<typeof versions>
  /** Notes on the validity of the figures; often empty. */
  readonly notes: ReadonlyArray<string>
  /**
   * One for each draft length; `texts` beside `outputs` if the target's folder has a tokenizer, without the end token.
   */
  readonly results: ReadonlyArray<Evaluation["results"][number] & { readonly texts?: ReadonlyArray<string> }>
}

/**
 * A note on texts that exceed the proposer's context: it proposes less near the end of its context and nothing beyond
 * it.
 */
const shortContextNotes = (
  { results }: Evaluation,
  prompts: ReadonlyArray<Prompt>,
  draftContext: number | undefined,
): ReadonlyArray<string> => {
  if (draftContext === undefined) return []
  const outputs = results[0]?.outputs ?? []
  const beyond = prompts.filter(({ ids }, i) => readableLength(ids.length, draftContext) < (outputs[i]?.length ?? 0))
  const unread = prompts.filter(({ ids }) => readableLength(ids.length, draftContext) === 0)
  if (beyond.length === 0) return []
  const none = unread.length === 0 ? "" : ` (of ${unread.length} it cannot read the prompt)`
  return [
    `${beyond.length} of ${prompts.length} texts pass the draft's context of ${draftContext}${none}: near its end it proposes less and beyond it nothing, ` +
      "so their blocks are shorter; acceptance, expected acceptance and KL are of the tokens that it can read.",
  ]
}

/** Notes on unusual properties of an evaluation, one sentence each. */
export const notesOf = (
  evaluation: Evaluation,
  prompts: ReadonlyArray<Prompt>,
  maxNew: number,
  { target: context, draft: draftContext }: { readonly target: number; readonly draft: number | undefined },
) => {
  const cut = prompts.filter(({ ids }) => ids.length + maxNew > context).length
  const cutNotes =
    cut === 0
      ? []
      : [
          `${cut} of ${prompts.length} prompts leave room for fewer than ${maxNew} tokens in the target's context of ${context}.`,
        ]
  const notes = [...cutNotes, ...shortContextNotes(evaluation, prompts, draftContext)]
  for (const { draftLength, identity, estimateAgrees, counts } of evaluation.results) {
    if (identity !== null && identity.identical < identity.prompts) {
      const margins = identity.differences.map(({ margin }) => margin.toExponential(1)).join(", ")
      notes.push(
        `gamma ${draftLength}: ${identity.prompts - identity.identical} of ${identity.prompts} texts differ from the target's own, at margins of ${margins}: up to 1e-4 a near tie, above it a bug.`,
      )
    }
    if (estimateAgrees !== null && estimateAgrees < prompts.length)
      notes.push(
        `gamma ${draftLength}: for ${prompts.length - estimateAgrees} of ${prompts.length} prompts the estimate on the target's texts counts otherwise than the run: near ties of the draft or the target.`,
      )
    if (counts.fallbacks > 0)
      notes.push(
        `gamma ${draftLength}: ${counts.fallbacks} corrections were drawn from p, as the residual was zero by rounding.`,
      )
  }
  return notes
}
