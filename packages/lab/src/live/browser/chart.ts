/** A line chart of losses, drawn at the width that the page has. */

import { escapeHtml } from "../../report/escape-html.ts"
import type { LiveColours, LiveCurve } from "../snapshot.ts"
import { short } from "./text.ts"

const [ink, label, line, grid] = ["#1f2933", "#67737f", "#cbd2d9", "#eef1f4"]
const [left, right, top, bottom] = [46, 10, 8, 34]
/** Share of the points below the top of the chart: the first steps would take most of its height. */
const shown = 0.98

/** About `most` round numbers between two. */
export const ticks = (low: number, high: number, most: number): ReadonlyArray<number> => {
  const raw = (high - low) / Math.max(1, most)
  if (!(raw > 0)) return [low]
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 5, 10].map((n) => n * power).find((one) => one >= raw)!
  const first = Math.ceil(low / step - 1e-9)
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step)
}

/** The range of the losses of curves, without the highest of their first steps. */
const rangeOf = (curves: ReadonlyArray<LiveCurve>): readonly [low: number, high: number] => {
  const values = curves
    .flatMap(({ points }) => points.map(([, loss]) => loss))
    .filter(Number.isFinite)
    .toSorted((a, b) => a - b)
  if (values.length === 0) return [0, 1]
  const [low, high] = [values[0]!, values[Math.ceil(shown * values.length) - 1]!]
  const room = (high - low || Math.abs(high) || 1) * 0.05
  return [low - room, high + room]
}

/**
 * The chart as SVG.
 *
 * @param width of the picture in pixels
 * @param name of the chart, for its clip and its label
 */
export const lossChart = (
  curves: ReadonlyArray<LiveCurve>,
  colours: LiveColours,
  width: number,
  name: string,
): string => {
  const height = width < 500 ? 220 : 280
  const [low, high] = rangeOf(curves)
  const last = Math.max(1, ...curves.flatMap(({ points }) => points.at(-1)?.[0] ?? []))
  const x = (step: number) => left + ((width - left - right) * step) / last
  const y = (loss: number) => top + ((height - top - bottom) * (high - loss)) / (high - low)
  const fixed = (value: number) => value.toFixed(1)
  const across = ticks(low, high, 5).map(
    (tick) =>
      `<line x1="${left}" x2="${width - right}" y1="${fixed(y(tick))}" y2="${fixed(y(tick))}" stroke="${grid}"/>` +
      `<text x="${left - 6}" y="${fixed(y(tick) + 4)}" text-anchor="end" fill="${label}">${short(tick)}</text>`,
  )
  const down = ticks(0, last, width < 500 ? 4 : 8).map(
    (tick) =>
      `<text x="${fixed(x(tick))}" y="${height - bottom + 16}" text-anchor="middle" fill="${label}">${tick}</text>`,
  )
  const paths = curves.map(({ stage, name, points }) => {
    const { colour = ink, dash = [1, 0] } = name === null ? {} : (colours[name] ?? {})
    const path = points.map(([step, loss], i) => `${i === 0 ? "M" : "L"}${fixed(x(step))} ${fixed(y(loss))}`).join("")
    const dashes = dash[1] === 0 ? "" : ` stroke-dasharray="${dash.join(" ")}"`
    const [step, loss] = points.at(-1) ?? [0, Number.NaN]
    return `<path d="${path}" fill="none" stroke="${colour}" stroke-width="1.6" stroke-linejoin="round"${dashes}><title>${escapeHtml(stage)}: ${short(loss)} at step ${step}</title></path>`
  })
  const words = curves.map(({ stage, points }) => `${stage} ${short(points.at(-1)?.[1] ?? Number.NaN)}`).slice(0, 12)
  return `<svg width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(`Loss by step: ${words.join(", ")}`)}" font-size="11">
<clipPath id="clip-${name}"><rect x="${left}" y="${top - 4}" width="${width - left - right}" height="${height - top - bottom + 6}"/></clipPath>
${across.join("")}${down.join("")}
<line x1="${left}" x2="${width - right}" y1="${height - bottom}" y2="${height - bottom}" stroke="${line}"/>
<text x="${width - right}" y="${height - 4}" text-anchor="end" fill="${label}">step</text>
<g clip-path="url(#clip-${name})">${paths.join("")}</g>
</svg>`
}

/** The names in a chart with their looks, and the mean of the last losses of each. */
export const legend = (curves: ReadonlyArray<LiveCurve>, colours: LiveColours, most = 24): string => {
  const groups = [...Map.groupBy(curves, ({ name, stage }) => name ?? stage)]
  const items = groups.slice(0, most).map(([name, of]) => {
    const { colour = ink, dash = [1, 0] } = colours[name] ?? {}
    const losses = of.flatMap(({ points }) => points.at(-1)?.[1] ?? [])
    const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length
    const dashes = dash[1] === 0 ? "" : ` stroke-dasharray="${dash.join(" ")}"`
    return `<li><svg width="18" height="8" aria-hidden="true"><path d="M0 4H18" stroke="${colour}" stroke-width="2.5"${dashes}/></svg> ${escapeHtml(name)} <b>${short(mean)}</b></li>`
  })
  const rest = groups.length > most ? `<li>and ${groups.length - most} more</li>` : ""
  return `<ul class="legend">${items.join("")}${rest}</ul>`
}
