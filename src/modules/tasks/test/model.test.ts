import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addMs, calendar, workingMinutesBetween } from '#kernel/time.ts'
import { type ClockKind, checkLadder, DEFAULT_LADDER, deadlineOf, type Pause, rungAt } from '../model.ts'

const MINUTE = 60_000
const wholeMinute = fc
  .date({ min: new Date('2025-01-01T00:00:00Z'), max: new Date('2025-12-01T00:00:00Z'), noInvalidDate: true })
  .map(d => new Date(Math.floor(d.getTime() / MINUTE) * MINUTE))
const minutes = fc.integer({ min: 1, max: 5_000 })
const clock = fc.constantFrom<ClockKind>('working', 'natural')
/** Gaps and lengths in minutes, laid one after the other from the start. */
const gaps = fc.array(fc.tuple(fc.integer({ min: 0, max: 4_000 }), fc.integer({ min: 0, max: 6_000 })), { maxLength: 4 })

const lay = (start: Date, list: readonly (readonly [number, number])[]): Pause[] => {
  let at = start
  return list.map(([gap, length]) => {
    const from = addMs(at, gap * MINUTE)
    at = addMs(from, length * MINUTE)
    return { from, to: at }
  })
}
const onClock = (from: Date, to: Date, kind: ClockKind): number =>
  kind === 'natural' ? (to.getTime() - from.getTime()) / MINUTE : workingMinutesBetween(from, to, calendar())

test('from start to deadline the clock runs the minutes allowed and the pauses that lie between, no more and no less', () => {
  fc.assert(
    fc.property(wholeMinute, minutes, clock, gaps, (start, allowed, kind, list) => {
      const pauses = lay(start, list)
      const deadline = deadlineOf(start, allowed, kind, pauses)!
      const paused = pauses.filter(p => p.from < deadline).reduce((sum, p) => sum + onClock(p.from, p.to!, kind), 0)
      assert.equal(onClock(start, deadline, kind), allowed + paused)
      assert.ok(
        pauses.every(p => p.from >= deadline || p.to! <= deadline),
        'no deadline lies within a pause',
      )
    }),
  )
})

test('one pause moves a natural deadline by exactly its length', () => {
  fc.assert(
    fc.property(
      fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(1e12) }),
      minutes,
      fc.nat(1e9),
      fc.nat(1e9),
      (start, allowed, gap, length) => {
        const from = addMs(start, gap)
        const moved = deadlineOf(start, allowed, 'natural', [{ from, to: addMs(from, length) }])!
        const isBefore = gap < allowed * MINUTE
        assert.equal(moved.getTime(), start.getTime() + allowed * MINUTE + (isBefore ? length : 0))
      },
    ),
    // A pause that begins within a minute: in fractions of minutes a millisecond was lost.
    { examples: [[new Date(0), 2_049, 6, 0]] },
  )
})

test('more time, a later start or a longer pause never brings the deadline nearer', () => {
  fc.assert(
    fc.property(wholeMinute, minutes, clock, gaps, fc.integer({ min: 0, max: 3_000 }), (start, allowed, kind, list, extra) => {
      const pauses = lay(start, list)
      const deadline = deadlineOf(start, allowed, kind, pauses)!
      assert.ok(deadlineOf(start, allowed + extra, kind, pauses)! >= deadline)
      assert.ok(deadlineOf(addMs(start, extra * MINUTE), allowed, kind, [])! >= deadlineOf(start, allowed, kind, [])!)
      const last = pauses.at(-1)
      if (last)
        assert.ok(
          deadlineOf(start, allowed, kind, [...pauses.slice(0, -1), { from: last.from, to: addMs(last.to!, extra * MINUTE) }])! >= deadline,
        )
      assert.ok(deadline >= deadlineOf(start, allowed, kind, [])!)
    }),
  )
})

test('rungs come in order, the one at 100 % at the deadline', () => {
  fc.assert(
    fc.property(wholeMinute, minutes, clock, gaps, (start, allowed, kind, list) => {
      const pauses = lay(start, list)
      const at = DEFAULT_LADDER.map(rung => rungAt(start, allowed, kind, pauses, rung)!)
      assert.ok(at.every((when, i) => i === 0 || when >= at[i - 1]!))
      assert.equal(at[2]!.getTime(), deadlineOf(start, allowed, kind, pauses)!.getTime())
    }),
  )
})

test('while a pause lasts there is no deadline, unless it was reached before', () => {
  const start = new Date('2026-03-02T01:00:00Z')
  assert.equal(deadlineOf(start, 60, 'natural', [{ from: addMs(start, 30 * MINUTE) }]), undefined)
  assert.equal(deadlineOf(start, 60, 'natural', [{ from: addMs(start, 60 * MINUTE) }])!.getTime(), addMs(start, 60 * MINUTE).getTime())
})

test('working time skips nights, noon, week-ends and holidays', () => {
  const at = (text: string) => new Date(`${text}+08:00`)
  const cases: [string, number, string][] = [
    ['2026-03-06T16:00', 120, '2026-03-09T10:00'],
    ['2026-03-02T11:30', 60, '2026-03-02T13:30'],
    ['2026-09-30T16:30', 60, '2026-10-08T09:30'],
    ['2026-03-02T22:00', 1, '2026-03-03T09:01'],
  ]
  for (const [start, allowed, end] of cases)
    assert.equal(deadlineOf(at(start), allowed, 'working', [])!.toISOString(), at(end).toISOString(), start)
})

test('a ladder that does not rise is refused', () => {
  checkLadder(DEFAULT_LADDER)
  assert.throws(() => checkLadder([DEFAULT_LADDER[1]!, DEFAULT_LADDER[0]!]))
  assert.throws(() => checkLadder([{ share_pct: 0, level: 1, to: 0 }]))
})
