import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Ctx, makeId, systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import { newCode } from '#kernel/id.ts'
import { addDays, addMs, manualClock, startOfDay } from '#kernel/time.ts'
import { ensureAccount } from '#modules/ledger/index.ts'
import { type DatedRule, lateFeeFen, type WaivedSpan } from '../dues.ts'
import { askRule, askWaiver, decideRule, decideWaiver, findBillById, previewRule, viewRules } from '../index.ts'
import * as store from '../store.ts'

const rule = fc.record({
  grace_days: fc.integer({ min: 0, max: 20 }),
  rate_per_day_e6: fc.integer({ min: 0, max: 5_000 }),
  minimum_fen: fc.constantFrom(0, 0, 100),
})
const rulesOf = fc
  .tuple(rule, fc.array(fc.tuple(fc.integer({ min: -30, max: 90 }), rule), { maxLength: 4 }))
  .map(([first, later]): DatedRule[] => [
    { validFrom: '0001-01-01', rule: first },
    ...[...new Map(later.map(([day, r]) => [addDays('2026-01-01', day), r]))]
      .map(([validFrom, r]) => ({ validFrom, rule: r }))
      .sort((a, b) => (a.validFrom < b.validFrom ? -1 : 1)),
  ])
const spansOf = fc.array(
  fc.tuple(fc.integer({ min: -20, max: 90 }), fc.integer({ min: 0, max: 40 })).map(
    ([from, length]): WaivedSpan => ({
      from: addDays('2026-01-01', from),
      to: addDays('2026-01-01', from + length),
    }),
  ),
  { maxLength: 3 },
)

/** Day by day, as a clerk would count. */
function naive(principal: number, dueOn: string, day: string, rules: readonly DatedRule[], waived: readonly WaivedSpan[]): number {
  const on = (d: string) => rules.filter(r => r.validFrom <= d).at(-1)!.rule
  let [rate, days] = [0n, 0]
  for (let d = addDays(addDays(dueOn, on(dueOn).grace_days), 1); d <= day; d = addDays(d, 1)) {
    if (waived.some(span => span.from <= d && d <= span.to)) continue
    rate += BigInt(on(d).rate_per_day_e6)
    days++
  }
  if (days === 0) return 0
  const exact = BigInt(principal) * rate
  const fee = Number((exact * 2n + 1_000_000n) / 2_000_000n)
  return Math.min(Math.max(fee, on(day).minimum_fen ?? 0), principal)
}

test('a late fee is the sum of its days, each by the rule of that day, without the days waived', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.integer({ min: 0, max: 150 }),
      rulesOf,
      spansOf,
      (principal, late, rules, waived) => {
        const dueOn = '2026-01-01'
        const day = addDays(dueOn, late)
        assert.equal(lateFeeFen(principal, dueOn, day, rules, waived), naive(principal, dueOn, day, rules, waived))
      },
    ),
    { numRuns: 2_000 },
  )
})

const config = {
  account: { pattern: '^1', check: 'none', length: 10, example: '1' },
  late_fee: { grace_days: 0, rate_per_day_e6: 500 },
  partial_payment: 'none',
  posting_window_min: 60,
  cycle_months: 2,
  mappings: {},
}

async function issueBill(ctx: Ctx, amountFen: number, dueOn: string): Promise<{ billId: string; accountId: string }> {
  const [billId, accountId] = [makeId(ctx), makeId(ctx)]
  const now = ctx.kernel.clock.now()
  await ctx.kernel.db.tx(1, async tx => {
    const payableAccountId = await ensureAccount(tx, ctx, '2202:water')
    const names = { nameZh: '水', nameEn: 'Water', serviceZh: '水费', serviceEn: 'Water' }
    await store.upsertBiller(tx, 1, { id: 'water', ...names, unit: 'm3', payableAccountId, isOnline: true, config: config as never }, now)
    await tx.run(sql`
      insert into billing.account (tenant_id, id, biller_id, account_no, holder_mask, address_mask, is_closed, opened_at)
      values (1, ${accountId}, 'water', ${`10${accountId.slice(-8)}`}, '王**', '一村', false, ${now})`)
    await tx.run(sql`
      insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on, lines, issued_at)
      values (1, ${billId}, ${newCode(ctx.kernel.random)}, 'water', ${accountId}, ${`W${billId.slice(-8)}`}, '2026-09', '2026-10', ${amountFen}, ${dueOn}, '[]', ${now})`)
  })
  return { billId, accountId }
}

const world = (work: (w: { ctx: Ctx; clock: ReturnType<typeof manualClock>; asker: Ctx; second: Ctx }) => Promise<void>) =>
  withTestDb(async base => {
    const clock = manualClock(addMs(startOfDay('2026-11-01'), 9 * 3_600_000))
    const kernel = { ...base, clock }
    const as = (n: number, ...permissions: string[]) =>
      testCtx(kernel, { id: `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`, permissions: new Set(permissions) })
    const [asker, second] = [as(1, 'billing.rule.ask'), as(2, 'billing.rule.agree', 'billing.rule.ask')]
    await work({ ctx: systemCtx(kernel, 1, 'test'), clock, asker, second })
  })

