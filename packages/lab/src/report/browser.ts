/** A page in Chrome or Chromium, headless: for pictures and PDF, and for tests that drive pages. */

/** Programs that Chrome and Chromium are called by, and their place in macOS. */
const names = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser", "chrome"]
const inMacOs = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"

/** The browser of this machine: `BUN_CHROME_PATH` (empty: none), else one on the path; undefined without one. */
export const browserPath = (): string | undefined => {
  const named = process.env["BUN_CHROME_PATH"]
  if (named !== undefined) return named === "" ? undefined : named
  return [...names, inMacOs].map((name) => Bun.which(name)).find((path) => path !== null) ?? undefined
}

/** A page of the browser, at a width in pixels, light or dark. */
export interface PageView {
  readonly navigate: (url: string) => Promise<void>
  /** The value of an expression in the page. */
  readonly evaluate: <T>(expression: string) => Promise<T>
  /** A command of the browser's own protocol. */
  readonly cdp: <T>(method: string, params?: Record<string, unknown>) => Promise<T>
  readonly look: (width: number, height: number, scheme: "light" | "dark") => Promise<void>
  /** Scrolls to the element that a selector finds, and clicks on it once it can be clicked. */
  readonly click: (selector: string) => Promise<void>
}

/**
 * Opens an empty page, and closes it after `use`.
 *
 * @error Error without a browser, or with a path that is none
 */
export const withBrowserPage = async <A>(use: (view: PageView) => Promise<A>): Promise<A> => {
  const path = browserPath()
  if (path === undefined) throw new Error("no Chrome or Chromium was found; install one, or set BUN_CHROME_PATH")
  // Bun starts one browser for a process: asked again, it would not notice a path that leads nowhere.
  if (Bun.which(path) === null) throw new Error(`${path} is no program that can run`)
  // The sandbox of Chrome refuses to start for root, as which containers run.
  const argv = process.getuid?.() === 0 ? ["--no-sandbox"] : []
  const view = new Bun.WebView({ width: 900, height: 900, backend: { type: "chrome", url: false, path, argv } })
  try {
    await view.navigate("about:blank")
    return await use({
      navigate: (url) => view.navigate(url),
      evaluate: (expression) => view.evaluate(expression),
      cdp: (method, params) => view.cdp(method, params),
      look: async (width, height, scheme) => {
        await view.cdp("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false })
        await view.cdp("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] })
      },
      click: async (selector) => {
        await view.scrollTo(selector)
        await view.click(selector)
      },
    })
  } finally {
    view.close()
  }
}
