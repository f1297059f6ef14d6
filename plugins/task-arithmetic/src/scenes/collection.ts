/** A person has things, and gains and loses some: a running total. */
import type { Problem, Scene } from "../problem.ts"
import { capital, containers, type Person } from "../words.ts"

interface Scenery {
  readonly p: Problem
  readonly who: Person
  readonly things: string
}

/** An event changes the number of things; its second member counts its calculations. */
type Event = readonly [change: (scenery: Scenery, have: number) => number, steps: number]

const gain: Event = [
  ({ p, who, things }, have) => {
    const more = p.change(p.difficulty.largest - have)
    const she = who.pronoun
    p.tell(
      p.pick([
        `${who.name} buys ${more} more.`,
        `${who.name} finds ${more} more ${things}.`,
        `${p.person().name} gives ${who.name} ${more} ${things}.`,
      ]),
    )
    return p.work(have, "+", more, [`Then ${she} has = ${things}.`, `That makes =.`, `Now there are = ${things}.`])
  },
  1,
]

const lose: Event = [
  ({ p, who, things }, have) => {
    const fewer = p.change(have - 2)
    const she = who.pronoun
    p.tell(
      p.pick([
        `${who.name} sells ${fewer} of them.`,
        `Then ${who.name} loses ${fewer} ${things}.`,
        `${who.name} gives ${fewer} ${things} to ${p.person().name}.`,
      ]),
    )
    return p.work(have, "-", fewer, [
      `${capital(she)} keeps = ${things}.`,
      `That leaves =.`,
      `Now = ${things} are left.`,
    ])
  },
  1,
]

const double: Event = [
  ({ p, who, things }, have) => {
    const times = p.factor(Math.floor(p.difficulty.largest / have))
    const word = ["", "", "twice", "three times", "four times", "five times"][times] ?? `${times} times`
    p.tell(`A year later ${who.name} has ${word} as many ${things}.`)
    return p.work(have, "*", times, [`A year later that is =.`, `The number grows to =.`, `${who.name} gets to =.`])
  },
  1,
]

const packs: Event = [
  ({ p, who, things }, have) => {
    const [many, container] = [p.factor(), p.pick(containers)]
    const each = p.change(Math.floor((p.difficulty.largest - have) / many))
    p.tell(`${who.name} buys ${many} ${container} with ${each} ${things} each.`)
    const all = p.work(many, "*", each, [
      `The ${container} hold = ${things}.`,
      `In the ${container} are =.`,
      `${who.name} buys = ${things}.`,
    ])
    return p.work(have, "+", all, [`Then ${who.pronoun} has = ${things}.`, `That makes =.`, `Now there are =.`])
  },
  2,
]

const events = [gain, gain, lose, lose, double, packs]

export const collection: Scene = (p, steps) => {
  const scenery: Scenery = { p, who: p.person(), things: p.thing() }
  const { who, things } = scenery
  let have = p.number()
  p.tell(`${who.name} has ${have} ${things}.`)
  let left = steps
  while (left > 0) {
    const friends = p.factor()
    if (left === 1 && have % friends === 0 && have / friends > 1) {
      p.tell(`${who.name} shares them equally among ${friends} friends.`)
      p.work(have, "/", friends, [`Each friend gets = ${things}.`, `That is = each.`, `Every one gets =.`])
      return p.finish(`How many ${things} does each friend get?`)
    }
    const [change, uses] = p.pick(events.filter((event) => event[1] <= left))
    have = change(scenery, have)
    left -= uses
  }
  return p.finish(`How many ${things} does ${who.name} have in the end?`)
}
