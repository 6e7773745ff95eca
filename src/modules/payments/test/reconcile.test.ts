import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Ctx, systemCtx } from '#kernel/context.ts'
import { sql } from '#kernel/db/index.ts'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import { addDays, addMs, manualClock, startOfDay } from '#kernel/time.ts'
import { checkLedger } from '#modules/ledger/index.ts'
import { checkPayments, decideBreak, refundOrder, useChannel, viewReconciliation } from '../index.ts'
import { outTradeNoOf } from '../model.ts'
import type { StatementLine, StatementRefused, TradeFact } from '../ports.ts'
import { workBreak } from '../reconcile/breaks.ts'
import * as breaks from '../reconcile/store.ts'
import { applyRefundFact } from '../service/refunds.ts'
import { back, compare, DAY, NOON, open, paid, payAll, rowsOf, seen, statedChannel } from './statement-support.ts'
import { openOrders } from './support.ts'

const refOf = (line: StatementLine) => `wechat:${line.kind === 'pay' ? line.channelTxnNo : line.outRefundNo}`

test('a statement that says what the books say has no breaks, and the same file again changes nothing', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    useChannel(1, statedChannel())
    const { lines, orders } = await payAll(ctx, 20)
    const given = await kernel.db.tx(1, tx => refundOrder(tx, ctx, orders[0]!.orderId, 'wrong_payment'))
    assert.ok(given.ok)
    const [refund] = await rowsOf<{ no: string }>(ctx, sql`select out_refund_no as no from payments.refund`)
    await applyRefundFact(ctx, { outTradeNo: '-', outRefundNo: refund!.no, state: 'SUCCESS', refundedAt: NOON })
    const file = [...lines, back(lines[0]!, refund!.no)]
    const first = await compare(ctx, file)
    assert.deepEqual([first.outcome, first.found, first.statement.rows], ['reconciled', 0, 21])
    assert.equal(
      first.statement.paidFen - first.statement.refundedFen,
      lines.slice(1).reduce((sum, line) => sum + line.amountFen, 0),
    )
    assert.equal((await compare(ctx, file)).outcome, 'unchanged')
    assert.deepEqual(await seen(ctx), [])
    const kept = await rowsOf(ctx, sql`select count(*) as n from payments.statement`)
    assert.deepEqual(kept, [{ n: 1 }])
  }))

test('each of k planted differences is one break of its class, and none is invented', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    useChannel(1, statedChannel())
    let round = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('same', 'omitted', 'altered', 'repeated', 'unpaid', 'foreign', 'back'), { minLength: 1, maxLength: 12 }),
        async fates => {
          const day = addDays(DAY, ++round)
          const at = addMs(startOfDay(day), 10 * 3_600_000)
          const { lines } = await payAll(ctx, fates.length, at)
          const waiting = await openOrders(ctx, fates.length)
          const file: StatementLine[] = []
          const expected: string[] = []
          const add = (kind: string, line: StatementLine) => expected.push(`${kind} ${refOf(line)}`)
          for (const [i, fate] of fates.entries()) {
            const line = lines[i]!
            if (fate === 'omitted') add('ledger_only', line)
            else file.push(fate === 'altered' ? { ...line, amountFen: line.amountFen - 1 } : line)
            if (fate === 'altered') add('amount', line)
            if (fate === 'repeated') file.push(line)
            if (fate === 'unpaid') {
              file.push(paid(`u${round}-${i}`, outTradeNoOf(1, waiting[i]!.attempts[0]!), 77, at))
              add('channel_only', file.at(-1)!)
            }
            if (fate === 'foreign') {
              file.push(paid(`f${round}-${i}`, 'another shop', 88, at))
              add('channel_only', file.at(-1)!)
            }
            if (fate === 'back') {
              file.push(back(line, `by-hand-${round}-${i}`))
              add('refund_only', file.at(-1)!)
            }
          }
          const before = new Set(await open(ctx))
          const done = await compare(ctx, file, day)
          assert.equal(done.found, expected.length + fates.filter(fate => fate === 'repeated').length)
          assert.deepEqual(
            (await open(ctx)).filter(key => !before.has(key)),
            expected.sort((a, b) => (a.slice(a.indexOf(' ')) < b.slice(b.indexOf(' ')) ? -1 : 1)),
          )
          assert.deepEqual(
            [...(await checkLedger(kernel.db, 1)), ...(await checkPayments(kernel.db, 1))].filter(check => check.ok === false),
            [],
          )
        },
      ),
      { numRuns: 8 },
    )
  }))

