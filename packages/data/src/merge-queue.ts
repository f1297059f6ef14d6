/**
 * Pairs of neighbouring symbols by how often they occur: the most frequent first, ties to the smaller left id, then the
 * smaller right id. A binary heap whose stale entries are corrected when they reach the top.
 */

interface Pair {
  readonly left: number
  readonly right: number
  count: number
  /** Words that contain the pair, or contained it before. */
  readonly words: Set<number>
}

interface Entry {
  readonly pair: Pair
  /** The pair's count at the creation of the entry. */
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
  /** Pairs whose count rose since the last `take`: they need an entry with their new count. */
  readonly #risen = new Set<Pair>()

  /** Changes the count of a pair by `by` (of either sign) because of word `w`. */
  add(left: number, right: number, by: number, w: number): void {
    const key = left * 0x200000 + right // Ids stay below 2^21, so the key is exact.
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
        // The map keeps the pair at count 0: its other entries are stale, and later merges may bring it back.
        this.#pairs.set(pair.left * 0x200000 + pair.right, { ...pair, count: 0, words: new Set() })
        return pair
      }
      // A count that fell goes back with its present value. A count that rose has another entry.
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
