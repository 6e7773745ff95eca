import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { CommitUnknown, DatabaseUnavailable, DiskFull } from '#kernel/db/index.ts'
import { coalesce } from '../coalescer.ts'

interface Flush {
  readonly items: readonly number[]
  answer(): void
  refuse(error: Error): void
}

/** Doubles numbers in batches that end when the test says so. */
function doubling() {
  const flushes: Flush[] = []
  const call = coalesce<number, number>(
    items =>
      new Promise((resolve, reject) => {
        flushes.push({ items, answer: () => resolve(items.map(n => 2 * n)), refuse: reject })
      }),
  )
  return { flushes, call, sizes: () => flushes.map(({ items }) => items.length) }
}

const numbers = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i)

test('a lone call waits for nobody', async () => {
  const { flushes, call } = doubling()
  const answer = call(7)
  await turn()
  assert.deepEqual(
    flushes.map(({ items }) => items),
    [[7]],
  )
  flushes[0]!.answer()
  assert.equal(await answer, 14)
})

test('what waits is shared among two writers, 256 to each at most, and each caller gets its own answer', async () => {
  const { flushes, call, sizes } = doubling()
  const answers = Promise.all(numbers(0, 1_000).map(call))
  await turn()
  assert.deepEqual(sizes(), [256, 256], 'no third writer')
  for (let i = 0; i < 4; i++) {
    while (flushes.length <= i) await turn()
    flushes[i]!.answer()
  }
  assert.deepEqual(
    await answers,
    numbers(0, 1_000).map(n => 2 * n),
  )
  assert.equal(
    sizes().reduce((sum, size) => sum + size, 0),
    1_000,
  )
})

test('a writer takes up what waits before those it served are told', async () => {
  const { flushes, call, sizes } = doubling()
  let told = 0
  const calls = numbers(0, 600).map(async n => {
    await call(n)
    told ||= flushes.length
  })
  await turn()
  assert.deepEqual(sizes(), [256, 256])
  flushes[0]!.answer()
  while (told === 0) await turn()
  assert.equal(told, 3, 'the third batch was under way when the first caller went on')
  flushes[1]!.answer()
  flushes[2]!.answer()
  await Promise.all(calls)
})

test('an item that fails stands alone in the end; all others of its batch are answered', async () => {
  const { flushes, call } = doubling()
  const outcomes = Promise.allSettled(numbers(0, 40).map(call))
  let done = 0
  const settled = outcomes.then(all => {
    done = all.length
    return all
  })
  while (done === 0) {
    for (const { items, answer, refuse } of flushes.splice(0)) items.includes(23) ? refuse(new Error('23 cannot be doubled')) : answer()
    await turn()
  }
  const all = await settled
  for (const [n, outcome] of all.entries()) {
    if (n === 23) assert.match(String((outcome as PromiseRejectedResult).reason), /23 cannot be doubled/)
    else assert.deepEqual(outcome, { status: 'fulfilled', value: 2 * n })
  }
  const after = call(50)
  await turn()
  flushes[0]!.answer()
  assert.equal(await after, 100, 'the writer is free again')
})

test('the ten thousand and first who waits is refused at once', async () => {
  const { flushes, call } = doubling()
  const waiting = Promise.all(numbers(0, 10_000).map(call))
  await assert.rejects(call(10_000), DatabaseUnavailable)
  let isDone = false
  const all = waiting.then(answers => {
    isDone = true
    return answers
  })
  while (!isDone) {
    for (const { answer } of flushes.splice(0)) answer()
    await turn()
  }
  assert.equal((await all).length, 10_000)
})

test('when the database is the fault, everybody of a batch is told at once, and nobody waits for halves', async () => {
  for (const fault of [new DatabaseUnavailable('gone'), new CommitUnknown('broke'), new DiskFull('full')]) {
    const { flushes, call } = doubling()
    const outcomes = Promise.allSettled(numbers(0, 200).map(call))
    await turn()
    const [first, second] = flushes.splice(0)
    first!.refuse(fault)
    second?.answer()
    const rejected = (await outcomes).filter(outcome => outcome.status === 'rejected')
    assert.equal(rejected.length, first!.items.length)
    assert.ok(rejected.every(outcome => outcome.reason === fault))
    assert.equal(flushes.length, 0, 'not tried in halves')
  }
})
