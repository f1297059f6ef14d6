/**
 * llama.cpp's own programs beside Winnow: greedy texts of the target alone and with the draft, and the counts that
 * `llama-speculative-simple` reports, for the folders of ours.json, converted.
 *
 *   bun packages/lab/interop/llamacpp-programs.ts BIN ours.json TARGET.gguf DRAFT.gguf [record.json]
 *
 * BIN is the folder of the programs. The target alone is run by `llama-completion`, or by `llama-cli` where there is
 * none, or not at all where there is neither. Written against llama.cpp of August 2026; no test of the repository needs it. See docs/interop.md.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

interface Row {
  readonly prompt: string
  readonly text: string
  readonly tokens: ReadonlyArray<number>
  readonly counts: { readonly blocks: number; readonly proposed: number; readonly accepted: number }
}

interface Ours {
  readonly gamma: number
  readonly maxNew: number
  readonly eosId: number | null
  readonly rows: ReadonlyArray<Row>
}

const [bin, oursFile, target, draft, recordFile] = process.argv.slice(2)
if (bin === undefined || oursFile === undefined || target === undefined || draft === undefined)
  throw new Error("give BIN ours.json TARGET.gguf DRAFT.gguf")
const ours: Ours = JSON.parse(readFileSync(oursFile, "utf8"))
const pair = join(bin, "llama-speculative-simple")
const alone = [join(bin, "llama-completion"), join(bin, "llama-cli")].find(existsSync)
if (!existsSync(pair)) throw new Error(`${bin} has no llama-speculative-simple`)

const run = (command: ReadonlyArray<string>) => {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { stdin: "ignore" })
  const said = { out: stdout.toString(), err: stderr.toString() }
  if (exitCode !== 0) throw new Error(`${command[0]} ended with exit code ${exitCode}:\n${said.err.slice(-2000)}`)
  return said
}

/** Positions of both models: at most those of their training. */
const CONTEXT = 256

// A prompt is read as it is: its backslashes are no escapes.
const common = (model: string, prompt: string) => [
  ...["-m", model, "-p", prompt, "--no-escape", "-n", String(ours.maxNew), "--temp", "0"],
  ...["-c", String(CONTEXT), "-t", "1"],
]

/** The text behind the prompt, which the programs print first. They print line feeds around both. */
const behind = (out: string, prompt: string): string => {
  const at = out.indexOf(prompt)
  return at < 0 ? out : out.slice(at + prompt.length)
}

/** True for our text, and what follows it: line feeds, or, where the length ended it, the token that is one too many. */
const isOurs = (found: string, { text }: Row, byEnd: boolean): boolean =>
  byEnd ? found.replace(/\s*(\[end of text\])?\s*$/, "") === text.trimEnd() : found.startsWith(text)

const writtenAlone = (program: string, { prompt }: Row): string => {
  const single = program.endsWith("completion") ? ["-no-cnv"] : []
  return behind(run([program, ...common(target, prompt), ...single]).out, prompt)
}

/** The program ends now and then before its log is written out: then it is run again. */
const RUNS = 5

const writtenByPair = ({ prompt }: Row) => {
  const command = [
    ...[pair, ...common(target, prompt), "-md", draft, "-td", "1", "--spec-type", "draft-simple"],
    ...["--spec-draft-n-max", String(ours.gamma), "--spec-draft-n-min", "0", "--spec-draft-p-min", "0"],
  ]
  let { out, err } = run(command)
  for (let again = 1; again < RUNS && !`${out}${err}`.includes("n_accept"); again++) ({ out, err } = run(command))
  const count = (name: string) => {
    const found = new RegExp(`${name}\\s*= (\\d+)`).exec(`${out}\n${err}`)?.[1]
    if (found === undefined) throw new Error(`${pair} printed no ${name}:\n${err.slice(-2000)}`)
    return Number(found)
  }
  return { text: behind(out, prompt), proposed: count("n_drafted"), accepted: count("n_accept") }
}

const same = { ...(alone !== undefined && { texts: 0 }), textsWithDraft: 0 }
/**
 * Prompts by the reason that ended their text: with our counts, and with counts that the last block explains. There
 * llama.cpp goes on proposing behind a proposed end, up to gamma tokens in all.
 */
const counts = { end: { prompts: 0, same: 0, lastBlock: 0 }, length: { prompts: 0, same: 0, lastBlock: 0 } }
const theirs = { proposed: 0, accepted: 0 }
const own = { proposed: 0, accepted: 0 }
for (const [i, row] of ours.rows.entries()) {
  const byEnd = row.tokens.at(-1) === ours.eosId
  const found = writtenByPair(row)
  if (alone !== undefined && same.texts !== undefined)
    if (isOurs(writtenAlone(alone, row), row, byEnd)) same.texts++
    else console.log(`prompt ${i}: another text by the target alone`)
  if (isOurs(found.text, row, byEnd)) same.textsWithDraft++
  else console.log(`prompt ${i}: another text with the draft`)
  const of = counts[byEnd ? "end" : "length"]
  of.prompts++
  const more = [found.proposed - row.counts.proposed, found.accepted - row.counts.accepted]
  if (more.every((n) => n === 0)) of.same++
  else if (more.every((n) => n >= 0 && n < ours.gamma)) of.lastBlock++
  theirs.proposed += found.proposed
  theirs.accepted += found.accepted
  own.proposed += row.counts.proposed
  own.accepted += row.counts.accepted
}
const prompts = ours.rows.length
const version = /version: (.+)/.exec(Object.values(run([pair, "--version"])).join("\n"))?.[1]?.trim() ?? "unknown"
const conditions = { prompts, gamma: ours.gamma, maxNew: ours.maxNew, dtype: "float32" }
const differs = Object.entries(same).flatMap(([name, count]) => (count === prompts ? [] : [name]))
const date = new Date().toISOString().slice(0, 10)
if (recordFile !== undefined)
  writeFileSync(
    recordFile,
    `${JSON.stringify({ date, engine: { name: "llama.cpp", version }, conditions, same, ours: own, theirs, counts, differs })}\n`,
  )
console.log(`llama.cpp ${version}`)
for (const [name, count] of Object.entries(same)) console.log(`${name}: ${count} of ${prompts} the same`)
for (const [name, { proposed, accepted }] of Object.entries({ ours: own, theirs }))
  console.log(`${name}: ${accepted} accepted of ${proposed} proposed`)
for (const [name, of] of Object.entries(counts))
  console.log(
    `counts of texts by ${name}: ${of.same} of ${of.prompts} the same, ${of.lastBlock} but for the last block`,
  )
console.log(differs.length === 0 ? "all the same" : `differs: ${differs.join(", ")}`)
process.exit(differs.length === 0 ? 0 : 1)
