/**
 * The distance of hidden states from those of a general text, in their principal components.
 *
 * Letters: G states of the general text, n states of an example, d hidden size, c components.
 */
import { centredStates, covarianceOf, PluginFault } from "@winnow/core"
import { quantile } from "@winnow/numerics"
import { EigenvalueDecomposition, Matrix } from "ml-matrix"

/** The general states: their mean, and the directions of largest variance. */
export interface Gaussian {
  readonly mean_d: Float64Array
  /** c x d, orthonormal rows, by falling variance. */
  readonly directions_cd: Float64Array
  /** The variance along each, with the ridge. */
  readonly variance_c: Float64Array
}

/**
 * Mean, and principal components with their variances. In these components the covariance of the general states is
 * diagonal, so its inverse is that of each variance.
 *
 * A variance has `ridge` times the mean variance of the components added: a direction in which the general text hardly
 * varies has no distance without bound. States that are all equal have no variance anywhere, and are refused.
 *
 * @param c at most d; where there are fewer states than that, further directions have the ridge alone
 * @error PluginFault (thrown) for general states without any variance
 */
export const gaussianOf = (h_Gd: Float32Array, G: number, d: number, c: number, ridge: number): Gaussian => {
  const mean_d = new Float64Array(d)
  for (let g = 0; g < G; g++) for (let i = 0; i < d; i++) mean_d[i]! += h_Gd[g * d + i]! / G
  const s_dd = covarianceOf(centredStates(h_Gd, G, d, "none"), G, d)
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(
    new Matrix(Array.from({ length: d }, (_, i) => Array.from(s_dd.subarray(i * d, (i + 1) * d)))),
    { assumeSymmetric: true },
  )
  const order = Array.from(realEigenvalues.keys())
    .toSorted((a, b) => realEigenvalues[b]! - realEigenvalues[a]!)
    .slice(0, c)
  // Rounding makes an eigenvalue of 0 a small number of either sign.
  const plain_c = order.map((i) => Math.max(0, realEigenvalues[i]!))
  const mean = plain_c.reduce((sum, x) => sum + x, 0) / plain_c.length
  if (!(mean > 0))
    throw new PluginFault(
      "examples mahalanobis",
      "a general text that varies",
      `all ${G} states of the general text are equal; give a text of different answers`,
    )
  return {
    mean_d,
    directions_cd: Float64Array.from(order.flatMap((i) => eigenvectorMatrix.getColumn(i))),
    variance_c: Float64Array.from(plain_c, (x) => x + ridge * mean),
  }
}

/** The squared Mahalanobis distance of each of n states from the general ones. */
export const distancesOf = (
  { mean_d, directions_cd, variance_c }: Gaussian,
  h_nd: Float32Array,
  n: number,
): Float64Array => {
  const d = mean_d.length
  return Float64Array.from({ length: n }, (_, row) => {
    let distance = 0
    for (const [j, variance] of variance_c.entries()) {
      let z = 0
      for (let i = 0; i < d; i++) z += (h_nd[row * d + i]! - mean_d[i]!) * directions_cd[j * d + i]!
      distance += (z * z) / variance
    }
    return distance
  })
}

/** The score of an example: the quantile rho of its states' distances. */
export const scoreOf = (of: Gaussian, h_nd: Float32Array, n: number, rho: number): number =>
  quantile(distancesOf(of, h_nd, n), rho)
