/** Objects that plugins read: a name that is not there is an error, not undefined, and nothing can be written to them. */

/** Names that engines and libraries look for in any object. */
const harmless = new Set(["then", "toJSON", "nodeType", "$$typeof", "asymmetricMatch", "inspect"])

/**
 * A maker of such objects.
 *
 * @param refuse the error for a name that the object does not have
 * @returns makes one from an object's fields, but for the field `without`
 */
export const strict = (refuse: (name: string) => Error) => {
  const prototype = new Proxy(Object.prototype, {
    get: (target, key) => {
      if (typeof key === "symbol" || key in target || harmless.has(key)) return Reflect.get(target, key)
      throw refuse(key)
    },
    getPrototypeOf: () => null,
  })
  return <T extends object>(fields: T, without?: keyof T): T => {
    // by descriptor: a field that is computed when it is asked for stays so
    const own = Object.getOwnPropertyDescriptors(fields)
    if (without !== undefined) delete own[without]
    return Object.freeze(Object.create(prototype, own) as T)
  }
}
