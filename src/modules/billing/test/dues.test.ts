import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addDays, addMs, startOfDay } from '#kernel/time.ts'
import {
  applyPart,
  type BillerRule,
  countedOn,
  type DatedRule,
  duesOn,
  isReversible,
  lateFeeFen,
  type PartOfBill,
  partRange,
} from '../dues.ts'

const DUE = '2026-01-01'
const always = (rule: BillerRule): DatedRule[] => [{ validFrom: '0001-01-01', rule }]
const ruleOf = fc.record({
  grace_days: fc.integer({ min: 0, max: 20 }),
  rate_per_day_e6: fc.integer({ min: 0, max: 5_000 }),
  part_min_fen: fc.constantFrom(1, 100, 1_000),
  part_first: fc.constantFrom('late_fee' as const, 'principal' as const),
})
const chosen = fc.array(fc.tuple(fc.integer({ min: 0, max: 40 }), fc.double({ min: 0.01, max: 1, noNaN: true })), { maxLength: 6 })

/** Pays parts on days apart, each a share of what is due then; the last day looked at and the parts. */
function payParts(amountFen: number, rule: BillerRule, parts: readonly (readonly [number, number])[]): { day: string; paid: PartOfBill[] } {
  const rules = always(rule)
  const paid: PartOfBill[] = []
  let day = addDays(DUE, -5)
  for (const [later, share] of parts) {
    day = addDays(day, later)
    const dues = duesOn({ amountFen, dueOn: DUE }, day, rules, [], paid)
    const range = partRange(dues, rule)
    if (!range) continue
    const part = applyPart(Math.max(range.minFen, Math.floor(range.maxFen * share)), dues, rule)
    paid.push({ on: day, ...part })
  }
  return { day, paid }
}

/** Day by day, as a clerk would count. */
function naive(amountFen: number, day: string, rule: BillerRule, paid: readonly PartOfBill[]): number {
  let product = 0n
  let days = 0
  for (let d = addDays(DUE, rule.grace_days + 1); d <= day; d = addDays(d, 1)) {
    const unpaid = amountFen - paid.filter(part => part.on < d).reduce((sum, part) => sum + part.principalFen, 0)
    if (unpaid > 0) days++
    product += BigInt(unpaid) * BigInt(rule.rate_per_day_e6)
  }
  const fee = days === 0 ? 0 : Number((product * 2n + 1_000_000n) / 2_000_000n)
  return Math.min(fee, amountFen)
}

test('with parts paid, the late fee is counted day by day on what was unpaid in the morning', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), ruleOf, chosen, fc.integer({ min: 0, max: 90 }), (amountFen, rule, parts, more) => {
      const { day, paid } = payParts(amountFen, rule, parts)
      const on = addDays(day, more)
      assert.equal(lateFeeFen(amountFen, DUE, on, always(rule), [], paid), naive(amountFen, on, rule, paid))
    }),
    { numRuns: 2_000 },
  )
})

test('parts and the rest are all of the bill and its late fee, whatever the parts; nothing is asked for twice', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 1_000_000 }), ruleOf, chosen, (amountFen, rule, parts) => {
      const { day, paid } = payParts(amountFen, rule, parts)
      const rest = duesOn({ amountFen, dueOn: DUE }, day, always(rule), [], paid)
      const sum = (of: (part: PartOfBill) => number) => paid.reduce((total, part) => total + of(part), 0)
      assert.equal(rest.restFen + sum(part => part.principalFen), amountFen)
      assert.equal(
        rest.lateFeeFen + sum(part => part.lateFeeFen),
        Math.max(
          naive(amountFen, day, rule, paid),
          sum(part => part.lateFeeFen),
        ),
      )
      for (const part of paid) assert.ok(part.principalFen >= 0 && part.lateFeeFen >= 0)
      const over = duesOn(
        { amountFen, dueOn: DUE },
        addDays(day, 400),
        always(rule),
        [],
        [...paid, { on: day, principalFen: rest.restFen, lateFeeFen: rest.lateFeeFen }],
      )
      assert.equal(over.restFen, 0)
      assert.ok(over.lateFeeFen <= 0 || rest.restFen > 0, 'what is paid off grows no more')
    }),
    { numRuns: 2_000 },
  )
})

test('a part goes to the late fee first, or to the principal first, as the rule says', () => {
  const dues = { restFen: 10_000, lateFeeFen: 300, rebateFen: 0 }
  const rule = { grace_days: 0, rate_per_day_e6: 500, part_min_fen: 100 }
  assert.deepEqual(applyPart(200, dues, rule), { principalFen: 0, lateFeeFen: 200 })
  assert.deepEqual(applyPart(1_000, dues, rule), { principalFen: 700, lateFeeFen: 300 })
  assert.deepEqual(applyPart(1_000, dues, { ...rule, part_first: 'principal' }), { principalFen: 1_000, lateFeeFen: 0 })
  assert.deepEqual(applyPart(10_100, dues, { ...rule, part_first: 'principal' }), { principalFen: 10_000, lateFeeFen: 100 })
})

test('a part is at least what the rule says and less than all; bills paid whole take none', () => {
  const dues = { restFen: 10_000, lateFeeFen: 300, rebateFen: 0 }
  const rule = { grace_days: 0, rate_per_day_e6: 500 }
  assert.equal(partRange(dues, rule), undefined)
  assert.deepEqual(partRange(dues, { ...rule, part_min_fen: 500 }), { minFen: 500, maxFen: 10_299 })
  assert.equal(partRange(dues, { ...rule, part_min_fen: 10_300 }), undefined)
})

test('paid whole early enough a bill costs less, once a part of it is paid no more', () => {
  const rules = always({ grace_days: 0, rate_per_day_e6: 500, rebate_days: 10, rebate_e6: 20_000 })
  const bill = { amountFen: 12_345, dueOn: DUE }
  const rebate = (day: string, paid: PartOfBill[] = []) => duesOn(bill, day, rules, [], paid).rebateFen
  assert.equal(rebate(addDays(DUE, -10)), 247)
  assert.equal(rebate(addDays(DUE, -9)), 0)
  assert.equal(rebate(addDays(DUE, -20), [{ on: addDays(DUE, -21), principalFen: 100, lateFeeFen: 0 }]), 0)
})

test('past the cut-off a payment counts on the next day', () => {
  const rules = always({ grace_days: 0, rate_per_day_e6: 500, cut_off: '22:30' })
  const at = (minutes: number) => addMs(startOfDay('2026-03-31'), minutes * 60_000)
  assert.equal(countedOn(at(22 * 60 + 29), rules), '2026-03-31')
  assert.equal(countedOn(at(22 * 60 + 30), rules), '2026-04-01')
  assert.equal(countedOn(at(23 * 60 + 59), always({ grace_days: 0, rate_per_day_e6: 0 })), '2026-03-31')
})

test('a biller takes a payment back within the days of its rule of that day', () => {
  const rules: DatedRule[] = [
    ...always({ grace_days: 0, rate_per_day_e6: 0 }),
    { validFrom: '2026-02-01', rule: { grace_days: 0, rate_per_day_e6: 0, reversal_days: 3 } },
  ]
  const noon = (day: string) => addMs(startOfDay(day), 43_200_000)
  assert.equal(isReversible(noon('2026-01-31'), noon('2026-03-02'), rules), true)
  assert.equal(isReversible(noon('2026-01-31'), noon('2026-03-03'), rules), false)
  assert.equal(isReversible(noon('2026-02-01'), noon('2026-02-04'), rules), true)
  assert.equal(isReversible(noon('2026-02-01'), noon('2026-02-05'), rules), false)
})
