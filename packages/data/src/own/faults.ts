/** Records that cannot be examples: refused with their place, or left out and counted. */
import { DataError } from "@winnow/core"

/** The treatment of a faulty record in a user's own data. */
export type Faulty = "refuse" | "skip"

/** The faulty records of one file. */
export class Faults {
  readonly #kinds = new Map<string, { count: number; readonly first: string }>()
  #count = 0

  constructor(
    readonly file: string,
    readonly faulty: Faulty,
  ) {}

  /**
   * Notes a faulty record.
   *
   * @param kind the fault in general, to count by
   * @error DataError (thrown) unless faulty records are skipped
   */
  add(at: string, problem: string, kind: string): void {
    if (this.faulty === "refuse")
      throw new DataError({
        message: `${this.file}, ${at}: ${problem}${/[.?]$/.test(problem) ? "" : "."} Mend it, or set faulty: "skip" to leave such records out and have them counted`,
      })
    this.#count++
    const known = this.#kinds.get(kind)
    if (known === undefined) this.#kinds.set(kind, { count: 1, first: `${at}: ${problem}` })
    else known.count++
  }

  /**
   * Describes the skipped records, for the run's notes.
   *
   * @param all records of the file
   * @error DataError (thrown) where no record is left
   */
  note(all: number): ReadonlyArray<string> {
    if (this.#count === 0) return []
    const kinds = [...this.#kinds].map(([kind, { count, first }]) => `${count} ${kind} (the first is ${first})`)
    const text = `${this.#count} of ${all} records of ${this.file} are left out: ${kinds.join("; ")}`
    if (this.#count === all) throw new DataError({ message: text })
    return [text]
  }
}
