/** A member of a group, for tests: `bun member.fixture.ts FOLDER RANK SIZE CASE [network]`; answers in one line of JSON. */
import { engineMemory } from "../memory.ts"
import { tf } from "../tf.ts"
import type { Summed } from "./buckets.ts"
import { GroupBroken, joinGroup } from "./group.ts"
import { tensorsOf } from "./numbers.fixture.ts"
import { OrderedSum } from "./ordered-sum.ts"

const [folder, rank, size, name] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4]), process.argv[5]]
const memory = process.argv[6] !== "network"
const members = await joinGroup({ folder, rank, size, host: "127.0.0.1", memory }, { threads: 1 })
const say = (answer: unknown) => process.stdout.write(`${JSON.stringify(answer)}\n`)

const ways = new Set<boolean>()

/** The sum of some batches, split over the members; the batch of the highest number is that of rank 0. */
const sumOf = (shapes: Summed, batches: number) => {
  const sum = new OrderedSum(members, shapes, { large: 1000, most: 100, early: "small 3", rows: "rows" })
  ways.add(sum.inMemory)
  for (let first = batches - Math.ceil(batches / size) * size; first < batches; first += size) {
    const own = first + size - 1 - rank
    const gives = Array.from({ length: size }, (_, i) => size - 1 - i).filter((r) => first + size - 1 - r >= 0)
    const tensors = own < 0 ? {} : tensorsOf(shapes, own)
    // Every second round begins early, in the members that have a batch.
    if (own >= 0 && own % (2 * size) < size) sum.begin(tensors["small 3"] ?? tf.zeros([1]))
    sum.add(gives, tensors)
    tf.dispose(tensors)
  }
  const total = sum.total()
  const hash = Object.fromEntries(
    Object.entries(total).map(([name, x]) => [name, `${x.shape} ${Bun.hash(x.dataSync().buffer as ArrayBuffer)}`]),
  )
  tf.dispose(total)
  return hash
}

if (name === "sum") {
  const shapes: Summed = [
    { name: "large", shape: [64, 48] },
    { name: "odd", shape: [51, 23] },
    ...Array.from({ length: 7 }, (_, i) => ({ name: `small ${i}`, shape: [i + 1, 3 * i + 5] })),
    { name: "one", shape: [] },
    { name: "rows", shape: [70, 24] },
  ]
  const first = [1, 2, 3, 5].map((batches) => sumOf(shapes, batches))
  const before = engineMemory()
  const again = sumOf(shapes, 5)
  const after = engineMemory()
  const left = { tensors: after.tensors - before.tensors, handles: after.handles - before.handles }
  const texts = members.exchange({ rank, text: "é".repeat(5000 * (rank + 1)), number: 0.1 + rank })
  const empty = members.exchange(null)
  say({ sums: first, again, left, texts, empty, inMemory: [...ways] })
} else {
  // Waits for a member that a test kills or stops.
  members.exchange("here")
  say("here")
  if (rank === 1) await new Promise(() => {})
  members.patience = 3
  const began = performance.now()
  try {
    if (name === "sum-lost") sumOf([{ name: "x", shape: [11, 10] }], size)
    else members.exchange("still here")
    say("not noticed")
  } catch (error) {
    say({ lost: error instanceof GroupBroken, text: String(error), seconds: (performance.now() - began) / 1000 })
  }
}
// TensorFlow's threads still hold the connections.
process.exit(0)
