/** Settings of arktype for a process that starts often. Imported before anything that builds a type. */
import "./no-jit.ts"
import "arktype"

/**
 * arktype keeps all nodes in one object, and deletes one for every type that it has built before. The engine copies the
 * object's list of properties at each deletion, until there were enough of them for a hash table. Deletions while it is
 * small take no time; the later ones took a fifth of the CPU of `winnow --version`.
 */
const nodes = (globalThis as { readonly $ark?: { readonly nodesByRegisteredId?: Record<string, unknown> } }).$ark
  ?.nodesByRegisteredId
if (nodes !== undefined) {
  const names = Array.from({ length: 200 }, (_, i) => `winnow ${i}`)
  for (const name of names) nodes[name] = undefined
  for (const name of names) delete nodes[name]
}
