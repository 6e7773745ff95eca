import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Ctx, makeId, systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { type TestKernel, testCtx, withTestDb } from '#kernel/db/testing.ts'
import { newCode } from '#kernel/id.ts'
import { addMs } from '#kernel/time.ts'
import { checkLedger, ensureAccount, listBalances } from '#modules/ledger/index.ts'
import { checkPayments, closeDrawer, type OfflineAct, openDrawer, payOutCash, viewDrawer } from '#modules/payments/index.ts'
import { runOffline, uploadOffline } from '../index.ts'
import { payInCash } from '../service/cash.ts'
import { makeQuote } from '../service/quotes.ts'
import * as store from '../store.ts'

const config = {
  account: { pattern: '^1', check: 'none', length: 10, example: '1' },
  late_fee: { grace_days: 0, rate_per_day_e6: 500 },
  partial_payment: 'none',
  posting_window_min: 60,
  cycle_months: 2,
  mappings: {},
}

const cashier = (kernel: TestKernel, n: number): Ctx =>
  testCtx(kernel, { id: `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`, permissions: new Set(['payments.cash.collect']) })

const faults = async ({ kernel }: Ctx) =>
  [...(await checkLedger(kernel.db, 1)), ...(await checkPayments(kernel.db, 1))].filter(check => check.ok === false)

async function addBiller(ctx: Ctx): Promise<void> {
  await ctx.kernel.db.tx(1, async tx => {
    const payableAccountId = await ensureAccount(tx, ctx, '2202:water')
    const names = { nameZh: '水', nameEn: 'Water', serviceZh: '水费', serviceEn: 'Water' }
    const row = { id: 'water', ...names, unit: 'm3', payableAccountId, isOnline: true, config: config as never }
    await store.upsertBiller(tx, 1, row, ctx.kernel.clock.now())
  })
}

let serial = 0
interface Made {
  readonly id: string
  readonly billNo: string
  readonly code: string
}
async function issueBill(ctx: Ctx, amountFen: number, dueOn = '2099-01-01', isWithdrawn = false): Promise<Made> {
  const n = String(++serial).padStart(8, '0')
  const [id, accountId, code] = [makeId(ctx), makeId(ctx), newCode(ctx.kernel.random)]
  const now = ctx.kernel.clock.now()
  await ctx.kernel.db.tx(1, async tx => {
    await tx.run(sql`
      insert into billing.account (tenant_id, id, biller_id, account_no, holder_mask, address_mask, is_closed, opened_at)
      values (1, ${accountId}, 'water', ${`10${n}`}, '王**', '一村', false, ${now})`)
    await tx.run(sql`
      insert into billing.bill (tenant_id, id, code, biller_id, account_id, bill_no, period_from, period_to, amount_fen, due_on, lines, issued_at, withdrawn_at)
      values (1, ${id}, ${code}, 'water', ${accountId}, ${`W${n}`}, '2026-09', '2026-10', ${amountFen}, ${dueOn}, '[]', ${now}, ${isWithdrawn ? now : null})`)
  })
  return { id, billNo: `W${n}`, code }
}

const balance = async (ctx: Ctx, prefix: string) =>
  (await ctx.kernel.db.read(1, tx => listBalances(tx, 1)))
    .filter(row => row.code.startsWith(prefix))
    .reduce((sum, row) => sum + row.amount, 0)

const outcomes = (ctx: Ctx) =>
  ctx.kernel.db.read(1, tx =>
    tx.rows<{ seq: number; outcome: string | null }>(sql`select seq, outcome from payments.offline_act order by device, seq`),
  )

async function open(ctx: Ctx, drawer: string): Promise<string> {
  const opened = await openDrawer(ctx, { drawer, pieces: {} })
  assert.ok(opened.ok)
  return opened.value.id
}

const actOf = (ctx: Ctx, sessionId: string, device: string, seq: number, subject: string, amountFen: number): OfflineAct => ({
  ...{ sessionId, device, seq, subject, amountFen, tenderedFen: amountFen + 100 },
  takenAt: addMs(ctx.kernel.clock.now(), -1_000),
})

const upload = async (ctx: Ctx, acts: readonly OfflineAct[]) => {
  const done = await uploadOffline(ctx, acts)
  assert.ok(done.ok, JSON.stringify(done))
  return done.value
}

