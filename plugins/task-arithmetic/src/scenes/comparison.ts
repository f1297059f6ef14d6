/** Each person has more, fewer or times as many things as the one before. */
import type { Problem, Scene } from "../problem.ts"
import type { Person } from "../words.ts"

const relate = (p: Problem, who: Person, other: Person, things: string, others: number): number => {
  const ways = [`${who.name} has = ${things}.`, `So ${who.name} has =.`, `For ${who.name} that is =.`]
  const kind = p.rng.below(5)
  if (kind < 2) {
    const more = p.change(p.difficulty.largest - others)
    p.tell(`${who.name} has ${more} more than ${other.name}.`)
    return p.work(others, "+", more, ways)
  }
  if (kind < 4) {
    const fewer = p.change(others - 2)
    p.tell(`${who.name} has ${fewer} fewer than ${other.name}.`)
    return p.work(others, "-", fewer, ways)
  }
  const times = p.factor(Math.floor(p.difficulty.largest / others))
  p.tell(`${who.name} has ${times} times as many as ${other.name}.`)
  return p.work(others, "*", times, ways)
}

export const comparison: Scene = (p, steps) => {
  const things = p.thing()
  const first = p.person()
  const together = steps > 1 && p.chance()
  const start = together ? p.change() : p.number()
  p.tell(`${first.name} has ${start} ${things}.`)
  let last = first
  let have = start
  for (let i = together ? 1 : 0; i < steps; i++) {
    const who = p.person()
    have = relate(p, who, last, things, have)
    last = who
  }
  if (!together) return p.finish(`How many ${things} does ${last.name} have?`)
  p.work(start, "+", have, [`Together they have = ${things}.`, `The two have =.`, `In all that is =.`])
  return p.finish(`How many ${things} do ${first.name} and ${last.name} have together?`)
}
