import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ctx, makeId, systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import { newCode } from '#kernel/id.ts'
import { addMs, manualClock, startOfDay } from '#kernel/time.ts'
import { checkLedger, ensureAccount } from '#modules/ledger/index.ts'
import { checkPayments, findOrderById, openDrawer } from '#modules/payments/index.ts'
import type { BillerRule } from '../dues.ts'
import { decideCashVoid, findBillById, getBill, listReceipts, payBills, payInCash, quotePart } from '../index.ts'
import { askCashVoid } from '../service/cash.ts'
import * as store from '../store.ts'

const RULE: BillerRule = { grace_days: 0, rate_per_day_e6: 1_000, part_min_fen: 1_000 }

interface World {
  readonly ctx: Ctx
  readonly clerk: Ctx
  readonly second: Ctx
  readonly clock: ReturnType<typeof manualClock>
  bill(amountFen: number, periodTo?: string): Promise<{ id: string; code: string }>
  /** Pays a part of a bill, or the whole of what is left, in cash. */
  pay(code: string, partFen?: number): Promise<{ orderId: string; amountFen: number }>
  faults(): Promise<unknown[]>
}

const world = (rule: BillerRule, partial: 'free' | 'oldest_first', work: (w: World) => Promise<void>) =>
  withTestDb(async base => {
    const clock = manualClock(addMs(startOfDay('2026-11-01'), 9 * 3_600_000))
    const kernel = { ...base, clock }
    const as = (n: number, ...permissions: string[]) =>
      testCtx(kernel, { id: `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`, permissions: new Set(permissions) })
    const ctx = systemCtx(kernel, 1, 'test')
    const clerk = as(1, 'payments.cash.collect')
    const accountId = makeId(ctx)
    await kernel.db.tx(1, async tx => {
      const payableAccountId = await ensureAccount(tx, ctx, '2202:heat')
      const names = { nameZh: '热力', nameEn: 'Heat', serviceZh: '采暖费', serviceEn: 'Heating' }
      const account = { pattern: '^1', check: 'none', length: 10, example: '1' }
      const config = { account, late_fee: rule, partial_payment: partial, posting_window_min: 60, cycle_months: 12, mappings: {} }
      await store.upsertBiller(
        tx,
        1,
        { id: 'heat', ...names, unit: '', payableAccountId, isOnline: true, config: config as never },
        clock.now(),
      )
      await tx.run(sql`
        insert into billing.account (tenant_id, id, biller_id, account_no, holder_mask, address_mask, is_closed, opened_at)
        values (1, ${accountId}, 'heat', '1000000001', '王**', '一村', false, ${clock.now()})`)
    })
    assert.ok((await openDrawer(clerk, { drawer: 'A1', pieces: {} })).ok)
    await work({
      ...{ ctx, clerk, clock, second: as(2, 'payments.refund.approve') },
      async bill(amountFen, periodTo = '2026-10') {
        const [id, code] = [makeId(ctx), newCode(kernel.random)]
        await kernel.db.tx(1, tx =>
          tx.run(sql`
            insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on, lines, issued_at)
            values (1, ${id}, ${code}, 'heat', ${accountId}, ${`H${id.slice(-10)}`}, ${periodTo}, ${periodTo}, ${amountFen}, '2026-11-05', '[]', ${clock.now()})`),
        )
        return { id, code }
      },
      async pay(code, partFen) {
        const found = await getBill(ctx, code, [])
        assert.ok(found.ok)
        const part = partFen === undefined ? undefined : await quotePart(ctx, found.value, partFen)
        assert.ok(!part || part.ok, JSON.stringify(part))
        const quote = part?.ok ? part.value.quote : found.value.quote
        const paid = await payInCash(clerk, { quote, tenderedFen: 10_000_000, idempotencyKey: newCode(kernel.random) })
        assert.ok(paid.ok, JSON.stringify(paid))
        return paid.value
      },
      faults: async () =>
        [...(await checkLedger(kernel.db, 1)), ...(await checkPayments(kernel.db, 1))].filter(check => check.ok === false),
    })
  })

const DAY = 86_400_000

test('a bill is paid in parts: each has its receipt and its booking, the late fee falls with what is left, then it is paid', () =>
  world(RULE, 'free', async ({ ctx, clock, bill, pay, faults }) => {
    const { id, code } = await bill(100_000)
    await pay(code, 40_000)
    const state = async () => (await findBillById(ctx, id))!
    assert.deepEqual([(await state()).restFen, (await state()).lateFeeFen, (await state()).claim], [60_000, 0, undefined])
    clock.advance(14 * DAY)
    // Ten days past the due day on 600 yuan at a thousandth a day.
    assert.equal((await state()).lateFeeFen, 600)
    const second = await pay(code, 10_000)
    assert.deepEqual([(await state()).restFen, (await state()).lateFeeFen], [50_600, 0])
    clock.advance(10 * DAY)
    assert.equal((await state()).lateFeeFen, 506)
    const last = await pay(code)
    assert.equal(last.amountFen, 51_106)
    assert.equal((await state()).claim?.state, 'paid')
    assert.deepEqual([(await state()).restFen, (await state()).lateFeeFen], [0, 0])
    const [receipt] = await listReceipts(ctx, (await findOrderById(ctx, second.orderId))!)
    assert.deepEqual([receipt?.amountFen, receipt?.lateFeeFen, receipt?.isPart], [10_000, 600, true])
    const posted = await ctx.kernel.db.read(1, tx =>
      tx.rows<{ fen: number; late: number }>(sql`select amount_fen as fen, late_fee_fen as late from billing.posting order by paid_at`),
    )
    assert.deepEqual(posted, [
      { fen: 40_000, late: 0 },
      { fen: 10_000, late: 600 },
      { fen: 51_106, late: 506 },
    ])
    const again = await getBill(ctx, code, [])
    assert.ok(again.ok && again.value.checks.some(check => check.key === 'paid'))
    assert.deepEqual(await faults(), [])
  }))

