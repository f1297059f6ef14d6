/** A person buys several things at a price, perhaps more, with money off, and gets change. */
import type { Scene } from "../problem.ts"
import { capital, goods } from "../words.ts"

export const shop: Scene = (p, steps) => {
  const [who, things, many] = [p.person(), p.thing(), p.factor()]
  const she = who.pronoun
  const each = p.change(Math.floor(p.difficulty.largest / many))
  p.tell(`${who.name} buys ${many} ${things} for ${each} dollars each.`)
  let total = p.work(many, "*", each, [
    `The ${things} cost = dollars.`,
    `For the ${things} ${she} pays =.`,
    `That costs =.`,
  ])
  const change = steps > 1 && p.chance()
  let off = false
  let left: ReadonlyArray<string> = goods
  for (let i = change ? 2 : 1; i < steps; i++) {
    if (!off && p.rng.below(3) === 0) {
      off = true
      const less = p.change(total - 2)
      p.tell(`A coupon takes ${less} dollars off.`)
      total = p.work(total, "-", less, [
        `With the coupon it is = dollars.`,
        `The coupon makes it =.`,
        `That falls to =.`,
      ])
    } else {
      const [price, good] = [p.change(p.difficulty.largest - total), p.pick(left)]
      left = left.filter((other) => other !== good)
      p.tell(`${capital(she)} also takes ${good} for ${price} dollars.`)
      total = p.work(total, "+", price, [`With ${good} it is = dollars.`, `All that costs =.`, `That comes to =.`])
    }
  }
  if (!change) return p.finish(`How many dollars does ${who.name} pay?`)
  const paid = total + p.change(p.difficulty.largest - total)
  p.tell(`${capital(she)} pays with ${paid} dollars.`)
  p.work(paid, "-", total, [`The change is = dollars.`, `${capital(she)} gets back =.`, `That leaves =.`])
  return p.finish(`How many dollars does ${who.name} get back?`)
}
