/** Values that a process makes once: for plugins whose preparation costs more than their use. */

const values = new Map<string, unknown>()

/**
 * The value of a key, made at its first use in this process.
 *
 * A plugin with memory of its own is computed anew in each run, as its results may depend on earlier calls. This memory is
 * for values that the key decides alone: they are the same whichever stage asks first, so that results can be reused.
 *
 * @param key names the plugin and everything that the value depends on
 * @param make a function of the key alone; its tensors would be nobody's, so the value has plain numbers
 */
export const onceInProcess = <A>(key: string, make: () => A): A => {
  if (!values.has(key)) values.set(key, make())
  return values.get(key) as A // one key, one type: a key names its plugin
}
