import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Ctx, systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import { addDays, addMs, startOfDay } from '#kernel/time.ts'
import { checkLedger, listBalances } from '#modules/ledger/index.ts'
import { checkPayments, decideBreak, ensureMerchant, useChannel, viewReconciliation } from '../index.ts'
import { back, compare, DAY, open, paid, payAll, rowsOf, seen, statedChannel } from './statement-support.ts'

const NEXT = addDays(DAY, 1)
const noonOf = (day: string) => addMs(startOfDay(day), 12 * 3_600_000)

async function balances(ctx: Ctx): Promise<Record<string, number>> {
  const rows = await ctx.kernel.db.read(1, tx => listBalances(tx, 1))
  return Object.fromEntries(rows.filter(row => row.amount !== 0).map(row => [row.code.slice(0, 4), row.amount]))
}
async function clean(ctx: Ctx): Promise<void> {
  const checks = [...(await checkLedger(ctx.kernel.db, 1)), ...(await checkPayments(ctx.kernel.db, 1))]
  assert.deepEqual(
    checks.filter(check => check.ok === false),
    [],
  )
}

const withOffice = (work: (ctx: Ctx, clerks: readonly [Ctx, Ctx]) => Promise<void>) =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    useChannel(1, statedChannel())
    await ensureMerchant(ctx, 'wechat', '1900000109')
    const permissions = new Set(['payments.reconcile.read', 'payments.reconcile.decide'])
    const clerk = (n: number) => testCtx(kernel, { id: `01900000-0000-7000-8000-00000000000${n}`, permissions })
    await work(ctx, [clerk(1), clerk(2)])
  })

const decide = async (who: Ctx, breakId: string, reason: string) => {
  const done = await decideBreak(who, { breakId, reason, note: '' })
  return done.ok ? done.value : done.error.code
}
const openBreaks = async (who: Ctx) => {
  const view = await viewReconciliation(who, DAY, NEXT)
  assert.ok(view.ok)
  return view.value.open
}

test('money of nobody we know is in suspense from its statement on, with a task, and leaves it when the channel gives it back', () =>
  withOffice(async ctx => {
    const { lines } = await payAll(ctx, 1)
    const strange = paid('s1', 'shop-1', 2_500)
    await compare(ctx, [...lines, strange])
    assert.deepEqual(await balances(ctx), { '1012': 3_500, '2202': -1_000, '2249': -2_500 })
    assert.deepEqual(await rowsOf(ctx, sql`select kind, done_at as done from tasks.task`), [{ kind: 'payments.break', done: null }])
    await clean(ctx)
    await compare(ctx, [back({ ...strange, at: noonOf(NEXT) }, 'theirs-1')], NEXT)
    assert.deepEqual(await open(ctx), [])
    assert.deepEqual(new Set((await seen(ctx)).map(b => b.resolution)), new Set(['given_back']))
    assert.deepEqual(await balances(ctx), { '1012': 1_000, '2202': -1_000 })
    assert.deepEqual(await rowsOf(ctx, sql`select count(*) as n from tasks.task where done_at is null`), [{ n: 0 }])
    await clean(ctx)
  }))

test('a corrected statement takes it out of suspense, and puts it there again', () =>
  withOffice(async ctx => {
    const [one, two] = [paid('s1', 'shop-1', 2_500), paid('s2', 'shop-2', 40)]
    await compare(ctx, [one, two])
    await compare(ctx, [two])
    assert.deepEqual(await balances(ctx), { '1012': 40, '2249': -40 })
    assert.deepEqual(await open(ctx), ['channel_only wechat:s2'])
    await clean(ctx)
    await compare(ctx, [two, one])
    assert.deepEqual(await balances(ctx), { '1012': 2_540, '2249': -2_540 })
    assert.equal((await open(ctx)).length, 2)
    await clean(ctx)
  }))

test('two people write it off, a receipt as income and a refund as loss; nothing else ends it', () =>
  withOffice(async (ctx, [one, two]) => {
    await compare(ctx, [paid('s1', 'shop-1', 2_500), back(paid('t2', 'y001paid-here', 300), 'by-hand')])
    const all = await openBreaks(one)
    const [out, came] = ['refund_only', 'channel_only'].map(kind => all.find(b => b.class === kind)!)
    assert.ok(out!.isSuspended && came!.isSuspended)
    for (const reason of ['channel_corrects', 'found_equal', 'loss_accepted', 'other'])
      assert.equal(await decide(one, came!.id, reason), 'payments.reason_missing')
    assert.equal(await decide(one, came!.id, 'kept_as_income'), 'proposed')
    assert.equal(await decide(one, came!.id, 'kept_as_income'), 'payments.second_person')
    assert.deepEqual(await balances(ctx), { '1012': 2_200, '2249': -2_200 })
    assert.equal(await decide(two, came!.id, 'kept_as_income'), 'resolved')
    assert.equal(await decide(two, out!.id, 'kept_as_income'), 'payments.reason_missing')
    assert.deepEqual((await Promise.all([decide(one, out!.id, 'loss_accepted'), decide(two, out!.id, 'loss_accepted')])).sort(), [
      'proposed',
      'resolved',
    ])
    assert.deepEqual(await balances(ctx), { '1012': 2_200, '6301': -2_500, '6711': 300 })
    assert.deepEqual(await openBreaks(one), [])
    await clean(ctx)
    // Written off, and then the channel takes its word back: that is as grave as anything booked and not stated.
    await compare(ctx, [back(paid('t2', 'y001paid-here', 300), 'by-hand')])
    assert.deepEqual(
      (await openBreaks(one)).map(b => [b.class, b.ref, b.severity, b.bookedFen, b.isSuspended]),
      [['ledger_only', 'wechat:s1', 1, 2_500, false]],
    )
    await clean(ctx)
  }))

test('whatever files come for whichever day, clearing holds what the newest state, and the books stay clean', { timeout: 120_000 }, () =>
  withOffice(async ctx => {
    const row = fc.record({ n: fc.nat({ max: 3 }), isBack: fc.boolean() })
    const file = fc.record({ day: fc.nat({ max: 1 }), rows: fc.uniqueArray(row, { maxLength: 5, selector: r => `${r.n}${r.isBack}` }) })
    let round = 0
    await fc.assert(
      fc.asyncProperty(fc.array(file, { minLength: 1, maxLength: 5 }), async files => {
        const first = addDays(DAY, 2 * ++round)
        for (const { day, rows } of files) {
          const at = noonOf(addDays(first, day))
          // A payment is stated on the one day, what went back of it on the other or the same.
          const lines = rows.map(r => {
            const came = paid(`p${round}-${r.n}-${day}`, `shop-${round}-${r.n}`, 100 * (r.n + 1), at)
            return r.isBack ? back(came, `b${round}-${r.n}-${day}`) : came
          })
          await compare(ctx, lines, addDays(first, day))
        }
        const [stated] = await rowsOf<{ fen: number }>(
          ctx,
          sql`select coalesce(sum(paid_fen - refunded_fen), 0)::bigint as fen from payments.statement where superseded_at is null`,
        )
        assert.equal((await balances(ctx))['1012'] ?? 0, stated!.fen)
        await clean(ctx)
      }),
      { numRuns: 40 },
    )
  }),
)
