/** A Vega-Lite chart as SVG text, without a browser. */
import type { TopLevelSpec } from "vega-lite"
import { grid, ink, label, line } from "./colours.ts"

/** The letters of all pictures. */
export const fontFamily = "Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif"

/** The style of all charts: thin axes, a light grid, no frame. */
const look = {
  // Captions and tables say what marks say; a label on each of thousands of points helps no reader.
  aria: false,
  background: "transparent",
  font: fontFamily,
  padding: 4,
  view: { stroke: null },
  axis: {
    domainColor: line,
    tickColor: line,
    gridColor: grid,
    labelColor: label,
    labelFontSize: 11,
    titleColor: ink,
    titleFontSize: 11,
    titleFontWeight: 500,
    titlePadding: 8,
  },
  header: { labelColor: ink, labelFontSize: 12, labelFontWeight: 600, title: null },
  legend: { labelColor: ink, labelFontSize: 11, titleColor: label, titleFontSize: 11, symbolStrokeWidth: 2.5 },
  title: { color: ink, fontSize: 12.5, fontWeight: 600, anchor: "start" },
} as const

/** Widths of Helvetica's letters as fractions of the font size: narrow ones, wide ones, capitals, the rest. */
const letterWidth = (letter: string): number => {
  if (/[fijlrtI.,:;'|!()[\]\s-]/.test(letter)) return 0.3
  if (/[mwMW%@—]/.test(letter)) return 0.83
  return /[A-Z+=~]/.test(letter) ? 0.66 : 0.55
}

interface TextItem {
  readonly text?: unknown
  readonly fontSize?: number
  readonly fontWeight?: number | string
}

/** The width of a text in pixels. */
export const textWidth = ({ text: own, fontSize = 11, fontWeight }: TextItem, text: unknown = own): number => {
  const letters = [...String(text ?? "")].reduce((sum, letter) => sum + letterWidth(letter), 0)
  return letters * fontSize * (Number(fontWeight) >= 600 ? 1.06 : 1)
}

/**
 * Vega, with the widths of letters: it takes 0.3 s to load, and no command that draws nothing pays for that. Without a
 * canvas vega assumes 0.8 of the height for every letter, so axes of long names stand far from their labels. It has no
 * option for it.
 */
const loadVega = async () => {
  const [vega, { compile }] = await Promise.all([import("vega"), import("vega-lite")])
  const { textMetrics } = vega as unknown as { readonly textMetrics: { width: typeof textWidth } }
  textMetrics.width = textWidth
  return { vega, compile }
}

/** A chart without schema, style and font, which are the same for all charts. */
export type Chart = Omit<TopLevelSpec, "$schema" | "config">

/** Places with a tenth of a pixel: vega writes 15 digits. */
const rounded = (svg: string): string =>
  svg.replace(/ (d|transform|x|y|x1|x2|y1|y2|width|height|cx|cy)="[^"]*"/g, (attribute) =>
    attribute.replace(/-?\d+\.\d+(e-?\d+)?/g, (number) => String(Math.round(10 * Number(number)) / 10)),
  )

/** Renders a chart. @param name begins the ids inside, which are then unique on a page of charts with unique names */
export const svgOf = async (chart: Chart, name = "chart"): Promise<string> => {
  const { vega, compile } = await loadVega()
  // Its warnings are of defaults that it drops, such as a height that rows decide.
  const { spec } = compile({ ...chart, config: look } as unknown as TopLevelSpec, { logger: vega.logger(vega.Error) })
  const view = new vega.View(vega.parse(spec), { renderer: "none" })
  const svg = await view.toSVG()
  view.finalize()
  // vega counts ids over all charts of a process: counted anew, a chart has the same text wherever it is rendered
  const ids = [...new Set([...svg.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id!))]
  const named = ids.reduce(
    (text, id, i) => text.replaceAll(`id="${id}"`, `id="${name}-${i}"`).replaceAll(`#${id})`, `#${name}-${i})`),
    svg,
  )
  return rounded(named)
}
