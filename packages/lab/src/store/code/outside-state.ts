/**
 * State outside of a module's text that its results may depend on: environment, clock, disk, chance, variables that
 * keep traces of an earlier call. A key does not determine the results of such a module, so they are not reused.
 */
import { isBuiltin } from "node:module"
import type { FreeName, Names } from "./names.ts"

/** Globals that are the same in every process. */
const pure = new Set(
  (
    "AbortController AbortSignal AggregateError Array ArrayBuffer Atomics BigInt BigInt64Array BigUint64Array Boolean Buffer " +
    "DOMException DataView Error EvalError Event EventTarget Float16Array Float32Array Float64Array Infinity Int16Array " +
    "Int32Array Int8Array Intl Iterator JSON Map NaN Number Object Promise Proxy RangeError ReferenceError Reflect RegExp Set " +
    "SharedArrayBuffer String Symbol SyntaxError TextDecoder TextEncoder TypeError URIError URL URLSearchParams Uint16Array " +
    "Uint32Array Uint8Array Uint8ClampedArray WeakMap WeakRef WeakSet WebAssembly __dirname __filename arguments atob btoa " +
    "clearInterval clearTimeout console decodeURI decodeURIComponent encodeURI encodeURIComponent escape exports isFinite " +
    "isNaN module parseFloat parseInt queueMicrotask setImmediate setInterval setTimeout structuredClone undefined unescape"
  ).split(" "),
)
const pureOfBun = new Set(["deepEquals", "escapeHTML", "hash", "inspect", "peek", "stringWidth", "version"])

/** How a global reaches outside; undefined if this use of it does not. */
const reach = ({ name, member, use, argumentCount: given, literal }: FreeName): string | undefined => {
  if (pure.has(name)) return undefined
  switch (name) {
    case "Math":
      return member === undefined || member === "random" ? "draws random numbers without a seed" : undefined
    case "Date":
      if ((use === "new" && given > 0) || member === "UTC" || member === "parse") return undefined
      return "reads the clock"
    case "performance":
      return "reads the clock"
    case "crypto":
      return member === "subtle" ? undefined : "draws random numbers without a seed"
    case "process":
    case "Bun":
      if (member === "env") return "reads the environment"
      if (member === "argv") return "reads the command line"
      if (name === "process") return "reads the process"
      return member !== undefined && pureOfBun.has(member) ? undefined : "reads what lies outside"
    case "fetch":
    case "WebSocket":
    case "XMLHttpRequest":
    case "EventSource":
      return "reads what lies outside"
    case "eval":
    case "Function":
      return member === undefined && use !== "other" ? "evaluates text as code" : undefined
    case "require":
      return use === "call" && literal ? undefined : "requires a module by a computed name"
    default:
      return `reads a global, ${name}`
  }
}

/** Modules of the platform that only compute. */
const pureModules = new Set(
  (
    "assert assert/strict buffer constants events path path/posix path/win32 punycode querystring stream string_decoder " +
    "url util util/types zlib"
  ).split(" "),
)
/** The part of node:crypto that draws no random numbers. */
const pureOfCrypto = /^(?:createHash|createHmac|hash|timingSafeEqual|getHashes|constants)$/
/** Packages that read the disk for their callers. */
const readers = /^(?:@winnow\/files|@effect\/platform[-\w]*|fs-extra|graceful-fs|glob|dotenv)(?:\/|$)/
/** The part of effect that reads outside state. */
const readersOfEffect = new Set(["Clock", "Config", "ConfigProvider", "FileSystem", "Random", "Terminal", "Stdio"])

const moduleReach = (source: string, names: Names): boolean => {
  if (source.startsWith("bun:wrap") || source === "bun:test") return false
  if (source === "bun" || source.startsWith("bun:")) return true
  const specifiers = names.imported.filter((one) => one.source === source).map(({ name }) => name)
  if (isBuiltin(source)) {
    const plain = source.replace(/^node:/, "")
    if (plain === "crypto") return specifiers.length === 0 || !specifiers.every((name) => pureOfCrypto.test(name))
    return !pureModules.has(plain)
  }
  if (source === "effect") return specifiers.some((name) => readersOfEffect.has(name))
  return readers.test(source)
}

/** Properties of `import.meta` that give the place of the file. */
const pureMeta = new Set("dir dirname file filename main path resolve url".split(" "))

/** The end of such a sentence for a factory or class whose results keep state. */
export const keepsStateOf = (name: string): string =>
  `keeps at its top level what ${name} makes, which has state, so that a result may depend on earlier calls`

/**
 * The first part of a module that reaches outside, as the end of a sentence that begins with the file's name; undefined
 * if the module's text determines its results.
 */
export const outsideState = (names: Names): string | undefined => {
  const module = names.imports.find((source) => moduleReach(source, names))
  if (module !== undefined) return `imports ${module}`
  for (const use of names.free) {
    const reason = reach(use)
    if (reason !== undefined) return reason
  }
  if (names.meta.has("env")) return "reads the environment"
  const meta = [...names.meta].find((name) => !pureMeta.has(name))
  if (meta !== undefined) return `reads import.meta.${meta}`
  if (names.computedImport) return "imports a module by a computed name"
  if (names.changed[0] !== undefined)
    return `changes ${names.changed[0]}, a variable at its top level, so that a result may depend on earlier calls`
  if (names.statefulCalls[0] !== undefined) return keepsStateOf(names.statefulCalls[0])
  return undefined
}
