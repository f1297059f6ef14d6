/** Mixes several encoded splits into one; each pass takes examples by weight. */
import { InvalidInput } from "@winnow/core"
import { permutation, seeded } from "@winnow/numerics"
import { type EncodedTask, tokensOf } from "./encode.ts"

/** Most examples of a pass: weights that need more are a mistake. */
const mostOfPass = 2 ** 24

/** Examples and tokens of one pass. */
export interface PassSize {
  readonly examples: number
  readonly tokens: number
  /** The trained ones among `tokens`. */
  readonly trained: number
}

/** The size of a pass over a split. */
export const passSize = ({ examples, tokens, trained, pass }: EncodedTask): PassSize => {
  if (pass === undefined) return { examples: examples.length, tokens, trained }
  return { examples: pass.length, ...tokensOf(pass.values().map((e) => examples[e]!)) }
}

/**
 * The examples of all parts, with passes in which each part has its share.
 *
 * The part that is largest for its weight comes once a pass. Every example of another part comes as many whole times as
 * fit, and a seeded choice of them once more, so that shares are right to one example.
 *
 * @param parts splits with their weights, above 0 in any unit; of a part that is a mixture itself, its pass counts
 * @error InvalidInput (thrown) for a part without examples, and for weights that would make a pass of more than 2^24
 * examples
 */
export const mixed = (
  parts: ReadonlyArray<{ readonly name: string; readonly weight: number; readonly task: EncodedTask }>,
  seed: number,
): EncodedTask => {
  const refuse = (problem: string) => new InvalidInput({ what: "mixture of texts", problems: [problem] })
  const empty = parts.find(({ task }) => task.examples.length === 0)
  if (empty !== undefined) throw refuse(`its part ${empty.name} has no examples; leave it out, or give it some`)
  const lengthOf = ({ pass, examples }: EncodedTask) => pass?.length ?? examples.length
  const scale = Math.max(...parts.map(({ weight, task }) => lengthOf(task) / weight))
  const counts = parts.map(({ weight }) => Math.round(scale * weight))
  const n = counts.reduce((a, b) => a + b, 0)
  if (n > mostOfPass) {
    const sizes = parts.map(({ name, weight, task }) => `${name} ${lengthOf(task)} at weight ${weight}`).join(", ")
    throw refuse(`a pass would have ${n} examples (${sizes}); set weights nearer to the parts' sizes`)
  }
  const pass = new Int32Array(n)
  let [first, at] = [0, 0]
  for (const [p, { task }] of parts.entries()) {
    const length = lengthOf(task)
    const order = permutation(length, seeded(seed, "mixture", p))
    for (let i = 0; i < counts[p]!; i++) {
      const next = i < counts[p]! - (counts[p]! % length) ? i % length : order[i % length]!
      pass[at++] = first + (task.pass === undefined ? next : task.pass[next]!)
    }
    first += task.examples.length
  }
  const sum = (of: (task: EncodedTask) => number) => parts.reduce((total, { task }) => total + of(task), 0)
  const tasks = parts.map(({ task }) => task)
  return {
    examples: tasks.flatMap(({ examples }) => examples),
    source: Int32Array.from(tasks.flatMap(({ source }) => [...source])),
    dropped: sum(({ dropped }) => dropped),
    maxLength: Math.max(...tasks.map(({ maxLength }) => maxLength)),
    tokens: sum(({ tokens }) => tokens),
    trained: sum(({ trained }) => trained),
    spelled: tasks.flatMap(({ spelled }) => spelled),
    specialTokens: tasks[0]!.specialTokens,
    pass,
  }
}
