/** The pages that listen to a run: each has a stream of events, which ends for a page that does not read it. */

/** Messages that wait for a page at most: of a tab that sleeps, or a machine that does. */
export const mostWaiting = 30

/** The open pages. */
export class Clients {
  readonly #open = new Set<ReadableStreamDefaultController<Uint8Array>>()
  readonly #encoder = new TextEncoder()

  get size(): number {
    return this.#open.size
  }

  /**
   * The stream of a page that has just been opened.
   *
   * @param first its first text, asked for when the stream begins
   * @param gone aborts when the page goes
   */
  open(first: () => string, gone: AbortSignal): ReadableStream<Uint8Array> {
    let client: ReadableStreamDefaultController<Uint8Array> | undefined
    const leave = () => {
      if (client !== undefined) this.#open.delete(client)
    }
    gone.addEventListener("abort", leave)
    return new ReadableStream<Uint8Array>({
      start: (controller) => {
        client = controller
        controller.enqueue(this.#encoder.encode(first()))
        this.#open.add(controller)
      },
      cancel: leave,
    })
  }

  /**
   * Sends a text to every page. The stream of a page that has left `mostWaiting` texts unread ends, so that they do not
   * fill the memory of the run; a page that wakes connects again and gets the whole state.
   */
  send(text: string): void {
    const bytes = this.#encoder.encode(text)
    for (const client of this.#open)
      try {
        client.enqueue(bytes)
        // The stream wants one text beyond those that wait.
        if (1 - (client.desiredSize ?? 1) <= mostWaiting) continue
        this.#open.delete(client)
        client.close()
      } catch {
        this.#open.delete(client) // Its page went at this moment; an error in a timer would end the run.
      }
  }
}
