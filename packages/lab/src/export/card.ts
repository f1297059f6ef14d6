/** The model card of an exported model: its training, its text, its acceptance by the target, and its use. */
import { basename } from "node:path"
import type { Architecture, Attends } from "@winnow/core"
import { parameterCount } from "@winnow/models"
import type { RunRecord } from "../record/schema.ts"
import { percent, short, written } from "../table/format.ts"
import { figures, table } from "./card-figures.ts"
import { type ChosenModel, isMeasured, modelTitle } from "./chosen-model.ts"
import { engineCommands } from "./engine-commands.ts"
import type { TaskLicences } from "./licences.ts"
import type { TokenIds } from "./tokenizer-files.ts"

/** The facts of a card that the record does not have. */
export interface CardFacts {
  readonly model: ChosenModel
  readonly architecture: Architecture<Attends>
  readonly dtype: string
  /** SHA-256 of the exported weights, and of the weights behind the figures. */
  readonly sha256: { readonly exported: string; readonly recorded: string }
  /** The arguments of the process that made the run, where the journal knows them. */
  readonly command: ReadonlyArray<string> | undefined
  readonly licences: ReadonlyArray<TaskLicences> | string
  readonly ids: TokenIds
  readonly notes: ReadonlyArray<string>
  /** The folder, in the examples of use. */
  readonly folder: string
}

/** Plugins with their options, as `--set` writes them. */
const usedText = (
  use: { readonly name: string; readonly options: Readonly<Record<string, unknown>> } | null,
): string => (use === null ? "-" : `${use.name} ${JSON.stringify(use.options)}`)

const scoreText = (score: number, { conditions }: RunRecord) =>
  ` Greedy, it is right on ${written(score, percent)} % of ${conditions.prompts} prompts of ${conditions.dataset}.`

const training = ({ run, row, seed, name }: ChosenModel): string => {
  if (row === undefined) {
    const target = run.config["target"] as { readonly kind: string; readonly steps?: number }
    const score = isMeasured(run) || run.target.score === null ? "" : scoreText(run.target.score, run)
    return `The target of the run, ${target.kind}.${score}`
  }
  const { arm, total } = row.budget.find((of) => of.seed === seed)!
  const begins = row.role === "arm" && row.from !== null ? ` It begins with: ${row.from}.` : ""
  return `${row.role === "arm" ? `Arm \`${name}\`` : `\`${name}\` (${row.role})`} of the experiment, ${isMeasured(run) && run.arms.target === null ? "trained" : "distilled from the target"} by Winnow.${begins}

${table([
  ["", ""],
  ["filter (which tokens)", usedText(row.filter)],
  ["loss", usedText(row.loss)],
  ["reference", row.reference ?? "none"],
  ["learning rate", row.learningRate === null ? "-" : String(row.learningRate)],
  ["steps", String(arm.steps)],
  ["tokens seen / trained", `${short(arm.tokensSeen)} / ${short(arm.tokensTrained)}`],
  ["FLOPs, with reference and caches", `${short(arm.flops)} / ${short(total.flops)}`],
])}`
}

const data = ({ model: { run }, licences }: CardFacts): string => {
  const tasks = typeof licences === "string" ? [] : licences
  const lines = tasks.flatMap(({ task, files }) =>
    files.length === 0
      ? [`- ${task}: it asked for no file of a data set; its text is generated, or your own`]
      : files.map(({ path, licence, url }) => `- ${task}: \`${path}\`, licence ${licence}, ${url}`),
  )
  const { name, options } = run.config["task"] as { readonly name: string; readonly options: unknown }
  const unknown = typeof licences === "string" ? [`- licence ${licences}`] : []
  return `Task \`${name}\` with options \`${JSON.stringify(options)}\`, its training split; figures are of ${isMeasured(run) ? run.data.dataset : run.conditions.dataset}.

${[...lines, ...unknown].join("\n")}

The licence of these weights is yours to choose within that of the data and of the target.`
}

