/**
 * The arithmetic of the open engine: the same code gives other numbers on another engine, so keys of tensor stages
 * include it.
 */
import { engineInfo } from "@winnow/tensor"

/**
 * The precision that oneDNN may use, from ONEDNN_DEFAULT_FPMATH_MODE: float32 if unset or STRICT, else the mode itself
 * (F16, TF32, ANY, ...), since each mode gives other figures.
 */
export const oneDnnProducts = (mode: string | undefined): string => {
  const name = mode?.toUpperCase() ?? ""
  if (name === "" || name === "STRICT") return "float32"
  return name === "BF16" ? "bfloat16" : mode!
}

/** Device, precision of TensorFlow's products, variant of the native library; the engine must be open. */
export const arithmetic = (): { readonly device: string; readonly products: string; readonly native: string } => {
  const { device, options, native } = engineInfo()
  const products = options.products ?? oneDnnProducts(process.env["ONEDNN_DEFAULT_FPMATH_MODE"])
  return { device: device.type, products, native: "variant" in native ? native.variant : "none" }
}
