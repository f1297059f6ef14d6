/** Keys and a pointer for a page in a browser. */
import type { PageView } from "../report/browser.ts"

/** Codes that the browser's protocol wants beside the names of keys. */
const codes: Readonly<Record<string, number>> = {
  ...{ Enter: 13, PageUp: 33, PageDown: 34, End: 35, Home: 36 },
  ...{ ArrowLeft: 37, ArrowUp: 38, ArrowRight: 39, ArrowDown: 40 },
}

/** Presses a key. */
export const press = async ({ cdp }: PageView, key: string): Promise<void> => {
  const of = { key, windowsVirtualKeyCode: codes[key] ?? key.toUpperCase().charCodeAt(0) }
  await cdp("Input.dispatchKeyEvent", { type: "keyDown", ...of, ...(key.length === 1 && { text: key }) })
  await cdp("Input.dispatchKeyEvent", { type: "keyUp", ...of })
}

/** Moves the pointer to a place of the window. */
export const moveTo = ({ cdp }: PageView, x: number, y: number): Promise<unknown> =>
  cdp("Input.dispatchMouseEvent", { type: "mouseMoved", x, y })

/** Clicks at a place of the window. */
export const clickAt = async ({ cdp }: PageView, x: number, y: number): Promise<void> => {
  for (const type of ["mousePressed", "mouseReleased"])
    await cdp("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 })
}
