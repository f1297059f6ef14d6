/** SVG pictures as PDF, printed by Chrome or Chromium: letters stay letters, lines stay lines. */
import { type PageView, withBrowserPage } from "../browser.ts"

const sizeOf = (svg: string): readonly [width: number, height: number] => {
  const number = (name: string) => Number(new RegExp(`<svg [^>]*?\\b${name}="([\\d.]+)"`).exec(svg)?.[1] ?? 0)
  return [number("width"), number("height")]
}

/** Pixels of an inch in CSS, in which the browser takes the size of a sheet. */
const inch = 96

const printed = async (view: PageView, svg: string): Promise<Uint8Array> => {
  const [width, height] = sizeOf(svg)
  const page = `<!doctype html><meta charset="utf-8"><style>@page { margin: 0 } html, body { margin: 0 } svg { display: block }</style>${svg}`
  await view.navigate(`data:text/html;base64,${Buffer.from(page).toString("base64")}`)
  const { data } = await view.cdp<{ readonly data: string }>("Page.printToPDF", {
    // A sheet that is a little larger, so that rounding makes no second one.
    ...{ paperWidth: (width + 1) / inch, paperHeight: (height + 1) / inch, printBackground: true },
    ...{ marginTop: 0, marginBottom: 0, marginLeft: 0, marginRight: 0, pageRanges: "1" },
  })
  return Buffer.from(data, "base64")
}

/**
 * A PDF of each picture, of one sheet of its size.
 *
 * @error Error without a browser
 */
export const pdfsOf = (svgs: ReadonlyArray<string>): Promise<ReadonlyArray<Uint8Array>> =>
  withBrowserPage(async (view) => {
    const pdfs: Array<Uint8Array> = []
    for (const svg of svgs) pdfs.push(await printed(view, svg))
    return pdfs
  })