test('a part given back is owed again, and what others paid meanwhile stays', () =>
  world(RULE, 'free', async ({ ctx, clerk, second, bill, pay, faults }) => {
    const { id, code } = await bill(50_000)
    const first = await pay(code, 20_000)
    await pay(code, 10_000)
    assert.ok((await askCashVoid(clerk, { orderId: first.orderId, reason: '付错' })).ok)
    assert.ok((await decideCashVoid(second, { orderId: first.orderId, isAgreed: true })).ok)
    assert.equal((await findBillById(ctx, id))!.restFen, 40_000)
    await pay(code)
    assert.equal((await findBillById(ctx, id))!.claim?.state, 'paid')
    assert.deepEqual(await faults(), [])
  }))

test('two who pay a rest at once: one is taken, whatever was shown to the other', () =>
  world(RULE, 'free', async ({ ctx, clerk, bill, pay, faults }) => {
    const { id, code } = await bill(30_000)
    await pay(code, 10_000)
    const shown = await getBill(ctx, code, [])
    assert.ok(shown.ok)
    const parts = await Promise.all([5_000, 6_000, 7_000].map(fen => quotePart(ctx, shown.value, fen)))
    const quotes = [shown.value.quote, shown.value.quote, ...parts.map(part => (part.ok ? part.value.quote : ''))]
    const paid = await Promise.all(
      quotes.map(quote => payInCash(clerk, { quote, tenderedFen: 100_000, idempotencyKey: newCode(ctx.kernel.random) })),
    )
    const taken = paid.filter(one => one.ok)
    assert.ok(taken.length >= 1)
    const sum = taken.reduce((fen, one) => fen + (one.ok ? one.value.amountFen : 0), 0)
    assert.equal((await findBillById(ctx, id))!.restFen, 20_000 - sum)
    assert.ok(sum <= 20_000, `took ${sum}`)
    assert.deepEqual(await faults(), [])
  }))

test('while somebody pays a part elsewhere, nobody else can; parts too small, too large or not taken are refused', () =>
  world(RULE, 'oldest_first', async ({ ctx, bill, pay }) => {
    const older = await bill(20_000, '2026-08')
    const newer = await bill(30_000, '2026-10')
    const found = await getBill(ctx, newer.code, [])
    assert.ok(found.ok)
    const refused = async (fen: number) => {
      const part = await quotePart(ctx, found.value, fen)
      return part.ok ? '' : part.error.code
    }
    assert.equal(await refused(999), 'billing.part_out_of_range')
    assert.equal(await refused(30_000), 'billing.part_out_of_range')
    assert.equal(await refused(5_000), 'billing.part_not_oldest')
    await pay(older.code)
    const part = await quotePart(ctx, found.value, 5_000)
    assert.ok(part.ok)
    const begun = await payBills(ctx, { quote: part.value.quote, idempotencyKey: 'a'.repeat(26), payer: 'browser:1', place: 'phone' })
    assert.ok(begun.ok)
    const other = await payBills(ctx, { quote: found.value.quote, idempotencyKey: 'b'.repeat(26), payer: 'browser:2', place: 'phone' })
    assert.equal(other.ok ? '' : other.error.code, 'billing.bill_being_paid')
  }))

test('paid early and whole a bill costs less: the biller is told what counts as paid beyond the money', () =>
  world({ grace_days: 0, rate_per_day_e6: 0, rebate_days: 2, rebate_e6: 50_000 }, 'free', async ({ ctx, bill, pay, faults }) => {
    const { id, code } = await bill(20_000)
    const paid = await pay(code)
    assert.equal(paid.amountFen, 19_000)
    assert.equal((await findBillById(ctx, id))!.claim?.state, 'paid')
    const posted = await ctx.kernel.db.read(1, tx => tx.rows(sql`select amount_fen as fen, rebate_fen as rebate from billing.posting`))
    assert.deepEqual(posted, [{ fen: 19_000, rebate: 1_000 }])
    assert.deepEqual(await faults(), [])
  }))

test('a bill paid in parts stays paid, whatever least late fee a later rule has', () =>
  world(RULE, 'free', async ({ ctx, clock, bill, pay }) => {
    const { id, code } = await bill(100_000)
    await pay(code, 60_000)
    clock.advance(5 * DAY)
    await pay(code)
    const rule = JSON.stringify({ ...RULE, minimum_fen: 1_000 })
    await ctx.kernel.db.tx(1, tx =>
      tx.run(sql`
        insert into billing.late_fee_rule (tenant_id, id, biller_id, valid_from, rule, note, asked_by, asked_at, decided_by, decided_at, is_agreed)
        values (1, ${makeId(ctx)}, 'heat', '2026-12-01', ${rule}::jsonb, 'n', 'staff:a', ${clock.now()}, 'staff:b', ${clock.now()}, true)`),
    )
    clock.advance(40 * DAY)
    assert.equal((await findBillById(ctx, id))!.claim?.state, 'paid')
  }))
