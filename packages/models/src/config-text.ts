/** The text of a config.json. */

/**
 * Keys whose type in `transformers` is float and nothing else: since version 5 a whole number without a point is refused
 * there.
 */
const floats =
  "final_logit_softcapping attn_logit_softcapping initializer_range rms_norm_eps norm_eps layer_norm_eps layer_norm_epsilon"

const whole = new RegExp(`^(  "(?:${floats.replaceAll(" ", "|")})": \\d+)(,?)$`, "gm")

/** A config.json as `transformers` reads it: whole numbers of float keys have a point, which JavaScript leaves out. */
export const configText = (config: Readonly<Record<string, unknown>>): string =>
  `${JSON.stringify(config, null, 2).replace(whole, "$1.0$2")}\n`
