/** A page in headless Chromium, driven through its DevTools protocol. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** The browser; undefined where this machine has none. */
export const chromium = ["chromium", "chromium-browser", "google-chrome"]
  .map((name) => Bun.which(name))
  .find((path) => path !== null)

interface Message {
  readonly id?: number
  readonly method?: string
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
  readonly params?: Record<string, unknown>
}

/** A page that is open. */
export interface OpenPage {
  /** The value of an expression of the page, as JSON. */
  readonly evaluate: <A>(expression: string) => Promise<A>
  /** Presses a key. */
  readonly press: (key: string) => Promise<void>
  /** Clicks at a place of the window. */
  readonly click: (x: number, y: number) => Promise<void>
  /** Moves the pointer to a place of the window. */
  readonly move: (x: number, y: number) => Promise<void>
  /** Sets the size of the window, and the colours that a reader prefers. */
  readonly resize: (width: number, height: number, scheme?: "light" | "dark") => Promise<void>
  /** The window, or the whole page, as PNG. */
  readonly picture: (whole?: boolean) => Promise<Uint8Array>
  /** Errors of the page, and addresses that it asked the network for. */
  readonly complaints: ReadonlyArray<string>
  readonly close: () => Promise<void>
}

/** Names of keys to the codes that the protocol wants beside them. */
const codes: Readonly<Record<string, number>> = {
  Tab: 9,
  Enter: 13,
  PageUp: 33,
  PageDown: 34,
  End: 35,
  Home: 36,
  ArrowLeft: 37,
  ArrowUp: 38,
  ArrowRight: 39,
  ArrowDown: 40,
}

/** Opens a file in a browser of its own. */
export const openPage = async (file: string): Promise<OpenPage> => {
  const profile = mkdtempSync(join(tmpdir(), "winnow-chromium-"))
  const flags = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--remote-debugging-port=0",
    `--user-data-dir=${profile}`,
  ]
  const child = Bun.spawn([chromium!, ...flags, "about:blank"], { stdout: "ignore", stderr: "pipe" })
  const reader = child.stderr.getReader()
  let said = ""
  let address: string | undefined
  while (address === undefined) {
    const { done, value } = await reader.read()
    if (done) throw new Error(`chromium ended: ${said}`)
    said += new TextDecoder().decode(value)
    address = /DevTools listening on (ws:\S+)/.exec(said)?.[1]
  }
  void (async () => {
    while (!(await reader.read()).done);
  })()
  const socket = new WebSocket(address)
  await new Promise((resolve) => socket.addEventListener("open", resolve, { once: true }))
  const waiting = new Map<number, { resolve: (of: Record<string, unknown>) => void; reject: (error: Error) => void }>()
  const listeners = new Map<string, () => void>()
  const complaints: Array<string> = []
  let last = 0
  let session: string | undefined
  const send = (method: string, params: Record<string, unknown> = {}) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const id = ++last
      waiting.set(id, { resolve, reject })
      socket.send(JSON.stringify({ id, method, params, ...(session && { sessionId: session }) }))
    })
  socket.addEventListener("message", ({ data }) => {
    const { id, method, result, error, params } = JSON.parse(String(data)) as Message
    if (id !== undefined) {
      const { resolve, reject } = waiting.get(id)!
      waiting.delete(id)
      if (error) reject(new Error(error.message))
      else resolve(result ?? {})
    }
    if (method === "Runtime.exceptionThrown") complaints.push(JSON.stringify(params?.["exceptionDetails"]))
    if (method === "Log.entryAdded") complaints.push(String((params!["entry"] as { text: string }).text))
    if (method === "Network.requestWillBeSent") {
      const { url } = params!["request"] as { url: string }
      if (!url.startsWith("file:")) complaints.push(url)
    }
    if (method !== undefined) listeners.get(method)?.()
  })
  const { targetId } = await send("Target.createTarget", { url: "about:blank" })
  session = (await send("Target.attachToTarget", { targetId, flatten: true }))["sessionId"] as string
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(`${domain}.enable`)
  const loaded = new Promise<void>((resolve) => listeners.set("Page.loadEventFired", resolve))
  await send("Page.navigate", { url: `file://${file}` })
  await loaded
  const mouse = (type: string, x: number, y: number, more = {}) =>
    send("Input.dispatchMouseEvent", { type, x, y, ...more })
  return {
    complaints,
    evaluate: async <A>(expression: string) => {
      const { result, exceptionDetails } = await send("Runtime.evaluate", {
        expression,
        returnByValue: true,
        awaitPromise: true,
      })
      if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails))
      return (result as { value: A }).value
    },
    press: async (key) => {
      const code = {
        key,
        windowsVirtualKeyCode: codes[key] ?? key.toUpperCase().charCodeAt(0),
        ...(key.length === 1 && { text: key }),
      }
      await send("Input.dispatchKeyEvent", { type: "keyDown", ...code })
      await send("Input.dispatchKeyEvent", { type: "keyUp", ...code })
    },
    click: async (x, y) => {
      await mouse("mousePressed", x, y, { button: "left", clickCount: 1 })
      await mouse("mouseReleased", x, y, { button: "left", clickCount: 1 })
    },
    move: async (x, y) => void (await mouse("mouseMoved", x, y)),
    resize: async (width, height, scheme = "light") => {
      await send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false })
      await send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] })
    },
    picture: async (whole = false) => {
      const { data } = await send("Page.captureScreenshot", { format: "png", captureBeyondViewport: whole })
      return Uint8Array.from(Buffer.from(String(data), "base64"))
    },
    close: async () => {
      socket.close()
      child.kill()
      await child.exited
      rmSync(profile, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}
