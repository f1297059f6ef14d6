/** The settings of the Hugging Face tools that apply here as well, from the environment. */
import { readFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"

type Environment = Readonly<Record<string, string | undefined>>

/** The place of the hub, the place of its files, and the user's token. */
export interface HubSettings {
  /** Without a slash at its end. */
  readonly endpoint: string
  /** The folder of `models--owner--name`. */
  readonly cache: string
  readonly token: string | undefined
  /** True: no request goes to the network. */
  readonly offline: boolean
}

const isOn = (value: string | undefined) => /^(1|on|yes|true)$/i.test(value ?? "")

/** A folder, with ~ expanded to the home. */
const expanded = (path: string, home: string) => (/^~(\/|$)/.test(path) ? join(home, path.slice(1)) : path)

const tokenIn = (file: string): string | undefined => {
  try {
    return readFileSync(file, "utf8").trim() || undefined
  } catch {
    return undefined // The user has not logged in.
  }
}

/**
 * The settings by HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_TOKEN_PATH and HF_HUB_OFFLINE, as `huggingface_hub`
 * reads them, earlier names included.
 */
export const hubSettings = (env: Environment = process.env): HubSettings => {
  const home = env["HOME"] || homedir()
  const place = (path: string) => expanded(path, home)
  const hfHome = place(env["HF_HOME"] || join(env["XDG_CACHE_HOME"] || join(home, ".cache"), "huggingface"))
  return {
    endpoint: (env["HF_ENDPOINT"] || "https://huggingface.co").replace(/\/+$/, ""),
    cache: place(env["HF_HUB_CACHE"] || env["HUGGINGFACE_HUB_CACHE"] || join(hfHome, "hub")),
    token:
      env["HF_TOKEN"]?.trim() ||
      env["HUGGING_FACE_HUB_TOKEN"]?.trim() ||
      tokenIn(place(env["HF_TOKEN_PATH"] || join(hfHome, "token"))),
    offline: isOn(env["HF_HUB_OFFLINE"]) || isOn(env["TRANSFORMERS_OFFLINE"]),
  }
}
