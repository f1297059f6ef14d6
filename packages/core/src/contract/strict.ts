/** Objects that plugins read: a name that is not there is an error, not undefined, and nothing can be written to them. */

/** Names that engines and libraries look for in any object. */
const harmless = new Set(["then", "toJSON", "nodeType", "$$typeof", "asymmetricMatch", "inspect"])

/**
 * A maker of such objects.
 *
 * @param refuse the error for a name that the object does not have
 */
export const strict = (refuse: (name: string) => Error) => {
  const prototype = new Proxy(Object.prototype, {
    get: (target, key) => {
      if (typeof key === "symbol" || key in target || harmless.has(key)) return Reflect.get(target, key)
      throw refuse(key)
    },
    getPrototypeOf: () => null,
  })
  return <T extends object>(fields: T): T => Object.freeze(Object.assign(Object.create(prototype) as T, fields))
}
