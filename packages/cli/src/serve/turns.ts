/** Turns at the models: so many texts at once, the others in the order in which they came. */
import { ApiError } from "./api-error.ts"

interface Waiting {
  readonly begin: () => void
}

/** A queue of texts. */
export class Turns {
  readonly #waiting: Array<Waiting> = []
  #running = 0

  /**
   * @param atOnce texts that are decoded at once; they share the time block by block
   * @param most texts that wait at most
   */
  constructor(
    readonly atOnce: number,
    readonly most: number,
  ) {}

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * Waits for a turn and works in it.
   *
   * @error ApiError if too many wait; the signal's reason if it aborts before the turn comes
   */
  async within<A>(signal: AbortSignal, work: () => Promise<A>): Promise<A> {
    await this.#turn(signal)
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next.begin() // The turn passes on, so nobody who comes now can take it.
    }
  }

  /** @error ApiError (thrown) if as many wait as may */
  requireRoom(): void {
    if (this.#running === this.atOnce && this.#waiting.length >= this.most)
      throw new ApiError(429, `${this.most} texts wait already, as many as may; ask again later`, {
        code: "queue_full",
      })
  }

  #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.requireRoom()
    if (this.#running < this.atOnce) {
      this.#running++
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1)
        reject(signal.reason)
      }
      const entry: Waiting = {
        begin: () => {
          signal.removeEventListener("abort", leave)
          resolve()
        },
      }
      signal.addEventListener("abort", leave, { once: true })
      this.#waiting.push(entry)
    })
  }
}
