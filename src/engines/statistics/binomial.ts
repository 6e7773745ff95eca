/** Logarithm of the chance of exactly `k` successes: sums of logarithms, so that nothing overflows. */
function logTermAt(k: number, n: number, p: number): number {
  let log = k * Math.log(p) + (n - k) * Math.log1p(-p)
  for (let i = 1; i <= k; i++) log += Math.log(n - k + i) - Math.log(i)
  return log
}

/**
 * Probability of `k` or more successes in `n` trials that each succeed with chance `p`, 0 <= k, 0 <= n, 0 <= p <= 1. Exact to
 * floating point: terms are summed away from the middle, each from the one before, so that they only shrink.
 */
export function atLeast(k: number, n: number, p: number): number {
  if (k <= 0) return 1
  if (k > n || p <= 0) return 0
  if (p >= 1) return 1
  const odds = p / (1 - p)
  let sum = 0
  if (k > n * p) {
    let term = Math.exp(logTermAt(k, n, p))
    for (let i = k; i <= n && term > sum * 1e-17; i++) {
      sum += term
      term *= ((n - i) / (i + 1)) * odds
    }
    return Math.min(1, sum)
  }
  let term = Math.exp(logTermAt(k - 1, n, p))
  for (let i = k - 1; i >= 0 && term > sum * 1e-17; i--) {
    sum += term
    term *= i / (n - i + 1) / odds
  }
  return Math.max(0, 1 - sum)
}
