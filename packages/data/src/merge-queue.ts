/**
 * Pairs of neighbouring symbols by how often they occur: the most frequent first, ties to the smaller left id, then
 * the smaller right id. A binary heap whose stale entries are put right when they come up.
 */

interface Pair {
  readonly left: number
  readonly right: number
  count: number
  /** Words that hold the pair, or held it once. */
  readonly words: Set<number>
}

interface Entry {
  readonly pair: Pair
  /** The pair's count when the entry was made. */
  count: number
}

const before = (a: Entry, b: Entry) =>
  a.count !== b.count
    ? a.count > b.count
    : a.pair.left !== b.pair.left
      ? a.pair.left < b.pair.left
      : a.pair.right < b.pair.right

export class MergeQueue {
  readonly #pairs = new Map<number, Pair>()
  readonly #heap: Array<Entry> = []
  /** Pairs whose count rose since the last `take`: they need an entry of their new count. */
  readonly #risen = new Set<Pair>()

  /** Changes the count of a pair by `by` (of either sign) on account of word `w`. */
  add(left: number, right: number, by: number, w: number): void {
    const key = left * 0x200000 + right // ids stay below 2^21, so the key is exact
    let pair = this.#pairs.get(key)
    if (pair === undefined) this.#pairs.set(key, (pair = { left, right, count: 0, words: new Set() }))
    pair.count += by
    if (by > 0) {
      pair.words.add(w)
      this.#risen.add(pair)
    }
  }

  /** Removes and returns the first pair; undefined when none is left with a count above 0. */
  take(): Pair | undefined {
    for (const pair of this.#risen) if (pair.count > 0) this.#push({ pair, count: pair.count })
    this.#risen.clear()
    for (let top = this.#pop(); top !== undefined; top = this.#pop()) {
      const { pair } = top
      if (pair.count === top.count) {
        // The map keeps the pair at count 0: its other entries are stale, and it may come back by later merges.
        this.#pairs.set(pair.left * 0x200000 + pair.right, { ...pair, count: 0, words: new Set() })
        return pair
      }
      // Counts that fell since: back with the present count. Counts that rose have an entry of their own.
      if (pair.count > 0 && pair.count < top.count) this.#push({ pair, count: pair.count })
    }
    return undefined
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let i = heap.push(entry) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!before(entry, heap[parent]!)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = entry
  }

  #pop(): Entry | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (top === undefined || last === undefined || heap.length === 0) return top
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
    return top
  }
}
