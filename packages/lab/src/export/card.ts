/** The model card of an exported model: its training, its text, its acceptance by the target, and its use. */
import { basename } from "node:path"
import type { Architecture, Attends } from "@winnow/core"
import { parameterCount } from "@winnow/models"
import type { SeedFigures } from "../record/schema.ts"
import { caption } from "../table/caption.ts"
import { nats, percent, plain, plusMinus, type Scale, short, written } from "../table/format.ts"
import { type ChosenModel, modelTitle } from "./chosen-model.ts"
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

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const [head, ...rest] = rows.map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
  return [head, `|${" --- |".repeat(rows[0]!.length)}`, ...rest].join("\n")
}

const number = (x: number | null, scale: Scale): string => (x === null ? "-" : written(x, scale))

/** Plugins with their options, as `--set` writes them. */
const usedText = (
  use: { readonly name: string; readonly options: Readonly<Record<string, unknown>> } | null,
): string => (use === null ? "-" : `${use.name} ${JSON.stringify(use.options)}`)

const figures = ({ run, row, seed }: ChosenModel): string => {
  if (row === undefined) return ""
  const own = row.seeds.find((of) => of.seed === seed)!
  const { gamma } = run.conditions
  const at = (g: number) => own.byGamma.find((of) => of.gamma === g)!
  const share = { ...percent, unit: " %" }
  const line = (
    name: string,
    value: number | null,
    scale: Scale & { readonly unit?: string },
    over: Parameters<typeof plusMinus>[0],
  ): ReadonlyArray<string> => {
    const unit = scale.unit ?? ""
    return [name, `${number(value, scale)}${unit}`, `${plusMinus(over, scale)}${unit}`]
  }
  const all = row.seeds.length
  const rows = [
    ["", `this model (seed ${seed})`, `${all} ${all === 1 ? "seed" : "seeds"}`],
    line(`greedy acceptance, gamma ${gamma}`, own.greedyAcceptance, share, row.greedyAcceptance),
    line(`tau, gamma ${gamma}, greedy`, at(gamma).greedyTau, plain, row.tau),
    line(`expected acceptance`, own.expectedAcceptance, share, row.expectedAcceptance),
    line(`tau, gamma ${gamma}, sampled`, at(gamma).sampledTau, plain, row.sampledTau),
    line(`KL(p, q), nats a token`, own.draftKl, nats, row.draftKl),
  ]
  const byGamma = ({ byGamma }: SeedFigures) => [
    ["gamma", "greedy acceptance", "tau, greedy", "tau, sampled"],
    ...byGamma.map((g) => [
      String(g.gamma),
      `${number(g.greedyAcceptance, percent)} %`,
      number(g.greedyTau, plain),
      number(g.sampledTau, plain),
    ]),
  ]
  return `## Figures

${table(rows)}

${caption(run)
  .filter((line) => !line.startsWith("Cost:"))
  .map((line) => `- ${line}`)
  .join("\n")}

By draft length, this model:

${table(byGamma(own))}
`
}

const training = ({ run, row, seed, name }: ChosenModel): string => {
  if (row === undefined) {
    const target = run.config["target"] as { readonly kind: string; readonly steps?: number }
    return `The target of the run, ${target.kind}. ${run.target.score === null ? "" : `Greedy, it is right on ${written(run.target.score, percent)} % of ${run.conditions.prompts} prompts of ${run.conditions.dataset}.`}`
  }
  const { arm, total } = row.budget.find((of) => of.seed === seed)!
  const begins = row.role === "arm" && row.from !== null ? ` It begins with: ${row.from}.` : ""
  return `${row.role === "arm" ? `Arm \`${name}\`` : `\`${name}\` (${row.role})`} of the experiment, distilled from the target by Winnow.${begins}

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
  return `Task \`${name}\` with options \`${JSON.stringify(options)}\`, its training split; figures are of ${run.conditions.dataset}.

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

const use = ({ model: { run, row }, folder, ids }: CardFacts): string => {
  const name = basename(folder)
  const { gamma } = run.conditions
  const [target, draft] = row === undefined ? [name, "DRAFT"] : ["TARGET", name]
  return `\`\`\`python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("${target}")
target = AutoModelForCausalLM.from_pretrained("${target}")
draft = AutoModelForCausalLM.from_pretrained("${draft}")  # drafts ${gamma} tokens, as its figures do
inputs = tokenizer("...", return_tensors="pt", add_special_tokens=False)
print(tokenizer.decode(target.generate(**inputs, assistant_model=draft, do_sample=False)[0]))
\`\`\`

\`\`\`sh
bun run winnow generate --target ${target} --draft ${draft} --prompt "..."
\`\`\`

The next two commands follow the documents of vLLM and SGLang, and were not run.

\`\`\`sh
vllm serve ${target} --speculative-config '{"model": "${draft}", "num_speculative_tokens": ${gamma}, "method": "draft_model"}'
python -m sglang.launch_server --model-path ${target} --speculative-algorithm STANDALONE \\
  --speculative-draft-model-path ${draft} --speculative-num-steps ${gamma} --speculative-eagle-topk 1 \\
  --speculative-num-draft-tokens ${gamma + 1}
\`\`\`

A text ends with id ${ids.eos_token_id}; padding is id ${ids.pad_token_id}; ${ids.bos_token_id === null ? "no token is put before a text" : `the start token, id ${ids.bos_token_id}, was not put before texts in training`}.`
}

const one = (text: string): string => text.replaceAll(/\n{3,}/g, "\n\n")

/** The text of README.md. */
export const modelCard = (facts: CardFacts): string => {
  const { model, architecture, dtype, sha256, notes } = facts
  const { run } = model
  const what = model.row === undefined ? "A target model" : "A draft model for speculative decoding"
  const part = run.part === null ? "" : `/${run.part}`
  return one(`---
library_name: transformers
pipeline_tag: text-generation
tags:
  - speculative-decoding${model.row === undefined ? "" : "\n  - draft-model"}
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
