/** The panel: all facts of the token that a reader looks at. */

import { escapeHtml } from "../../report/escape-html.ts"
import { type Reading, textOf } from "./data.ts"
import { byId, percent } from "./elements.ts"
import { blockOf, choiceOf, numbersOf, verdictOf, verdictSentence } from "./facts.ts"
import { alone } from "./pieces.ts"
import type { Place, State } from "./state.ts"
import { figureText } from "./views.ts"

const badge = (word: string | undefined) => (word === undefined ? "" : `<span class="badge t-${word}">${word}</span>`)

/** The most probable tokens of a model as bars. */
const topList = (state: State, title: string, { k, ids, probabilities }: Reading, n: number): string => {
  const gold = state.texts.tokens[n]
  const rows = Array.from({ length: k }, (_, i) => {
    const [id, part] = [ids[n * k + i]!, probabilities[n * k + i]!]
    const word = escapeHtml(alone(state.page.pieceOf(id)))
    const mark = id === gold ? ' class="gold"' : ""
    return `<tr${mark}><td><code>${word}</code></td><td class="bar"><i style="width:${(100 * part).toFixed(1)}%"></i></td><td>${percent(part)}</td></tr>`
  })
  return `<table class="top"><caption>${title}</caption><tbody>${rows.join("")}</tbody></table>`
}

const numbersTable = (state: State, place: Place): string => {
  const { meanings } = state.page
  const rows = numbersOf(state, place).map(({ key, title, value }) => {
    const meaning = key.startsWith("filter:") ? meanings.get(key.slice(7)) : undefined
    const small = meaning === undefined ? "" : ` <small>${escapeHtml(meaning)}</small>`
    return `<tr><th scope="row">${escapeHtml(title)}${small}</th><td>${figureText(value)}</td></tr>`
  })
  return `<table class="numbers"><tbody>${rows.join("")}</tbody></table>`
}

/** The proposal of the token's block: accepted ones, the rejected one, those after it. */
const blockLine = (state: State, place: Place): string => {
  const block = blockOf(state, place)
  if (block === undefined || block.proposed.length === 0) return ""
  const { decoding } = state.arm(place.arm)
  const words = block.proposed.map((id, i) => {
    const isAccepted = decoding!.role[block.from + i] === 0 && isUnbroken(decoding!.role, block.from, i)
    const word = escapeHtml(alone(state.page.pieceOf(id)))
    return isAccepted ? `<code>${word}</code>` : `<s><code>${word}</code></s>`
  })
  return `<p class="block">The block's proposal: ${words.join(" ")}</p>`
}

/** True if all tokens of a block before place i were accepted. */
const isUnbroken = (role: Uint8Array, from: number, i: number): boolean =>
  role.subarray(from, from + i).every((r) => r === 0)

const otherArms = (state: State, { arm, n }: Place): string => {
  if (state.texts.arms.length < 2) return ""
  const rows = state.texts.arms.map(({ name }, other) => {
    const place = { arm: other, n }
    const { draft, acceptance } = state.snapshot(other)
    const mark = other === arm ? ' class="here"' : ""
    return (
      `<tr${mark}><th scope="row">${escapeHtml(name)}</th><td>${badge(choiceOf(state, place))}</td><td>${badge(verdictOf(state, place))}</td>` +
      `<td>${figureText(draft?.nll[n])}</td><td>${acceptance ? percent(acceptance[n]!) : "–"}</td></tr>`
    )
  })
  return `<table class="others"><thead><tr><th scope="col">arm</th><th scope="col">filter</th><th scope="col">decoding</th><th scope="col">loss</th><th scope="col">accept.</th></tr></thead><tbody>${rows.join("")}</tbody></table>`
}

/** Shows a token. */
export const showToken = (state: State, place: Place): void => {
  const { texts, page } = state
  const { arm, n } = place
  if (n >= texts.N) return
  const id = texts.tokens[n]!
  const text = textOf(texts, n)
  const { name, steps } = state.arm(arm)
  const { draft, note, step } = state.snapshot(arm)
  byId("panel").innerHTML =
    `<h2><code class="token">${escapeHtml(alone(page.pieceOf(id)))}</code> ${badge(choiceOf(state, place))} ${badge(verdictOf(state, place))}</h2>` +
    `<p class="where">${escapeHtml(name)}, step ${step} of ${steps}; token ${n - texts.starts[text]! + 1} of text ${text + 1}, id ${id}</p>` +
    `<div class="parts"><div><p>${escapeHtml(verdictSentence(state, place))}</p>${blockLine(state, place)}${numbersTable(state, place)}` +
    `${note === null ? "" : `<p class="where">${escapeHtml(note)}</p>`}` +
    `${step > 0 && step < steps && draft === null ? '<p class="where">Between the first and the last step a training records the filter\'s choice alone.</p>' : ""}</div>` +
    `<div class="tops">${texts.target ? topList(state, "Target", texts.target, n) : ""}${draft && draft.k > 0 ? topList(state, "Draft", draft, n) : ""}</div>` +
    `<div class="others-box">${otherArms(state, place)}</div></div>`
}