test('a corrected file takes the place of the first: what it mends is over, what it breaks again is open again', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    useChannel(1, statedChannel())
    const { lines } = await payAll(ctx, 4)
    await compare(ctx, lines.slice(1))
    assert.deepEqual(await open(ctx), [`ledger_only ${refOf(lines[0]!)}`])
    assert.equal((await compare(ctx, lines)).resolved, 1)
    assert.deepEqual(await open(ctx), [])
    // The first file once more counts again, as the newest word of the channel.
    assert.equal((await compare(ctx, lines.slice(1))).outcome, 'reconciled')
    assert.deepEqual(await open(ctx), [`ledger_only ${refOf(lines[0]!)}`])
    assert.deepEqual(await rowsOf(ctx, sql`select count(*) as n from payments.statement where superseded_at is null`), [{ n: 1 }])
  }))

test('around midnight a row may stand in the neighbouring file, whichever file comes first', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    useChannel(1, statedChannel())
    const late = addMs(startOfDay(addDays(DAY, 1)), -2_000)
    const early = addMs(late, 4_000)
    const { lines } = await payAll(ctx, 1, late)
    // Booked on the 20th, stated on the 21st.
    await compare(ctx, [], DAY)
    const [carried] = await seen(ctx)
    assert.deepEqual([carried?.class, carried?.severity], ['ledger_only', 3])
    await compare(ctx, [{ ...lines[0]!, at: early }], addDays(DAY, 1))
    assert.deepEqual(
      (await seen(ctx)).map(b => b.resolution),
      ['in_other_file'],
    )
    // Booked on the 22nd, stated on the 21st: the file of the 22nd does not miss it.
    const next = await payAll(ctx, 1, addMs(early, 86_400_000))
    await compare(
      ctx,
      [
        { ...lines[0]!, at: early },
        { ...next.lines[0]!, at: addMs(late, 86_400_000) },
      ],
      addDays(DAY, 1),
    )
    await compare(ctx, [], addDays(DAY, 2))
    assert.deepEqual(await open(ctx), [])
  }))

test('a file that contradicts itself, or has little to do with the books, leaves nothing behind', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    useChannel(1, statedChannel())
    const { lines } = await payAll(ctx, 2)
    const bad = { ...lines[0]!, state: 'BAD' }
    await assert.rejects(compare(ctx, [lines[0]!, bad]), (error: StatementRefused) => error.line === 7)
    await assert.rejects(compare(ctx, [lines[0]!, { ...lines[0]!, amountFen: 1 }]), (error: StatementRefused) => error.code === 'conflict')
    const strangers = Array.from({ length: 10_001 }, (_, i) => paid(`s${i}`, 'another shop', 1))
    await assert.rejects(compare(ctx, strangers), (error: StatementRefused) => error.code === 'too_different')
    for (const table of ['statement', 'statement_part', 'statement_stage', 'statement_elsewhere', 'break'])
      assert.deepEqual((await kernel.db.pool.query(`select count(*)::integer as n from payments.${table}`)).rows, [{ n: 0 }], table)
    // The connection is whole: the next file is taken.
    assert.equal((await compare(ctx, lines)).found, 0)
  }))

test('two copies of a file at the same moment are compared once', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    useChannel(1, statedChannel())
    const { lines } = await payAll(ctx, 3)
    const done = await Promise.all([1, 2, 3].map(() => compare(ctx, lines.slice(1))))
    assert.deepEqual(done.map(d => d.outcome).sort(), ['reconciled', 'unchanged', 'unchanged'])
    assert.equal((await open(ctx)).length, 1)
  }))

