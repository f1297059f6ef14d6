/**
 * Screens of vocabulary heads (`native/decode-head.h`): a head [V, d] in 8 bits, V d bytes, by which the greedy choice reads
 * a quarter of it and stays exact. One a head, made when first asked for, anew when the weights changed.
 */
import type { Address } from "../binding/symbols.ts"
import type { tf } from "../tf.ts"
import { address, type Native } from "./native.ts"
import { weightsVersion } from "./weights-version.ts"

interface Screen {
  handle: Address | null
  /** Of the weights that it was made from. */
  readonly dataId: object
  readonly version: number
  readonly native: Native
}

const screens = new WeakMap<tf.Variable, Screen>()
/** For heads that are let go without `freeScreen`. */
const forgotten = new FinalizationRegistry<Screen>((screen) => free(screen))

const free = (screen: Screen) => {
  screen.native.C.winnow_screen_free(screen.handle)
  screen.handle = null
}

/** Numbers of a head below which a screen gains nothing: the head itself lies in the caches. */
const WORTH = 1 << 17

/** The screen of this head as it is now, null where none is worth it or memory does not suffice. */
export const screenOf = (native: Native, head_Vd: tf.Variable): Address | null => {
  if (head_Vd.size < WORTH) return null
  const found = screens.get(head_Vd)
  const [dataId, version] = [head_Vd.dataId, weightsVersion()]
  if (found !== undefined && found.dataId === dataId && found.version === version) return found.handle
  freeScreen(head_Vd)
  const [V, d] = head_Vd.shape as [number, number]
  const handle = native.C.winnow_screen_new(address(head_Vd), V, d) as Address | null
  const screen = { handle, dataId, version, native }
  screens.set(head_Vd, screen)
  forgotten.register(head_Vd, screen, head_Vd)
  return handle
}

/** Frees the screen of this head, if it has one. */
export const freeScreen = (head_Vd: tf.Variable): void => {
  const screen = screens.get(head_Vd)
  if (screen === undefined) return
  screens.delete(head_Vd)
  forgotten.unregister(head_Vd)
  free(screen)
}
