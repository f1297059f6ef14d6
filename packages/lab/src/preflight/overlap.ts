/**
 * Prompts that are measured and trained on: the same, by a hash of the text, and nearly the same, by runs of words.
 *
 * Letters: M measured prompts.
 */
import { type Example, textKey } from "@winnow/core"

/** Measured prompts that a training split has. */
export interface Overlap {
  /** Numbers of the measured examples whose prompt a training example has, whatever its case and spaces; rising. */
  readonly same: ReadonlyArray<number>
  /** Of these, those that have the same answer there. */
  readonly alike: number
  /** Numbers of the others of which one training prompt has most runs of five words. */
  readonly near: ReadonlyArray<number>
}

/** Words of a run. */
const run = 5
/** Runs that a prompt needs to be compared: fewer say little. */
const fewest = 4
/** The share of a measured prompt's runs that one training prompt has, if the two are nearly the same. */
const most = 0.8
/** A run in more measured prompts than these, and than a tenth of them, is of the template. */
const common = 20

const prime = 16777619

/** True for a part of a word: a digit, a letter, or anything beyond ASCII. */
const isWord = (code: number) =>
  (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code > 127

const words = new Int32Array(run)

/** Calls back with a hash of each run of words; gives a hash of all words, whatever stands between them. */
const scan = (text: string, onRun: (hash: number) => void) => {
  let [all, word, count, ascii] = [0, 0, 0, true]
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 32
    if (code > 127) ascii = false
    if (isWord(code)) {
      const small = code >= 65 && code <= 90 ? code + 32 : code
      word = Math.imul(word ^ small, prime)
      all = Math.imul(all ^ small, prime)
    } else if (word !== 0) {
      words[count++ % run] = word
      word = 0
      if (count < run) continue
      let hash = 0
      for (let k = 0; k < run; k++) hash = Math.imul(hash ^ words[(count + k) % run]!, prime) ^ (hash >>> 15)
      onRun(hash)
    }
  }
  return { all, ascii }
}

/** A run of words that measured prompts have. */
interface Run {
  /** Numbers of these prompts. */
  readonly in: Array<number>
  /** The last text that was seen to have it: a text that repeats a run has it once. */
  text: number
}

const nothing = () => {}

/** Finds the measured prompts that training examples have; yields between examples. */
export function* overlapOf(
  measured: ReadonlyArray<Example>,
  trained: ReadonlyArray<Example>,
): Generator<void, Overlap> {
  const byKey = new Map<string, Array<number>>()
  const hashes = new Set<number>()
  const byRun = new Map<number, Run>()
  for (const [m, { prompt }] of measured.entries()) {
    const key = textKey(prompt)
    byKey.set(key, [...(byKey.get(key) ?? []), m])
    hashes.add(scan(key, nothing).all)
    scan(prompt, (hash) => {
      const known = byRun.get(hash)
      if (known === undefined) byRun.set(hash, { in: [m], text: -1 })
      else if (known.in.at(-1) !== m) known.in.push(m)
    })
    yield
  }
  const runs_M = new Int32Array(measured.length)
  /** A bit for each run by the end of its hash: most runs of other texts are dismissed by it. */
  const bits = new Uint8Array(2 ** 17)
  for (const [hash, { in: at }] of byRun)
    if (at.length > Math.max(common, measured.length / 10)) byRun.delete(hash)
    else {
      for (const m of at) runs_M[m]!++
      bits[(hash >>> 3) & 0x1ffff]! |= 1 << (hash & 7)
    }

  const same = new Map<number, boolean>()
  const near = new Set<number>()
  const shared_M = new Int32Array(measured.length)
  const touched: Array<number> = []
  for (const [text, { prompt, answer }] of trained.entries()) {
    const { all, ascii } = scan(prompt, (hash) => {
      if ((bits[(hash >>> 3) & 0x1ffff]! & (1 << (hash & 7))) === 0) return
      const known = byRun.get(hash)
      if (known === undefined || known.text === text) return
      known.text = text
      for (const m of known.in) {
        if (shared_M[m] === 0) touched.push(m)
        shared_M[m]!++
      }
    })
    // Texts of one key have one hash of words, unless a letter beyond ASCII stands for others within it.
    if (!ascii || hashes.has(all))
      for (const m of byKey.get(textKey(prompt)) ?? [])
        same.set(m, (same.get(m) ?? false) || measured[m]!.answer === answer)
    for (const m of touched) {
      if (runs_M[m]! >= fewest && shared_M[m]! >= most * runs_M[m]!) near.add(m)
      shared_M[m] = 0
    }
    touched.length = 0
    yield
  }
  const rising = (numbers: Iterable<number>) => [...numbers].sort((a, b) => a - b)
  return {
    same: rising(same.keys()),
    alike: [...same.values()].filter(Boolean).length,
    near: rising([...near].filter((m) => !same.has(m))),
  }
}
