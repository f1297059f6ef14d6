/** A Vega-Lite chart as SVG text, without a browser. */
import * as vega from "vega"
import { compile, type TopLevelSpec } from "vega-lite"

const font = "Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif"
const ink = "#1f2933"
const faint = "#7b8794"

/** The style of all charts: thin axes, a light grid, no frame. */
const look = {
  background: "transparent",
  font,
  padding: 4,
  view: { stroke: null },
  axis: {
    domainColor: "#cbd2d9",
    tickColor: "#cbd2d9",
    gridColor: "#eef1f4",
    labelColor: faint,
    labelFontSize: 11,
    titleColor: ink,
    titleFontSize: 11,
    titleFontWeight: 500,
    titlePadding: 8,
  },
  header: { labelColor: ink, labelFontSize: 12, labelFontWeight: 600, title: null },
  legend: { labelColor: ink, labelFontSize: 11, titleColor: faint, titleFontSize: 11, symbolStrokeWidth: 2.5 },
  title: { color: ink, fontSize: 13, fontWeight: 600, anchor: "start" },
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
const textWidth = ({ text: own, fontSize = 11, fontWeight }: TextItem, text: unknown = own): number => {
  const letters = [...String(text ?? "")].reduce((sum, letter) => sum + letterWidth(letter), 0)
  return letters * fontSize * (Number(fontWeight) >= 600 ? 1.06 : 1)
}

/**
 * Gives vega the widths of letters. Without a canvas vega assumes 0.8 of the height for every letter, so axes of long
 * names stand far from their labels. Vega has no option for it.
 */
const measureText = (): void => {
  const { textMetrics } = vega as unknown as { readonly textMetrics: { width: typeof textWidth } }
  textMetrics.width = textWidth
}

/** A chart without schema, style and font, which are the same for all charts. */
export type Chart = Omit<TopLevelSpec, "$schema" | "config">

/** Renders a chart. */
export const svgOf = async (chart: Chart): Promise<string> => {
  measureText()
  const { spec } = compile({ ...chart, config: look } as unknown as TopLevelSpec)
  const view = new vega.View(vega.parse(spec), { renderer: "none" })
  const svg = await view.toSVG()
  view.finalize()
  return svg
}