test('a payment only the channel knows is asked about and booked the normal way; what nobody can settle becomes grave', () =>
  withTestDb(async base => {
    const clock = manualClock(addMs(startOfDay(addDays(DAY, 1)), 10 * 3_600_000))
    const kernel = { ...base, clock }
    const ctx = systemCtx(kernel, 1, 'test')
    const [order] = await openOrders(ctx, 1)
    const outTradeNo = outTradeNoOf(1, order!.attempts[0]!)
    let answer: TradeFact = { outTradeNo, state: 'USERPAYING' }
    useChannel(1, statedChannel({ trade: () => answer }))
    await compare(ctx, [paid('4200001', outTradeNo, order!.amountFen), paid('4200002', 'another shop', 50)])
    const work = async () => {
      for (const b of await kernel.db.tx(1, tx => breaks.takeDueBreaks(tx, 1, clock.now(), addMs(clock.now(), 60_000), 50)))
        await workBreak(ctx, b)
    }
    await work()
    assert.equal((await open(ctx)).length, 2)
    answer = { outTradeNo, state: 'SUCCESS', channelTxnNo: '4200001', amountFen: order!.amountFen, paidAt: NOON }
    clock.advance(3_600_000)
    await work()
    assert.deepEqual(await open(ctx), ['channel_only wechat:4200002'])
    assert.deepEqual(await rowsOf(ctx, sql`select state, paid_fen as fen from payments."order"`), [{ state: 2, fen: order!.amountFen }])
    clock.advance(3 * 86_400_000)
    await work()
    const [grave] = (await seen(ctx)).filter(b => b.resolution === null)
    assert.equal(grave?.severity, 1)
    assert.deepEqual(await rowsOf(ctx, sql`select kind, done_at as done from tasks.task`), [{ kind: 'payments.break', done: null }])
  }))

test('a grave break takes two people, each with a reason; a mild one takes one', () =>
  withTestDb(async kernel => {
    const ctx = systemCtx(kernel, 1, 'test')
    useChannel(1, statedChannel())
    const { lines } = await payAll(ctx, 1)
    const [waiting] = await openOrders(ctx, 1)
    const unpaid = paid('f1', outTradeNoOf(1, waiting!.attempts[0]!), 5)
    await compare(ctx, [unpaid])
    const rights = new Set(['payments.reconcile.read', 'payments.reconcile.decide'])
    const [one, two] = ['01900000-0000-7000-8000-000000000001', '01900000-0000-7000-8000-000000000002'].map(id => {
      const base = testCtx(kernel, { permissions: rights })
      return { ...base, actor: { ...base.actor, id } }
    })
    const view = await viewReconciliation(one!, DAY, DAY)
    assert.ok(view.ok)
    const [grave, mild] = view.value.open
    assert.deepEqual([grave?.class, grave?.severity, mild?.class], ['ledger_only', 1, 'channel_only'])
    const decide = async (who: Ctx, breakId: string, reason: string, note = '') => {
      const done = await decideBreak(who, { breakId, reason, note })
      return done.ok ? done.value : done.error.code
    }
    assert.equal(await decide(testCtx(kernel), grave!.id, 'found_equal'), 'access.denied')
    assert.equal(await decide(one!, grave!.id, 'because'), 'payments.reason_missing')
    assert.equal(await decide(one!, grave!.id, 'other', '  '), 'payments.note_missing')
    assert.equal(await decide(one!, '01900000-0000-7000-8000-00000000000f', 'found_equal'), 'payments.break_not_found')
    assert.equal(await decide(one!, grave!.id, 'channel_corrects'), 'proposed')
    assert.equal(await decide(one!, grave!.id, 'channel_corrects'), 'payments.second_person')
    assert.equal(await decide(two!, grave!.id, 'channel_corrects'), 'resolved')
    assert.equal(await decide(two!, grave!.id, 'channel_corrects'), 'payments.break_resolved')
    assert.equal(await decide(one!, mild!.id, 'other', 'a test purchase'), 'resolved')
    assert.deepEqual(await open(ctx), [])
    // A decision stands though the channel sends the file anew.
    await compare(ctx, [unpaid, paid('f2', 'another shop', 6)])
    assert.deepEqual(await open(ctx), ['channel_only wechat:f2'])
    assert.equal(lines.length, 1)
    assert.deepEqual(await rowsOf(ctx, sql`select count(done_at) as done, count(*) as n from tasks.task`), [{ done: 1, n: 2 }])
  }))
