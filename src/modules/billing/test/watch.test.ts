import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, seededRandom } from '#kernel/random.ts'
import { addDays } from '#kernel/time.ts'
import { type ClerkDay, watchClerks } from '../watch.ts'

const HALLS = 120
const CLERKS = 6
const DAYS = 30

/** Of a bell: twelve dice are near enough. */
const bell = (random: Random, mean: number, spread: number): number =>
  mean + spread * (Array.from({ length: 12 }, () => random.float()).reduce((sum, x) => sum + x, 0) - 6)

const count = (random: Random, n: number, p: number): number => {
  let hits = 0
  for (let i = 0; i < n; i++) if (random.float() < p) hits++
  return hits
}

type Habit = 'honest' | 'unrecorded' | 'voids' | 'till'

/** A day at a window. Who skims takes the money of two or three payers in a hundred, or thirty yuan from the drawer now and then. */
function dayOf(random: Random, clerkId: string, day: string, habit: Habit, own: { gone: number; voids: number }): ClerkDay {
  const payers = Math.max(20, Math.round(bell(random, 60, 12)))
  const skimmed = habit === 'unrecorded' ? 1 + count(random, payers, 0.04) : 0
  const gone = count(random, payers, own.gone)
  const takings = payers - gone - skimmed
  const voids = count(random, takings, own.voids) + (habit === 'voids' ? 1 + count(random, takings, 0.01) : 0)
  const mistake = random.float() < 0.02 ? bell(random, 0, 3_000) : 0
  const taken = habit === 'till' && random.float() < 0.4 ? 3_000 : 0
  const overFen = Math.round(bell(random, 0, 300) + mistake - taken)
  return { clerkId, day, lookups: payers, abandoned: gone + skimmed, takings, voids, turns: 1, overFen }
}

function simulateHall(random: Random) {
  const skimmer = random.float() < 0.5 ? random.int(CLERKS) : -1
  const how = (['unrecorded', 'voids', 'till'] as const)[random.int(3)]!
  const own = Array.from({ length: CLERKS }, () => ({
    gone: Math.max(0.01, bell(random, 0.06, 0.012)),
    voids: Math.max(0.001, bell(random, 0.008, 0.002)),
  }))
  const days: ClerkDay[] = []
  const before = new Set<string>()
  const flags = Array.from({ length: CLERKS }, () => 0)
  for (let n = 0; n < DAYS; n++) {
    const day = addDays('2026-10-01', n)
    for (let c = 0; c < CLERKS; c++) days.push(dayOf(random, String(c), day, c === skimmer ? how : 'honest', own[c]!))
    const now = new Set(watchClerks(days, day).map(signal => `${signal.clerkId} ${signal.kind}`))
    // One that was there yesterday is the same thing still.
    for (const key of now) if (!before.has(key)) flags[Number(key.split(' ')[0])]!++
    before.clear()
    for (const key of now) before.add(key)
  }
  return { skimmer, how, flags }
}

test('a cashier who skims stands out within the month, one who does not hardly ever', () => {
  const random = seededRandom('skim')
  const found = { unrecorded: [0, 0], voids: [0, 0], till: [0, 0] }
  let [honest, falseFlags] = [0, 0]
  for (let hall = 0; hall < HALLS; hall++) {
    const { skimmer, how, flags } = simulateHall(random)
    if (skimmer >= 0) {
      found[how][1]!++
      if (flags[skimmer]! > 0) found[how][0]!++
    }
    flags.forEach((n, clerk) => {
      if (clerk === skimmer) return
      honest++
      falseFlags += n
    })
  }
  const skimmers = Object.values(found).reduce((sum, [, all]) => sum + all!, 0)
  const recall = Object.values(found).reduce((sum, [seen]) => sum + seen!, 0) / skimmers
  const perMonth = falseFlags / honest
  console.log(JSON.stringify({ name: 'skim', skimmers, recall, false_flags_per_clerk_month: perMonth, ...found }))
  assert.ok(skimmers > 30)
  assert.ok(recall >= 0.9, `recall ${recall}`)
  assert.ok(perMonth <= 2, `false flags ${perMonth}`)
})

test('little says little: a quiet window, a new hall, one bad count', () => {
  const quiet: ClerkDay = { clerkId: 'a', day: '2026-10-07', lookups: 20, abandoned: 9, takings: 11, voids: 2, turns: 1, overFen: -1_000 }
  assert.deepEqual(watchClerks([quiet], '2026-10-07'), [])
  assert.deepEqual(watchClerks([], '2026-10-07'), [])
  const old = { ...quiet, lookups: 200, abandoned: 150 }
  assert.equal(watchClerks([old], '2026-10-07').length, 1)
  assert.deepEqual(watchClerks([old], '2026-10-20'), [], 'weeks later it is over')
})
