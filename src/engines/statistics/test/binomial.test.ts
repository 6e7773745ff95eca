import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { atLeast } from '../index.ts'

/** By the definition, in the order of the definition. */
function naive(k: number, n: number, p: number): number {
  let sum = 0
  for (let i = k; i <= n; i++) {
    let ways = 1
    for (let j = 1; j <= i; j++) ways = (ways * (n - i + j)) / j
    sum += ways * p ** i * (1 - p) ** (n - i)
  }
  return sum
}

test('the chance of so many or more is that of the definition', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 60 }), fc.double({ min: 0, max: 1, noNaN: true }), (k, n, p) => {
      assert.ok(Math.abs(atLeast(k, n, p) - (k === 0 ? 1 : naive(k, n, p))) < 1e-9)
    }),
  )
})

test('it falls with k and grows with p, and large numbers do not break it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 1, max: 5_000 }),
      fc.double({ min: 0.001, max: 0.9, noNaN: true }),
      (k, n, p) => {
        const here = atLeast(k, n, p)
        assert.ok(here >= 0 && here <= 1)
        assert.ok(atLeast(k + 1, n, p) <= here + 1e-12)
        assert.ok(atLeast(k, n, Math.min(1, p * 1.1)) >= here - 1e-12)
      },
    ),
  )
  // By whole numbers of any size.
  assert.ok(Math.abs(atLeast(25, 1_000, 0.015) - 0.010608994052049674) < 1e-12)
})