test('cash of a time without network reaches its bill, or its payer, or a person; the drawer holds it in every case', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    await addBiller(ctx)
    const clerk = cashier(kernel, 1)
    const session = await open(clerk, 'A1')
    const device = makeId(ctx)
    const [right, wrong, gone, paid] = [
      await issueBill(ctx, 5_000),
      await issueBill(ctx, 6_000),
      await issueBill(ctx, 7_000, '2099-01-01', true),
      await issueBill(ctx, 8_000),
    ]
    const quote = makeQuote(clerk, [{ billId: paid.id, amountFen: 8_000, lateFeeFen: 0 }])
    assert.ok((await payInCash(clerk, { quote, tenderedFen: 8_000, idempotencyKey: newCode(kernel.random) })).ok)
    const acts = [
      actOf(ctx, session, device, 1, `http://x/b/${right.code}`, 5_000),
      actOf(ctx, session, device, 2, wrong.billNo, 6_100),
      actOf(ctx, session, device, 3, gone.billNo, 7_000),
      actOf(ctx, session, device, 4, paid.billNo, 8_000),
      actOf(ctx, session, device, 5, 'W99999999', 900),
    ]
    assert.deepEqual(await upload(clerk, acts), { kept: 5, known: 0, differing: 0, waiting: 0 })
    assert.deepEqual(
      (await outcomes(ctx)).map(a => a.outcome),
      ['booked', 'asking', 'returning', 'returning', 'asking'],
    )
    assert.equal(await balance(ctx, '1001:'), 8_000 + 5_000 + 6_100 + 7_000 + 8_000 + 900)
    assert.equal(await balance(ctx, '2202:'), -13_000)
    assert.deepEqual(await faults(ctx), [])
    const waiting = (await viewDrawer(clerk)) as { ok: true; value: { payouts: readonly { refundId: string; cause: string }[] } }
    assert.deepEqual(waiting.value.payouts.map(p => p.cause).sort(), ['duplicate_pay', 'not_due'])
    for (const { refundId } of waiting.value.payouts) assert.ok((await payOutCash(clerk, refundId)).ok)
    assert.equal(await balance(ctx, '1001:'), 8_000 + 5_000 + 6_100 + 900)
    assert.deepEqual(await faults(ctx), [])
    // The first word about a number stands, whatever is told later.
    const changed = await upload(clerk, [{ ...acts[0]!, amountFen: 1, tenderedFen: 1 }])
    assert.deepEqual(changed, { kept: 0, known: 0, differing: 1, waiting: 0 })
    const receipts = await kernel.db.read(1, tx => tx.one<{ n: number }>(sql`select count(*) as n from billing.receipt`))
    assert.equal(receipts.n, 2)
  }))

test('what comes after the last count explains what was over; a late fee is that of the day the money was taken', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    await addBiller(ctx)
    const clerk = cashier(kernel, 1)
    const session = await open(clerk, 'A1')
    const bill = await issueBill(ctx, 10_000)
    const closed = await closeDrawer(clerk, { pieces: { d10000: '1' } })
    assert.ok(closed.ok)
    assert.equal(closed.value.overFen, 10_000)
    assert.equal(await balance(ctx, '1221:'), -10_000)
    await upload(clerk, [actOf(ctx, session, makeId(ctx), 1, bill.billNo, 10_000)])
    assert.equal(await balance(ctx, '1221:'), 0)
    assert.equal(await balance(ctx, '1001:'), 10_000)
    assert.deepEqual(await faults(ctx), [])
  }))