test('a rule is asked for by one, agreed by another, and holds from its day on; the preview says what it will be', () =>
  world(async ({ ctx, clock, asker, second }) => {
    const { billId } = await issueBill(ctx, 100_000, '2026-11-01')
    const late = async () => (await findBillById(ctx, billId))!.lateFeeFen
    const proposal = { billerId: 'water', validFrom: '2026-11-11', rule: { grace_days: 0, rate_per_day_e6: 1_000 }, note: '合同更新' }
    for (const [change, field] of [
      [{ validFrom: '2026-11-01' }, 'valid_from'],
      [{ validFrom: 'x' }, 'valid_from'],
      [{ rule: { grace_days: -1, rate_per_day_e6: 1 } }, 'grace'],
      [{ rule: { grace_days: 0, rate_per_day_e6: 10_001 } }, 'rate'],
      [{ note: ' ' }, 'note'],
    ] as const) {
      const refused = await askRule(asker, { ...proposal, ...change })
      assert.equal(!refused.ok && refused.error.field, field)
    }
    const preview = await previewRule(asker, proposal)
    assert.ok(preview.ok)
    const { before, after, rebate: none, ...compared } = preview.value
    assert.deepEqual([before.rate_per_day_e6, after.rate_per_day_e6], [500, 1_000])
    assert.deepEqual(none, { oldBills: 0, oldFen: 0, newBills: 0, newFen: 0 })
    await issueBill(ctx, 50_000, '2026-12-31')
    const early = { grace_days: 0, rate_per_day_e6: 500, rebate_days: 20, rebate_e6: 20_000 }
    const cheaper = await previewRule(asker, { ...proposal, rule: early })
    assert.deepEqual(cheaper.ok && cheaper.value.rebate, { oldBills: 0, oldFen: 0, newBills: 1, newFen: 1_000 })
    assert.deepEqual(
      { ...compared, sample: compared.sample.length },
      { day: '2026-12-11', changed: 1, open: 1, oldFen: 2_000, newFen: 3_550, sample: 1 },
    )
    const asked = await askRule(asker, proposal)
    assert.ok(asked.ok)
    assert.equal((await askRule(asker, proposal)).ok, false, 'one rule a day')
    const own = await decideRule(testCtxOf(asker, second), { id: asked.value.id, isAgreed: true })
    assert.equal(!own.ok && own.error.code, 'billing.rule_own')
    assert.equal((await decideRule(asker, { id: asked.value.id, isAgreed: true })).ok, false)
    assert.ok((await decideRule(second, { id: asked.value.id, isAgreed: true })).ok)
    assert.equal((await decideRule(second, { id: asked.value.id, isAgreed: false })).ok, false)
    clock.set(addMs(startOfDay('2026-11-10'), 9 * 3_600_000))
    assert.equal(await late(), 450)
    clock.set(addMs(startOfDay('2026-12-11'), 9 * 3_600_000))
    assert.equal(await late(), preview.value.newFen)
  }))

/** The asker with the rights of the other: still the one who asked. */
const testCtxOf = (who: Ctx, rights: Ctx): Ctx => ({ ...who, actor: { ...who.actor, permissions: rights.actor.permissions } })

test('what was not agreed by its day never holds, and what was declined may be asked for again', () =>
  world(async ({ ctx, clock, asker, second }) => {
    await issueBill(ctx, 100_000, '2026-11-01')
    const proposal = { billerId: 'water', validFrom: '2026-11-11', rule: { grace_days: 5, rate_per_day_e6: 0 }, note: '试' }
    const first = await askRule(asker, proposal)
    assert.ok(first.ok)
    assert.ok((await decideRule(asker, { id: first.value.id, isAgreed: false })).ok, 'taken back')
    const again = await askRule(asker, proposal)
    assert.ok(again.ok)
    clock.set(addMs(startOfDay('2026-11-11'), 3_600_000))
    const late = await decideRule(second, { id: again.value.id, isAgreed: true })
    assert.equal(!late.ok && late.error.code, 'billing.rule_late')
  }))

test('an account owes no late fee for days two people agreed on', () =>
  world(async ({ ctx, clock, asker, second }) => {
    const { billId, accountId } = await issueBill(ctx, 100_000, '2026-10-22')
    const late = async () => (await findBillById(ctx, billId))!.lateFeeFen
    assert.equal(await late(), 500)
    const waiver = { accountId, from: '2026-10-25', to: '2026-10-29', reason: 'meter_dispute', note: '' }
    for (const bad of [{ from: 'x' }, { to: '2026-10-20' }, { to: '2028-01-01' }, { reason: 'friend' }, { reason: 'other' }])
      assert.equal((await askWaiver(asker, { ...waiver, ...bad })).ok, false, JSON.stringify(bad))
    const asked = await askWaiver(asker, waiver)
    assert.ok(asked.ok)
    assert.equal(await late(), 500, 'not before a second person')
    const seen = await viewRules(second)
    assert.ok(seen.ok)
    assert.equal(seen.value.waivers.length, 1)
    assert.ok((await decideWaiver(second, { id: asked.value.id, isAgreed: true })).ok)
    assert.equal(await late(), 250)
    clock.advance(86_400_000)
    assert.equal(await late(), 300)
    assert.equal((await viewRules(testCtxOf(asker, ctx))).ok, false)
  }))