const commandOf = ({ command, model: { run } }: CardFacts): string => {
  const quoted = (word: string) => (/^[\w./:=,@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)
  const commandLine = command === undefined ? [] : [`bun run winnow ${command.map(quoted).join(" ")}`]
  const hash =
    run.commit === null ? "" : `at commit ${run.commit.hash.slice(0, 10)}${run.commit.dirty ? ", with changes" : ""}, `
  return `\`\`\`sh
${[...commandLine, `bun run experiment --repeat ${run.run}   # again from run.json alone, and compared`].join("\n")}
\`\`\`

${hash}${Object.entries(run.versions)
  .map(([name, version]) => `${name} ${String(version)}`)
  .join(", ")}.`
}

const idsText = (ids: TokenIds): string =>
  `A text ends with id ${ids.eos_token_id}; padding is id ${ids.pad_token_id}; ${ids.bos_token_id === null ? "no token is put before a text" : `the start token, id ${ids.bos_token_id}, was not put before texts in training`}.`

/** The use of a draft whose head has fewer rows than there are ids, which other engines know of EAGLE-3 heads alone. */
const smallerUse = (
  name: string,
  { headRows, vocabularySize }: Architecture<Attends>,
  gamma: number,
): string => `\`\`\`sh
bun run winnow generate --target TARGET --draft ${name} --draft-length ${gamma} --prompt "..."
\`\`\`

The head predicts ${headRows} of ${vocabularySize} ids, the most frequent ones of the training text. \`d2t\` and \`t2d\` in \`model.safetensors\` map both ways, as in EAGLE-3 and speculators: row u of the head is id u + d2t[u], and t2d is true for the ids with a row. transformers 5.18 refuses the folder, as \`lm_head\` has fewer rows than the vocabulary; other engines were not tried.`

const decodingUse = (run: RunRecord, { model: { row }, architecture, folder, ids }: CardFacts): string => {
  const name = basename(folder)
  const { gamma } = run.conditions
  if (architecture.headRows !== undefined) return `${smallerUse(name, architecture, gamma)}\n\n${idsText(ids)}`
  const [target, draft] = row === undefined ? [name, "DRAFT"] : ["TARGET", name]
  return `${engineCommands(target, draft, gamma)}

${idsText(ids)}`
}

/** The use of a model whose run decoded nothing. */
const plainUse = ({ architecture, folder, ids }: CardFacts): string => {
  const name = basename(folder)
  const kind = architecture.attends === "both" ? "AutoModelForMaskedLM" : "AutoModelForCausalLM"
  return `\`\`\`python
from transformers import ${kind}, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("${name}")
model = ${kind}.from_pretrained("${name}")
logits = model(**tokenizer("...", return_tensors="pt", add_special_tokens=False)).logits
\`\`\`

\`\`\`sh
bun run winnow logits ${name} --ids '[[1,2,3]]'
\`\`\`

${idsText(ids)}`
}

/** Attention of transformers 5.18 by "sdpa", its default, leaves a cap of scores out. */
const capText = ({ config }: Architecture<Attends>): string =>
  typeof config["attn_logit_softcapping"] === "number"
    ? '\n\nIts attention has a soft cap of scores. In transformers add `attn_implementation="eager"` to `from_pretrained`: the default, `sdpa`, leaves the cap out and gives other texts.'
    : ""

const use = (facts: CardFacts): string => {
  const { run } = facts.model
  return `${isMeasured(run) ? plainUse(facts) : decodingUse(run, facts)}${capText(facts.architecture)}`
}

const one = (text: string): string => text.replaceAll(/\n{3,}/g, "\n\n")

/** The text of README.md. */
export const modelCard = (facts: CardFacts): string => {
  const { model, architecture, dtype, sha256, notes } = facts
  const { run } = model
  const draft = isMeasured(run) ? "A model" : "A draft model for speculative decoding"
  const what = model.row === undefined ? "A target model" : draft
  const tags = ["speculative-decoding", ...(model.row === undefined ? [] : ["draft-model"])]
  const tagLines = isMeasured(run) ? "" : `\ntags:${tags.map((tag) => `\n  - ${tag}`).join("")}`
  const part = run.part === null ? "" : `/${run.part}`
  return one(`---
library_name: transformers
pipeline_tag: ${architecture.attends === "both" ? "fill-mask" : "text-generation"}${tagLines}
---

# ${run.name}: ${modelTitle(model)}

${what}: ${architecture.type}, ${parameterCount(architecture).toLocaleString("en").replaceAll(",", " ")} parameters, ${dtype}. It was trained for the question: ${run.question}

Run \`${run.experiment}${part}\` \`${run.run}\`, ${run.created.slice(0, 10)}.

${figures(model)}
## Training

${training(model)}

${commandOf(facts)}

## Data

${data(facts)}

## Use

${use(facts)}

## Files

- \`model.safetensors\`: SHA-256 \`${sha256.exported}\`${sha256.exported === sha256.recorded ? ", the bytes that the figures are of" : `, converted from \`${sha256.recorded}\` (float32), which the figures are of`}
${notes.map((note) => `- ${note}`).join("\n")}
`)
}