test('nobody hands over for a drawer that is not their own, nor anything malformed; nothing is kept of a bad batch', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    await addBiller(ctx)
    const [one, two] = [cashier(kernel, 1), cashier(kernel, 2)]
    const session = await open(one, 'A1')
    const good = actOf(ctx, session, makeId(ctx), 1, 'W1', 100)
    const refused = async (who: Ctx, acts: readonly OfflineAct[]) => {
      const done = await uploadOffline(who, acts)
      return done.ok ? 'taken' : done.error.code
    }
    assert.equal(await refused(two, [good]), 'payments.offline_not_own')
    assert.equal(await refused(testCtx(kernel, { permissions: new Set() }), [good]), 'access.denied')
    for (const bad of [
      { seq: 0 },
      { seq: 1.5 },
      { amountFen: -1 },
      { tenderedFen: 99 },
      { amountFen: 1e12, tenderedFen: 1e12 },
      { subject: '' },
      { sessionId: 'x' },
      { device: "'; drop" },
      { takenAt: new Date('x') },
    ])
      assert.equal(await refused(one, [good, { ...good, seq: 2, ...bad }]), 'payments.offline_malformed', JSON.stringify(bad))
    assert.equal(
      await refused(
        one,
        Array.from({ length: 101 }, (_, i) => ({ ...good, seq: i + 1 })),
      ),
      'payments.offline_malformed',
    )
    assert.deepEqual(await outcomes(ctx), [])
  }))

test('two devices, three uploads in any order and any cut: the same as once in order', { timeout: 120_000 }, () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    await addBiller(ctx)
    let person = 10
    const step = fc.record({
      device: fc.nat(1),
      bill: fc.nat(4),
      off: fc.constantFrom(0, 0, 0, 7),
      isUnknown: fc.constantFrom(false, false, false, true),
    })
    const run = async (
      steps: readonly { device: number; bill: number; off: number; isUnknown: boolean }[],
      order: readonly number[],
      cut: number,
    ) => {
      const clerks = [cashier(kernel, ++person), cashier(kernel, ++person)]
      const sessions = [await open(clerks[0]!, `A${person}`), await open(clerks[1]!, `B${person}`)]
      const devices = [makeId(ctx), makeId(ctx)]
      const bills = await Promise.all([1, 2, 3, 4, 5].map(i => issueBill(ctx, i * 1_000)))
      const next = [0, 0]
      const acts = steps.map(({ device, bill, off, isUnknown }) => {
        const subject = isUnknown ? `W77${person}` : bills[bill]!.billNo
        return { device, act: actOf(ctx, sessions[device]!, devices[device]!, ++next[device]!, subject, (bill + 1) * 1_000 + off) }
      })
      const before = await balance(ctx, '1001:')
      for (let i = 0; i < order.length; i += cut)
        await Promise.all(
          [0, 1].map(device => {
            const part = order.slice(i, i + cut).flatMap(n => (acts[n]!.device === device ? [acts[n]!.act] : []))
            return uploadOffline(clerks[device]!, part)
          }),
        )
      for (let i = 0; i < 3; i++) await runOffline(kernel, 1)
      const taken = acts.reduce((sum, { act }) => sum + act.amountFen, 0)
      assert.equal((await balance(ctx, '1001:')) - before, taken, 'all of it lies in the drawers')
      const kept = await kernel.db.read(1, tx =>
        tx.rows<{ outcome: string; n: number; fen: number }>(sql`
          select coalesce(outcome, 'open') as outcome, count(*) as n, sum(amount_fen)::bigint as fen from payments.offline_act
          where session_id = any(${sessions}::uuid[]) group by 1 order by 1`),
      )
      for (const clerk of clerks) assert.ok((await closeDrawer(clerk, { pieces: {} })).ok)
      return kept
    }
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 10 }),
        fc.integer({ min: 1, max: 7 }),
        fc.nat(),
        async (steps, cut, seed) => {
          const once = steps.map((_, i) => i)
          // The same numbers three times, shuffled by the seed.
          const thrice = [...once, ...once, ...once]
            .map((n, i) => ({ n, key: Math.imul(seed + i * 7_919, 2_654_435_761) >>> 0 }))
            .sort((a, b) => a.key - b.key)
            .map(({ n }) => n)
          const [straight, shuffled] = [await run(steps, once, steps.length), await run(steps, thrice, cut)]
          // Which of two acts for one bill came first decides which pays; how much is booked and returned does not change.
          const sum = (rows: typeof straight) => rows.reduce((total, row) => total + row.fen, 0)
          assert.equal(sum(shuffled), sum(straight))
          assert.equal(
            shuffled.reduce((n, row) => n + row.n, 0),
            steps.length,
          )
          assert.ok(!shuffled.some(row => row.outcome === 'open'))
          assert.deepEqual(await faults(ctx), [])
        },
      ),
      { numRuns: 12 },
    )
  }),
)
