/** A flame view of one step: its phases, the calls in each by kind, and the rest, JavaScript; as a table and as SVG. */
import { median } from "@winnow/numerics"
import type { Span, StepSpans } from "./spans.ts"

/** Milliseconds of one kind of call within a phase. */
export interface Part {
  readonly name: string
  readonly milliseconds: number
  readonly calls: number
}
export interface Phase {
  readonly name: string
  readonly milliseconds: number
  /** Longest first; time outside all calls is "JavaScript". */
  readonly parts: ReadonlyArray<Part>
}
export interface Flame {
  readonly milliseconds: number
  /** In the order of the step; phases of one name are merged. */
  readonly phases: ReadonlyArray<Phase>
  /** Share of the step outside all calls. */
  readonly javascript: number
}

const length = ({ start, end }: Span) => end - start

/** Sums one step's spans by phase and by name of the call. */
const flameOf = ({ milliseconds, phases, calls }: StepSpans): Flame => {
  const byName = new Map<string, { milliseconds: number; parts: Map<string, Part>; covered: number }>()
  let covered = 0
  for (const phase of phases) {
    const entry = byName.get(phase.name) ?? { milliseconds: 0, parts: new Map<string, Part>(), covered: 0 }
    byName.set(phase.name, entry)
    entry.milliseconds += length(phase)
    for (const call of calls) {
      if (call.start < phase.start || call.start >= phase.end) continue
      const part = entry.parts.get(call.name) ?? { name: call.name, milliseconds: 0, calls: 0 }
      entry.parts.set(call.name, {
        ...part,
        milliseconds: part.milliseconds + length(call),
        calls: part.calls + 1,
      })
      entry.covered += length(call)
      covered += length(call)
    }
  }
  return {
    milliseconds,
    javascript: 1 - covered / milliseconds,
    // The gaps between phases come last: they are small and everywhere.
    phases: [...byName]
      .toSorted(([a], [b]) => Number(a === "between") - Number(b === "between"))
      .map(([name, entry]) => ({
        name,
        milliseconds: entry.milliseconds,
        parts: [
          ...entry.parts.values(),
          { name: "JavaScript", milliseconds: entry.milliseconds - entry.covered, calls: 0 },
        ].toSorted((a, b) => b.milliseconds - a.milliseconds),
      })),
  }
}

/** The step of median length. */
export const medianFlame = (steps: ReadonlyArray<StepSpans>): Flame => {
  const middle = median(steps.map((s) => s.milliseconds))
  const distance = (s: StepSpans) => Math.abs(s.milliseconds - middle)
  return flameOf(steps.toSorted((a, b) => distance(a) - distance(b))[0]!)
}

/** A table as text: phases with their longest parts. */
export const flameTable = ({ milliseconds, phases, javascript }: Flame): string => {
  const row = (name: string, ms: number, calls: string) =>
    `${name.padEnd(36)} ${ms.toFixed(1).padStart(8)} ms  ${((100 * ms) / milliseconds).toFixed(1).padStart(5)} %  ${calls}`
  const lines = phases.flatMap((phase) => [
    row(phase.name, phase.milliseconds, ""),
    ...phase.parts
      .filter((part) => part.milliseconds >= milliseconds / 200)
      .map((part) => row(`  ${part.name}`, part.milliseconds, part.calls > 0 ? `${part.calls} calls` : "")),
  ])
  return [...lines, row("step", milliseconds, `of which JavaScript ${(100 * javascript).toFixed(1)} %`)].join("\n")
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
const timeText = (ms: number) => `${ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`

/** Greatest width of a letter, px: boxes are narrow, and a label that overflows is worse than none. */
const LETTER = 7

/** Name and time on up to three lines, together where they fit; nothing where they do not. */
const linesOf = (name: string, ms: number, width: number): ReadonlyArray<string> => {
  const fits = (line: string) => line.length * LETTER + 8 < width
  const lines: Array<string> = []
  for (const word of [...name.split(" "), timeText(ms)]) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`
    if (lines.length > 0 && fits(longer)) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines.length <= 3 && lines.every(fits) ? lines : []
}

const dark = "#3b6ea8"
/** Colours from dark to light by kind of work, which readers without colour vision can distinguish too. */
const colourOf = (name: string): string => {
  if (name === "JavaScript" || name === "between") return "#bdbdbd"
  if (name.startsWith("head_") || name === "statistics" || name === "kept rows") return dark
  if (/gemm|linear|MatMul/.test(name)) return "#6fa3d8"
  if (/attention/.test(name)) return "#e3a857"
  if (/adamw|optimizer|square/i.test(name)) return "#8c6bb1"
  return "#b5cf9b"
}

/**
 * The view as a picture: a row of phases, and below each its parts, with widths in proportion to time.
 *
 * Names are written where they fit; every box has its name and milliseconds as a tooltip.
 */
export const flameSvg = ({ milliseconds, phases }: Flame, title: string): string => {
  const [width, left, rowHeight] = [1120, 20, 46]
  const scale = width / milliseconds
  const boxes: Array<string> = []
  const box = (name: string, ms: number, at: number, row: number) => {
    const [x, y, w] = [left + at * scale, 64 + row * (rowHeight + 6), ms * scale]
    if (w < 0.5) return
    const label = `${name} ${timeText(ms)}`
    const fill = colourOf(name)
    const lines = linesOf(name, ms, w)
    boxes.push(
      `<g><title>${escaped(label)}</title><rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(0.5, w - 1).toFixed(1)}" height="${rowHeight}" rx="2" fill="${fill}"/>`,
      ...lines.map(
        (line, i) =>
          `<text x="${(x + 5).toFixed(1)}" y="${y + rowHeight / 2 + 4 + (lines.length - 1) * -7 + i * 14}" fill="${fill === dark ? "#ffffff" : "#1a1a1a"}">${escaped(line)}</text>`,
      ),
      "</g>",
    )
  }
  let at = 0
  for (const phase of phases) {
    box(phase.name, phase.milliseconds, at, 0)
    let inside = at
    for (const part of phase.parts) {
      box(part.name, part.milliseconds, inside, 1)
      inside += part.milliseconds
    }
    at += phase.milliseconds
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width + 2 * left}" height="190" font-family="system-ui, sans-serif" font-size="11" fill="#1a1a1a">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="100%" height="100%" fill="#ffffff"/>`,
    `<text x="${left}" y="28" font-size="15">${escaped(title)}</text>`,
    `<text x="${left}" y="48" fill="#555555">phases of the step, and in each phase its calls by name, longest first; ${milliseconds.toFixed(0)} ms in all</text>`,
    ...boxes,
    "</svg>\n",
  ].join("\n")
}
