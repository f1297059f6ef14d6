/** The record of an evaluation: figures, their conditions, and notes to read before believing them. */
import type { Decoder } from "@winnow/core"
import { type EvaluateOptions, type EvaluateSettings, type Evaluation, readableLength } from "@winnow/decoding"
import type { commit, machine, versions } from "@winnow/lab"
import { parameterCount } from "@winnow/models"
import type { Precision } from "@winnow/tensor"
import type { NamedFolder } from "../model.ts"
import type { Prompt } from "./evaluate-prompts.ts"

/** The request to the command. */
export interface EvaluateRequest extends Omit<EvaluateOptions, "eosIds" | "dataset"> {
  /** A folder, or a reference to a repository of a hub. */
  readonly target: string
  /** A draft model as `target` names one; either this or a proposer. */
  readonly draft?: string
  /** A plugin by name, path or package, or `{"name": ..., "options": {...}}`. */
  readonly proposer?: string
  /** A file of lines {"prompt": "..."} or {"ids": [...]}. */
  readonly prompts: string
  /** Name of the data set in captions; the file's name if left out. */
  readonly dataset?: string
  /** Ids as text, texts of tokens, or "none"; empty: what the target's folder says. */
  readonly eos: ReadonlyArray<string>
  readonly stop: ReadonlyArray<string>
  /** Of native products; float32 gives the tokens that other engines give in float32. */
  readonly precision: Precision
  /** How a prompt's text that spells a special token is encoded. */
  readonly specialTokens: "text" | "ids"
}

/** Facts of a model in the record. */
export const modelFacts = ({ folder, reference }: NamedFolder, { architecture }: Decoder) => ({
  folder,
  ...(reference === null ? {} : { reference }),
  type: architecture.type,
  parameters: parameterCount(architecture),
  vocabularySize: architecture.vocabularySize,
  context: architecture.maxLength,
})

/** An evaluation with its conditions, as `--json` prints it. */
export interface EvaluationRecord extends Omit<Evaluation, "results"> {
  readonly schema: 2
  readonly target: ReturnType<typeof modelFacts>
  /** The proposer, "model" for a draft, with its options and its parameters. */
  readonly proposer: {
    readonly name: string
    readonly options: Readonly<Record<string, unknown>>
    readonly parameters: number
  }
  /** The draft, where the proposer is a model of a folder. */
  readonly draft: ReturnType<typeof modelFacts> | null
  readonly conditions: EvaluateSettings & {
    readonly decoding: "greedy" | "sampled"
    /** The file, and how many prompts it has. */
    readonly prompts: string
    readonly promptCount: number
    /** Who says which tokens (`eosIds`) end a text. */
    readonly eosSource: string
    readonly stop: ReadonlyArray<string>
    readonly precision: Precision
    readonly specialTokens: "text" | "ids"
  }
  readonly created: string
  readonly commit: ReturnType<typeof commit>
  readonly machine: ReturnType<typeof machine>
  /** Programs that wanted a core during the minute before this one: a busy machine's clock says little. */
  readonly load: number
  readonly versions: ReturnType<typeof versions>
  /** Notes to read before believing a figure; often empty. */
  readonly notes: ReadonlyArray<string>
  /** One a draft length; `texts` beside `outputs` where the target's folder has a tokenizer, the end token left out. */
  readonly results: ReadonlyArray<Evaluation["results"][number] & { readonly texts?: ReadonlyArray<string> }>
}

/** Texts that are longer than the proposer's context: it proposes less near its end and nothing beyond it. */
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

/** Notes on an evaluation that is out of the ordinary, one sentence each. */
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
