/** One problem in progress: the story, the worked lines, and the numbers, which stay whole and in bounds. */
import type { Rng } from "@winnow/numerics"
import { type Person, persons, things } from "./words.ts"

export interface Difficulty {
  /** Calculations of a solution, fewest and most. */
  readonly minSteps: number
  readonly maxSteps: number
  /** Largest number anywhere in problem or solution. */
  readonly largest: number
  /** Largest number that a story adds, takes away or multiplies; its first and last numbers may be larger. */
  readonly operand: number
  /** Largest number that is multiplied or divided by. */
  readonly factor: number
  /** Number of different names and things, and of phrasings for a line of a solution. */
  readonly names: number
  readonly things: number
  readonly phrasings: number
}

/** Smallest number: with 2 no sentence needs the singular. */
const smallest = 2

const operations: Readonly<Record<"+" | "-" | "*" | "/", (a: number, b: number) => number>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
}

export class Problem {
  readonly #story: Array<string> = []
  readonly #lines: Array<string> = []
  readonly #cast: Array<Person> = []
  #result = Number.NaN
  #valid = true

  constructor(
    readonly difficulty: Difficulty,
    readonly rng: Rng,
  ) {}

  pick<T>(list: ReadonlyArray<T>): T {
    return list[this.rng.below(list.length)]!
  }

  chance(): boolean {
    return this.rng.below(2) === 0
  }

  /** A number up to `limit` (the largest allowed by default); the problem is void if there is none. */
  number(limit = this.difficulty.largest): number {
    if (limit < smallest) this.#valid = false
    return smallest + this.rng.below(Math.max(1, limit - smallest + 1))
  }

  /** A number that the story adds, takes away, or multiplies. */
  change(limit = this.difficulty.largest): number {
    return this.number(Math.min(limit, this.difficulty.operand))
  }

  /** A number to multiply by. */
  factor(limit = this.difficulty.factor): number {
    return this.number(Math.min(limit, this.difficulty.factor))
  }

  /** A person who is not yet in the story. */
  person(): Person {
    const left = persons.slice(0, this.difficulty.names).filter((one) => !this.#cast.includes(one))
    const one = this.pick(left)
    this.#cast.push(one)
    return one
  }

  thing(): string {
    return this.pick(things.slice(0, this.difficulty.things))
  }

  /** Adds a sentence to the story. */
  tell(sentence: string): void {
    this.#story.push(sentence)
  }

  /**
   * Adds a worked line and returns the result. A result that is no whole number in bounds voids the problem.
   *
   * @param ways sentences for it, with "=" in place of the calculation, such as "That makes = coins."
   */
  work(a: number, operation: keyof typeof operations, b: number, ways: ReadonlyArray<string>): number {
    const result = operations[operation](a, b)
    if (!Number.isInteger(result) || result < smallest || result > this.difficulty.largest) this.#valid = false
    const sentence = this.pick(ways.slice(0, this.difficulty.phrasings))
    this.#lines.push(sentence.replace("=", `${a}${operation}${b}=${result}`))
    this.#result = result
    return result
  }

  /** Prompt, answer and result; undefined for a void problem. */
  finish(question: string) {
    if (!this.#valid) return undefined
    const prompt = `${[...this.#story, question].join(" ")}\n`
    const answer = `${[...this.#lines, `The answer is ${this.#result}.`].join(" ")}`
    return { prompt, answer, steps: this.#lines.length }
  }
}

export type Finished = NonNullable<ReturnType<Problem["finish"]>>

/** Writes a problem of exactly `steps` calculations, 1 to 4, or a void one (undefined). */
export type Scene = (problem: Problem, steps: number) => Finished | undefined
